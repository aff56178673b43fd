"""Entries of files in one home, in the catalog's own file: what Glue holds on AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from resources.external_tables import (
    Differences,
    ExternalPartition,
    ExternalTable,
    ExternalTablesResource,
    Outcome,
    Registered,
    Standing,
    differences,
    document_of,
    entry_missing,
    table_of,
)
from resources.local.catalog_file import opened
from resources.local.sqlite import Database


class SqliteExternalTables:
    """See `ExternalTables`. A registration is one transaction."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def standing(self) -> Mapping[str, Standing]:
        """See `ExternalTables.standing`."""
        with opened(self._file) as entries:
            rows = entries.rows("SELECT * FROM product360_entries ORDER BY identifier")
        return {
            identifier: Standing(table_of(json.loads(document)), digest)
            for identifier, digest, document in rows
        }

    def register(
        self, table: ExternalTable, partitions: Sequence[ExternalPartition], *, digest: str
    ) -> Registered:
        """See `ExternalTables.register`."""
        document = json.dumps(document_of(table), ensure_ascii=False)
        with opened(self._file) as entries, entries.writing():
            outcome = _outcome(entries, table.identifier, document)
            entries.rows(
                "INSERT OR REPLACE INTO product360_entries VALUES (?, ?, ?)",
                table.identifier,
                digest,
                document,
            )
            found = differences(partitions, table.layout, _found(entries, table.identifier))
            _apply(entries, table, found)
        return found.told(outcome)

    def partitions(self, identifier: str) -> list[ExternalPartition]:
        """See `ExternalTables.partitions`."""
        with opened(self._file) as entries:
            found = _found(entries, identifier)
            if not found and not _documents(entries, identifier):
                raise entry_missing(identifier)
        return sorted(ExternalPartition(values, where) for values, (where, _) in found.items())


class SqliteExternalTablesResource(ExternalTablesResource):
    """The entries of one home, in the file `path`."""

    path: str

    def open(self) -> SqliteExternalTables:
        """See `ExternalTablesResource.open`."""
        return SqliteExternalTables(Path(self.path))


def _outcome(entries: Database, identifier: str, document: str) -> Outcome:
    held = _documents(entries, identifier)
    if not held:
        return "created"
    return "unchanged" if held == [document] else "updated"


def _documents(entries: Database, identifier: str) -> list[str]:
    rows = entries.rows("SELECT document FROM product360_entries WHERE identifier = ?", identifier)
    return [document for (document,) in rows]


def _found(entries: Database, identifier: str) -> dict[tuple[str, ...], tuple[str, str]]:
    rows = entries.rows(
        "SELECT part_values, location, layout FROM product360_partitions WHERE identifier = ?",
        identifier,
    )
    return {tuple(json.loads(values)): (location, layout) for values, location, layout in rows}


def _apply(entries: Database, table: ExternalTable, found: Differences) -> None:
    entries.many(
        "INSERT OR REPLACE INTO product360_partitions VALUES (?, ?, ?, ?)",
        [
            (table.identifier, json.dumps(each.values), each.location, table.layout)
            for each in (*found.added, *found.moved, *found.described)
        ],
    )
    entries.many(
        "DELETE FROM product360_partitions WHERE identifier = ? AND part_values = ?",
        [(table.identifier, json.dumps(values)) for values in found.removed],
    )
