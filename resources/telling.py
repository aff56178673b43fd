"""Which snapshots of a table tell of a key: by a file that they name, or by what they say of files.

A manifest keeps the least and greatest value of each column of a file, also of one that was removed
since. Snapshots share their manifests, so each of these is read once, however many there are.

The hazard is a long text: writers keep the first sixteen characters of it as a bound, which is not
the key and is not recognised as one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile, ManifestEntryStatus, ManifestFile
from pyiceberg.table import Table
from pyiceberg.types import PrimitiveType

from resources.orphans import place_of


def snapshots_that_tell(
    table: Table, places: Collection[str], column: str, key: str
) -> tuple[int, ...]:
    """Ids of the snapshots that tell of the key, in the order of the table's metadata.

    Args:
        table: the table as it is now.
        places: where files are that hold the key, see `place_of`.
        column: the column that holds such keys.
        key: the key as text.
    """
    told: dict[str, bool] = {}
    found = []
    for snapshot in table.metadata.snapshots:
        manifests = snapshot.manifests(table.io)
        for each in manifests:
            if each.manifest_path not in told:
                told[each.manifest_path] = _tells(table, each, places, column, key)
        if any(told[each.manifest_path] for each in manifests):
            found.append(snapshot.snapshot_id)
    return tuple(found)


def _tells(
    table: Table, manifest: ManifestFile, places: Collection[str], column: str, key: str
) -> bool:
    return any(
        key in _bounds(table, entry.data_file, column)
        or (
            entry.status != ManifestEntryStatus.DELETED
            and place_of(entry.data_file.file_path) in places
        )
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False)
    )


def _bounds(table: Table, file: DataFile, column: str) -> set[str]:
    """The least and greatest value of the column in the file, as text, where they are known."""
    field = table.schema().find_field(column)
    kind = cast(PrimitiveType, field.field_type)
    return {
        str(from_bytes(kind, bounds[field.field_id]))
        for bounds in (file.lower_bounds, file.upper_bounds)
        if bounds and field.field_id in bounds
    }
