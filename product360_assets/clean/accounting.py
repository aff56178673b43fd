"""Accounting: every row of a batch is in clean or in quarantine, and nothing else is.

The job says how many rows it read, kept and rejected. That is a claim. It is held against what the
written files themselves say, read from their footers, and against what the delivering side said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from product360_assets.clean.request import CleanUnit, RawBatch
from product360_assets.raw.acceptance import DELIVERED_ROWS
from resources.jobs import JobResult
from resources.objects import ObjectStore

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


def discrepancies(
    unit: CleanUnit, results: Sequence[JobResult], *, clean: ObjectStore
) -> dict[str, str]:
    """Batch id → what does not add up, for the batches of a unit where something does not."""
    kept = _kept_by_batch(clean, unit.prefix)
    rejected = _rejected_by_batch(clean, unit.quarantine_prefix)
    found: dict[str, str] = {}
    for raw in unit.batches:
        batch_id = raw.batch.batch_id
        reported = [each for each in results if each.batch_id == batch_id]
        problem = (
            f"{len(reported)} results in the job's report, not one"
            if len(reported) != 1
            else _problem(
                raw,
                reported[0],
                kept=kept[batch_id],
                rejected=rejected[batch_id],
            )
        )
        if problem:
            found[batch_id] = problem
    return found


def _problem(raw: RawBatch, said: JobResult, *, kept: int, rejected: int) -> str | None:
    if said.rows_in != said.rows_out + said.rows_quarantined:
        return (
            f"{said.rows_in} rows read, but {said.rows_out} kept and "
            f"{said.rows_quarantined} quarantined"
        )
    if kept != said.rows_out:
        return f"{said.rows_out} rows reported as kept, but {kept} in the files"
    if rejected != said.rows_quarantined:
        return f"{said.rows_quarantined} rows reported as quarantined, but {rejected} in the files"
    delivered = raw.state.details.get(DELIVERED_ROWS)
    if delivered is not None and int(delivered) != said.rows_in:
        return f"{delivered} rows delivered, but {said.rows_in} read"
    return None


def _kept_by_batch(clean: ObjectStore, prefix: str) -> Counter[str]:
    """Rows by the `batch=` folder that their file is in, from the files' footers."""
    import pyarrow.parquet as pq

    files, root = file_system(clean)
    rows = Counter[str]()
    for key in _parquet_keys(clean, prefix):
        footer = pq.read_metadata(f"{root}/{key}", filesystem=files)
        rows[_batch_of(key)] += footer.num_rows
    return rows


def _rejected_by_batch(clean: ObjectStore, prefix: str) -> Counter[str]:
    """Rows by the batch that they name; quarantine keeps all batches of a unit together."""
    import pyarrow.parquet as pq

    files, root = file_system(clean)
    rows = Counter[str]()
    for key in _parquet_keys(clean, prefix):
        with files.open_input_file(f"{root}/{key}") as file:
            named = pq.ParquetFile(file).read(columns=["_batch_id"]).column("_batch_id")
        for count in named.value_counts().to_pylist():
            rows[count["values"]] += count["counts"]
    return rows


def _parquet_keys(store: ObjectStore, prefix: str) -> list[str]:
    return [info.key for info in store.list(f"{prefix}/") if info.key.endswith(".parquet")]


def _batch_of(key: str) -> str:
    for folder in key.split("/"):
        name, _, value = folder.partition("=")
        if name == "batch":
            return value
    return ""


def file_system(store: ObjectStore) -> tuple[FileSystem, str]:
    """Arrow's view of a store, for reading parts of files, and the path of its root there."""
    from pyarrow import fs

    if store.uri.startswith("file://"):
        # Not by its URI: ours are literal, and Arrow would decode them.
        return fs.LocalFileSystem(), store.uri.removeprefix("file://")
    found, root = fs.FileSystem.from_uri(store.uri)
    return found, root
