"""The shapes in which AWS DMS delivers a full load, so that both environments land the same files.

Files are `LOAD%08X.parquet` below `<schema>/<table>/`, counted in hexadecimal: `...09` is followed
by `...0A`. Before the table's own columns stands `Op`; after them come `dms_timestamp` (text, the
time of the load) and `ar_h_change_seq` (35 digits, unique and rising within a load), which DMS adds
by the transformation rules that we require.

The hazard: a NUMERIC without precision has no Parquet type. DMS rounds it to (28,6); here it stays
text, which loses nothing, and the source contract says what it becomes.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from resources.replication import CHANGE_SEQUENCE, COMMIT_TIME, OPERATION

if TYPE_CHECKING:
    import pyarrow as pa

DELIVERY_COLUMNS = frozenset({OPERATION, COMMIT_TIME, CHANGE_SEQUENCE})

_INSERT = "I"
_RECORD_DIGITS = 19
_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")


def load_file_name(number: int) -> str:
    """Name of the `number`-th file of a table in a full load, counted from 1."""
    return f"LOAD{number:08X}.parquet"


def arrow_type(database_type: str) -> pa.DataType:
    """The delivered type of a PostgreSQL type, as `format_type` writes it; text when in doubt."""
    import pyarrow as pa

    plain = {
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float32(),
        "double precision": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
    }
    if database_type in plain:
        return plain[database_type]
    if database_type.startswith("timestamp"):
        zone = "UTC" if database_type.endswith("with time zone") else None
        return pa.timestamp("us", tz=zone)
    if parts := _NUMERIC.fullmatch(database_type):
        precision, scale = int(parts[1]), int(parts[2])
        if 0 <= scale <= precision <= 38:
            return pa.decimal128(precision, scale)
    return pa.string()


def delivered_schema(columns: pa.Schema) -> pa.Schema:
    """The schema of a load's files, given that of the table."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field(OPERATION, pa.string()),
            *columns,
            pa.field(COMMIT_TIME, pa.string()),
            pa.field(CHANGE_SEQUENCE, pa.string()),
        ]
    )


def as_delivered(
    rows: pa.RecordBatch, *, started_at: datetime, first_record: int
) -> pa.RecordBatch:
    """The rows with the columns that DMS adds; `first_record` counts over the whole load."""
    import pyarrow as pa

    count = rows.num_rows
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(_INSERT, count),
            *rows.columns,
            pa.repeat(started_at.strftime("%Y-%m-%d %H:%M:%S.%f"), count),
            _change_sequences(started_at, first_record, count),
        ],
        schema=delivered_schema(rows.schema),
    )


def _change_sequences(started_at: datetime, first_record: int, count: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    # 16 digits of time down to hundredths, then 19 digits of record number, as DMS writes them.
    time = f"{started_at:%Y%m%d%H%M%S}{started_at.microsecond // 10_000:02d}"
    records = pc.cast(pa.array(np.arange(first_record, first_record + count)), pa.string())
    padded = pc.utf8_lpad(records, width=_RECORD_DIGITS, padding="0")
    return pc.binary_join_element_wise(pa.scalar(time), padded, "")
