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
from typing import TYPE_CHECKING

from resources.catalog import CatalogResource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    if before == now:
        return ChangedFiles()
    table = catalog.table(identifier)
    states = [_manifests(table, snapshot) for snapshot in (before, now)]
    if any(manifests is None for manifests in states):
        return None
    earlier, later = (manifests or {} for manifests in states)
    entries_before = _entries(table, (earlier[path] for path in earlier.keys() - later.keys()))
    entries_now = _entries(table, (later[path] for path in later.keys() - earlier.keys()))
    added = {path: entries_now[path] for path in entries_now.keys() - entries_before.keys()}
    removed = {path: entries_before[path] for path in entries_before.keys() - entries_now.keys()}
    if not _are_read_alike(table.metadata, [*added.values(), *removed.values()]):
        return None
    return ChangedFiles(tuple(sorted(added)), tuple(sorted(removed)))


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
