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
    if repeated is None:
        return rows, rows.where("1 = 0")
    # The hashes stand on the left: of an outer join, that is the side Sail keeps in memory.
    marked = broadcast(repeated).join(_hashed(rows, key), on=_HASH, how="right")
    single = marked.where(f"{_MARK} IS NULL").select(*rows.columns)
    return single, _of_repeated(rows, repeated, key)


def maybe_repeated(rows: DataFrame, *, key: Sequence[str]) -> DataFrame:
    """Rows whose key may occur more than once; all rows of such a key. Runs a query at once."""
    repeated = _repeated(rows, key)
    return rows.where("1 = 0") if repeated is None else _of_repeated(rows, repeated, key)


def _repeated(rows: DataFrame, key: Sequence[str]) -> DataFrame | None:
    """Hashes that more than one row has; None where every row has its own."""
    times = rows.select(xxhash64(*key).alias(_HASH)).groupBy(_HASH).agg(count(lit(1)).alias("_n"))
    repeated = times.where("_n > 1").select(_HASH, lit(True).alias(_MARK))
    known = repeated.limit(KNOWN_AT_MOST + 1).collect()
    if len(known) > KNOWN_AT_MOST:
        return repeated
    layout = repeated.schema
    return rows.sparkSession.createDataFrame(list(map(tuple, known)), layout) if known else None


def _of_repeated(rows: DataFrame, repeated: DataFrame, key: Sequence[str]) -> DataFrame:
    hashed = _hashed(rows, key)
    return broadcast(repeated).join(hashed, on=_HASH, how="inner").select(*rows.columns)


def _hashed(rows: DataFrame, key: Sequence[str]) -> DataFrame:
    return rows.withColumn(_HASH, xxhash64(*key))
