"""Two sides of a table, row by row, without holding either in memory.

Of each row its key and a hash of each value are kept, in a database that spills what does not fit.
The landed side is folded to the last change of each key. Both sides are then compared by parts of
the keys, and rows only in parts that differ.

The hazard: on the landed side a deletion is a row too. It says that the key is known and gone, and
never that nobody heard of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resources.local.canonical import hashes_of, key_of
from resources.local.dms_shapes import DELETE
from resources.replication import CHANGE_SEQUENCE, OPERATION
from resources.validation import FailureType

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_PARTS: Final = 256
_TABLES: Final = """
CREATE OR REPLACE TABLE delivered
    (key VARCHAR, op VARCHAR, place HUGEINT, hashes UBIGINT[], file INTEGER, row BIGINT);
CREATE OR REPLACE TABLE held (key VARCHAR, hashes UBIGINT[]);
CREATE OR REPLACE TABLE touched (key VARCHAR);
"""
_FOLD: Final = f"""
CREATE OR REPLACE TABLE landed AS
SELECT key, op <> '{DELETE}' AS stands, hashes, file, row FROM delivered
SEMI JOIN (SELECT arg_max(rowid, place) AS last FROM delivered GROUP BY key) AS lasts
    ON delivered.rowid = lasts.last;
DROP TABLE delivered;
"""
_LEAVE_OUT: Final = """
DELETE FROM landed WHERE key IN (FROM touched);
DELETE FROM held WHERE key IN (FROM touched);
"""
_PART_SUMS: Final = f"""
SELECT hash(key) % {_PARTS} AS part, count(*) AS rows,
    sum(CAST(hash(hash(key, hashes)) AS HUGEINT)) AS sum
FROM {{side}} GROUP BY part
"""
_DIFFERENCES: Final = f"""
CREATE OR REPLACE TABLE differing AS
WITH parts AS (
    SELECT part FROM ({_PART_SUMS.format(side="landed WHERE stands")}) AS l
    FULL JOIN ({_PART_SUMS.format(side="held")}) AS h USING (part)
    WHERE (l.rows, l.sum) IS DISTINCT FROM (h.rows, h.sum)
)
SELECT coalesce(h.key, l.key) AS key, l.file, l.row, h.hashes AS held, l.hashes AS landed,
    CASE WHEN h.key IS NULL THEN 'MISSING_SOURCE' WHEN l.stands THEN 'RECORD_DIFF'
         ELSE 'MISSING_TARGET' END AS kind
FROM (SELECT * FROM held WHERE hash(key) % {_PARTS} IN (FROM parts)) AS h
FULL JOIN (SELECT * FROM landed WHERE hash(key) % {_PARTS} IN (FROM parts)) AS l
    ON h.key = l.key
WHERE CASE WHEN h.key IS NULL THEN l.stands
           ELSE l.stands IS NOT TRUE OR h.hashes <> l.hashes END
"""


@dataclass(frozen=True)
class Differing:
    """A row that is not the same on both sides; `file` is the number that it was added with."""

    kind: FailureType
    key: tuple[str | None, ...]
    file: int | None
    row: int | None
    columns: tuple[str, ...]


class Comparison:
    """Takes both sides of one table; `columns` are the source's, with their delivered types."""

    def __init__(
        self, database: duckdb.DuckDBPyConnection, columns: pa.Schema, key: Sequence[str]
    ) -> None:
        self._database = database
        self._columns = columns
        self._key = tuple(key)
        database.execute(_TABLES)

    def add_delivered(self, rows: pa.RecordBatch, *, file: int, first_row: int) -> None:
        """Rows of a delivered file, which has whatever columns the table had then."""
        self._insert(
            rows,
            f"INSERT INTO delivered SELECT {key_of(self._key, self._columns, rows.schema)},"
            f" {OPERATION}, CAST({CHANGE_SEQUENCE} AS HUGEINT),"
            f" {hashes_of(self._columns, rows.schema)}, {file}, "
            f" {first_row} + row_number() OVER () - 1 FROM incoming",
        )

    def fold(self) -> int:
        """Let of each key its last change stand; how many keys were delivered."""
        self._database.execute(_FOLD)
        return self._count("landed")

    def landed_keys(self, *, at_once: int) -> list[list[tuple[str | None, ...]]]:
        """All delivered keys, in lists of some."""
        found = self._database.execute("SELECT key FROM landed").fetchall()
        keys = [tuple(json.loads(key)) for (key,) in found]
        return [keys[first : first + at_once] for first in range(0, len(keys), at_once)]

    def add_held(self, rows: pa.RecordBatch, *, only_landed: bool) -> None:
        """Rows that the source holds, as text; or those of them whose keys were delivered."""
        key = key_of(self._key, self._columns, rows.schema)
        only = "SEMI JOIN landed USING (key)" if only_landed else ""
        self._insert(
            rows,
            "INSERT INTO held SELECT key, hashes FROM ("
            f"SELECT {key} AS key, {hashes_of(self._columns, rows.schema)} AS hashes"
            f" FROM incoming) {only}",
        )

    def add_touched(self, keys: pa.Table) -> None:
        """Keys, as text, of rows that are not to be compared."""
        key = key_of(self._key, self._columns, keys.schema)
        self._insert(keys, f"INSERT INTO touched SELECT DISTINCT {key} FROM incoming")

    def touch_everything(self) -> None:
        """Let no row be compared that either side has."""
        self._database.execute(
            "INSERT INTO touched SELECT key FROM landed WHERE stands UNION SELECT key FROM held"
        )

    def leave_out_touched(self) -> int:
        """Take the touched rows from both sides; how many keys there were."""
        touched = self._count("(SELECT DISTINCT key FROM touched)")
        self._database.execute(_LEAVE_OUT)
        return touched

    def repeated(self) -> int:
        """Rows of the source whose key another row has too."""
        return self._count("held") - self._count("(SELECT DISTINCT key FROM held)")

    def compare(self) -> tuple[int, int]:
        """How many rows there are on either side, and how many differ."""
        self._database.execute(_DIFFERENCES)
        compared = self._count("held") + self._count("landed ANTI JOIN held USING (key)")
        return compared, self._count("differing")

    def differing(self, *, at_most: int) -> list[Differing]:
        """The rows that differ, by key."""
        found = self._database.execute(
            "SELECT kind, key, file, row, held, landed FROM differing ORDER BY key LIMIT ?",
            [at_most],
        ).fetchall()
        return [
            Differing(kind, tuple(json.loads(key)), file, row, self._unequal(kind, held, landed))
            for kind, key, file, row, held, landed in found
        ]

    def forget(self) -> None:
        """Let go of both sides."""
        for name in ("held", "landed", "touched", "differing"):
            self._database.execute(f"DROP TABLE IF EXISTS {name}")

    def _unequal(
        self, kind: str, held: Sequence[int] | None, landed: Sequence[int] | None
    ) -> tuple[str, ...]:
        if kind != "RECORD_DIFF" or held is None or landed is None:
            return ()
        pairs = zip(self._columns.names, held, landed, strict=True)
        return tuple(name for name, one, other in pairs if one != other)

    def _insert(self, rows: pa.RecordBatch | pa.Table, statement: str) -> None:
        import pyarrow as pa

        table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
        self._database.register("incoming", table)
        self._database.execute(statement)
        self._database.unregister("incoming")

    def _count(self, what: str) -> int:
        [(count,)] = self._database.execute(f"SELECT count(*) FROM {what}").fetchall()
        return int(count)
