"""Entries of files in the Glue Data Catalog: one table each, in the database of its zone.

The databases are the deployment's; where it made none, they are made here, if the role may, and
tagged: Glue takes tags of databases and of no table. A table of ours carries `product360.digest`;
one that does not is somebody else's, and stays as it is.

Two hazards. Somebody else changes a table between our look and our change: every update names the
version it was made from, and is made anew from a newer one. And a batch of partitions that answers
200 may have failed in parts: its `Errors` are read (`resources.glue_partitions`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resources.errors import TableMoved
from resources.external_tables import (
    DESCRIBED,
    DESCRIPTION_LENGTH,
    Differences,
    ExternalPartition,
    ExternalTable,
    ExternalTablesResource,
    Outcome,
    Registered,
    Standing,
    entry_missing,
    one_line,
)
from resources.glue_calls import answering, refused
from resources.glue_partitions import GluePartitions
from resources.hive_formats import (
    columns_as_glue,
    columns_of_glue,
    parameters_of,
    renamed_by,
    storage_of,
)

# Present on every table of ours, and on none of others; empty while a registration is under way.
DIGEST, LAYOUT = "product360.digest", "product360.layout"
# The tag and parameter of databases that are made here.
TAG = {"product360": "catalog"}
# Names of parameters that nobody else gives: of tables, of columns, of what reads JSON.
OURS = ("product360.", "mapping.")
ATTEMPTS = 5


class GlueTables:
    """See `ExternalTables`."""

    def __init__(self, glue: Any) -> None:  # noqa: ANN401 - no types are installed
        self._glue = glue
        self._partitions = GluePartitions(glue, LAYOUT)

    def standing(self) -> Mapping[str, Standing]:
        """See `ExternalTables.standing`. One call for each database and hundred tables."""
        ours = sorted(self._ours(), key=_identifier)
        return {
            _identifier(found): Standing(_table(found), found["Parameters"][DIGEST])
            for found in ours
        }

    def register(
        self, table: ExternalTable, partitions: Sequence[ExternalPartition], *, digest: str
    ) -> Registered:
        """See `ExternalTables.register`."""
        outcome: Outcome = "unchanged"
        first: Differences | None = None
        for _ in range(ATTEMPTS):
            try:
                found = self._described(table)
                if found is None:
                    outcome = "created"
                    continue
                if not _says(found, _input(table, found)):
                    self._update(table, found, digest="")
                    outcome = "updated" if outcome == "unchanged" else outcome
                    continue
                todo = self._partitions.todo(table, partitions)
                first = first or todo
                self._finish(table, found, partitions, todo, digest)
            except self._glue.exceptions.ConcurrentModificationException:
                continue
            return first.told(outcome)
        raise _moved(table)

    def _finish(
        self,
        table: ExternalTable,
        found: Mapping[str, Any] | None,
        partitions: Sequence[ExternalPartition],
        todo: Differences,
        digest: str,
    ) -> None:
        """Change the partitions, under no digest, and keep the new one last."""
        if todo and found and found["Parameters"][DIGEST]:
            self._update(table, found, digest="")
        if todo:
            self._partitions.bring_in_line(table, partitions, todo)
            found = self._found(table.zone, table.name)
        if found and found["Parameters"].get(DIGEST) != digest:
            self._update(table, found, digest=digest)

    def partitions(self, identifier: str) -> list[ExternalPartition]:
        """See `ExternalTables.partitions`."""
        database, _, name = identifier.partition(".")
        found = self._found(database, name) if database in DESCRIBED else None
        if found is None or not _is_ours(found):
            raise entry_missing(identifier)
        standing = self._partitions.standing(database, name)
        return sorted(ExternalPartition(values, where) for values, (where, _) in standing.items())

    def _ours(self) -> Iterator[Mapping[str, Any]]:
        for database in DESCRIBED:
            with answering(f"tables of database {database}"):
                try:
                    pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=database)
                    yield from (
                        found for page in pages for found in page["TableList"] if _is_ours(found)
                    )
                except self._glue.exceptions.EntityNotFoundException:
                    continue

    def _described(self, table: ExternalTable) -> Mapping[str, Any] | None:
        """The table as it stands; None where it had to be created, or somebody was faster."""
        found = self._found(table.zone, table.name)
        if found is None:
            self._create(table)
            return None
        if not _is_ours(found):
            raise refused(
                f"table {table.identifier}",
                found="a table of somebody else under this name",
                expected="a name that is free, or a table that this platform made",
                next_move="rename one of the two: the source in its YAML, or the table in Glue",
            )
        return found

    def _found(self, database: str, name: str) -> Mapping[str, Any] | None:
        with answering(f"table {database}.{name}"):
            try:
                answer = self._glue.get_table(DatabaseName=database, Name=name)
            except self._glue.exceptions.EntityNotFoundException:
                return None
        found: Mapping[str, Any] = answer["Table"]
        return found

    def _create(self, table: ExternalTable) -> None:
        with answering(f"table {table.identifier}"):
            try:
                self._create_in(table)
            except self._glue.exceptions.EntityNotFoundException:
                self._create_database(table.zone)
                self._create_in(table)

    def _create_in(self, table: ExternalTable) -> None:
        try:
            self._glue.create_table(DatabaseName=table.zone, TableInput=_input(table))
        except self._glue.exceptions.AlreadyExistsException:
            # Somebody was faster, or it was us and the answer was lost: what stands is looked at.
            return

    def _create_database(self, name: str) -> None:
        described = {"Name": name, "Description": f"Files of the zone {name}, by batch"}
        try:
            self._glue.create_database(DatabaseInput={**described, "Parameters": TAG}, Tags=TAG)
        except self._glue.exceptions.AlreadyExistsException:
            return

    def _update(self, table: ExternalTable, found: Mapping[str, Any], *, digest: str) -> None:
        """Describe the table anew, if it still is the version that was found."""
        with answering(f"table {table.identifier}"):
            self._glue.update_table(
                DatabaseName=table.zone,
                TableInput=_input(table, found, digest=digest),
                VersionId=found["VersionId"],
                # A version for each batch that comes would hide those that matter.
                SkipArchive=True,
            )


class GlueTablesResource(ExternalTablesResource):
    """The Glue Data Catalog of the account and region that the AWS SDK's settings name."""

    def open(self) -> GlueTables:
        """See `ExternalTablesResource.open`."""
        from resources.aws import client

        return GlueTables(client("glue"))


def _input(
    table: ExternalTable, found: Mapping[str, Any] | None = None, *, digest: str | None = None
) -> dict[str, Any]:
    """The table as Glue is told it; what others have written beside our parameters stays."""
    held = dict((found or {}).get("Parameters", {}))
    others = {name: value for name, value in held.items() if not name.startswith("product360.")}
    return {
        "Name": table.name,
        "Description": one_line(table.doc, DESCRIPTION_LENGTH),
        "Owner": one_line(table.owner),
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": columns_as_glue(table.partitioned_by),
        "StorageDescriptor": storage_of(table, table.location, described=True),
        "Parameters": {
            **others,
            **parameters_of(table),
            LAYOUT: table.layout,
            DIGEST: held.get(DIGEST, "") if digest is None else digest,
        },
    }


def _table(found: Mapping[str, Any]) -> ExternalTable:
    """The entry that a table of ours says; what somebody has taken out of it is empty."""
    storage, parameters = found.get("StorageDescriptor", {}), found["Parameters"]
    told = {name: value for name, value in parameters.items() if name.startswith("product360.")}
    return ExternalTable(
        zone=found["DatabaseName"],
        name=found["Name"],
        doc=found.get("Description", ""),
        owner=found.get("Owner", ""),
        columns=columns_of_glue(storage.get("Columns", ())),
        partitioned_by=columns_of_glue(found.get("PartitionKeys", ())),
        format=parameters.get("classification", ""),
        location=storage.get("Location", ""),
        renamed=renamed_by(storage.get("SerdeInfo", {}).get("Parameters", {})),
        properties={name: told[name] for name in told if name not in (DIGEST, LAYOUT)},
    )


def _says(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the table is as wanted; what Glue adds of its own is left alone."""
    return all(_alike(found.get(name), value) for name, value in wanted.items())


def _alike(found: Any, wanted: Any) -> bool:  # noqa: ANN401 - parts of a document
    if isinstance(wanted, Mapping):
        held = found if isinstance(found, Mapping) else {}
        stale = {name for name in held if name.startswith(OURS)} - wanted.keys()
        return not stale and all(_alike(held.get(name), each) for name, each in wanted.items())
    if isinstance(wanted, list):
        listed = found if isinstance(found, list) else []
        return len(listed) == len(wanted) and all(map(_alike, listed, wanted))
    return bool(found == wanted)


def _is_ours(found: Mapping[str, Any]) -> bool:
    return DIGEST in found.get("Parameters", {})


def _identifier(found: Mapping[str, Any]) -> str:
    return f"{found['DatabaseName']}.{found['Name']}"


def _moved(table: ExternalTable) -> TableMoved:
    return TableMoved(
        f"catalog entry {table.identifier}",
        found=f"another version of it after each of {ATTEMPTS} looks",
        expected="that nobody else changes it at the same time",
        next_move="see who writes to this database (a crawler?), then materialize "
        "catalog/entries again",
    )
