"""A home with a real ledger, a real catalog and a job that commits through the real bridge."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import PrivateAttr

from product360_assets.curated.pending import Input
from product360_assets.curated.publish import Publication, Published, Publisher
from resources.catalog import LocalCatalogResource
from resources.errors import JobFailed
from resources.jobs import JobReport, JobRequest, JobResult, JobRunner
from resources.ledger import Batch, LandedObject, Ledger, ZoneState, batch_id_of
from resources.local.bridge import CatalogBridge
from resources.local.ledger import SqliteLedgerResource
from resources.local.warehouse import LocalWarehouse
from resources.objects import LakeResource
from spark.tables.model import Column, Table

NOTES = Table(
    zone="curated",
    name="note",
    doc="Notes, for tests.",
    grain="one row per note",
    owner="tests",
    key=("id",),
    columns=(
        Column("id", "bigint", "Note.", nullable=False),
        Column("text", "string", "What it says."),
    ),
)
SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), ("text", pa.string())])
PUBLICATION = Publication(NOTES, job="append", inputs=(Input("desk", "note"),))


class AppendingRunner(JobRunner):
    """Runs one job, "append": the batches' rows are appended through the bridge in one commit."""

    bridge_uri: str
    token: str
    _stamp: Callable[..., Any] = PrivateAttr()
    _requests: list[JobRequest] = PrivateAttr(default_factory=list)

    @property
    def requests(self) -> list[JobRequest]:
        return self._requests

    def stamp_with(self, bridge: CatalogBridge) -> None:
        self._stamp = bridge.stamp

    def code_version(self) -> str:
        return "code-1"

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        from pyiceberg.catalog.rest import RestCatalog

        self._requests.append(request)
        batches = [b for each in request.spec["inputs"].values() for b in each["batches"]]
        tables = [pq.read_table(_folder(batch["location"])) for batch in batches]
        rows = pa.concat_tables(tables).cast(SCHEMA)
        try:
            catalog = RestCatalog("lake", uri=self.bridge_uri, token=self.token)
            with self._stamp(request.commit, once=request.once, landing=request.landing):
                if rows.num_rows:
                    catalog.load_table(request.spec["target"].removeprefix("lake.")).append(rows)
        except Exception as error:
            raise JobFailed(
                request.name, found=repr(error), expected="a commit", next_move="run it again"
            ) from error
        results = tuple(_result(batch, table) for batch, table in zip(batches, tables, strict=True))
        return JobReport(request.job, results, 0.0, "file:///report")


def _folder(uri: str) -> str:
    return uri.removeprefix("file://")


def _result(batch: dict[str, Any], rows: pa.Table) -> JobResult:
    count = rows.num_rows
    return JobResult("curated.note", batch["batch_id"], count, count, 0, 1, 0, None, {})


@dataclass
class Desk:
    """The whole of a small platform: what a publisher works with, and how to deliver to it."""

    home: Path
    ledger: Ledger
    catalog: LocalCatalogResource
    bridge: CatalogBridge
    runner: AppendingRunner
    said: list[str] = field(default_factory=list)
    publication: Publication = PUBLICATION

    def deliver(
        self, day: int, *texts: str, unit: str = "unit-1", table: str = "note", part: str = ""
    ) -> str:
        """A clean batch of one row per text; returns its id."""
        landing_date = date(2017, 1, day)
        landed = LandedObject("landing", f"desk/{table}/{day}{part}.json", "v1", 1)
        batch_id = batch_id_of(landing_date, [landed])
        batch = Batch(batch_id, "desk", table, landing_date, "file", "0", (landed,))
        self.ledger.open_batch(batch)
        folder = self.home / "lake/clean/desk" / table / unit / f"batch={batch_id}"
        folder.mkdir(parents=True)
        ids = [day * 100 + number for number in range(len(texts))]
        rows = pa.table({"id": pa.array(ids, pa.int64()), "text": pa.array(texts, pa.string())})
        pq.write_table(rows, folder / "part.parquet")
        state = ZoneState(
            batch_id=batch_id,
            zone="clean",
            rows_in=len(texts),
            rows_out=len(texts),
            rows_quarantined=0,
            location=f"file://{folder}",
            unit=unit,
            code_version="code-1",
            config_version="config-1",
            snapshot_id=None,
            recorded_at=datetime(2017, 1, day, tzinfo=UTC),
            details={"contract.version": "3"},
        )
        before = self.ledger.zone_state(batch_id, "clean")
        self.ledger.record_zone(state, replacing=before)
        return batch_id

    def publish(self, publication: Publication = PUBLICATION, **replaced: Any) -> Published:
        """Publish the notes, with other collaborators where the test names them."""
        parts = {
            "ledger": self.ledger,
            "catalog": self.catalog,
            "runner": self.runner,
            "log": self.said.append,
            "run_id": "run-1",
            **replaced,
        }
        return Publisher(**parts).publish(publication, {"time_zone": "UTC"})

    def states(self) -> dict[str, ZoneState]:
        return self.ledger.zone_states("desk", "note", "curated.note")

    def notes(self) -> list[str]:
        """What the published table says, in order."""
        rows = self.catalog.table("curated.note").scan().to_arrow()
        return sorted(rows["text"].to_pylist())

    def snapshots(self) -> int:
        return len(self.catalog.snapshot_summaries("curated.note"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    catalog = LocalCatalogResource(home=str(tmp_path))
    ledger = SqliteLedgerResource(path=str(tmp_path / "ledger.db")).open()
    with closing(CatalogBridge(catalog.load())) as bridge:
        runner = AppendingRunner(bridge_uri=bridge.uri, token=bridge.token)
        runner.stamp_with(bridge)
        yield Desk(tmp_path, ledger, catalog, bridge, runner)


DEFAULTS: dict[str, Any] = {"boolean": False, "bigint": 0, "int": 0, "string": "", "double": 0.0}


class Shop:
    """Published tables and the clean batches they were made from, filled row by row."""

    def __init__(self, home: Path) -> None:
        self.catalog = LocalCatalogResource(home=str(home))
        self.warehouse = LocalWarehouse(catalog=self.catalog)
        self.ledger = SqliteLedgerResource(path=str(home / "ledger.db"))
        self.lake = LakeResource(uri=f"file://{home}/lake")

    def fill(self, table: Table, *rows: dict[str, Any]) -> None:
        """Make these the rows of the table; what a row leaves out is null, or empty if it must."""
        self.catalog.ensure_table(table)
        columns = {
            column.name: None if column.nullable else DEFAULTS.get(column.type)
            for column in table.columns
        }
        schema = self.catalog.table(table.identifier).schema().as_arrow()
        content = pa.Table.from_pylist([{**columns, **row} for row in rows], schema=schema)
        self.catalog.table(table.identifier).overwrite(content)

    def deliver(self, name: str, taken_in_by: Table, *rows: dict[str, Any]) -> None:
        """A clean batch of `source.table` that a published table has taken in."""
        source, table = name.split(".")
        ledger = self.ledger.open()
        day = date(2018, 1, len(ledger.batches(source, table)) + 1)
        landed = LandedObject("landing", f"{source}/{table}/{day}", "v1", 1)
        batch_id = batch_id_of(day, [landed])
        ledger.open_batch(Batch(batch_id, source, table, day, "load", "0", (landed,)))
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
