"""Takes new changes of a source's table into a history, and folds the keys that they touch anew.

Clean keeps every change, so it is the history's memory, and nothing has to be remembered beside it:
the changes of the keys that new batches touch are folded anew, and what comes out takes the place
of what the table holds of these keys. A new full load touches all keys, those that it lacks too.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pyspark.sql.functions import broadcast

from spark.publishing import batch_results, replace_keys, required_batches
from spark.transforms.history import History, Load, periods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

    from spark.report import Report


def publish_history(
    session: SparkSession, spec: Mapping[str, Any], report: Report, what: History
) -> None:
    """Bring the history of every key that the new batches touch up to date, in one commit."""
    log = required_batches(session, spec, what.input, every_epoch=True)
    new = required_batches(session, spec, what.input, every_epoch=True, only_new=True)
    keys = (
        None if _touches_all(spec, what.input) else what.prepare(new).select(*what.key).distinct()
    )
    if keys is not None:
        log = broadcast(keys).join(log, on=what.key, how="inner").select(*log.columns)
    rows = periods(log, what, _loads(spec, what.input))
    replace_keys(session, rows, what.table, spec["target"], keys)
    report.results(batch_results(spec, what.table.identifier, {what.input: new}))


def _touches_all(spec: Mapping[str, Any], name: str) -> bool:
    """Whether all batches are new, or one of them opens an epoch that others came before."""
    batches = spec["inputs"][name]["batches"]
    earliest = min(batch["epoch"] for batch in batches)
    loads = [batch for batch in batches if batch["is_new"] and batch["kind"] == "load"]
    return all(batch["is_new"] for batch in batches) or any(
        batch["epoch"] > earliest for batch in loads
    )


def _loads(spec: Mapping[str, Any], name: str) -> list[Load]:
    return [
        Load(batch["batch_id"], batch["epoch"], date.fromisoformat(batch["landing_date"]))
        for batch in spec["inputs"][name]["batches"]
        if batch["kind"] == "load"
    ]
