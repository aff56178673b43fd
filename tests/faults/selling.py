"""Publishes a day of sales, whose deletes go into a table of their own first; can die in between.

    python tests/faults/selling.py HOME DAY [--dies-before N] [--engine spark]
                                   [--without own-commit|once-per-table]

The first day rings up three lines of a receipt; the second takes the first line back and adds a
fourth; the third brings an older change of the first line, late. A day is delivered once, however
often it is published. The process is killed before its N-th commit.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from product360_assets.curated.commits import COMMIT_ID, snapshot_with
from product360_assets.curated.publish import Publisher
from product360_assets.curated.sales_line import PUBLICATION
from resources.catalog import LocalCatalogResource
from resources.ledger import Batch, LandedObject, Ledger, ZoneState, batch_id_of
from resources.local import engines
from resources.local.bridge import CatalogBridge
from resources.local.ledger import SqliteLedger
from resources.local.runner import LocalJobRunner
from spark.tables.curated import PRODUCT, SALES_LINE
from spark.tables.tombstones import tombstones_of

OPENING = datetime(2017, 9, 1, 14, tzinfo=UTC)
RECEIPT = 1
LINEAGE = pa.schema(
    [
        ("_batch_id", pa.string()),
        ("_landing_date", pa.date32()),
        ("_epoch", pa.string()),
        ("_committed_at", pa.timestamp("us", "UTC")),
        ("_change_sequence", pa.string()),
        ("_operation", pa.string()),
    ]
)
MONEY = ("sales_value", "retail_discount", "coupon_discount", "coupon_match_discount")
LINES = pa.schema(
    [
        ("basket_id", pa.int64()),
        ("product_id", pa.int64()),
        ("quantity", pa.int64()),
        *((name, pa.decimal128(12, 2)) for name in MONEY),
        *LINEAGE,
    ]
)
BASKETS = pa.schema(
    [
        ("basket_id", pa.int64()),
        ("household_id", pa.int64()),
        ("store_id", pa.int64()),
        ("sold_at", pa.timestamp("us", "UTC")),
        ("week", pa.int32()),
        *LINEAGE,
    ]
)
# By day: product, place in the log and operation of each change of a line.
CHANGES = {
    1: [(1, 10, "I"), (2, 11, "I"), (3, 12, "I")],
    2: [(1, 20, "D"), (4, 21, "I")],
    3: [(1, 15, "U")],
}
SQL = f"""
    SELECT 'line' AS what, product_id FROM {SALES_LINE.identifier}
    UNION ALL SELECT 'tombstone', product_id FROM {tombstones_of(SALES_LINE).identifier}
    ORDER BY ALL
"""


def deliver(home: Path, ledger: Ledger, day: int) -> None:
    """The clean batches of a day, unless they are there."""
    lineage = {"_landing_date": date(2017, 9, day), "_epoch": "load-1", "_committed_at": OPENING}
    lines = [
        {
            "basket_id": RECEIPT,
            "product_id": product,
            "quantity": 1,
            **dict.fromkeys(MONEY, Decimal(1)),
            **lineage,
            "_change_sequence": f"{place:035}",
            "_operation": operation,
        }
        for product, place, operation in CHANGES[day]
    ]
    receipt = {
        "basket_id": RECEIPT,
        "household_id": 7,
        "store_id": 3,
        "sold_at": OPENING,
        "week": 1,
    }
    receipts = [{**receipt, **lineage, "_change_sequence": "1", "_operation": "I"}]
    _deliver(home, ledger, "sales_line", day, pa.Table.from_pylist(lines, LINES))
    if day == 1:
        _deliver(home, ledger, "basket", day, pa.Table.from_pylist(receipts, BASKETS))


def _deliver(home: Path, ledger: Ledger, table: str, day: int, rows: pa.Table) -> None:
    landed = LandedObject("landing", f"pos/{table}/{day}.csv", "v1", 1)
    batch_id = batch_id_of(date(2017, 9, day), [landed])
    kind: Any = "load" if day == 1 else "changes"
    batch = Batch(batch_id, "pos", table, date(2017, 9, day), kind, "load-1", (landed,))
    ledger.open_batch(batch)
    folder = home / "lake/clean/pos" / table / f"batch={batch_id}"
    folder.mkdir(parents=True, exist_ok=True)
    ids = rows.schema.get_field_index("_batch_id")
    named = pa.array([batch_id] * rows.num_rows)
    pq.write_table(rows.set_column(ids, "_batch_id", named), folder / "part.parquet")
    state = ZoneState(
        batch_id=batch_id,
        zone="clean",
        rows_in=rows.num_rows,
        rows_out=rows.num_rows,
        rows_quarantined=0,
        location=f"file://{folder}",
        unit="1",
        code_version="1",
        config_version="1",
        snapshot_id=None,
        recorded_at=datetime(2017, 9, day, tzinfo=UTC),
        details={},
    )
    if ledger.zone_state(batch_id, "clean") is None:
        ledger.record_zone(state, replacing=None)


def die_before(number: int) -> None:
    """Be killed when the engine's N-th commit is about to be made."""
    commits, commit = count(1), CatalogBridge.commit

    def mortal(bridge: CatalogBridge, *arguments: Any) -> Any:
        if next(commits) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return commit(bridge, *arguments)

    CatalogBridge.commit = mortal  # type: ignore[method-assign]


def without_a_commit_of_its_own() -> None:
    """A batch counts as taken in when either of its tables has its commit."""

    def snapshot(publisher: Publisher, publication: Any, commit: str) -> int | None:
        tables = (publication.table, tombstones_of(publication.table))
        found = [
            snapshot_with(publisher.catalog, each.identifier, {COMMIT_ID: commit})
            for each in tables
            if publisher.catalog.load().table_exists(each.identifier)
        ]
        return next((each for each in found if each is not None), None)

    Publisher._snapshot = snapshot  # type: ignore[method-assign]


def without_a_refusal_for_each_table() -> None:
    """What one table has of a commit is refused to every table, also to the tombstones."""

    def only_once(bridge: CatalogBridge, _: str) -> list[tuple[str, str]]:
        return [each for stamp in bridge._stamps for each in stamp.once.items()]

    CatalogBridge._only_once_in = only_once  # type: ignore[method-assign, assignment]


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("home", type=Path)
    asked.add_argument("day", type=int)
    asked.add_argument("--dies-before", type=int)
    asked.add_argument("--engine", choices=["sail", "spark"], default="sail")
    asked.add_argument("--without", choices=["own-commit", "once-per-table"])
    given = asked.parse_args()
    if given.dies_before:
        die_before(given.dies_before)
    if given.without == "own-commit":
        without_a_commit_of_its_own()
    if given.without == "once-per-table":
        without_a_refusal_for_each_table()
    home, catalog = given.home, LocalCatalogResource(home=str(given.home))
    catalog.ensure_table(PRODUCT)
    ledger = SqliteLedger(home / "ledger.db")
    deliver(home, ledger, given.day)
    runner = LocalJobRunner(home=str(home), engine=given.engine)
    publisher = Publisher(ledger, catalog, runner, lambda _: None, "run")
    parameters = {"time_zone": "America/New_York", "product": f"lake.{PRODUCT.identifier}"}
    sys.stdout.write(publisher.publish(PUBLICATION, parameters).outcome)
    engines.stop_engine()


if __name__ == "__main__":
    main()
