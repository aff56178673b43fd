"""One text for one value, whether a database or a file says it: what both sides are compared by.

The text is PostgreSQL's own. A file's typed value is spelled as PostgreSQL would; numbers are
spelled alike on both sides, because their spelling follows a type that may have changed since.

The hazard: a comparison that reads values as the load does repeats the load's mistakes. So the
database's side is its plain text here, and goes through none of the load's types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def text_of(name: str, kind: pa.DataType) -> str:
    """SQL for PostgreSQL's text of a column of this type in a file."""
    import pyarrow as pa

    column = quoted(name)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column
    if pa.types.is_boolean(kind):
        return f"CASE WHEN {column} THEN 't' WHEN NOT {column} THEN 'f' END"
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return f"CAST(make_timestamp(epoch_us({column})) AS VARCHAR) || '+00'"
    return f"CAST({column} AS VARCHAR)"


def canonical(text: str, kind: pa.DataType) -> str:
    """SQL that spells a text in one way, given the column's type at the source."""
    import pyarrow as pa

    if pa.types.is_float32(kind):
        number = "FLOAT"
    elif pa.types.is_float64(kind):
        number = "DOUBLE"
    elif pa.types.is_decimal(kind):
        number = f"DECIMAL(38,{kind.scale})"
    else:
        return text
    # What is no such number, as NaN is no decimal, keeps its spelling.
    return f"coalesce(CAST(TRY_CAST({text} AS {number}) AS VARCHAR), {text})"


def key_of(names: Sequence[str], source: pa.Schema, spelled: pa.Schema) -> str:
    """SQL for a row's key as a JSON list of texts; `spelled` are the types in which it is read."""
    return f"CAST(to_json([{', '.join(_values(names, source, spelled))}]) AS VARCHAR)"


def hashes_of(source: pa.Schema, spelled: pa.Schema) -> str:
    """SQL for the hashes of a row's values, in the source's order; a column it lacks is null."""
    values = _values(source.names, source, spelled)
    return f"[{', '.join(f'hash({value})' for value in values)}]"


def _values(names: Sequence[str], source: pa.Schema, spelled: pa.Schema) -> list[str]:
    return [
        canonical(text_of(name, spelled.field(name).type), source.field(name).type)
        if name in spelled.names
        else "CAST(NULL AS VARCHAR)"
        for name in names
    ]
