"""F12, F13 and F26 in a published table: ties, keys that come again, and what comes late.

Any cut and order of a log ends in one table, and each rule that this rests on, patched away, shows.
Hundreds of small histories go through each job at once: every receipt is a history of its own, its
changes are thrown into the batches by dice, some of them twice, and the batches are published one
after the other. The reference folds all changes in a few lines of Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.functions import col

import spark.jobs.sales_line as job
from resources.catalog import LocalCatalogResource
from spark import publishing
from spark.tables.curated import PRODUCT, SALES_LINE
from spark.tables.tombstones import tombstones_of
from spark.transforms import fold

LINEAGE = (
    "_batch_id string, _landing_date date, _epoch string, _committed_at timestamp, "
    "_change_sequence string, _operation string"
)
LINES = (
    "basket_id bigint, product_id bigint, quantity bigint, sales_value decimal(12,2), "
    "retail_discount decimal(12,2), coupon_discount decimal(12,2), "
    f"coupon_match_discount decimal(12,2), {LINEAGE}"
)
BASKETS = (
    "basket_id bigint, household_id bigint, store_id bigint, sold_at timestamp, week int, "
    + LINEAGE
)
BATCHES = 5
NEW_YORK = "America/New_York"
OPENING = datetime(2017, 9, 1, 3, 30, tzinfo=UTC)
NO_MONEY = (Decimal(0),) * 3


@dataclass(frozen=True)
class Change:
    """One change of a line (`product` given) or of a receipt."""

    basket: int
    product: int | None
    place: int
    op: str
    quantity: int = 0
    store: int = 0
    sold_at: datetime = OPENING

    def clean(self, batch: str, epoch: str) -> tuple[Any, ...]:
        lineage = (batch, date(2017, 12, 1), epoch, OPENING, f"{self.place:035}", self.op)
        gone = self.op == "D"
        if self.product is None:
            values = (None,) * 4 if gone else (7, self.store, self.sold_at, 1)
            return (self.basket, *values, *lineage)
        values = (None,) * 5 if gone else (self.quantity, Decimal(self.quantity), *NO_MONEY)
        return (self.basket, self.product, *values, *lineage)


def history(basket: int, dice: Random) -> list[Change]:
    """What happened to a receipt and its lines; ids that begin again after a deletion, too."""
    places = iter(sorted(dice.sample(range(10**6), 40)))
    log = []
    for product in (None, 1, 2, 3):
        stands = False
        for _ in range(dice.randint(1, 5)):
            gone = stands and dice.random() < 0.4
            op = "D" if gone else "U" if stands else "I"
            log.append(
                Change(
                    basket,
                    product,
                    next(places),
                    op,
                    quantity=dice.randint(1, 9),
                    store=dice.randint(1, 9),
                    sold_at=OPENING + timedelta(days=dice.randint(0, 100)),
                )
            )
            stands = not gone
    return log


def expected(log: Sequence[Change]) -> set[tuple[Any, ...]]:
    last: dict[tuple[int, int | None], Change] = {}
    for change in sorted(log, key=lambda change: change.place):
        last[change.basket, change.product] = change
    standing = {key: change for key, change in last.items() if change.op != "D"}
    rows = set()
    for (basket, product), line in standing.items():
        if product is not None:
            receipt = standing.get((basket, None))
            day = receipt and receipt.sold_at.astimezone(ZoneInfo(NEW_YORK)).date()
            rows.add((basket, product, line.quantity, receipt and receipt.store, day))
    return rows


@dataclass
class Sales:
    """`sales_line` as it is published batch by batch."""

    session: SparkSession
    folder: Path
    catalog: LocalCatalogResource
    batches: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"pos.sales_line": [], "pos.basket": []}
    )

    def publish(
        self,
        number: int,
        changes: Sequence[Change],
        *,
        epoch: str = "load-1",
        kind: str = "changes",
        rejected_in: str | None = None,
    ) -> None:
        """Take one more batch in, of lines, of receipts or of both.

        `rejected_in` is the epoch of a correction's rows, whose batch has none of its own.
        """
        for batches in self.batches.values():
            batches[:] = [{**batch, "is_new": False} for batch in batches]
        lines = [change for change in changes if change.product is not None]
        receipts = [change for change in changes if change.product is None]
        known = {"batch_id": f"batch-{number}", "epoch": epoch, "kind": kind, "is_new": True}
        of = rejected_in or epoch
        self._deliver("pos.sales_line", LINES, lines, known, of)
        self._deliver("pos.basket", BASKETS, receipts, known, of)
        spec = {
            "inputs": {
                name: {"epoch": newest_load(batches), "batches": batches}
                for name, batches in self.batches.items()
            },
            "target": f"lake.{SALES_LINE.identifier}",
            "tombstones": f"lake.{tombstones_of(SALES_LINE).identifier}",
            "product": f"lake.{PRODUCT.identifier}",
            "time_zone": NEW_YORK,
        }
        job.run(self.session, spec, Unheard())  # type: ignore[arg-type]

    def _deliver(
        self,
        name: str,
        schema: str,
        changes: Sequence[Change],
        known: Mapping[str, Any],
        epoch: str,
    ) -> None:
        if not changes:
            return
        location = f"file://{self.folder}/{name}/{known['batch_id']}"
        rows = [change.clean(known["batch_id"], epoch) for change in changes]
        frame = self.session.createDataFrame(rows, schema)
        frame.coalesce(1).write.mode("overwrite").parquet(location)
        self.batches[name].append({**known, "location": location})

    def rows(self) -> list[tuple[Any, ...]]:
        names = ("basket_id", "product_id", "quantity", "store_id", "business_date")
        found = self.catalog.table(SALES_LINE.identifier).scan().to_arrow().to_pylist()
        return [tuple(row[name] for name in names) for row in found]

    def snapshots(self) -> int:
        return len(self.catalog.snapshot_summaries(SALES_LINE.identifier))


def newest_load(batches: Sequence[Mapping[str, Any]]) -> str:
    return max((batch["epoch"] for batch in batches if batch["kind"] == "load"), default="")


class Unheard:
    """A report that nobody reads."""

    def results(self, _: list[Any]) -> None:
        """Say nothing."""


@pytest.fixture
def sales(
    every_session: SparkSession, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Sales:
    catalog = LocalCatalogResource(home=str(tmp_path_factory.getbasetemp() / "engine"))
    for table in (SALES_LINE, tombstones_of(SALES_LINE), PRODUCT):
        if catalog.load().table_exists(table.identifier):
            catalog.load().drop_table(table.identifier)
        catalog.ensure_table(table)
    return Sales(every_session, tmp_path, catalog)


@pytest.mark.parametrize("seed", [20171231, pytest.param(20180101, marks=pytest.mark.long)])
def test_f12_f13_f26_any_cut_order_and_repetition_of_a_log_ends_in_the_rows_that_stand(
    sales: Sales, seed: int
) -> None:
    dice = Random(seed)
    log = [change for basket in range(300) for change in history(basket, dice)]
    thrown = [(dice.randrange(BATCHES), change) for change in log]
    thrown += [(dice.randrange(BATCHES), change) for change in dice.sample(log, 200)]
    # The first batch holds a receipt at least, as nothing can be published without any.
    for number in range(BATCHES):
        sales.publish(number, [change for batch, change in thrown if batch == number])
        seen = [change for batch, change in thrown if batch <= number]
        found = sales.rows()
        assert len(found) == len(set(found)), f"seed {seed}, batch {number}"
        assert set(found) == expected(seen), f"seed {seed}, batch {number}"
    assert sales.snapshots() == BATCHES


RUNG_UP = Change(1, 1, 1, "I", quantity=2)
RECEIPT = Change(1, None, 2, "I", store=300)


def test_f13_a_late_older_row_does_not_bring_a_deleted_line_back_and_a_newer_one_does(
    sales: Sales,
) -> None:
    sales.publish(0, [RUNG_UP, RECEIPT])
    sales.publish(1, [Change(1, 1, 5, "D")])
    assert sales.rows() == []
    sales.publish(2, [Change(1, 1, 4, "U", quantity=9)])
    assert sales.rows() == []
    sales.publish(3, [Change(1, 1, 6, "I", quantity=3)])
    assert [row[2] for row in sales.rows()] == [3]


def test_f13_without_tombstones_a_late_row_would_rise_again(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "unburied", lambda session, rows, table, tombstones: rows)
    sales.publish(0, [RUNG_UP, RECEIPT])
    sales.publish(1, [Change(1, 1, 5, "D")])
    sales.publish(2, [Change(1, 1, 4, "U", quantity=9)])
    assert [row[2] for row in sales.rows()] == [9]


def test_f13_a_line_that_begins_and_ends_within_a_batch_leaves_nothing(sales: Sales) -> None:
    sales.publish(0, [RECEIPT, RUNG_UP, Change(1, 1, 3, "D"), Change(1, 2, 4, "I", quantity=1)])
    assert [row[1] for row in sales.rows()] == [2]


def test_f12_without_the_change_sequence_what_comes_last_would_stand(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All changes here were committed at one time.
    sales.publish(0, [RUNG_UP, RECEIPT])
    sales.publish(1, [Change(1, 1, 5, "U", quantity=5)])
    sales.publish(2, [Change(1, 1, 4, "U", quantity=4)])
    assert [row[2] for row in sales.rows()] == [5]
    monkeypatch.setattr(fold, "change_order", lambda: col("_epoch"))
    sales.publish(3, [Change(2, None, 2, "I"), Change(2, 1, 5, "U", quantity=5)])
    sales.publish(4, [Change(2, 1, 4, "U", quantity=4)])
    assert sorted(row[2] for row in sales.rows()) == [4, 5]


def test_f26_without_comparing_their_orders_an_old_batch_would_regress_newer_rows(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales.publish(0, [RUNG_UP, RECEIPT])
    sales.publish(1, [Change(1, 1, 5, "U", quantity=5)])
    merge = publishing._merge
    monkeypatch.setattr(publishing, "_merge", lambda *rows, **_: merge(*rows[:5]))
    sales.publish(2, [RUNG_UP])
    assert [row[2] for row in sales.rows()] == [2]


def test_a_receipt_that_changes_moves_its_lines_without_their_being_read_again(
    sales: Sales,
) -> None:
    december = OPENING + timedelta(days=95)
    sales.publish(0, [RUNG_UP, RECEIPT])
    for file in sales.folder.glob("pos.sales_line/batch-0/*.parquet"):
        file.unlink()
    sales.publish(1, [Change(1, None, 3, "U", store=301, sold_at=december)])
    assert sales.rows() == [(1, 1, 2, 301, date(2017, 12, 4))]


def test_a_load_deletes_what_it_does_not_hold_and_older_changes_count_no_more(
    sales: Sales,
) -> None:
    receipts = [RECEIPT, Change(2, None, 3, "I", store=300)]
    lines = [RUNG_UP, Change(1, 2, 4, "I", quantity=4), Change(2, 1, 5, "I", quantity=5)]
    sales.publish(0, [*receipts, *lines], kind="load")
    again = [RECEIPT, Change(1, 2, 1, "I", quantity=7), Change(1, 3, 2, "I", quantity=8)]
    sales.publish(1, again, epoch="load-2", kind="load")
    assert sorted(row[:3] for row in sales.rows()) == [(1, 2, 7), (1, 3, 8)]
    sales.publish(2, [Change(2, 1, 9, "U", quantity=6), Change(1, None, 9, "D")])
    assert sorted(row[:4] for row in sales.rows()) == [(1, 2, 7, 300), (1, 3, 8, 300)]
    sales.publish(3, [Change(1, 2, 3, "D")], epoch="load-2")
    assert [row[:3] for row in sales.rows()] == [(1, 3, 8)]
    assert sales.snapshots() == 4


def test_a_corrected_row_counts_in_the_load_that_it_was_rejected_in(sales: Sales) -> None:
    sales.publish(0, [RECEIPT, RUNG_UP], epoch="load-2", kind="load")
    corrected = Change(1, 2, 3, "I", quantity=4)
    sales.publish(1, [corrected], epoch="0", kind="correction", rejected_in="load-2")
    assert sorted(row[:3] for row in sales.rows()) == [(1, 1, 2), (1, 2, 4)]
    of_before = Change(1, 3, 4, "I", quantity=5)
    sales.publish(2, [of_before], epoch="0", kind="correction", rejected_in="load-1")
    assert sorted(row[:3] for row in sales.rows()) == [(1, 1, 2), (1, 2, 4)]
