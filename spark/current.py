"""Takes changes into a table of what stands now: read, fold, merge, report, always in this way.

A job says which clean tables a row is made of, which transform makes it, and which keys are gone;
the rest stands here. The hazard is the full load, which deletes without a word what it lacks: those
keys are looked for in the published table, when the load is taken in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spark.deletions import deleted_keys, opens_epoch, superseded_keys
from spark.publishing import batch_results, merge_rows, required_batches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Callable

    from pyspark.sql import DataFrame, SparkSession

    from spark.report import Report
    from spark.tables import Table


def publish_current(
    session: SparkSession,
    spec: Mapping[str, Any],
    report: Report,
    table: Table,
    inputs: Sequence[str],
    rows: Callable[..., DataFrame],
    gone: Callable[..., DataFrame] | None = None,
) -> None:
    """Merge what stands after all changes of the inputs into the spec's target, in one commit.

    Args:
        session: the engine's session.
        spec: the job's document.
        report: gets one result for each new batch.
        table: what the target is.
        inputs: clean tables, read whole from the newest load on. What else the spec has batches of
            only asked for this job, and is reported with no rows.
        rows: makes the table's rows of the inputs, in their order.
        gone: makes `spark.deletions.deleted_keys` of them; left out where nothing is ever deleted.
    """
    frames = {name: required_batches(session, spec, name) for name in inputs}
    changes = list(frames.values())
    deleted = gone(*changes) if gone is not None else None
    merge_rows(session, rows(*changes), table, spec["target"], deleted=deleted)
    asked = {name: frames.get(name) for name in spec["inputs"]}
    report.results(batch_results(spec, table.identifier, asked))


def gone_keys(
    published: DataFrame, spec: Mapping[str, Any], name: str, changes: DataFrame, key: Sequence[str]
) -> DataFrame:
    """Keys that were deleted, one by one or by a load that lacks them, as `deleted_keys`.

    Args:
        published: rows of the table that stem from the input.
        spec: the job's document.
        name: the input.
        changes: its clean rows.
        key: the table's key.
    """
    deleted = deleted_keys(changes, key)
    if not opens_epoch(spec, name):
        return deleted
    epoch = spec["inputs"][name]["epoch"]
    return deleted.unionAll(superseded_keys(published, changes, key, epoch))
