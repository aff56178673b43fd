"""The platform in one environment, worked from this process as its daemon would work it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg

from demo.file_drop import FileDrop
from product360_assets.automation.jobs import PUBLISH
from product360_assets.automation.rebuild import digests
from product360_assets.automation.refresh import COMPOSITION, Refresh, RefreshRun, publish_contracts
from product360_assets.core.contract import load_contracts
from product360_assets.core.keys import catalog_key, published_key
from resources.environments import platform_resources
from resources.external_tables import ExternalColumn, ExternalTables
from resources.local import engines
from resources.objects import LakeResource
from resources.treatment_keys import REFERENCE

SENSOR = "landing_arrivals"
OURS = ("AWS_", "PRODUCT360_")


@dataclass
class Place:
    """One environment: its variables, and a Dagster instance of its own."""

    variables: Mapping[str, str]
    instance: dg.DagsterInstance
    said: list[str] = field(default_factory=list)
    cursor: str | None = None

    @contextmanager
    def entered(self) -> Iterator[Mapping[str, Any]]:
        """This process in that environment; the platform's resources there."""
        others = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        with patch.dict(os.environ, {**others, **self.variables}, clear=True):
            try:
                yield platform_resources()
            finally:
                # An engine tells its process by variables where it is; they end here.
                engines.stop_engine()

    def agree(self) -> None:
        """Publish the contracts of the working copy."""
        with self.entered():
            publish_contracts(self.said.append)

    def take_in(self) -> list[RefreshRun]:
        """Let the sensor look once, and run what it asks for."""
        with self.entered() as resources:
            work = self._work()
            sensor = work.repository.get_sensor_def(SENSOR)
            needed = {name: resources[name] for name in sensor.required_resource_keys}
            tick = sensor.evaluate_tick(
                dg.build_sensor_context(
                    instance=self.instance,
                    cursor=self.cursor,
                    resources=needed,
                    repository_def=work.repository,
                )
            )
            self.cursor = tick.cursor
            return [
                work.run(request.job_name or "", request.tags)
                for request in tick.run_requests or ()
            ]

    def publish(self, tables: Collection[str]) -> RefreshRun:
        """Publish these tables, by identifier, with their checks."""
        with self.entered():
            return self._work().run(PUBLISH, assets=[published_key(each) for each in tables])

    def describe(self) -> RefreshRun:
        """Bring the catalog's entries of files in line with the ledger."""
        with self.entered():
            return self._work().run(PUBLISH, assets=[catalog_key()])

    def entries(self) -> Mapping[str, tuple[tuple[ExternalColumn, ...], list[str]]]:
        """Of every entry of files its columns and the landing date of each partition.

        Not the batches: their ids come from versions of objects, which each store makes its own.
        """
        with self.entered() as resources:
            entries: ExternalTables = resources["entries"].open()
            return {
                name: (held.table.columns, [each.values[0] for each in entries.partitions(name)])
                for name, held in entries.standing().items()
            }

    def digests(self) -> Mapping[str, str]:
        """Of every clean and curated table."""
        with self.entered():
            return digests()

    def _work(self) -> Refresh:
        definitions: dg.Definitions = importlib.import_module(COMPOSITION).defs()
        return Refresh(self.instance, definitions.get_repository_def(), self.said.append)


def home_with(folder: Path, deliveries: Callable[[FileDrop], object], objects: int) -> Place:
    """A home to which the first objects of the company's deliveries came, with its contracts."""
    (folder / "dagster").mkdir()
    instance = dg.DagsterInstance.local_temp(str(folder / "dagster"))
    place = Place({"PRODUCT360_HOME": str(folder / "home")}, instance)
    year = LakeResource(uri=f"file://{folder}/year").zone("landing")
    deliveries(FileDrop(year, folder / "outbox"))
    with place.entered() as resources:
        for info in islice(year.list(), objects):
            resources["lake"].zone("landing").put(info.key, year.read(info.key))
    place.agree()
    return place


def deliver(source: Place, target: Place) -> int:
    """Deliver in one environment what was delivered in another; how many objects.

    With the records of what databases and services delivered, which whoever asked them has made.
    """
    with source.entered() as resources:
        landing, ledger = resources["lake"].zone("landing"), resources["ledger"].open()
        objects = {info.key: landing.read(info.key) for info in landing.list()}
        deliveries = [
            each
            for contract in load_contracts().values()
            for table in contract.tables
            for each in ledger.deliveries(contract.name, table.name)
        ]
    with target.entered() as resources:
        landing, ledger = resources["lake"].zone("landing"), resources["ledger"].open()
        for each in deliveries:
            ledger.record_delivery(each)
        for key, data in objects.items():
            landing.put(key, data)
    return len(objects)


def carry_keys(source: Place, target: Place) -> None:
    """Give one environment the ring of keys by which another treats what is personal."""
    with source.entered() as resources:
        ring = dict(resources["secrets"].get(REFERENCE))
    with target.entered() as resources:
        resources["secrets"].publish(REFERENCE, ring)
