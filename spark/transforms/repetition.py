"""Splits rows by whether their key may occur more than once, for little memory and time.

Keys are compared through a 64-bit hash: grouping one number a row costs a tenth of sorting the
rows. Keys whose hashes collide count as repeated too, so whoever ranks repeated rows must compare
the keys themselves. The hazard is that both parts of a split ask for the same hashes, and an engine
computes them for each, at once: twenty million keys took 1.4 GB more. So the hashes are asked for
beforehand, and known to both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql.functions import broadcast, count, lit, xxhash64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

# Where more repeat, as in a full load that came twice, they stay in the engine.
KNOWN_AT_MOST = 100_000

_HASH = "_key_hash"
_MARK = "_is_repeated"


def split_by_repetition(rows: DataFrame, *, key: Sequence[str]) -> tuple[DataFrame, DataFrame]:
    """Rows whose key surely occurs once, and all rows of the other keys. Runs a query at once."""
    repeated = _repeated(rows, key)
    first = repeated.limit(KNOWN_AT_MOST + 1).collect()
    if not first:
        return rows, rows.where("1 = 0")
    if len(first) <= KNOWN_AT_MOST:
        repeated = rows.sparkSession.createDataFrame([tuple(row) for row in first], repeated.schema)
    marked = _marked(rows, repeated, key)
    parts = (marked.where(f"{_MARK} IS {test}") for test in ("NULL", "NOT NULL"))
    single, several = (part.select(*rows.columns) for part in parts)
    return single, several


def maybe_repeated(rows: DataFrame, *, key: Sequence[str]) -> DataFrame:
    """Rows whose key may occur more than once; all rows of such a key."""
    marked = _marked(rows, _repeated(rows, key), key)
    return marked.where(f"{_MARK} IS NOT NULL").select(*rows.columns)


def _repeated(rows: DataFrame, key: Sequence[str]) -> DataFrame:
    """Hashes that more than one row has."""
    times = rows.select(xxhash64(*key).alias(_HASH)).groupBy(_HASH).agg(count(lit(1)).alias("_n"))
    return times.where("_n > 1").select(_HASH, lit(True).alias(_MARK))


def _marked(rows: DataFrame, repeated: DataFrame, key: Sequence[str]) -> DataFrame:
    """Rows with `_is_repeated`, null where the key is single.

    The hashes stand on the left: of an outer or anti join, that is the side Sail keeps in memory.
    """
    hashed = rows.withColumn(_HASH, xxhash64(*key))
    return broadcast(repeated).join(hashed, on=_HASH, how="right")
