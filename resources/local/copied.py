"""The rows of a table as COPY writes them: blocks of text, and the typed rows that they are.

COPY sends each row as a message of its own. They are gathered into blocks of whole rows, so that a
block can be parsed by itself, by Arrow, while the next one is being read.

The hazard: COPY writes null as nothing and an empty text as `""`. A CSV reader that takes both for
the same loses the difference; the options below keep it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from resources.replication import SourceTable

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa
    from psycopg.pq.abc import PGconn
    from psycopg.sql import Composed

BLOCK_BYTES: Final = 8 * 1024 * 1024
_MOST_BYTES: Final = 2**31 - 1


class ValueUnfit(Exception):
    """A value that the delivered type cannot hold, such as `infinity`."""


def table_rows(
    session: psycopg.Connection[Any],
    table: SourceTable,
    columns: pa.Schema,
    *,
    only: Composed | None = None,
) -> Iterator[pa.RecordBatch]:
    """The table's rows in their delivered types, a block at a time; see `copied_blocks`.

    Raises:
        ValueUnfit: the type of some column cannot hold one of its values.
    """
    with closing(copied_blocks(session, table, columns, only=only)) as blocks:
        for block in blocks:
            yield typed_rows(block, columns)


def copied_blocks(
    session: psycopg.Connection[Any],
    table: SourceTable,
    columns: pa.Schema,
    *,
    only: Composed | None = None,
) -> Generator[bytearray]:
    """The table's rows as CSV, whole rows of about `BLOCK_BYTES` at a time.

    Close it when it is not read to its end.

    Args:
        session: where to ask.
        table: the table, which the query calls `t`.
        columns: those that are wanted, with their types.
        only: what to join the table with, to get some of its rows.

    Raises:
        psycopg.Error: the server refuses, or ends in the middle.
    """
    from psycopg import sql

    statement = sql.SQL("COPY (SELECT {} FROM {} AS t {}) TO STDOUT (FORMAT csv)").format(
        sql.SQL(", ").join(sql.Identifier("t", name) for name in columns.names),
        sql.Identifier(table.schema, table.table),
        only or sql.SQL(""),
    )
    block = bytearray()
    # A transaction within the snapshot's: one that is given up in the middle leaves that whole.
    with session.transaction(), session.cursor().copy(statement) as copy:
        for row in _rows(session.pgconn, copy):
            block += row
            if len(block) >= BLOCK_BYTES:
                yield block
                block = bytearray()
    if block:
        yield block


def typed_rows(block: bytearray, columns: pa.Schema) -> pa.RecordBatch:
    """The rows of a block, in their delivered types.

    Raises:
        ValueUnfit: the type of some column cannot hold one of its values.
    """
    import pyarrow as pa
    import pyarrow.csv

    try:
        rows = pa.csv.read_csv(
            pa.py_buffer(block),
            read_options=pa.csv.ReadOptions(
                column_names=columns.names,
                block_size=min(len(block) + 1, _MOST_BYTES),
                # The caller works on one block while it reads the next: that is two threads.
                use_threads=False,
            ),
            parse_options=pa.csv.ParseOptions(
                newlines_in_values=pa.string() in columns.types, ignore_empty_lines=False
            ),
            # COPY writes null as nothing and an empty text as "".
            convert_options=pa.csv.ConvertOptions(
                column_types=columns,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
    except pa.ArrowInvalid as error:
        raise ValueUnfit(str(error)) from error
    [batch] = rows.combine_chunks().to_batches()
    return batch


def as_text(columns: pa.Schema) -> pa.Schema:
    """The same columns, with text for every type that cannot hold all that PostgreSQL's can."""
    import pyarrow as pa

    def narrow(kind: pa.DataType) -> bool:
        return bool(pa.types.is_temporal(kind) or pa.types.is_decimal(kind))

    kinds = [(c.name, pa.string() if narrow(c.type) else c.type) for c in columns]
    return pa.schema([pa.field(name, kind) for name, kind in kinds])


def _rows(pgconn: PGconn, copy: psycopg.Copy) -> Iterator[bytes | bytearray | memoryview]:
    """The messages of a COPY.

    Taken from libpq directly: psycopg's own loop over them costs more than all that follows.
    """
    while True:
        length, row = pgconn.get_copy_data(1)
        if length > 0:
            yield row
        elif length < 0:
            _end(pgconn)
            return
        # Nothing has come yet. psycopg waits, and says with an empty row that all has been read.
        elif waited_for := copy.read():
            yield waited_for
        else:
            return


def _end(pgconn: PGconn) -> None:
    """Take what the server says after the last row."""
    from psycopg import pq
    from psycopg.errors import error_from_result

    for result in list(iter(pgconn.get_result, None)):
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise error_from_result(result)
