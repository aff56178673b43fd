"""Accounting: every row of a batch is in clean or in quarantine, and nothing else is.

The job says how many rows it read, kept and rejected. That is a claim. It is held against what the
written files themselves say, read from their footers, and against what the delivering side said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from product360_assets.clean.drift import HELD
from product360_assets.clean.request import CleanUnit, RawBatch
from product360_assets.raw.acceptance import DELIVERED_ROWS
from resources.arrow_files import file_system, parquet_keys
from resources.jobs import JobResult
from resources.objects import ObjectStore

if TYPE_CHECKING:
    from pyarrow import ChunkedArray, Table
    from pyarrow.parquet import FileMetaData


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


def null_counts(unit: CleanUnit, *, clean: ObjectStore) -> dict[str, dict[str, int]]:
    """Batch id → nulls by nullable column, from the footers of the files that clean holds.

    A column whose writer left no statistics is not counted, in no batch of the unit.
    """
    columns = {column.name for column in unit.table.published_columns if column.published_nullable}
    if not columns:
        return {}
    counted: dict[str, Counter[str]] = {}
    for batch_id, footer in _footers(clean, unit.prefix):
        nulls = counted.setdefault(batch_id, Counter(dict.fromkeys(columns, 0)))
        for group in map(footer.row_group, range(footer.num_row_groups)):
            for chunk in map(group.column, range(group.num_columns)):
                if chunk.path_in_schema not in columns:
                    continue
                if chunk.statistics is None or not chunk.statistics.has_null_count:
                    columns.discard(chunk.path_in_schema)
                else:
                    nulls[chunk.path_in_schema] += chunk.statistics.null_count
    return {
        batch_id: {column: nulls[column] for column in sorted(columns)}
        for batch_id, nulls in counted.items()
    }


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
    if HELD in said.details:
        return None  # none of its rows was to be read
    delivered = raw.state.details.get(DELIVERED_ROWS)
    if delivered is not None and int(delivered) != said.rows_in:
        return f"{delivered} rows delivered, but {said.rows_in} read"
    return None


def _kept_by_batch(clean: ObjectStore, prefix: str) -> Counter[str]:
    """Rows by the `batch=` folder that their file is in, from the files' footers."""
    rows = Counter[str]()
    for batch_id, footer in _footers(clean, prefix):
        rows[batch_id] += footer.num_rows
    return rows


def _footers(clean: ObjectStore, prefix: str) -> Iterator[tuple[str, FileMetaData]]:
    """Each file's batch and footer."""
    import pyarrow.parquet as pq

    files, root = file_system(clean)
    for key in parquet_keys(clean, f"{prefix}/"):
        yield _batch_of(key), pq.read_metadata(f"{root}/{key}", filesystem=files)


def _rejected_by_batch(clean: ObjectStore, prefix: str) -> Counter[str]:
    """Rows by the batch in whose accounts they are; a unit's batches share one quarantine."""
    import pyarrow.parquet as pq

    files, root = file_system(clean)
    rows = Counter[str]()
    for key in parquet_keys(clean, f"{prefix}/"):
        with files.open_input_file(f"{root}/{key}") as file:
            found = pq.ParquetFile(file).read(columns=["_batch_id", "_correction_id"])
        for count in accounted(found).value_counts().to_pylist():
            rows[count["values"]] += count["counts"]
    return rows


def accounted(rows: Table) -> ChunkedArray:
    """For each row the batch in whose accounts it is: its correction's, where it is one."""
    import pyarrow.compute as pc

    return pc.coalesce(rows.column("_correction_id"), rows.column("_batch_id"))


def _batch_of(key: str) -> str:
    for folder in key.split("/"):
        name, _, value = folder.partition("=")
        if name == "batch":
            return value
    return ""
