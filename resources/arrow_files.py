"""Arrow's view of a zone, for reading parts of files: footers, single columns, a few rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resources.s3_files import SCHEME, lie_in_s3

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

    from resources.objects import ObjectStore


def file_system(store: ObjectStore) -> tuple[FileSystem, str]:
    """Arrow's file system for a store, and the path of the store's root there."""
    from pyarrow import fs

    if store.uri.startswith("file://"):
        # Not by its URI: ours are literal, and Arrow would decode them.
        return fs.LocalFileSystem(), store.uri.removeprefix("file://")
    found, root = fs.FileSystem.from_uri(store.uri)
    return found, root


def located(uris: Sequence[str]) -> tuple[FileSystem, list[str]]:
    """Arrow's file system for files of one kind of store, and their paths there."""
    from pyarrow import fs

    if not lie_in_s3(uris):
        return fs.LocalFileSystem(), [each.removeprefix("file://") for each in uris]
    found, _ = fs.FileSystem.from_uri(uris[0])
    return found, [each.removeprefix(f"{SCHEME}://") for each in uris]


def parquet_keys(store: ObjectStore, prefix: str, *, unfinished: bool = False) -> list[str]:
    """The keys of the Parquet files below a prefix, which ends in "/"; see `ObjectStore.list`."""
    found = store.list(prefix, unfinished=unfinished)
    return [info.key for info in found if info.key.endswith(".parquet")]
