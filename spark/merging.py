"""One merge, said to each engine in its own way: rows take the place of those of their keys.

Apache Spark 3.5 and Sail know it in SQL, over a temporary view. On Spark 4.1 such a view holds its
tables by reference, and a merge whose source reads its own target has no plan (SPARK-57539, mended
in 4.2); from 4.0 on a frame has a method for it, which needs no view.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

    from spark.tables import Table

IS_DELETED = "_is_deleted"
"""A column of rows to be merged that takes the row of its key out instead."""


@dataclass(frozen=True)
class _Merge:
    """What meets whom, and what becomes of both; the target goes by its table's name."""

    target: str
    table: Table
    on: str
    delete_when: str | None
    update_when: str | None
    insert_when: str | None

    @property
    def values(self) -> dict[str, str]:
        return {name: f"s.{name}" for name in self.table.column_names}


def merge(
    session: SparkSession,
    rows: DataFrame,
    table: Table,
    target: str,
    where: Sequence[str] = (),
    newer: str | None = None,
) -> bool:
    """Put rows in place of those of their keys, in one commit.

    Args:
        session: the engine's session.
        rows: at most one per key, with the table's columns; those whose `IS_DELETED`, a column
            that they may have, is true are taken out of the target.
        table: what the target is.
        target: its name in the catalog.
        where: conditions that hold for every row of the target, by the table's name, that can be
            met.
        newer: when a row may change the one that it meets; `s` is the row. None is always.

    Returns:
        Whether there is a commit: Sail makes none where nothing changed.
    """
    can_delete = IS_DELETED in rows.columns
    stands = f"NOT s.{IS_DELETED}" if can_delete else None
    wanted = _Merge(
        target,
        table,
        on=" AND ".join([*(f"{table.name}.{name} = s.{name}" for name in table.key), *where]),
        delete_when=_both(f"s.{IS_DELETED}", newer) if can_delete else None,
        update_when=_both(stands, newer),
        insert_when=stands,
    )
    merge_into = getattr(rows.alias("s"), "mergeInto", None)
    if merge_into is None:
        return _by_sql(session, rows, wanted)
    _by_method(merge_into, wanted)
    return True


def _both(*conditions: str | None) -> str | None:
    return " AND ".join(each for each in conditions if each is not None) or None


def _by_sql(session: SparkSession, rows: DataFrame, wanted: _Merge) -> bool:
    source = f"incoming_{wanted.table.name}"
    rows.createOrReplaceTempView(source)
    updates = ", ".join(
        f"{wanted.table.name}.{name} = {value}" for name, value in wanted.values.items()
    )
    clauses = [
        f"{_when('MATCHED', wanted.update_when)} UPDATE SET {updates}",
        f"{_when('NOT MATCHED', wanted.insert_when)} "
        f"INSERT ({', '.join(wanted.values)}) VALUES ({', '.join(wanted.values.values())})",
    ]
    if wanted.delete_when is not None:
        clauses.insert(0, f"{_when('MATCHED', wanted.delete_when)} DELETE")
    said = session.sql(
        f"MERGE INTO {wanted.target} {wanted.table.name} USING {source} s ON {wanted.on} "
        + " ".join(clauses)
    ).collect()
    return not said or int(said[0][0]) > 0


def _when(what: str, condition: str | None) -> str:
    return f"WHEN {_both(what, condition)} THEN"


def _by_method(merge_into: Callable[[str, Column], Any], wanted: _Merge) -> None:
    values = {name: F.expr(value) for name, value in wanted.values.items()}
    writer = merge_into(wanted.target, F.expr(wanted.on))
    if wanted.delete_when is not None:
        writer = writer.whenMatched(F.expr(wanted.delete_when)).delete()
    writer = writer.whenMatched(_expression(wanted.update_when)).update(values)
    writer.whenNotMatched(_expression(wanted.insert_when)).insert(values).merge()


def _expression(condition: str | None) -> Column | None:
    return None if condition is None else F.expr(condition)
