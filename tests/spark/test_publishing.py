"""Of the rows that a table is to hold of some keys, only those are merged that it does not hold."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from spark.merging import IS_DELETED
from spark.publishing import differing
from spark.tables.model import Column, Table

KEPT = Table(
    "curated", "kept", "Kept.", "id and part", "team:shop", ("id", "part"),
    (
        Column("id", "bigint", "Key.", nullable=False),
        Column("part", "string", "Key.", nullable=False),
        Column("amount", "double", "Amount."),
        Column("note", "string", "Note."),
        Column("_batch_id", "string", "Batch."),
    ),
)  # fmt: skip
Row = tuple[int, str, float | None, str | None, str]


def frame(session: SparkSession, *rows: Row) -> DataFrame:
    layout = ", ".join(f"{column.name} {column.type}" for column in KEPT.columns)
    return session.createDataFrame(list(rows), layout)


def test_what_differs_is_merged_and_what_is_gone_is_deleted(every_session: SparkSession) -> None:
    nan = float("nan")
    held = frame(
        every_session,
        (1, "same", 1.5, None, "old"),
        (2, "not a number", nan, "a", "old"),
        (3, "told now", None, "a", "old"),
        (4, "told no more", 2.0, "a", "old"),
        (5, "another batch", 2.0, "a", "old"),
        (6, "gone", 2.0, "a", "old"),
    )
    wanted = frame(
        every_session,
        (1, "same", 1.5, None, "old"),
        (2, "not a number", nan, "a", "old"),
        (3, "told now", 2.0, "a", "old"),
        (4, "told no more", 2.0, None, "old"),
        (5, "another batch", 2.0, "a", "new"),
        (6, "new", 2.0, "a", "new"),
    )
    found = differing(wanted, held, KEPT)
    assert found.columns == [*KEPT.column_names, IS_DELETED]
    assert sorted(map(tuple, found.collect())) == [
        (3, "told now", 2.0, "a", "old", False),
        (4, "told no more", 2.0, None, "old", False),
        (5, "another batch", 2.0, "a", "new", False),
        (6, "gone", None, None, "old", True),
        (6, "new", 2.0, "a", "new", False),
    ]


def test_without_rows_on_one_side_all_of_the_other_differ(every_session: SparkSession) -> None:
    rows = frame(every_session, (1, "a", None, None, "old"), (2, "b", 1.0, "c", "old"))
    nothing = rows.where("1 = 0")
    added, gone = differing(rows, nothing, KEPT), differing(nothing, rows, KEPT)
    assert {(row["id"], row[IS_DELETED]) for row in added.collect()} == {(1, False), (2, False)}
    assert {(row["id"], row[IS_DELETED]) for row in gone.collect()} == {(1, True), (2, True)}
    assert differing(rows, rows, KEPT).collect() == []
    assert differing(nothing, nothing, KEPT).collect() == []
