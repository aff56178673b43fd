"""The zones of the lake as write-once object stores: a folder locally, a bucket on AWS.

One class for both. What is written is whole, durable and never overwritten: there is no method that
replaces an object. `accept` is how delivered bytes enter raw: unchanged, hashed while they are
copied, and a second delivery of the same bytes is recognised instead of written.

The hazard: a delivering service may rewrite its object between listing and copying. Pass the listed
version to `accept`; without it, whatever stands under the key at that moment is copied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, get_args
from urllib.parse import urlsplit

import dagster as dg
from pydantic import PrivateAttr

from resources.errors import DeleteRefused, ObjectChanged, ObjectExists, ObjectMissing
from resources.hashing import hashed, sha256_of
from resources.keys import is_unfinished, valid_key

Zone = Literal["landing", "raw", "clean", "curated", "forecast", "results"]

# Delivering services clean up their own area, and results are the reader's own; all else is kept.
DELETABLE: frozenset[Zone] = frozenset({"landing", "results"})
# Zones that keep objects, but for those that tell of an erased subject.
ERASABLE: frozenset[Zone] = frozenset({"clean"})
# Zones that published tables lie in; each is a database of the Glue Data Catalog.
PUBLISHED: frozenset[Zone] = frozenset({"curated", "forecast"})

CHUNK_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class ObjectInfo:
    """One object; `size` in bytes, `etag` the store's version of these bytes, `modified` in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class CopiedObject:
    """The outcome of a copy; `created` is False when identical bytes were there already."""

    key: str
    size: int
    sha256: str
    created: bool


class Backend(Protocol):
    """What a kind of storage does for `ObjectStore`.

    Missing objects raise FileNotFoundError; a key that is taken raises FileExistsError, after all
    chunks were consumed, so that their hash is known.
    """

    uri: str

    def create(self, key: str, chunks: Iterable[bytes], *, size: int) -> None:
        """Write a new object of these bytes, whole or not at all."""

    def copy(self, key: str, source: Backend, info: ObjectInfo, chunks: Iterable[bytes]) -> None:
        """Write a new object of the source's bytes, which are `chunks`; exhausts them."""

    def open(self, key: str, chunk_bytes: int) -> tuple[ObjectInfo, Iterator[bytes]]:
        """The object as it is now, and its bytes."""

    def head(self, key: str) -> ObjectInfo:
        """The object as it is now."""

    def list(self, folder: str) -> Iterable[ObjectInfo]:
        """All objects below a folder ("" for all), in any order."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""


class ObjectStore:
    """The objects of one bucket. Safe to use from several threads and processes at once.

    Every method that names a missing object raises ObjectMissing; when the storage itself does not
    answer, ServiceUnavailable.
    """

    def __init__(self, bucket: str, backend: Backend, zone: Zone) -> None:
        self.bucket = bucket
        self.uri = backend.uri
        self._backend = backend
        self._zone = zone

    def __repr__(self) -> str:
        return f"ObjectStore({self.uri!r})"

    def uri_of(self, key: str) -> str:
        """The URI by which engines read this object, or all below it when it ends in "/".

        Literal, not percent-encoded, because engines disagree on encoding.

        Raises:
            KeyInvalid: engines would not agree on what the URI means.
        """
        valid_key(key.removesuffix("/"))
        return f"{self.uri}/{key}"

    def put(self, key: str, data: bytes) -> ObjectInfo:
        """Create an object of these bytes.

        Raises:
            ObjectExists: the key holds an object already, whatever its bytes.
            KeyInvalid: no such key can be.
        """
        return self._create(key, [data], size=len(data))

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Create an object of a file's bytes, streaming; the file stays.

        Raises:
            ObjectExists: the key holds an object already, whatever its bytes.
            KeyInvalid: no such key can be.
        """
        with path.open("rb", buffering=0) as file:
            chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
            return self._create(key, chunks, size=path.stat().st_size)

    def head(self, key: str) -> ObjectInfo:
        """The object's size, version and time."""
        try:
            return self._backend.head(key)
        except FileNotFoundError as error:
            raise self._missing(key) from error

    def read(self, key: str) -> bytes:
        """All bytes of an object that is known to be small."""
        return b"".join(self.stream(key))

    def stream(self, key: str, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        """The object's bytes in order, about `chunk_bytes` at a time."""
        return self._open(key, chunk_bytes)[1]

    def list(self, prefix: str = "", *, unfinished: bool = False) -> Iterator[ObjectInfo]:
        """Objects whose key starts with `prefix`, by key; `unfinished` writes only if asked for."""
        folder = prefix.rpartition("/")[0]
        found = (
            info
            for info in self._backend.list(folder)
            if info.key.startswith(prefix) and (unfinished or not is_unfinished(info.key))
        )
        return iter(sorted(found, key=lambda info: info.key))

    def delete(self, key: str, *, erased: bool = False) -> None:
        """Remove an object, which may tell of an `erased` subject; one not there is no error.

        Raises:
            DeleteRefused: the zone keeps what was written.
        """
        if self._zone not in (DELETABLE | ERASABLE if erased else DELETABLE):
            raise DeleteRefused(
                self._name(key),
                found=f"a request to delete from {self.bucket}, where objects are kept for ever",
                expected=f"deletes in {' and '.join(sorted(DELETABLE))} only",
                next_move="leave the object; write a new one under another key",
            )
        self._backend.delete(key)

    def accept(
        self, source: ObjectStore, source_key: str, key: str, *, version: str | None = None
    ) -> CopiedObject:
        """Copy an object from another store, unchanged and hashed, if it is not here already.

        Args:
            source: where the object was delivered.
            source_key: its key there.
            key: its key here.
            version: the etag it must have there.

        Raises:
            ObjectMissing: the source object is gone.
            ObjectChanged: the source object is not that version.
            ObjectExists: the key here holds other bytes.
            KeyInvalid: no such key can be here.
        """
        valid_key(key)
        info, chunks = source._open(source_key, CHUNK_BYTES)
        if version is not None and info.etag != version:
            raise _changed(source, info, version)
        if self._holds(key):
            return self._recognise(key, info.size, sha256_of(chunks))
        digest = hashlib.sha256()
        try:
            self._backend.copy(key, source._backend, info, hashed(chunks, digest))
        except FileNotFoundError as error:
            raise source._missing(source_key) from error
        except FileExistsError:
            # Another writer was first; its bytes decide, as if they had been here before.
            return self._recognise(key, info.size, digest.hexdigest())
        return CopiedObject(key, info.size, digest.hexdigest(), created=True)

    def _recognise(self, key: str, size: int, delivered: str) -> CopiedObject:
        """The object under `key`, if its bytes have the delivered SHA-256."""
        here = self.head(key)
        if here.size == size and sha256_of(self.stream(key)) == delivered:
            return CopiedObject(key, size, delivered, created=False)
        raise ObjectExists(
            self._name(key),
            found=f"{here.size} bytes, not those to be accepted ({size} bytes, {delivered})",
            expected="no object, or the same bytes",
            next_move="accept this delivery under another key; what is written stays as it is",
        )

    def _create(self, key: str, chunks: Iterable[bytes], *, size: int) -> ObjectInfo:
        try:
            self._backend.create(valid_key(key), chunks, size=size)
        except FileExistsError as error:
            raise ObjectExists(
                self._name(key),
                found="an object under this key",
                expected="none, because objects are written once",
                next_move="use the object that is there, or write under another key",
            ) from error
        return self.head(key)

    def _open(self, key: str, chunk_bytes: int) -> tuple[ObjectInfo, Iterator[bytes]]:
        try:
            return self._backend.open(key, chunk_bytes)
        except FileNotFoundError as error:
            raise self._missing(key) from error

    def _holds(self, key: str) -> bool:
        try:
            self._backend.head(key)
        except FileNotFoundError:
            return False
        return True

    def _name(self, key: str) -> str:
        return f"{self.uri}/{key}"

    def _missing(self, key: str) -> ObjectMissing:
        return ObjectMissing(
            self._name(key),
            found="no object under this key",
            expected="an object",
            next_move=f"list {self.bucket} to see what is there",
        )


def _changed(store: ObjectStore, info: ObjectInfo, version: str) -> ObjectChanged:
    return ObjectChanged(
        f"{store.uri}/{info.key}",
        found=f"version {info.etag} of {info.size} bytes, modified {info.modified.isoformat()}",
        expected=f"version {version}",
        next_move="list again: the new version is a delivery of its own",
    )


class LakeResource(dg.ConfigurableResource[Any]):
    """The zones of the lake.

    Attributes:
        uri: `file:///folder` holds one folder per zone; `s3://prefix` means buckets `prefix-zone`.
        events: local: the folder queue in which writes to landing are announced; "" for none.
    """

    uri: str
    events: str = ""
    _zones: dict[Zone, ObjectStore] = PrivateAttr(default_factory=dict)

    def zone(self, name: Zone) -> ObjectStore:
        """The objects of one zone. Nothing is contacted before the first read or write."""
        if name not in get_args(Zone):
            raise KeyError(name)
        if name not in self._zones:
            self._zones[name] = self._open_zone(name)
        return self._zones[name]

    def _open_zone(self, name: Zone) -> ObjectStore:
        parts = urlsplit(self.uri)
        if parts.scheme == "s3":
            from resources.s3 import Bucket

            bucket = f"{parts.netloc}-{name}"
            return ObjectStore(bucket, Bucket(bucket), name)
        from resources.local.announcing import AnnouncingFolder
        from resources.local.events import FolderQueue
        from resources.local.folder import Folder

        folder: Backend = Folder(Path(self.uri.removeprefix("file://")) / name)
        if name == "landing" and self.events:
            folder = AnnouncingFolder(folder, name, FolderQueue(Path(self.events)))
        return ObjectStore(name, folder, name)
