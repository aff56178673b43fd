"""A shop that never stops: small clean batches of clicks and of sales, and what must come of them.

Every batch of clicks brings new events, some that came before, one that is corrected and one of the
day before. Every batch of sales changes all lines that live, takes the oldest back, adds as many,
and repeats changes that are older than what it delivered before. So a reader who sees a part of a
batch sees that it is one: lines of two batches, or another number of lines.

What must come of it is kept here in two dictionaries, by the plainest code there is: the last word
stands. The hazard is an expectation that is computed like the thing it judges; nothing here knows
of change sequences, tombstones or windows.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from product360_assets.curated.click_event import EVENTS
from product360_assets.curated.pending import Input
from product360_assets.curated.sales_line import BASKETS, LINES
from resources.ledger import Batch, LandedObject, Ledger, ZoneState, batch_id_of
from resources.objects import LakeResource

ZONE = "America/New_York"
OPENING = datetime(2017, 6, 5, 14, tzinfo=UTC)
DELIVERIES_A_DAY = 24
NEW_EVENTS = 10
LIVING_LINES = 200
NEW_LINES = 10
RECEIPT = 1
_LATE_SECONDS = 24 * 3600
_PAUSE = timedelta(minutes=30)
_INSTANT = pa.timestamp("us", "UTC")
_LINEAGE = [
    ("_batch_id", pa.string()),
    ("_landing_date", pa.date32()),
    ("_epoch", pa.string()),
    ("_committed_at", _INSTANT),
    ("_change_sequence", pa.string()),
    ("_operation", pa.string()),
]
_MONEY = ("sales_value", "retail_discount", "coupon_discount", "coupon_match_discount")
_SCHEMAS = {
    EVENTS: pa.schema(
        [
            *((name, pa.string()) for name in ("event_id", "session_id", "visitor_id")),
            ("household_id", pa.int64()),
            ("event_type", pa.string()),
            ("event_time", _INSTANT),
            *((name, pa.int64()) for name in ("product_id", "quantity", "basket_id")),
            ("synthetic", pa.bool_()),
            ("generator", pa.string()),
            ("seed", pa.int64()),
            *_LINEAGE,
        ]
    ),
    BASKETS: pa.schema(
        [
            *((name, pa.int64()) for name in ("basket_id", "household_id", "store_id")),
            ("sold_at", _INSTANT),
            ("week", pa.int32()),
            *_LINEAGE,
        ]
    ),
    LINES: pa.schema(
        [
            *((name, pa.int64()) for name in ("basket_id", "product_id", "quantity")),
            *((name, pa.decimal128(12, 2)) for name in _MONEY),
            *_LINEAGE,
        ]
    ),
}


@dataclass
class Shop:
    """Deliveries of one shop, which are clean at once, and what the tables must hold of them.

    Attributes:
        events: visitor and time of each event, by its id.
        lines: the batch that changed each living line last, by its product.
        deliveries: of clicks, and of sales.
    """

    ledger: Ledger
    lake: LakeResource
    events: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict)
    deliveries: dict[str, int] = field(default_factory=lambda: {"clicks": 0, "sales": 0})
    _changes: int = 0
    _gone: list[int] = field(default_factory=list)

    def deliver_clicks(self) -> None:
        """The next batch of clicks."""
        number = self._next("clicks")
        opening = OPENING + timedelta(minutes=number * 24 * 60 // DELIVERIES_A_DAY)
        clicks = [self._new_click(opening, number, place) for place in range(NEW_EVENTS)]
        known = list(self.events)
        # At least once: three of the past come again, and one of them has been corrected.
        clicks += [(each, *self.events[each]) for each in known[-3:]]
        if known:
            visitor, at = self.events[known[-1]]
            clicks.append((known[-1], visitor, at + timedelta(seconds=1)))
        self.events.update({name: (visitor, at) for name, visitor, at in clicks})
        rows = [_click_row(*click) for click in clicks]
        self._deliver(EVENTS, opening.date(), number, "stream", rows)

    def deliver_sales(self) -> None:
        """The next batch of sales: all lines say its number afterwards."""
        number = self._next("sales")
        if number == 0:
            self._deliver(BASKETS, OPENING.date(), 0, "load", [_receipt_row()])
        oldest = sorted(self.lines)[:NEW_LINES]
        first = max(self.lines, default=0) + 1
        added = range(first, first + (NEW_LINES if self.lines else LIVING_LINES))
        changed = [each for each in self.lines if each not in oldest]
        # Changes of the batch before the last one, late: of a living line, and of one that is gone.
        late = [(each, number - 2, "U") for each in (*changed[:2], *self._gone[-2:])]
        told = [
            *((self._place(-1), *change) for change in (late if number > 2 else ())),
            *((self._place(1), each, number, "D") for each in oldest),
            *((self._place(1), each, number, "U") for each in changed),
            *((self._place(1), each, number, "I") for each in added),
        ]
        self.lines = dict.fromkeys((*changed, *added), number)
        self._gone = list(oldest)
        kind: Literal["load", "changes"] = "changes" if number else "load"
        rows = [_line_row(*change) for change in told]
        self._deliver(LINES, OPENING.date(), number, kind, rows)

    def visits(self) -> set[tuple[str, datetime, datetime, int]]:
        """Visitor, first and last time and steps of each visit, by walking through the events.

        Events of the day of the newest delivery do not count yet.
        """
        newest = OPENING + timedelta(
            minutes=(self.deliveries["clicks"] - 1) * 24 * 60 // DELIVERIES_A_DAY
        )
        days = {at.astimezone(ZoneInfo(ZONE)).date() for _, at in self.events.values()}
        closed = max((day for day in days if day < newest.date()), default=date.min)
        counted = sorted(
            (visitor, at)
            for visitor, at in self.events.values()
            if at.astimezone(ZoneInfo(ZONE)).date() <= closed
        )
        found = set()
        for visitor, steps in groupby(counted, key=itemgetter(0)):
            found |= {(visitor, v[0], v[-1], len(v)) for v in _cut([at for _, at in steps])}
        return found

    def _next(self, what: str) -> int:
        self.deliveries[what] += 1
        return self.deliveries[what] - 1

    def _place(self, step: int) -> str:
        """A place in the log of changes: the next one, or one from long ago."""
        if step < 0:
            return f"{max(self._changes - 2 * LIVING_LINES - NEW_LINES, 1):035}"
        self._changes += 1
        return f"{self._changes:035}"

    def _new_click(self, opening: datetime, number: int, place: int) -> tuple[str, str, datetime]:
        at = opening + timedelta(minutes=5 * place)
        if place == NEW_EVENTS - 1:
            at -= timedelta(seconds=_LATE_SECONDS)
        return f"{number}-{place}", f"visitor {(number * NEW_EVENTS + place) // 4 % 17}", at

    def _deliver(
        self,
        what: Input,
        day: date,
        number: int,
        kind: Literal["load", "changes", "stream"],
        rows: Sequence[Mapping[str, Any]],
    ) -> None:
        landed = LandedObject("landing", f"{what.source}/{what.table}/{number}", "v1", 1)
        batch_id = batch_id_of(day, [landed])
        lineage = {"_batch_id": batch_id, "_landing_date": day, "_epoch": "load-1"}
        content = io.BytesIO()
        named = [{**row, **lineage} for row in rows]
        pq.write_table(pa.Table.from_pylist(named, schema=_SCHEMAS[what]), content)
        folder = f"{what.source}/{what.table}/batch={batch_id}/"
        clean = self.lake.zone("clean")
        clean.put(f"{folder}part-0.parquet", content.getvalue())
        batch = Batch(batch_id, what.source, what.table, day, kind, "load-1", (landed,))
        self.ledger.open_batch(batch)
        state = ZoneState(
            batch_id=batch_id,
            zone="clean",
            rows_in=len(rows),
            rows_out=len(rows),
            rows_quarantined=0,
            location=clean.uri_of(folder).removesuffix("/"),
            unit="1",
            code_version="soak",
            config_version="soak",
            snapshot_id=None,
            recorded_at=datetime.now(UTC),
            details={},
        )
        self.ledger.record_zone(state, replacing=None)


def _cut(times: Sequence[datetime]) -> list[list[datetime]]:
    """Steps of one visitor, in order, cut at every pause that is too long."""
    visits: list[list[datetime]] = []
    for at in times:
        if visits and at - visits[-1][-1] <= _PAUSE:
            visits[-1].append(at)
        else:
            visits.append([at])
    return visits


def _click_row(name: str, visitor: str, at: datetime) -> dict[str, Any]:
    return {
        "event_id": name,
        "session_id": "s",
        "visitor_id": visitor,
        "event_type": "view",
        "event_time": at,
        "product_id": 1,
        "synthetic": True,
        "generator": "soak",
        "seed": 1,
        "_committed_at": at,
        "_operation": "I",
    }


def _receipt_row() -> dict[str, Any]:
    return {
        "basket_id": RECEIPT,
        "household_id": 7,
        "store_id": 3,
        "sold_at": OPENING,
        "week": 1,
        "_committed_at": OPENING,
        "_change_sequence": f"{0:035}",
        "_operation": "I",
    }


def _line_row(place: str, product: int, batch: int, operation: str) -> dict[str, Any]:
    return {
        "basket_id": RECEIPT,
        "product_id": product,
        "quantity": batch,
        **dict.fromkeys(_MONEY, Decimal(1)),
        "_committed_at": OPENING,
        "_change_sequence": place,
        "_operation": operation,
    }
