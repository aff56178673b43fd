"""A lake of clean batches, and the assets that jobs make of it, materialized on one engine.

Assets come from the definitions, so a job that is added is run here with the parameters that its
asset gives it, and nobody has to remember a list.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from change_logs import ChangeLog

from product360_assets.core.contract import SourceContract, TableContract, load_contracts
from product360_assets.curated import audit
from product360_assets.curated.steps import JOB_KIND
from product360_assets.definitions import defs
from resources.environments import Engine, Settings, platform_resources
from resources.jobs import JobReport, JobRequest
from resources.ledger import Batch, LandedObject, ZoneState, batch_id_of
from resources.local.runner import LocalJobRunner
from spark.tables import TABLES
from spark.tables.curated import SALES_LINE
from spark.tables.tombstones import tombstones_of

# Deliveries are of January, so the latest closed day is in 2017, where most of the data lies.
FIRST_DELIVERY = date(2018, 1, 1)


class RememberingRunner(LocalJobRunner):
    """Runs jobs as always, and remembers what it was asked for."""

    # By home: Dagster works with copies of a resource.
    asked: ClassVar[dict[str, list[JobRequest]]] = {}

    @property
    def requests(self) -> list[JobRequest]:
        """Every request so far."""
        return self.asked.setdefault(self.home, [])

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        """See `JobRunner.run`."""
        self.requests.append(request)
        return super().run(request, log=log)


class Lake:
    """One engine's lake in a home of its own."""

    def __init__(self, home: Path, engine: Engine) -> None:
        self.runner = RememberingRunner(home=str(home), engine=engine)
        settings = Settings("local", home, engine, lake_prefix=None, ledger_table=None)
        self._resources: dict[str, Any] = {**platform_resources(settings), "runner": self.runner}
        self._catalog = self._resources["catalog"]
        self._ledger = self._resources["ledger"].open()
        self._clean = self._resources["lake"].zone("clean")

    def deliver(self, number: int, rows: int, *, seed: int) -> None:
        """One clean batch of every source table, equal in every lake."""
        for contract in load_contracts().values():
            for table in contract.tables:
                batch = _batch(contract, table, number)
                location = self._put(ChangeLog(contract, table, seed).rows(batch, rows), batch)
                self._ledger.open_batch(batch)
                self._ledger.record_zone(_cleaned(batch, rows, location), replacing=None)

    def publish(self) -> None:
        """Materialize every table that a job makes; edge values are not audited, only compared."""
        assets = made_by_jobs()
        with patch.object(audit, "blocking_claims", return_value=()):
            result = dg.materialize(
                assets,
                resources=self._resources,
                selection=dg.AssetSelection.assets(*assets).without_checks(),
            )
        assert result.success

    def replay(self, requests: list[JobRequest], rows: Mapping[str, str]) -> None:
        """Ask for the same jobs over other batches, into tables that are empty before.

        Args:
            requests: what to ask for, in order.
            rows: location of the only batch by input, such as "shop.order".
        """
        for namespace in self._catalog.load().list_namespaces():
            for identifier in self._catalog.load().list_tables(namespace):
                self._catalog.load().drop_table(identifier)
        for table in (*TABLES.values(), tombstones_of(SALES_LINE)):
            self._catalog.ensure_table(table)
        for request in requests:
            again = replace(request, spec=_redirected(request.spec, rows), branch=None)
            self.runner.run(again, log=print)

    def place(self, name: str, count: int, *, seed: int) -> dict[str, str]:
        """Locations of a batch for each source table, which no ledger knows of."""
        return {
            f"{contract.name}.{table.name}": self._put(
                ChangeLog(contract, table, seed).rows(batch, count), batch, folder=name
            )
            for contract in load_contracts().values()
            for table in contract.tables
            for batch in [_batch(contract, table, 0)]
        }

    def tables(self) -> dict[str, pa.Table]:
        """Every table of the catalog that was ever committed to."""
        loaded = {name: self._catalog.load().load_table(name) for name in self._names()}
        return {
            name: table.scan().to_arrow()
            for name, table in loaded.items()
            if table.current_snapshot() is not None
        }

    def digests(self) -> dict[str, str]:
        """Content digest of every table."""
        return {name: self._catalog.digest(name) for name in self._names()}

    def _names(self) -> list[str]:
        return [name for name in TABLES if self._catalog.load().table_exists(name)]

    def _put(self, rows: pa.Table, batch: Batch, folder: str = "unit=1") -> str:
        prefix = f"{batch.source}/{batch.table}/{folder}/batch={batch.batch_id}"
        content = io.BytesIO()
        pq.write_table(rows, content)
        self._clean.put(f"{prefix}/part-0.parquet", content.getvalue())
        location: str = self._clean.uri_of(prefix)
        return location


@cache
def made_by_jobs() -> list[dg.AssetsDefinition]:
    """The published tables' assets that run a job."""
    return [
        asset
        for asset in defs().assets or []
        if isinstance(asset, dg.AssetsDefinition)
        and any(JOB_KIND in spec.kinds and "iceberg" in spec.kinds for spec in asset.specs)
    ]


def _batch(contract: SourceContract, table: TableContract, number: int) -> Batch:
    day = FIRST_DELIVERY + timedelta(days=number)
    landed = LandedObject("landing", f"{contract.name}/{table.name}/{day}", "v1", 1)
    # The third delivery of a database is a new load.
    epoch = f"load-{1 + number // 2}" if contract.kind == "database" else "0"
    batch_id = batch_id_of(day, [landed])
    return Batch(batch_id, contract.name, table.name, day, "load", epoch, (landed,))


def _cleaned(batch: Batch, rows: int, location: str) -> ZoneState:
    return ZoneState(
        batch_id=batch.batch_id,
        zone="clean",
        rows_in=rows,
        rows_out=rows,
        rows_quarantined=0,
        location=location,
        unit="1",
        code_version="1",
        config_version="1",
        snapshot_id=None,
        recorded_at=datetime(2018, 1, 8, tzinfo=UTC),
        details={},
    )


def _redirected(spec: Mapping[str, Any], rows: Mapping[str, str]) -> dict[str, Any]:
    """The spec with one batch for each input that has batches."""
    inputs = {
        name: {**each, "batches": [{**each["batches"][0], "location": rows[name]}]}
        if isinstance(each, Mapping) and each["batches"]
        else each
        for name, each in spec["inputs"].items()
    }
    return {**spec, "inputs": inputs}
