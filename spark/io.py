"""The only readers and writers of the jobs.

Three hazards of Sail, each met here and nowhere else. A path that does not exist reads as empty, so
what is read is listed first (by the file system where it is ours: Sail leaves empty files out).
`mode("overwrite")` clears the whole folder, partitions of other calls
included, so every call writes to a folder of its own. A frame without rows writes no file, so an
empty dataset gets its first file from this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from spark.failures import DeliveryMissing

# What an engine raises when it cannot read or compute something: Connect, classic, JVM.
ENGINE_ERRORS = (PySparkException, Py4JError)


@dataclass(frozen=True)
class Written:
    """What a dataset's folder holds."""

    files: int
    bytes: int


def union(frames: Sequence[DataFrame]) -> DataFrame:
    """All rows of all frames, by position. Balanced: a chain of 150 is too deep for a plan."""
    if len(frames) == 1:
        return frames[0]
    middle = len(frames) // 2
    return union(frames[:middle]).unionAll(union(frames[middle:]))


def file_sizes(session: SparkSession, uris: Sequence[str]) -> dict[str, int]:
    """Bytes of each file.

    Raises:
        DeliveryMissing: a file is not there.
    """
    found: dict[str, int] = {}
    for uri in uris:
        path = _local_path(uri)
        if path is not None and path.is_file():
            found[_place(uri)] = path.stat().st_size
    remote = [uri for uri in uris if _local_path(uri) is None]
    if remote:
        try:
            found.update({_place(path): size for path, size in _listing(session, remote)})
        except AnalysisException as error:
            raise DeliveryMissing(f"Files to read: {error}. Expected all {len(uris)}.") from error
    missing = [uri for uri in uris if _place(uri) not in found]
    if missing:
        raise DeliveryMissing(
            f"Files to read: {len(missing)} of {len(uris)} are not there, such as {missing[0]}. "
            "Accept the batch again, or look for who deleted them."
        )
    return {uri: found[_place(uri)] for uri in uris}


def written(session: SparkSession, uri: str) -> dict[str, Written]:
    """Data files below a folder, by the name of the folder that they lie in."""
    folders: dict[str, list[int]] = {}
    for path, size in _listing(session, [uri]):
        folder, _, name = path.rpartition("/")
        if not name.startswith(("_", ".")):
            folders.setdefault(unquote(folder.rpartition("/")[2]), []).append(size)
    return {name: Written(len(sizes), sum(sizes)) for name, sizes in folders.items()}


def read_rows(session: SparkSession, uris: Sequence[str], columns: Iterable[str]) -> DataFrame:
    """Columns of the Parquet datasets under the URIs, each of which must hold a file."""
    return session.read.parquet(*uris).select(*columns)


def write_rows(frame: DataFrame, uri: str, *, folders: str | None = None) -> None:
    """Write Parquet in place of whatever is under the URI.

    Args:
        frame: the rows; when it has none, a file without rows is written, so that readers find
            the columns.
        uri: a folder that belongs to this dataset alone.
        folders: column whose values become sub-folders; it must not be null.
    """
    writer = frame.write.mode("overwrite").option("compression", "zstd")
    if folders is None:
        writer.parquet(uri)
        _ensure_first_file(frame, uri)
    else:
        writer.partitionBy(folders).parquet(uri)


def write_no_rows(frame: DataFrame, uri: str) -> None:
    """Write the frame's columns without any row."""
    write_rows(frame.where("1 = 0"), uri)


def forget(session: SparkSession, uri: str) -> None:
    """Give back the space of a staging dataset; an empty remainder may stay."""
    session.sql("SELECT 1 AS nothing").where("1 = 0").write.mode("overwrite").parquet(uri)


def _listing(session: SparkSession, uris: Sequence[str]) -> list[tuple[str, int]]:
    files = session.read.format("binaryFile").load(list(uris)).select("path", "length")
    return [(str(path), int(length)) for path, length in files.collect()]


def _place(uri: str) -> str:
    """A path that is equal however an engine spells it: file:///a, file:/a and a are one."""
    scheme, colon, rest = uri.partition(":/")
    return unquote(rest if colon and "/" not in scheme else uri).lstrip("/")


def _local_path(uri: str) -> Path | None:
    """The path of a file:// URI; URIs are literal here, not percent-encoded."""
    return Path(uri[len("file://") :]) if uri.startswith("file:///") else None


def _ensure_first_file(frame: DataFrame, uri: str) -> None:
    folder = _local_path(uri)
    if folder is None or any(folder.glob("*.parquet")):
        return
    # Only Spark Connect engines come here, and pyarrow is part of their client.
    import pyarrow.parquet
    from pyspark.sql.pandas.types import to_arrow_schema

    schema: Any = to_arrow_schema(frame.schema)
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(schema.empty_table(), folder / "part-00000.parquet")
