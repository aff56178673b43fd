"""One short text that is equal exactly when two tables hold the same rows.

Every row becomes one text, every text a 128-bit hash, and the hashes are added up modulo 2^128 (as
two halves of 64 bits). Why this is sound:

- *One text per row.* Columns in the order of their names, each value as `<length>:<text>` or `N`
  for null, so no two different rows share a text. Instants are microseconds since 1970, decimals
  keep the scale of their column, doubles are their shortest exact text with -0.0 read as 0.0.
- *A sum is order-free and counts.* Unlike XOR, a row that appears twice does not cancel out, and a
  lost row changes the sum by a hash that nothing else cancels but by chance: about 1 in 2^128.
- *The engine leaves no trace.* File layout, row order and field numbers never enter.

It finds differences that happen, not ones that someone constructs: MD5 is no shield against an
attacker.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from resources.arrow_files import located

if TYPE_CHECKING:
    import pyarrow as pa

LOW_64_BITS = (1 << 64) - 1


def content_digest(rows: pa.RecordBatchReader) -> str:
    """Return the digest of all rows that the reader still holds, as 32 hexadecimal digits."""
    import duckdb

    columns = sorted(rows.schema.names)
    row_text = ", ".join(_value_text(rows.schema.field(name)) for name in columns) or "''"
    with duckdb.connect() as connection:
        connection.register("rows_to_digest", rows)
        sums = connection.execute(
            f"""
            SELECT count(*), sum((hash >> 64)::UBIGINT), sum((hash & {LOW_64_BITS})::UBIGINT)
            FROM (SELECT md5_number(concat({row_text})) AS hash FROM rows_to_digest)
            """
        ).fetchone()
    assert sums is not None
    count, high, low = (int(value or 0) for value in sums)
    summary = f"{','.join(columns)}|{count}|{high & LOW_64_BITS}|{low & LOW_64_BITS}"
    return hashlib.sha256(summary.encode()).hexdigest()[:32]


def files_digest(files: Sequence[str]) -> str:
    """The digest of all rows of Parquet files, by URI, without lineage columns (`_…`).

    A column that some of the files lack is null there.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    system, paths = located(files)
    schemas = [ds.dataset(each, format="parquet", filesystem=system).schema for each in paths]
    schema = pa.unify_schemas(schemas, promote_options="permissive")
    columns = [name for name in schema.names if not name.startswith("_")]
    rows = ds.dataset(paths, schema=schema, format="parquet", filesystem=system)
    return content_digest(rows.scanner(columns=columns).to_reader())


def _value_text(field: pa.Field) -> str:
    """SQL for the canonical text of one column's value."""
    import pyarrow as pa

    name = '"' + field.name.replace('"', '""') + '"'
    if pa.types.is_timestamp(field.type):
        text = f"epoch_us({name})::VARCHAR"
    elif pa.types.is_floating(field.type):
        text = f"({name} + 0.0)::VARCHAR"
    elif pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
        text = f"hex({name})"
    elif pa.types.is_nested(field.type):
        text = f"to_json({name})::VARCHAR"
    else:
        text = f"{name}::VARCHAR"
    return f"coalesce(length({text}) || ':' || {text}, 'N')"
