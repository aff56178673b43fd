"""Published tables that are filled row by row, beside the desk of the publishing tests."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from desk import desk

from product360_assets.curated.commits import AS_OF_DATE
from resources.catalog import LocalCatalogResource
from resources.ledger import Batch, LandedObject, ZoneState, batch_id_of
from resources.local.ledger import SqliteLedgerResource
from resources.local.warehouse import LocalWarehouse
from resources.objects import LakeResource
from spark.tables.model import Table

__all__ = ["desk", "shop"]

DEFAULTS: dict[str, Any] = {"boolean": False, "bigint": 0, "int": 0, "string": "", "double": 0.0}


class Shop:
    """Published tables and the clean batches they were made from, filled row by row."""

    def __init__(self, home: Path) -> None:
        self.catalog = LocalCatalogResource(home=str(home))
        self.warehouse = LocalWarehouse(catalog=self.catalog)
        self.ledger = SqliteLedgerResource(path=str(home / "ledger.db"))
        self.lake = LakeResource(uri=f"file://{home}/lake")

    def fill(self, table: Table, *rows: dict[str, Any], as_of: date | None = None) -> None:
        """Make these the rows of the table; what a row leaves out is null, or empty if it must.

        `as_of` is the last day that the table's state knows of.
        """
        self.catalog.ensure_table(table)
        columns = {
            column.name: None if column.nullable else DEFAULTS.get(column.type)
            for column in table.columns
        }
        schema = self.catalog.table(table.identifier).schema().as_arrow()
        content = pa.Table.from_pylist([{**columns, **row} for row in rows], schema=schema)
        said = {AS_OF_DATE: as_of.isoformat()} if as_of else {}
        self.catalog.table(table.identifier).overwrite(content, snapshot_properties=said)

    def deliver(
        self,
        name: str,
        taken_in_by: Table,
        *rows: dict[str, Any],
        epoch: str = "0",
        landing_date: date | None = None,
    ) -> None:
        """A clean batch of `source.table` that a published table has taken in."""
        source, table = name.split(".")
        ledger = self.ledger.open()
        number = len(ledger.batches(source, table)) + 1
        day = landing_date or date(2018, 1, number)
        landed = LandedObject("landing", f"{source}/{table}/{number}", "v1", 1)
        batch_id = batch_id_of(day, [landed])
        ledger.open_batch(Batch(batch_id, source, table, day, "load", epoch, (landed,)))
        clean = self.lake.zone("clean")
        prefix = f"{source}/{table}/unit=1/batch={batch_id}"
        lineage = {"_epoch": "0", "_operation": "I", "_committed_at": None, "_change_sequence": ""}
        content = io.BytesIO()
        changes = pa.Table.from_pylist([{**lineage, **row} for row in rows])
        position = changes.column_names.index("_committed_at")
        moments = pa.array([row.get("_committed_at") for row in rows], pa.timestamp("us", "UTC"))
        pq.write_table(changes.set_column(position, "_committed_at", moments), content)
        clean.put(f"{prefix}/part.parquet", content.getvalue())
        for zone in ("clean", taken_in_by.identifier):
            state = ZoneState(
                batch_id=batch_id,
                zone=zone,
                rows_in=len(rows),
                rows_out=len(rows),
                rows_quarantined=0,
                location=clean.uri_of(prefix),
                unit="1",
                code_version="1",
                config_version="1",
                snapshot_id=None,
                recorded_at=datetime(2018, 1, 1, tzinfo=UTC),
                details={"state": "committed", "commit": "1"},
            )
            ledger.record_zone(state, replacing=None)

    def failing(self, checks: dg.AssetChecksDefinition) -> set[str]:
        """The names of the claims that do not hold."""
        result = dg.materialize(
            [checks],
            resources={
                "warehouse": self.warehouse,
                "ledger": self.ledger,
                "lake": self.lake,
                "catalog": self.catalog,
            },
            selection=dg.AssetSelection.checks(checks),
            raise_on_error=False,
        )
        evaluations = result.get_asset_check_evaluations()
        assert len(evaluations) == len(list(checks.check_specs))
        return {evaluation.check_name for evaluation in evaluations if not evaluation.passed}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)
