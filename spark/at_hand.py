"""Few rows that are computed once, for all who ask for them.

A frame is a question, and an engine answers it again for each one who names it: a handful of weeks
that three parts of a query join is looked for in all rows three times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark.column_lineage import note_at_hand

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def at_hand(rows: DataFrame, most: int | None = None) -> DataFrame:
    """The same rows, computed now and held by this process; a few thousand of them at most.

    Args:
        rows: what is asked for.
        most: of more rows the frame is left as it is, a question; None where they are surely few.
    """
    known = [tuple(row) for row in (rows if most is None else rows.limit(most + 1)).collect()]
    if most is not None and len(known) > most:
        return rows
    frame = rows.sparkSession.createDataFrame(known, rows.schema)
    note_at_hand(frame, rows)
    return frame
