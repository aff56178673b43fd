"""Replays: days whose batches are made clean again although neither code nor contract has changed.

A replay is an ordinary run of a system's accepting job that carries one tag, such as
`product360/replay = 2017-05-01..2017-05-31@20171120T080000Z`: its first day, its last day, and
anything that tells it from other replays of these days. The tag is also the replay's name in the
ledger, so that a run that was killed half-way and is started again goes on where it stopped.

The hazard is a reader: what stands must stay readable until its successor is recorded. So a replay
never writes where an earlier unit is; its name is part of the name of its units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from resources.errors import SettingInvalid

REPLAY_TAG = "product360/replay"


@dataclass(frozen=True)
class Replay:
    """The days from `first` to `last`, both included; `name` is the tag's value."""

    name: str
    first: date
    last: date

    def covers(self, day: date) -> bool:
        """Whether what was delivered on this day is to be made again."""
        return self.first <= day <= self.last


def replay_name(first: date, last: date, told_apart_by: str) -> str:
    """The tag's value for a replay of these days."""
    return f"{first.isoformat()}..{last.isoformat()}@{told_apart_by}"


def replay_of(tags: Mapping[str, str]) -> Replay | None:
    """The replay that a run's tags ask for; None where they ask for none.

    Raises:
        SettingInvalid: the tag does not name two days.
    """
    name = tags.get(REPLAY_TAG)
    if name is None:
        return None
    first, _, last = name.partition("@")[0].partition("..")
    try:
        return Replay(name, date.fromisoformat(first), date.fromisoformat(last))
    except ValueError as error:
        raise SettingInvalid(
            f"run tag {REPLAY_TAG}",
            found=repr(name),
            expected="two days, such as 2017-05-01..2017-05-31",
            next_move="start the run again with the tag corrected, or use `product360 replay`",
        ) from error
