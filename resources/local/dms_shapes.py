"""The shapes in which AWS DMS delivers, so that both environments land the same files.

Files of a load are `LOAD%08X.parquet` below `<schema>/<table>/`, counted in hexadecimal: `...09` is
followed by `...0A`; files of changes are named by time. Before the table's own columns stands `Op`;
after them come `dms_timestamp` (text: the time of the load, or of the commit) and `ar_h_change_seq`
(35 digits, unique and rising within a task), which DMS adds by transformation rules that we
require.

The hazard: a NUMERIC without precision has no Parquet type. DMS rounds it to (28,6); here it stays
text, which loses nothing, and the source contract says what it becomes.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from resources.replication import CHANGE_SEQUENCE, COMMIT_TIME, OPERATION

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

DELIVERY_COLUMNS = frozenset({OPERATION, COMMIT_TIME, CHANGE_SEQUENCE})

INSERT, UPDATE, DELETE = "I", "U", "D"

_RECORD_DIGITS = 19
_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")


def load_file_name(number: int) -> str:
    """Name of the `number`-th file of a table in a full load, counted from 1."""
    return f"LOAD{number:08X}.parquet"


def change_file_name(day: date, millisecond: int) -> str:
    """Name of a file of changes, by a day and a millisecond of it: 20170501-120000250.parquet.

    Past the day's last millisecond it is hour 24 of the same day.
    """
    seconds, milliseconds = divmod(millisecond, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{day:%Y%m%d}-{hour:02d}{minute:02d}{second:02d}{milliseconds:03d}.parquet"


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
    """Rows of a load with the columns that DMS adds; `first_record` counts over the whole load."""
    import pyarrow as pa

    count = rows.num_rows
    operations = pa.repeat(INSERT, count)
    times = pa.repeat(commit_time(started_at), count)
    sequences = _numbered(sequence_time(started_at), first_record, count)
    return pa.RecordBatch.from_arrays(
        [operations, *rows.columns, times, sequences], schema=delivered_schema(rows.schema)
    )


def with_delivery_columns(
    rows: pa.RecordBatch,
    *,
    operations: pa.Array,
    times: pa.Array,
    sequence_times: pa.Array | pa.Scalar,
    records: pa.Array,
) -> pa.RecordBatch:
    """The rows with the columns that DMS adds: what happened to each, when, and its place."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.utf8_lpad(pc.cast(records, pa.string()), width=_RECORD_DIGITS, padding="0")
    sequences = pc.binary_join_element_wise(sequence_times, digits, "")
    return pa.RecordBatch.from_arrays(
        [operations, *rows.columns, times, sequences], schema=delivered_schema(rows.schema)
    )


def _numbered(time: str, first: int, count: int) -> pa.Array:
    """Change sequences of consecutive records: ten thousand share all but their last four digits.

    Written into place, because spelling each number takes as long as parsing its row.
    """
    import numpy as np
    import pyarrow as pa

    ends = _four_digits()
    head_bytes = len(time) + _RECORD_DIGITS - 4
    texts = np.empty(count, dtype=[("head", f"S{head_bytes}"), ("end", "S4")])
    at = 0
    while at < count:
        head, end = divmod(first + at, 10_000)
        alike = min(count - at, 10_000 - end)
        texts["head"][at : at + alike] = f"{time}{head:0{_RECORD_DIGITS - 4}d}".encode()
        texts["end"][at : at + alike] = ends[end : end + alike]
        at += alike
    offsets = np.arange(count + 1, dtype=np.int32) * texts.itemsize
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(texts))


@cache
def _four_digits() -> np.ndarray[Any, np.dtype[np.bytes_]]:
    import numpy as np

    return np.array([f"{number:04d}".encode() for number in range(10_000)])


def commit_time(moment: datetime) -> str:
    """A time in UTC as `dms_timestamp` holds it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def sequence_time(moment: datetime) -> str:
    """The first sixteen digits of a change sequence: a time down to hundredths of a second."""
    return f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 10_000:02d}"
