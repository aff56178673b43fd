"""What each zone holds, read from the objects, the ledger and the catalog themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from resources.errors import TableMissing

if TYPE_CHECKING:
    from resources.catalog import CatalogResource
    from resources.ledger import LedgerResource
    from resources.objects import LakeResource

_KeptAsDelivered: TypeAlias = Literal["landing", "raw"]
_KEPT_AS_DELIVERED: Final[tuple[_KeptAsDelivered, ...]] = ("landing", "raw")


@dataclass(frozen=True)
class Holding:
    """What one zone holds of everything, of one system, or of one published table.

    Attributes:
        parts: how many files, batches or snapshots it is made of, in words.
        rows: None in zones that keep files as they were delivered.
    """

    zone: str
    name: str
    parts: str
    rows: int | None
    quarantined: int


def holdings(resources: Mapping[str, object]) -> Iterator[Holding]:
    """Every zone's holdings, upstream first.

    Args:
        resources: the platform's resources by name.
    """
    lake = cast("LakeResource", resources["lake"])
    for zone in _KEPT_AS_DELIVERED:
        sizes = [info.size for info in lake.zone(zone).list() if not info.key.startswith("_")]
        size = f"{sum(sizes) / 1e6:,.0f} MB"
        yield Holding(zone, "all systems", f"{_counted(len(sizes), 'file')}, {size}", None, 0)
    yield from _clean(cast("LedgerResource", resources["ledger"]))
    yield from _published(cast("CatalogResource", resources["catalog"]))


def _clean(resource: LedgerResource) -> Iterator[Holding]:
    from product360_assets.core.contract import known_contracts

    ledger = resource.open()
    for system, contract in known_contracts().items():
        states = [
            state
            for table in contract.tables
            for state in ledger.zone_states(system, table.name, "clean").values()
        ]
        yield Holding(
            zone="clean",
            name=system,
            parts=_counted(len(states), "batch", "batches"),
            rows=sum(state.rows_out for state in states),
            quarantined=sum(state.rows_quarantined for state in states),
        )


def _published(catalog: CatalogResource) -> Iterator[Holding]:
    from spark.tables import TABLES

    for identifier, table in TABLES.items():
        # A table that nothing was ever published to is not there yet.
        with suppress(TableMissing):
            snapshots = len(catalog.snapshot_summaries(identifier))
            rows = catalog.row_count(identifier)
            yield Holding(table.zone, table.name, _counted(snapshots, "snapshot"), rows, 0)


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
