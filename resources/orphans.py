"""Orphans: files below a table that none of its snapshots names, left by failures and by expiry.

The hazard is a file that is not named *yet*: a write puts its files there first and commits last.
So a file counts as an orphan only when it is older than the longest write, and older than
everything that is known to be under way; the limits come from `resources.maintenance`. The other
hazard is a name that is written differently here and there: unless every file that the table names
is found among those that are there, names are not understood and nothing is removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from resources.errors import JobFailed, MaintenanceRefused
from resources.objects import ObjectStore


@dataclass(frozen=True)
class Orphan:
    """One file that no snapshot names; `size` in bytes, `modified` in UTC."""

    uri: str
    size: int
    modified: datetime


def orphans(table: Table, store: ObjectStore, *, before: datetime) -> list[Orphan]:
    """The table's orphans that were last written before that time, by name.

    Args:
        table: the table as it is now.
        store: the zone that the table lies in.
        before: everything younger may be part of a write that is under way.

    Raises:
        MaintenanceRefused: a file that the table names is not there under that name.
    """
    return [each for each in _nameless(table, store) if each.modified < before]


def released(table: Table, store: ObjectStore, uris: Collection[str]) -> list[Orphan]:
    """Those of the files that no snapshot names any more, by name, however young they are.

    Args:
        table: the table as it is now.
        store: the zone that the table lies in.
        uris: files that snapshots of the table named once: so no write under way waits for them.

    Raises:
        MaintenanceRefused: a file that the table names is not there under that name.
    """
    places = {place_of(uri) for uri in uris}
    return [each for each in _nameless(table, store) if place_of(each.uri) in places]


def _nameless(table: Table, store: ObjectStore) -> list[Orphan]:
    table.refresh()
    current = [task.file.file_path for task in table.scan().plan_files()]
    there = [
        Orphan(store.uri_of(each.key), each.size, each.modified)
        for each in store.list(folder_in(table, store))
    ]
    _require_understood(table, current, {place_of(each.uri) for each in there})
    # Read after the listing: a commit that came meanwhile names some of what was listed.
    table.refresh()
    named = {place_of(uri) for uri in named_files(table)}
    return [each for each in there if place_of(each.uri) not in named]


def remove(table: Table, found: Sequence[Orphan]) -> int:
    """Delete the orphans; returns how many files of the current state were found there afterwards.

    Raises:
        JobFailed: a file that the table needs is gone.
        MaintenanceRefused: the table names one of them by now; nothing was removed.
    """
    table.refresh()
    named = {place_of(uri) for uri in named_files(table)}
    for orphan in found:
        if place_of(orphan.uri) in named:
            raise MaintenanceRefused(
                f"removing {orphan.uri}",
                found="a snapshot that names it since it was planned",
                expected="a file that nothing names",
                next_move="plan again, with a window that is longer than the longest write",
            )
    for orphan in found:
        table.io.delete(orphan.uri)
    return _require_whole(table)


def _require_whole(table: Table) -> int:
    files = [task.file.file_path for task in table.scan().plan_files()]
    lost = [uri for uri in files if not table.io.new_input(uri).exists()]
    if lost:
        raise JobFailed(
            f"table {'.'.join(table.name())}",
            found=f"{len(lost)} of its {len(files)} files gone, such as {lost[0]}",
            expected="every file that its current state names",
            next_move="go back to a tag with `product360 rollback`, or rebuild it from raw",
        )
    return len(files)


def named_files(table: Table) -> Iterator[str]:
    """URIs of every file that the table's metadata names, of all its snapshots."""
    metadata = table.metadata
    yield table.metadata_location
    yield from (entry.metadata_file for entry in metadata.metadata_log)
    yield from (each.statistics_path for each in metadata.statistics)
    yield from (each.statistics_path for each in metadata.partition_statistics)
    yield from files_of(table, metadata.snapshots)


def files_of(table: Table, snapshots: Iterable[Snapshot]) -> Iterator[str]:
    """URIs of the files that these snapshots name: lists of manifests, manifests, and data."""
    seen: set[str] = set()
    for snapshot in snapshots:
        yield snapshot.manifest_list
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path in seen:
                continue
            seen.add(manifest.manifest_path)
            yield manifest.manifest_path
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                yield entry.data_file.file_path


def _require_understood(table: Table, current: Sequence[str], listed: Collection[str]) -> None:
    missing = sorted(uri for uri in current if place_of(uri) not in listed)
    if missing:
        raise MaintenanceRefused(
            f"removing orphans of {'.'.join(table.name())}",
            found=f"{len(missing)} of its {len(current)} files not below {table.location()}, such "
            f"as {missing[0]}",
            expected="every file that the table names, under the name that it has there",
            next_move="look whether the table was moved or the file is lost; nothing was removed",
        )


def folder_in(table: Table, store: ObjectStore) -> str:
    """The folder of the table in its zone, with a slash at its end."""
    return place_of(table.location()).removeprefix(place_of(store.uri)).strip("/") + "/"


def place_of(uri: str) -> str:
    """A file's place however its URI is written: `file:/a`, `file:///a`, `s3a://b/c`, `%20`."""
    parts = urlsplit(uri)
    return f"{parts.netloc}/{unquote(parts.path).lstrip('/')}"
