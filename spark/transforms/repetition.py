"""Splits rows by whether their key may occur more than once, for little memory and time.

Keys are compared through a 64-bit hash: grouping one number a row costs a tenth of sorting the
rows. Keys whose hashes collide count as repeated too, so whoever ranks repeated rows must compare
the keys themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast, count, lit, xxhash64

_HASH = "_key_hash"


def maybe_repeated(rows: DataFrame, *, key: Sequence[str]) -> DataFrame:
    """Rows whose key may occur more than once; all rows of such a key."""
    return _marked(rows, key).where("_times IS NOT NULL").select(*rows.columns)


def surely_single(rows: DataFrame, *, key: Sequence[str]) -> DataFrame:
    """The other rows: their key occurs once."""
    return _marked(rows, key).where("_times IS NULL").select(*rows.columns)


def _marked(rows: DataFrame, key: Sequence[str]) -> DataFrame:
    """Rows with `_times`, null where the key is single.

    The hashes stand on the left: of an outer or anti join, that is the side Sail keeps in memory.
    """
    hashes = rows.select(xxhash64(*key).alias(_HASH)).groupBy(_HASH)
    repeated = hashes.agg(count(lit(1)).alias("_times")).where("_times > 1")
    hashed = rows.withColumn(_HASH, xxhash64(*key))
    return broadcast(repeated).join(hashed, on=_HASH, how="right")
