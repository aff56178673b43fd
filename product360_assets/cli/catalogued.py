"""The catalog as people read it: one line for each entry, and all that it says of one.

Three kinds of entry come from three places, the same in every environment: Iceberg tables and views
from the catalog of published tables, files from the catalog of entries. Rows are told where nothing
has to be read for them: Iceberg's statistics, and the ledger's counts of clean and quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, cast

from product360_assets.cli.published import identifiers_of
from product360_assets.core.states import CLEAN
from product360_assets.governance.registration import PARTITIONS
from resources.environments import platform_resources
from resources.hive_formats import parameters_of
from spark.tables import VIEWS

if TYPE_CHECKING:
    from resources.catalog import CatalogResource
    from resources.external_tables import (
        ExternalTable,
        ExternalTables,
        ExternalTablesResource,
        Standing,
    )
    from resources.ledger import Ledger, LedgerResource

NEWEST = 10
COLUMN_COLUMNS = ("column", "type", "partition", "comment")
PARTITION_COLUMNS = ("values", "location")
ICEBERG, VIEW, FILES = "Iceberg table", "view", "files"


@dataclass(frozen=True)
class Line:
    """One entry. `rows` and `partitions` are None where they are not cheaply known."""

    zone: str
    name: str
    kind: str
    format: str
    columns: int
    partitions: int | None
    rows: int | None
    owner: str
    description: str

    @property
    def row(self) -> tuple[object, ...]:
        """The line under `LINE_COLUMNS`."""
        return astuple(self)


LINE_COLUMNS = tuple(field.name for field in fields(Line))


@dataclass(frozen=True)
class Details:
    """All that the catalog says of one entry; `query` is a view's."""

    identifier: str
    facts: Sequence[tuple[str, object]]
    columns: Sequence[tuple[object, ...]]
    parameters: Sequence[tuple[str, str]]
    partitions: Sequence[tuple[str, str]] = ()
    query: str = ""


@dataclass(frozen=True)
class Catalogue:
    """Every entry of one environment."""

    catalog: CatalogResource
    entries: ExternalTables
    ledger: Ledger

    @classmethod
    def here(cls) -> Catalogue:
        """That of the environment that this process is in."""
        resources = platform_resources()
        return cls(
            cast("CatalogResource", resources["catalog"]),
            cast("ExternalTablesResource", resources["entries"]).open(),
            cast("LedgerResource", resources["ledger"]).open(),
        )

    def lines(self) -> list[Line]:
        """All entries: files in the order of their zones, then what is published."""
        zones = ("raw", "clean", "quarantine")
        files = [self._files(standing.table) for standing in self._files_by_name.values()]
        return [
            *sorted(files, key=lambda line: (zones.index(line.zone), line.name)),
            *(self._iceberg(identifier) for identifier in self.catalog.identifiers()),
            *(_view(identifier) for identifier in sorted(self.catalog.views())),
        ]

    def details(self, name: str) -> Details:
        """What the catalog says of one entry.

        Raises:
            TableMissing: there is none of this name, or there are several.
        """
        views = self.catalog.views()
        known = [*self._files_by_name, *self.catalog.identifiers(), *views]
        [identifier] = identifiers_of([name], known)
        if identifier in self._files_by_name:
            return self._details_of_files(self._files_by_name[identifier].table)
        if identifier in views:
            return _details_of_view(identifier, views[identifier])
        return self._details_of_iceberg(identifier)

    @cached_property
    def _files_by_name(self) -> Mapping[str, Standing]:
        return self.entries.standing()

    def _files(self, table: ExternalTable) -> Line:
        return Line(
            table.zone,
            table.name,
            FILES,
            table.format,
            len(table.columns) + len(table.partitioned_by),
            int(table.properties.get(PARTITIONS, 0)),
            self._rows(table),
            table.owner,
            table.doc,
        )

    def _rows(self, table: ExternalTable) -> int | None:
        """The ledger's count of a table's rows; what raw holds, it counts in objects."""
        source, name = (table.properties.get(f"product360.{part}") for part in ("source", "table"))
        if table.zone == "raw" or not source or not name:
            return None
        states = self.ledger.zone_states(source, name, CLEAN).values()
        return sum(
            state.rows_out if table.zone == "clean" else state.rows_quarantined for state in states
        )

    def _iceberg(self, identifier: str) -> Line:
        table = self.catalog.table(identifier)
        zone, _, name = identifier.rpartition(".")
        said = table.properties
        return Line(
            zone,
            name,
            ICEBERG,
            "parquet",
            len(table.schema().fields),
            None,
            table.scan().count(),
            said.get("product360.owner", ""),
            said.get("comment", ""),
        )

    def _details_of_files(self, table: ExternalTable) -> Details:
        line = self._files(table)
        newest = reversed(self.entries.partitions(table.identifier)[-NEWEST:])
        described = [
            *((column, "") for column in table.columns),
            *((column, "yes") for column in table.partitioned_by),
        ]
        return Details(
            table.identifier,
            (*_facts(line), ("location", table.location)),
            [(each.name, each.type, part, each.comment) for each, part in described],
            sorted(parameters_of(table).items()),
            [("/".join(each.values), each.location) for each in newest],
        )

    def _details_of_iceberg(self, identifier: str) -> Details:
        table, line = self.catalog.table(identifier), self._iceberg(identifier)
        schema = table.schema()
        how = {
            schema.find_column_name(each.source_id): str(each.transform)
            for each in table.spec().fields
        }
        return Details(
            identifier,
            (*_facts(line), ("location", table.location())),
            [
                (each.name, str(each.field_type), how.get(each.name, ""), each.doc or "")
                for each in schema.fields
            ],
            sorted(table.properties.items()),
        )


def _view(identifier: str) -> Line:
    zone, _, name = identifier.rpartition(".")
    view = VIEWS.get(identifier)
    if view is None:
        return Line(zone, name, VIEW, "SQL", 0, None, None, "", "")
    return Line(zone, name, VIEW, "SQL", len(view.columns), None, None, view.owner, view.doc)


def _details_of_view(identifier: str, query: str) -> Details:
    view = VIEWS.get(identifier)
    columns = view.columns if view else ()
    return Details(
        identifier,
        tuple(_facts(_view(identifier))),
        [(each.name, each.type, "", each.doc) for each in columns],
        (),
        query=query,
    )


def _facts(line: Line) -> Iterator[tuple[str, object]]:
    return ((name, value) for name, value in zip(LINE_COLUMNS, line.row, strict=True))
