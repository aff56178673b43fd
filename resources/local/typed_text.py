"""Values as PostgreSQL writes them, as typed columns of Arrow: the same for a load and a change.

The hazard: some values fit no file's type (`infinity`, a year before Christ, `NaN` in a numeric).
Their column then stays text in that file, so that nothing is lost or bent, and the source's
contract decides what becomes of such a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from resources.local.dms_shapes import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa

    from resources.local.pgoutput import Column

# Dates and times by one spelling, whatever the database, the role or the machine prefers.
TEXT_OPTIONS: Final = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres"
    " -c extra_float_digits=1 -c bytea_output=hex"
)

_NUMERIC_OID: Final = 1700
_NAMES: Final = {
    16: "boolean",
    20: "bigint",
    21: "smallint",
    23: "integer",
    700: "real",
    701: "double precision",
    1082: "date",
    1114: "timestamp without time zone",
    1184: "timestamp with time zone",
}


def column_type(column: Column) -> pa.DataType:
    """The delivered type of a column that the log describes, as a load delivers it."""
    if column.type_oid == _NUMERIC_OID and column.modifier >= 4:
        # Precision and scale as PostgreSQL packs them; the scale has eleven bits and a sign.
        packed = column.modifier - 4
        scale = ((packed & 0x7FF) ^ 1024) - 1024
        return arrow_type(f"numeric({packed >> 16},{scale})")
    return arrow_type(_NAMES.get(column.type_oid, ""))


def typed_column(values: Sequence[bytes | None], kind: pa.DataType) -> pa.Array:
    """The values in that type, or as text when one of them does not fit it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pa.array(values, pa.string())
    if pa.types.is_string(kind):
        return text
    if pa.types.is_boolean(kind):
        return pc.equal(text, "t")
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        return text
