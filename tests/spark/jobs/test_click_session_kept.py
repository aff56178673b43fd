"""`click_session`, brought up to date by the visitors concerned, is what it would be made whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from kept_table import KeptTable

from resources.catalog import LocalCatalogResource
from resources.local import engines
from resources.local.engines import EngineName, Lease
from spark.jobs import click_session
from spark.session import open_session
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION

FIRST_DAY = datetime(2017, 6, 1, tzinfo=UTC)
FIRST, DAY = FIRST_DAY.date(), date(2017, 6, 3)
A_DAY = timedelta(days=1)


def micros(event: dict[str, Any]) -> int:
    """Microseconds since 1970 of an event's time, which an engine gives without its zone, UTC."""
    return int((event["event_time"].replace(tzinfo=UTC) - EPOCH) / timedelta(microseconds=1))


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Clicks:
    """Events of a few visitors, changed one way after the other, in the real table."""

    catalog: LocalCatalogResource
    chance: random.Random
    events: dict[str, dict[str, Any]] = field(default_factory=dict)

    def come(self) -> None:
        """Events of some visitors, near to those that they had and far from them."""
        number = len(self.events)
        visitors = self.chance.sample("abcdefgh", 3)
        self._write([self._event(f"e{number + n}", self.chance.choice(visitors)) for n in range(8)])

    def move(self) -> None:
        """Corrections: other times, and one event that was another visitor's."""
        ids = self.chance.sample(sorted(self.events), 3)
        moved = [self._event(each, str(self.events[each]["visitor_id"])) for each in ids]
        self._write([{**moved[0], "visitor_id": "z"}, *moved[1:]])

    def go(self) -> None:
        """Some are taken out, of one visitor all."""
        visitor = self.events[min(self.events)]["visitor_id"]
        gone = [each for each, event in self.events.items() if event["visitor_id"] == visitor]
        self._delete([*gone, max(self.events)])

    def come_again(self) -> None:
        """Nothing but copies of what is there."""
        self._write([self.events[each] for each in self.chance.sample(sorted(self.events), 4)])

    def be(self, visitor: str) -> None:
        """One event is this visitor's, whosever it was."""
        self._write([{**self._event("x", visitor), "event_time": FIRST_DAY, "event_date": FIRST}])

    def stay_past_midnight(self, day: date) -> None:
        """Somebody looks at something every 20 minutes from half past ten to half past one."""
        at = datetime(day.year, day.month, day.day, 22, 30, tzinfo=UTC)
        steps = [self._event(f"m{number}", "owl") for number in range(10)]
        times = [at + timedelta(minutes=20 * number) for number in range(10)]
        self._write(
            [
                {**step, "event_time": time, "event_date": time.date()}
                for step, time in zip(steps, times, strict=True)
            ]
        )

    def stay_longer(self, by: int = 10) -> None:
        """And once more, some minutes after the last time."""
        last = max(e["event_time"] for e in self.events.values() if e["visitor_id"] == "owl")
        time = last + timedelta(minutes=by)
        name = f"l{len(self.events)}"
        self._write([{**self._event(name, "owl"), "event_time": time, "event_date": time.date()}])

    def _event(self, name: str, visitor: str) -> dict[str, Any]:
        at = FIRST_DAY + timedelta(minutes=self.chance.randrange(0, 4 * 24 * 60, 7))
        return {
            "event_id": name,
            "visitor_id": visitor,
            "event_type": "view",
            "event_time": at,
            "event_date": at.date(),
            "product_id": self.chance.randrange(5),
            "source_session_id": "s",
            "is_synthetic": True,
            "_batch_id": "b",
            "_change_order": "1",
        }

    def _write(self, events: list[dict[str, Any]]) -> None:
        table = self._delete([event["event_id"] for event in events])
        table.append(pa.Table.from_pylist(events, schema=table.schema().as_arrow()))
        self.events |= {event["event_id"]: event for event in events}

    def _delete(self, ids: list[str]) -> Any:
        from pyiceberg.expressions import In

        self.catalog.ensure_table(CLICK_EVENT)
        table = self.catalog.table(CLICK_EVENT.identifier)
        if self.events:
            table.delete(In("event_id", ids))
        for each in ids:
            self.events.pop(each, None)
        return table


def keeper(lease: Lease, catalog: LocalCatalogResource) -> KeptTable:
    return KeptTable(lease, catalog, CLICK_SESSION, click_session, (CLICK_EVENT,))


@pytest.mark.parametrize(
    "engine", ["sail", pytest.param("spark", marks=(pytest.mark.long, pytest.mark.spark))]
)
@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3, 4))])
def test_after_each_change_it_is_what_it_would_be_if_it_were_made_whole(
    tmp_path: Path, engine: EngineName, seed: int
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    clicks = Clicks(catalog, random.Random(seed))
    clicks.come()
    with engines.lease_engine(engine, home=tmp_path) as lease:
        kept = keeper(lease, catalog)
        kept.keep(DAY)
        changes: list[Callable[[], None]] = [clicks.come, clicks.move, clicks.come_again, clicks.go]
        for change in (*changes, clicks.come):
            change()
            assert kept.keep(DAY) == "published"
            as_kept, whole = kept.digests(DAY)
            assert as_kept == whole, change.__name__
        first, *later = kept.anew
        assert first is None
        assert None not in later
        # What came again changed nothing.
        assert [number for number, made in enumerate(later) if made == 0] == [2]

        # Events of a day that was not over are there already, and visits that go on into it.
        clicks.stay_past_midnight(DAY)
        kept.keep(DAY)
        assert kept.keep_right(DAY + A_DAY)

        # A day that goes back makes all of them.
        assert kept.keep_right(DAY) is None
    engines.stop_engine()


def test_without_what_is_gone_a_former_visitor_would_keep_the_visit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    clicks = Clicks(catalog, random.Random(1))
    clicks.come()
    clicks.be("y")
    with engines.lease_engine("sail", home=tmp_path) as lease:
        kept = keeper(lease, catalog)
        kept.keep(DAY)
        clicks.be("z")
        touched = click_session._touched

        def but_y(*of: Any) -> list[Any]:
            return [each for each in touched(*of) or () if each.visitor_id != "y"]

        monkeypatch.setattr(click_session, "_touched", but_y)
        kept.keep(DAY)
        as_kept, whole = kept.digests(DAY)
        assert as_kept != whole
    engines.stop_engine()


def test_a_visit_is_made_of_all_of_its_events_however_far_they_lie_from_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    clicks = Clicks(catalog, random.Random(1))
    clicks.come()
    clicks.stay_past_midnight(DAY - A_DAY)
    with engines.lease_engine("sail", home=tmp_path) as lease:
        kept = keeper(lease, catalog)
        kept.keep(DAY)
        clicks.stay_longer()
        assert kept.keep_right(DAY) == 1

        monkeypatch.setattr(click_session, "_extended", lambda spans, _: spans)
        clicks.stay_longer(by=20)
        kept.keep(DAY)
        as_kept, whole = kept.digests(DAY)
        assert as_kept != whole
    engines.stop_engine()


def test_only_the_time_around_what_changed_is_looked_at(tmp_path: Path) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    clicks = Clicks(catalog, random.Random(1))
    for _ in range(9):
        clicks.come()
    with engines.lease_engine("sail", home=tmp_path):
        session = open_session()
        catalog.ensure_table(CLICK_SESSION)
        spec = {"inputs": {CLICK_EVENT.identifier: f"lake.{CLICK_EVENT.identifier}"}}
        begins = min(micros(each) for each in clicks.events.values() if each["visitor_id"] == "a")
        span = click_session._Span("a", begins, begins)
        found = click_session._events_within(session, spec, [span]).collect()
        assert {(row["visitor_id"], micros(row.asDict())) for row in found} == {("a", begins)}
        assert click_session._events_within(session, spec, []).count() == 0
        # Whatever the clocks of browsers say.
        ever = click_session._Span("a", -(10**18), 10**18)
        assert {
            row["visitor_id"]
            for row in click_session._events_within(session, spec, [ever]).collect()
        } == {"a"}
    engines.stop_engine()
