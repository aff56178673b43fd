"""Which files hold what changed in a table between two of its snapshots.

Each state names its files, so the files that only one of them names hold every row in which the two
differ, whatever came between: appends, merges, compaction, a rollback. What both share is not read,
neither the files nor the manifests that list them, so the cost follows the change and not history.

The hazard is a file that does not say what its table says: delete files take rows out of it, or the
table's columns were others when it was written. And a snapshot that has expired took its files with
it. Then nobody can tell, and that is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from resources.catalog import CatalogResource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pyiceberg.manifest import ManifestEntry, ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata


@dataclass(frozen=True)
class ChangedFiles:
    """URIs of the data files that only the later or only the earlier state has."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def changed_files(
    catalog: CatalogResource, identifier: str, before: int, now: int
) -> ChangedFiles | None:
    """The files in which two states of a table differ; None if that cannot be told any more.

    Args:
        catalog: knows the table.
        identifier: the table, such as `curated.product`.
        before: the earlier snapshot.
        now: the later snapshot.

    Raises:
        TableMissing: the catalog has no such table.
    """
    table = catalog.table(identifier)
    changed = _changed(table, before, now)
    if changed is None or not _are_read_alike(table.metadata, changed.all):
        return None
    return ChangedFiles(tuple(sorted(changed.added)), tuple(sorted(changed.removed)))


def first_changed_day(
    catalog: CatalogResource, identifier: str, before: int, now: int, column: str
) -> date | None:
    """The earliest day in the files in which two states of a table differ, as they say themselves.

    `date.max` if they do not differ at all; None if that cannot be told any more, or if a file does
    not say it. Rows without a day are not looked at.

    Args:
        catalog: knows the table.
        identifier: the table, such as `curated.product`.
        before: the earlier snapshot.
        now: the later snapshot.
        column: a column of days.

    Raises:
        TableMissing: the catalog has no such table.
    """
    table = catalog.table(identifier)
    changed = _changed(table, before, now)
    if changed is None:
        return None
    days = _days(table, changed.all, column)
    return None if days is None else min((least for least, _ in days), default=date.max)


def files_of_their_days(
    catalog: CatalogResource, identifier: str, before: int, now: int, columns: Sequence[str]
) -> tuple[str, ...]:
    """URIs of the later state's files that may hold days of the files in which two states differ.

    All of its files, if days tell nothing.

    Args:
        catalog: knows the table.
        identifier: the table, such as `curated.product`.
        before: the earlier snapshot.
        now: the later snapshot.
        columns: columns of days.

    Raises:
        TableMissing: the catalog has no such table.
    """
    table = catalog.table(identifier)
    changed = _changed(table, before, now)
    entries = changed.all if changed else []
    within = [each for column in columns for each in _within(table, entries, column)]
    scan = table.scan(" AND ".join(within) or "true", snapshot_id=now)
    return tuple(sorted(task.file.file_path for task in scan.plan_files()))


def _within(table: Table, entries: Sequence[ManifestEntry], column: str) -> Iterator[str]:
    """That a day is not outside of those of all entries, where they say theirs."""
    days = _days(table, entries, column)
    if days:
        yield f"{column} >= '{min(first for first, _ in days)}'"
        yield f"{column} <= '{max(last for _, last in days)}'"


def _days(
    table: Table, entries: Iterable[ManifestEntry], column: str
) -> list[tuple[date, date]] | None:
    """The first and the last day in each file; None if one does not say it."""
    field = table.schema().find_field(column).field_id
    found = []
    for entry in entries:
        bounds = (entry.data_file.lower_bounds or {}, entry.data_file.upper_bounds or {})
        if any(field not in bound for bound in bounds):
            return None
        first, last = (_day(bound[field]) for bound in bounds)
        found.append((first, last))
    return found


def _day(bound: bytes) -> date:
    from pyiceberg.conversions import from_bytes
    from pyiceberg.types import DateType

    return date(1970, 1, 1) + timedelta(days=int(from_bytes(DateType(), bound)))


@dataclass(frozen=True)
class _Changed:
    """The entries of files that only the later or only the earlier state has, by their paths."""

    added: Mapping[str, ManifestEntry]
    removed: Mapping[str, ManifestEntry]

    @property
    def all(self) -> list[ManifestEntry]:
        return [*self.added.values(), *self.removed.values()]


def _changed(table: Table, before: int, now: int) -> _Changed | None:
    if before == now:
        return _Changed({}, {})
    states = [_manifests(table, snapshot) for snapshot in (before, now)]
    if any(manifests is None for manifests in states):
        return None
    earlier, later = (manifests or {} for manifests in states)
    was = _entries(table, (earlier[path] for path in earlier.keys() - later.keys()))
    is_now = _entries(table, (later[path] for path in later.keys() - earlier.keys()))
    return _Changed(
        added={path: is_now[path] for path in is_now.keys() - was.keys()},
        removed={path: was[path] for path in was.keys() - is_now.keys()},
    )


def _manifests(table: Table, snapshot_id: int) -> Mapping[str, ManifestFile] | None:
    """The manifests of a snapshot's data, by path; None without it, or if rows are taken out."""
    from pyiceberg.manifest import ManifestContent

    snapshot = table.metadata.snapshot_by_id(snapshot_id)
    if snapshot is None:
        return None
    manifests = snapshot.manifests(table.io)
    if any(
        each.content == ManifestContent.DELETES
        and (each.has_added_files() or each.has_existing_files())
        for each in manifests
    ):
        return None
    return {each.manifest_path: each for each in manifests}


def _entries(table: Table, manifests: Iterable[ManifestFile]) -> dict[str, ManifestEntry]:
    return {
        entry.data_file.file_path: entry
        for manifest in manifests
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
    }


def _are_read_alike(metadata: TableMetadata, entries: Iterable[ManifestEntry]) -> bool:
    """Whether the files were written with the columns that the table has now."""
    layouts = {
        schema.schema_id: tuple((field.name, str(field.field_type)) for field in schema.fields)
        for schema in metadata.schemas
    }
    if len(set(layouts.values())) == 1:
        return True
    wanted = layouts[metadata.current_schema_id]
    return all(layouts.get(_schema_of(metadata, entry)) == wanted for entry in entries)


def _schema_of(metadata: TableMetadata, entry: ManifestEntry) -> int:
    """The schema in force when a file was added; -1 if its snapshot has expired or names none."""
    snapshot = metadata.snapshot_by_id(entry.snapshot_id) if entry.snapshot_id else None
    return -1 if snapshot is None or snapshot.schema_id is None else snapshot.schema_id
