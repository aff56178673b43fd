"""From a change log to what was so when: periods that do not overlap, for each key.

A history is a function of the whole log of a key, so no order, repetition or split of the same
changes alters it, and a change that comes late splits the period that it falls into. Three hazards
are met here. Times of a source may run backwards along its order, above all from one load to the
next: a change never begins before the one that it follows. What was replaced within its own moment
was never so, and leaves no period. And a full load deletes without a word what it does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, NamedTuple

from pyspark.sql import Window
from pyspark.sql.functions import coalesce, col, concat, lag, lead, lit, when
from pyspark.sql.functions import max as greatest
from pyspark.sql.functions import min as least

from spark.tables.curated.history import IS_CURRENT, VALID_FROM, VALID_TO
from spark.transforms.fold import in_order, latest_changes, standing
from spark.transforms.hashing import content_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from pyspark.sql import DataFrame

    from spark.tables import Table

_PERIOD = (VALID_FROM, VALID_TO, IS_CURRENT)
_LINEAGE = ("_batch_id", "_change_order")


class Load(NamedTuple):
    """A batch of a full load: its id, the epoch that it opens, the day on which it came."""

    batch_id: str
    epoch: str
    day: date


@dataclass(frozen=True)
class History:
    """A history, declared: what it tracks is whatever its table has beside key and period.

    Attributes:
        table: its key is that of the changes and `valid_from`.
        input: the clean table that the changes are of, such as "shop.order".
        renamed: the clean names of columns that the table calls otherwise.
        dated_by: the column in which a change says itself from which day it holds; left out, it
            holds from when it was committed, until the next one.
        prepare: what the changes need before.
    """

    table: Table
    input: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    dated_by: str | None = None
    prepare: Callable[[DataFrame], DataFrame] = in_order

    @property
    def key(self) -> list[str]:
        """Whose periods they are."""
        return [name for name in self.table.key if name != VALID_FROM]

    @property
    def tracked(self) -> list[str]:
        """The columns that a period is a period of."""
        others = {*self.table.key, *_PERIOD, *_LINEAGE}
        return [name for name in self.table.column_names if name not in others]

    @property
    def told(self) -> list[str]:
        """The same columns, as changes name them."""
        return [self.renamed.get(name, name) for name in self.tracked]


def periods(changes: DataFrame, what: History, loads: Sequence[Load]) -> DataFrame:
    """Rows of the history's table.

    Args:
        changes: all clean changes of the keys, of every epoch.
        what: the history.
        loads: every full load of the input.
    """
    told = what.prepare(changes)
    moments = _by_statement(told, what) if what.dated_by else _by_log(told, what, loads)
    return _joined(moments, what)


def _by_statement(changes: DataFrame, what: History) -> DataFrame:
    """The last that was said of each day that anything was said of."""
    said = standing(latest_changes(changes, [*what.key, str(what.dated_by)]))
    return _told(said, what, at=str(what.dated_by))


def _by_log(changes: DataFrame, what: History, loads: Sequence[Load]) -> DataFrame:
    """The last change of each moment, deletes included."""
    # Of changes in one place, one counts: the one that counts in the current state as well.
    placed = latest_changes(in_order(changes), [*what.key, "_change_order"])
    landed = col("_landing_date").cast("timestamp")
    told = _told(placed.withColumn("_at", coalesce("_committed_at", landed)), what, at="_at")
    if loads:
        told = told.unionAll(_lacked(changes, what, loads))
    in_order_of_log = Window.partitionBy(*what.key).orderBy("_change_order")
    so_far = in_order_of_log.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    timed = told.withColumn("_at", greatest("_at").over(so_far))
    followed = timed.withColumn("_next", lead("_at").over(in_order_of_log))
    return followed.where("_next IS NULL OR _next > _at").drop("_next")


def _lacked(changes: DataFrame, what: History, loads: Sequence[Load]) -> DataFrame:
    """A delete at the beginning of each load that does not hold a key which was known before."""
    latest_first = sorted(loads, key=lambda load: load.day, reverse=True)
    opened = {load.epoch: load.day for load in latest_first}
    epochs = changes.sparkSession.createDataFrame(sorted(opened.items()), "_load string, _day date")
    known = changes.groupBy(*what.key).agg(
        least("_epoch").alias("_first"), least("_batch_id").alias("_batch_id")
    )
    is_loaded = col("_batch_id").isin([load.batch_id for load in loads])
    held = changes.where(is_loaded).select(*what.key, col("_epoch").alias("_load"))
    lacked = known.crossJoin(epochs).where("_load > _first")
    types = dict(changes.dtypes)
    nothing = [lit(None).cast(types[name]).alias(name) for name in what.told]
    return lacked.join(held, on=[*what.key, "_load"], how="left_anti").select(
        *what.key,
        *nothing,
        "_batch_id",
        # Before everything that happened in its epoch.
        concat("_load", lit(" ")).alias("_change_order"),
        lit("D").alias("_operation"),
        col("_day").cast("timestamp").alias("_at"),
    )


def _told(changes: DataFrame, what: History, *, at: str) -> DataFrame:
    tracked = [col(told).alias(name) for told, name in zip(what.told, what.tracked)]
    return changes.select(*what.key, *tracked, *_LINEAGE, "_operation", col(at).alias("_at"))


def _joined(moments: DataFrame, what: History) -> DataFrame:
    """Periods from what was so from each moment on; equal neighbours are one period."""
    in_time = Window.partitionBy(*what.key).orderBy("_at")
    types = {name: kind for name, kind in moments.dtypes if name in what.tracked}
    content = when(col("_operation") == "D", lit("")).otherwise(content_hash(types))
    compared = moments.withColumn("_content", content).withColumn(
        "_before", lag("_content").over(in_time)
    )
    begun = compared.where("_before IS NULL OR _before <> _content")
    ended = standing(begun.withColumn(VALID_TO, lead("_at").over(in_time)))
    return (
        ended.withColumn(VALID_FROM, col("_at"))
        .withColumn(IS_CURRENT, col(VALID_TO).isNull())
        .select(*what.table.column_names)
    )
