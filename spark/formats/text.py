"""Looks at every line of delivered text before it is parsed, in one pass over all files.

This is what makes engines agree: their parsers forgive different mistakes silently, so the fast
parser only gets files in which no line can be read in two ways. It also counts the records, so that
the parser's own count has something to be compared with.

The hazard is the replacement character U+FFFD: Spark puts it where bytes are no UTF-8, Sail fails
instead. A file that holds one is read record by record, which knows a damaged byte from a character
that was delivered like this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import expr, first, lit, monotonically_increasing_id, xxhash64

from spark.io import ENGINE_ERRORS, union
from spark.transforms.contract import DeliveredFile
from spark.transforms.typing import quoted

DAMAGED = "contains(value, '\ufffd')"
# Some parsers skip such a line, some take it for a record. Few lines begin with what is below '!'.
_BLANK = r"(value < '!' AND value RLIKE '\\A[\\x00-\\x20]*\\z')"


@dataclass(frozen=True)
class TextFacts:
    """What one pass over the lines says about a file.

    Attributes:
        lines: lines that hold anything.
        first: probably the first line; engines do not promise an order.
        doubtful: whether any line could be read in two ways.
        names: of the fields that its lines hold, where `look_at` was told how to find them.
    """

    lines: int
    first: str | None
    doubtful: bool
    names: frozenset[str] = frozenset()

    def __add__(self, other: TextFacts) -> TextFacts:
        """The facts of both parts of one file."""
        return TextFacts(
            self.lines + other.lines,
            self.first if self.first is not None else other.first,
            self.doubtful or other.doubtful,
            self.names | other.names,
        )


def look_at(
    session: SparkSession,
    files: Sequence[DeliveredFile],
    *,
    doubtful: str,
    names: str = "CAST(NULL AS array<string>)",
) -> dict[DeliveredFile, TextFacts | None]:
    """Facts of each file; None for one that the engine cannot read as text.

    Args:
        session: the job's session.
        files: any number of files.
        doubtful: SQL over `value`, a line; true where parsers could differ.
        names: SQL that gives the names of a line's fields; null where it has none.
    """
    if not files:
        return {}
    try:
        return _look_at_all(session, files, doubtful, names)
    except ENGINE_ERRORS:
        if len(files) == 1:
            return {files[0]: None}
    # Halving finds one bad file among 150 in some fifteen passes over ever fewer files.
    middle = len(files) // 2
    return {
        **look_at(session, files[:middle], doubtful=doubtful, names=names),
        **look_at(session, files[middle:], doubtful=doubtful, names=names),
    }


def _look_at_all(
    session: SparkSession, files: Sequence[DeliveredFile], doubtful: str, names: str
) -> dict[DeliveredFile, TextFacts | None]:
    lines = union([_lines(session, file, number) for number, file in enumerate(files)])
    # Lines of a file mostly have the same fields, so there are few groups. By a hash, because an
    # engine groups numbers in a fraction of the time that it needs for lists.
    named = lines.withColumn("names", expr(names))
    counted = named.groupBy("file", xxhash64("names")).agg(
        first("names").alias("names"),
        expr(f"count(CASE WHEN NOT ({_BLANK}) THEN 1 END)").alias("lines"),
        expr("max(CASE WHEN position = 0 THEN value END)").alias("first"),
        expr(f"max(({doubtful}) OR (value <> '' AND {_BLANK}))").alias("doubtful"),
    )
    facts = dict.fromkeys(files, TextFacts(0, None, False))
    for row in counted.collect():
        facts[files[row["file"]]] += TextFacts(
            int(row["lines"]), row["first"], row["doubtful"], frozenset(row["names"] or ())
        )
    return dict(facts)


def _lines(session: SparkSession, file: DeliveredFile, number: int) -> DataFrame:
    return session.read.text(file.uri).select(
        "value", lit(number).alias("file"), monotonically_increasing_id().alias("position")
    )


def matches(pattern: str) -> str:
    """SQL: whether the line matches a pattern somewhere."""
    return f"value RLIKE {quoted(pattern)}"
