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
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION

FIRST_DAY = datetime(2017, 6, 1, tzinfo=UTC)
DAY = date(2017, 6, 3)


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
        self._write([{**self._event("x", visitor), "event_date": date(2017, 6, 1)}])

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

        kept.keep(DAY + timedelta(days=1))
        as_kept, whole = kept.digests(DAY + timedelta(days=1))
        assert as_kept == whole
        assert kept.anew[-1] is None
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
        monkeypatch.setattr(click_session, "_touched", lambda *of: sorted({*touched(*of)} - {"y"}))
        kept.keep(DAY)
        as_kept, whole = kept.digests(DAY)
        assert as_kept != whole
    engines.stop_engine()
