"""The table optimizers of the Glue Data Catalog, which can keep the published tables in our place.

    upkeep       optimizer
    compaction   compaction
    snapshots    retention
    orphans      orphan_file_deletion

One switch decides who keeps them (`MaintenanceResource.keeper`), and what Glue has is brought in
line with it: the optimizers are turned on with the windows that our own upkeep would use, in whole
days and never shorter, or they are turned off. Manifests have no optimizer.

The hazard is two keepers of one table. An optimizer stays on until somebody turns it off, so to
turn it off is as much a part of the switch as to turn it on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

from resources.compaction import ENOUGH_FILES
from resources.errors import MaintenanceRefused
from resources.maintenance import MaintenanceResource

SERVICE = "Glue Data Catalog"
OPTIMIZERS: Mapping[str, str] = MappingProxyType(
    {"compaction": "compaction", "snapshots": "retention", "orphans": "orphan_file_deletion"}
)

Configuration = Mapping[str, Any]


@dataclass(frozen=True)
class Switch:
    """What there is to change about one optimizer of one table."""

    found: str
    proof: str
    apply: Callable[[], None]


@dataclass(frozen=True)
class Optimizers:
    """The optimizers of one account and region, and who is to keep the tables there."""

    limits: MaintenanceResource

    def switch(self, identifier: str, action: str) -> Switch | None:
        """What is not yet as the switch says; None where it is, or the action has no optimizer.

        Raises:
            MaintenanceRefused: Glue refuses to tell; `Switch.apply` raises it too.
            ServiceUnavailable: Glue does not answer.
        """
        kind = OPTIMIZERS.get(action)
        if kind is None:
            return None
        found = self._found(identifier, kind)
        if self.limits.keeper == "glue":
            return self._on(identifier, action, kind, found)
        return self._off(identifier, kind, found)

    def _on(
        self, identifier: str, action: str, kind: str, found: Configuration | None
    ) -> Switch | None:
        wanted = configuration(action, self.limits)
        if found is not None and _says(found, wanted):
            return None
        what = "create" if found is None else "update"
        said = "there is none" if found is None else "is off, or is set otherwise"
        return Switch(
            f"optimizer {kind}: {said}",
            f"on, as {self.limits.optimizer_role}",
            lambda: self._put(what, identifier, kind, wanted),
        )

    def _off(self, identifier: str, kind: str, found: Configuration | None) -> Switch | None:
        if found is None or not found.get("enabled"):
            return None
        return Switch(
            f"optimizer {kind}: is on",
            "off",
            lambda: self._put("update", identifier, kind, {**found, "enabled": False}),
        )

    def _found(self, identifier: str, kind: str) -> Configuration | None:
        with self._answering(identifier, kind):
            try:
                answer = self._glue.get_table_optimizer(**self._named(identifier, kind))
            except self._glue.exceptions.EntityNotFoundException:
                return None
        found: Configuration = answer["TableOptimizer"].get("configuration", {})
        return found

    def _put(self, what: str, identifier: str, kind: str, wanted: Configuration) -> None:
        call = getattr(self._glue, f"{what}_table_optimizer")
        with self._answering(identifier, kind):
            call(**self._named(identifier, kind), TableOptimizerConfiguration=wanted)

    def _named(self, identifier: str, kind: str) -> dict[str, str]:
        database, table = identifier.split(".")
        return {
            "CatalogId": self._catalog_of(database),
            "DatabaseName": database,
            "TableName": table,
            "Type": kind,
        }

    def _catalog_of(self, database: str) -> str:
        if database not in self._catalogs:
            answer = self._glue.get_database(Name=database)
            self._catalogs[database] = answer["Database"]["CatalogId"]
        return self._catalogs[database]

    @cached_property
    def _catalogs(self) -> dict[str, str]:
        return {}

    @cached_property
    def _glue(self) -> Any:  # noqa: ANN401 - no types are installed
        from resources.aws import client

        return client("glue")

    @contextmanager
    def _answering(self, identifier: str, kind: str) -> Iterator[None]:
        from botocore.exceptions import ClientError

        from resources.aws import translated

        try:
            with translated(SERVICE, f"optimizer {kind} of {identifier}"):
                yield
        except ClientError as error:
            raise MaintenanceRefused(
                f"optimizer {kind} of {identifier}",
                found=str(error),
                expected=f"one that {SERVICE} lets us look at and change",
                next_move="look at the table in Glue, and at the role that its optimizers assume",
            ) from error


def configuration(action: str, limits: MaintenanceResource) -> Configuration:
    """What the optimizer for an action is told, as Glue's API names it."""
    told: dict[str, Configuration] = {
        "compaction": {
            "compactionConfiguration": _iceberg(strategy="binpack", minInputFiles=ENOUGH_FILES)
        },
        "snapshots": {
            "retentionConfiguration": _iceberg(
                snapshotRetentionPeriodInDays=_days(limits.snapshot_window()),
                numberOfSnapshotsToRetain=limits.kept_snapshots,
                # Their files become orphans, and stay as long as the longest write needs.
                cleanExpiredFiles=False,
            )
        },
        "orphans": {
            "orphanFileDeletionConfiguration": _iceberg(
                orphanFileRetentionPeriodInDays=_days(limits.orphan_window())
            )
        },
    }
    return {"roleArn": limits.optimizer_role, "enabled": True, **told[action]}


def _iceberg(**settings: object) -> Configuration:
    return {"icebergConfiguration": settings}


def _days(window: timedelta) -> int:
    return math.ceil(window / timedelta(days=1))


def _says(found: Any, wanted: Any) -> bool:  # noqa: ANN401 - parts of a document
    """Whether all that is wanted is so; what Glue adds of its own is left alone."""
    if isinstance(wanted, Mapping):
        return all(_says(found.get(name, {}), value) for name, value in wanted.items())
    return bool(found == wanted)
