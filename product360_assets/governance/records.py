"""How many records a file in raw holds, and its SHA-256, in one pass over its bytes.

Counted without the engines and without their parsers, so that they can be held against it: lines
that hold anything, a CSV header less, a Parquet footer. The hazard is text that has more than one
reading (a quote that never closes, a broken gzip): such a file is not counted, and says so by None;
its bytes still are what they were.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from product360_assets.core.contract import FileFormat
from resources.arrow_files import file_system
from resources.errors import ObjectMissing
from resources.objects import ObjectStore

_GZIP = b"\x1f\x8b"
# What a blank line may hold, for clean as for us.
_BLANK = bytes(range(33))
_QUOTE = b'"'


@dataclass(frozen=True)
class Bytes:
    """What a file's bytes say; `records` is None where nobody can tell."""

    size: int
    sha256: str
    records: int | None


def measured(store: ObjectStore, key: str, kind: FileFormat) -> Bytes | None:
    """Measure one file; None when it is gone."""
    digest = hashlib.sha256()
    size = 0

    def passing(chunks: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal size
        for chunk in chunks:
            size += len(chunk)
            digest.update(chunk)
            yield chunk

    try:
        chunks = passing(store.stream(key))
        records = _records(chunks, store, key, kind)
        # Whoever counted may have given up before the end.
        for _ in chunks:
            pass
    except ObjectMissing:
        return None
    return Bytes(size, digest.hexdigest(), records)


def _records(chunks: Iterator[bytes], store: ObjectStore, key: str, kind: FileFormat) -> int | None:
    if kind == "parquet":
        return _parquet_records(store, key)
    try:
        lines = _Lines(_unpacked(chunks))
        filled = sum(1 for line in lines if line.strip(_BLANK))
    except (zlib.error, EOFError):
        return None
    if kind == "json" or not filled:
        return filled
    return filled - 1 if not lines.quoted else _csv_records(store, key)


class _Lines:
    """The lines of a text as bytes; `quoted` says whether a quote was seen so far."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.quoted = False
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        left = b""
        for chunk in self._chunks:
            self.quoted = self.quoted or _QUOTE in chunk
            *whole, left = (left + chunk).split(b"\n")
            yield from whole
        yield left


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The text of a file that may be compressed.

    Raises:
        zlib.error, EOFError: it is compressed, and broken or cut.
    """
    first = next(chunks, b"")
    if not first.startswith(_GZIP):
        yield first
        yield from chunks
        return
    unpacker = zlib.decompressobj(wbits=31)
    for chunk in _with_first(first, chunks):
        packed = chunk
        while packed:
            yield unpacker.decompress(packed)
            packed = unpacker.unused_data
            if unpacker.eof and packed:
                unpacker = zlib.decompressobj(wbits=31)
    if not unpacker.eof:
        raise EOFError("the file ends before its compressed content does")


def _with_first(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from chunks


def _csv_records(store: ObjectStore, key: str) -> int | None:
    """Records of a CSV file in which a record may run over lines; None if it is not well-formed."""
    csv.field_size_limit(2**31 - 1)
    text = b"".join(_unpacked(store.stream(key))).decode("utf-8", "surrogateescape")
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), strict=True)
    try:
        rows = [len(row) for row in reader if row]
    except csv.Error:
        return None
    return len(rows) - 1 if len(set(rows)) == 1 else None


def _parquet_records(store: ObjectStore, key: str) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files, root = file_system(store)
    try:
        return int(pq.read_metadata(f"{root}/{key}", filesystem=files).num_rows)
    except (pa.ArrowInvalid, OSError):
        return None
