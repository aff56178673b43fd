"""A replay is a tag on a run: two days, and what tells it from other replays of these days."""

from __future__ import annotations

from datetime import date

import pytest

from product360_assets.clean.replays import REPLAY_TAG, Replay, replay_name, replay_of
from resources.errors import SettingInvalid

FIRST, LAST = date(2017, 5, 1), date(2017, 5, 31)


def test_a_tag_says_which_days() -> None:
    name = replay_name(FIRST, LAST, "x")
    assert name == "2017-05-01..2017-05-31@x"
    assert replay_of({REPLAY_TAG: name}) == Replay(name, FIRST, LAST)


def test_a_person_may_leave_the_rest_out() -> None:
    replay = replay_of({REPLAY_TAG: "2017-05-01..2017-05-31"})
    assert replay is not None
    assert [replay.covers(day) for day in (FIRST, LAST, date(2017, 6, 1))] == [True, True, False]


def test_a_run_without_the_tag_replays_nothing() -> None:
    assert replay_of({"dagster/partition": "2017-05-01"}) is None


@pytest.mark.parametrize("name", ["", "2017-05-01", "2017-05-01..", "May..June", "x@2017-05-01"])
def test_a_tag_that_names_no_two_days_is_refused(name: str) -> None:
    with pytest.raises(SettingInvalid, match="Expected two days, such as"):
        replay_of({REPLAY_TAG: name})
