"""How a claim that a table is what was delivered is asked of what changed since it held.

The rows of keys that new batches name must be what the fold makes of the former row and of these
batches; all other rows must be what they were. Both sides are counted from the files that changed.
That a key has one row is another claim's to say.

The hazard is the row that was deleted long ago, of which neither the former table nor the batches
know. A table that promises that nothing comes back has tombstones, and they are asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from product360_assets.curated.claims import ADDED, REMOVED
from spark.tables import Table
from spark.tables.tombstones import tombstones_of


def place_of(committed_at: str = "_committed_at", change_sequence: str = "_change_sequence") -> str:
    """SQL: a clean row's place in its source's history, as published rows have it.

    Args:
        committed_at: SQL of the time of its change.
        change_sequence: SQL of its number.
    """
    at = f"strftime({committed_at}, '%Y-%m-%d %H:%M:%S.%f')"
    told = ", ".join(f"coalesce({part}, '')" for part in ("_epoch", at, change_sequence))
    return f"concat_ws(' ', {told})"


# Asked of the whole table, as such a key may stand in a file that did not change.
_AND_ARE_GONE = "AND NOT EXISTS (FROM {table} SEMI JOIN must_be_gone USING ({keys}))"


def follow_from(
    table: Table,
    said: str,
    compared: Sequence[str],
    *,
    with_tombstones: bool = False,
    deletes: bool = True,
) -> str:
    """A claim's `changes`: that rows changed as new batches say, and in no other way.

    Args:
        table: the table.
        said: a subquery over the new batches: one row for each key, with the table's key, the
            compared columns, `_place` (see `place_of`) and `_is_deleted`.
        compared: columns of the table whose values the claim is about.
        with_tombstones: whether the table has some.
        deletes: whether batches may delete a key.
    """
    keys, values = ", ".join(table.key), ", ".join(compared)
    content = f"count(*), sum(hash({keys}, {values})::HUGEINT)"
    stones = tombstones_of(table).identifier
    nothing = f"(SELECT {keys}, _change_order FROM {REMOVED} WHERE false)"
    return f"""
    WITH said AS MATERIALIZED (
        SELECT {keys}, row({values}) AS told, _place, _is_deleted FROM {said}
    ),
    was AS (SELECT {keys}, row({values}) AS content, _change_order AS place FROM {REMOVED}),
    is_now AS (SELECT {keys}, row({values}) AS content FROM {ADDED}),
    buried AS (
        SELECT {keys}, _change_order AS place FROM {stones if with_tombstones else nothing}
    ),
    judged AS (
        SELECT CASE
                   WHEN was.content IS NOT NULL AND _place < was.place
                       THEN is_now.content IS NOT DISTINCT FROM was.content
                   WHEN was.content IS NOT NULL AND _place = was.place
                       AND (_is_deleted OR told IS DISTINCT FROM was.content) THEN false
                   WHEN _is_deleted OR was.content IS NULL AND _place <= buried.place
                       THEN is_now.content IS NULL
                   ELSE is_now.content IS NOT DISTINCT FROM told
               END AS is_right
        FROM said
        LEFT JOIN was USING ({keys}) LEFT JOIN is_now USING ({keys}) LEFT JOIN buried USING ({keys})
    ),
    must_be_gone AS (SELECT {keys} FROM said ANTI JOIN was USING ({keys}) WHERE _is_deleted),
    others_before AS (SELECT {content} FROM {REMOVED} ANTI JOIN said USING ({keys})),
    others_now AS (SELECT {content} FROM {ADDED} ANTI JOIN said USING ({keys}))
    SELECT count(*) FILTER (is_right IS NOT TRUE) = 0
               {_AND_ARE_GONE.format(table=table.identifier, keys=keys) if deletes else ""}
               AND (SELECT others_before = others_now FROM others_before, others_now) AS holds,
           count(*) AS keys_that_batches_name
    FROM judged
    """
