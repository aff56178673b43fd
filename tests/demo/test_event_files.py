"""The click stream as files in landing: complete, in order of arrival, the same bytes each time."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demo.event_files import CLICK_EVENT, deliver_events
from demo.file_drop import FileDrop
from resources.objects import LakeResource, ObjectStore

KEY = re.compile(
    r"clickstream/click_event/(\d{4}/\d\d/\d\d/\d\d)/"
    r"click_event-1-(\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)-[0-9a-f]{32}\.json\.gz"
)
LAST_DAY = datetime(2017, 12, 31, 5, tzinfo=UTC)

Event = dict[str, object]


def flushed_at(key: str) -> datetime:
    match = KEY.fullmatch(key)
    assert match is not None, key
    at = datetime.strptime(match[2], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)
    assert match[1] == f"{at:%Y/%m/%d/%H}"
    return at


def events_of(landing: ObjectStore, key: str) -> list[Event]:
    return [json.loads(line) for line in gzip.decompress(landing.read(key)).splitlines()]


@pytest.fixture
def keys(landing: ObjectStore) -> list[str]:
    return [info.key for info in landing.list(CLICK_EVENT)]


def test_every_event_arrives_once_and_says_that_it_is_synthetic(
    landing: ObjectStore, keys: list[str]
) -> None:
    events = [event for key in keys for event in events_of(landing, key)]
    assert len({event["event_id"] for event in events}) == len(events) == 32_494
    labels = {(event["synthetic"], event["generator"], event["seed"]) for event in events}
    assert labels == {(True, "product360-clickstream/1", 20170101)}


def test_an_event_has_these_fields_and_null_where_there_is_nothing(
    landing: ObjectStore, keys: list[str]
) -> None:
    events = [event for key in keys[:10] for event in events_of(landing, key)]
    assert {tuple(event) for event in events} == {
        (
            *("event_id", "session_id", "visitor_id", "household_id", "event_type", "event_time"),
            *("product_id", "quantity", "basket_id", "synthetic", "generator", "seed"),
        )
    }
    for event in events:
        assert (event["quantity"] is None) == (event["event_type"] == "view")
        assert (event["basket_id"] is None) == (event["event_type"] != "purchase")
        assert event["household_id"] != 0
    assert {event["household_id"] is None for event in events} == {True, False}


def test_history_comes_on_mondays_and_the_last_day_by_quarter_hours(
    landing: ObjectStore, keys: list[str]
) -> None:
    flushes = sorted({flushed_at(key) for key in keys})
    weekly = [at for at in flushes if at <= LAST_DAY]
    assert all(at.weekday() == 0 and at.hour == 8 for at in weekly[:-1])
    assert weekly[-1] == LAST_DAY
    assert len(weekly) == 53
    daily = [at for at in flushes if at > LAST_DAY]
    assert len(daily) > 5
    assert all(at.minute % 15 == 0 and at <= LAST_DAY + timedelta(days=1) for at in daily)


def test_no_event_arrives_before_it_happens(landing: ObjectStore, keys: list[str]) -> None:
    for key in keys:
        times = [
            datetime.fromisoformat(str(event["event_time"])) for event in events_of(landing, key)
        ]
        assert times == sorted(times)
        assert times[-1] < flushed_at(key)
        if flushed_at(key) > LAST_DAY:
            assert times[0] >= flushed_at(key) - timedelta(minutes=15)


def test_another_home_gets_the_same_bytes(
    landing: ObjectStore, keys: list[str], tmp_path: Path
) -> None:
    other = LakeResource(uri=f"file://{tmp_path}/lake").zone("landing")
    deliver_events("smoke", FileDrop(other, tmp_path / "outbox"))
    assert [info.key for info in other.list()] == keys
    assert [other.read(key) for key in keys] == [landing.read(key) for key in keys]
