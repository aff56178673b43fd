"""Clean rows of any source table, made from its contract: edge values, few keys, many ties.

They keep what clean promises (types, nullability, allowed values, rules that quarantine or halt,
one row of a key where the contract says so) and nothing else. Keys are few, so that rows meet in
joins and changes of one key follow each other; orders are few, so that they tie.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import edges
import pyarrow as pa

from product360_assets.core.contract import ColumnContract, SourceContract, TableContract
from resources.ledger import Batch
from spark.tables.model import decimal_parts

KINDS = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}
LINEAGE = {
    "_batch_id": pa.string(),
    "_landing_date": pa.date32(),
    "_source_file": pa.string(),
    "_row_number": pa.int64(),
    "_ingested_at": pa.timestamp("us", "UTC"),
    "_epoch": pa.string(),
    "_committed_at": pa.timestamp("us", "UTC"),
    "_change_sequence": pa.string(),
    "_operation": pa.string(),
}
FIRST_DAY = date(2017, 1, 1)
IDENTIFIERS = [*range(1, 25), -1, 0, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
CODES = [*(f"e{number}" for number in range(20)), "", " ", "é", "e\u0301", "\U0001f600", "A", "a"]
COMMITTED = [None, *map(edges.utc, ("2017-12-01", "2017-12-01T00:00:00.000001", "1969-12-31"))]
SEQUENCES = [None, "01", "02", "2017120100000000000000000000000001"]


class ChangeLog:
    """Rows of one table, drawn with one seed."""

    def __init__(self, contract: SourceContract, table: TableContract, seed: int) -> None:
        self._contract = contract
        self._table = table
        self._dice = random.Random(f"{seed} {contract.name}.{table.name}")

    def rows(self, batch: Batch, count: int) -> pa.Table:
        """About `count` clean rows of a batch; fewer where the contract refuses some."""
        rows = [self._row(batch) for _ in range(count)]
        # The same row again, and one long text.
        rows += [dict(row) for row in rows[: count // 10]]
        if self._table.unique is not None and self._table.unique.action == "quarantine":
            rows = list(
                {tuple(row[name] for name in self._table.key): row for row in rows}.values()
            )
        self._lengthen(rows)
        columns = {column.name: kind_of(column.type) for column in self._table.columns}
        return self._kept(pa.Table.from_pylist(rows, pa.schema({**columns, **LINEAGE})))

    def _row(self, batch: Batch) -> dict[str, Any]:
        values = {column.name: self._value(column) for column in self._table.columns}
        is_log = self._contract.kind == "database"
        operation = self._dice.choice("IIIUUUD") if is_log else "I"
        if operation == "D":
            values = {name: values[name] if name in self._table.key else None for name in values}
        order = values[self._table.order] if self._table.order else None
        return {
            **values,
            "_batch_id": batch.batch_id,
            "_landing_date": batch.landing_date,
            "_source_file": f"{self._dice.randrange(3)}.file",
            "_row_number": None,
            "_ingested_at": datetime(2018, 1, 8, tzinfo=UTC),
            "_epoch": batch.epoch,
            "_committed_at": self._dice.choice(COMMITTED) if is_log else order,
            "_change_sequence": self._dice.choice(SEQUENCES) if is_log else None,
            "_operation": operation,
        }

    def _value(self, column: ColumnContract) -> Any:
        if column.nullable and self._dice.random() < 0.2:
            return None
        if column.allowed is not None:
            return self._dice.choice(column.allowed)
        is_name = column.name in self._table.key or column.name.endswith("_id")
        return self._dice.choice(_choices(column.type, is_name=is_name, dice=self._dice))

    def _lengthen(self, rows: Sequence[dict[str, Any]]) -> None:
        free = [
            column.name
            for column in self._table.columns
            if column.type == "string" and not column.allowed and column.name not in self._table.key
        ]
        standing = [row for row in rows if row["_operation"] != "D"]
        if free and standing:
            standing[0][free[0]] = edges.MEGABYTE

    def _kept(self, rows: pa.Table) -> pa.Table:
        """The rows whose rules hold, as clean would publish them."""
        rules = [rule.expression for rule in self._table.rules if rule.action != "warn"]
        holds = " AND ".join(f"coalesce({rule}, true)" for rule in rules) or "true"
        with duckdb.connect() as connection:
            connection.execute("SET timezone = 'UTC'")
            connection.register("changes", rows)
            kept = connection.sql(f"SELECT * FROM changes WHERE _operation = 'D' OR ({holds})")
            return kept.to_arrow_table().cast(rows.schema)


def kind_of(name: str) -> pa.DataType:
    """The Arrow type of a declared one."""
    parts = decimal_parts(name)
    return pa.decimal128(*parts) if parts else KINDS[name]


def _choices(kind: str, *, is_name: bool, dice: random.Random) -> Sequence[Any]:
    """Values of a type, as often as they should be drawn."""
    parts = decimal_parts(kind)
    if parts is not None:
        return _decimals(*parts)
    choices: dict[str, Sequence[Any]] = {
        "string": CODES if is_name else edges.STRINGS,
        "bigint": IDENTIFIERS if is_name else edges.BIGINTS,
        "int": [*range(1, 54), *edges.INTS],
        "double": edges.DOUBLES,
        "boolean": edges.BOOLEANS,
        "date": _mostly_recent(edges.DATES, [FIRST_DAY + timedelta(dice.randrange(365))]),
        "timestamp": _mostly_recent(
            edges.TIMES,
            [datetime(2017, 10, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(92 * 86_400))],
        ),
    }
    return choices[kind]


def _mostly_recent(values: Sequence[Any], drawn: Sequence[Any]) -> Sequence[Any]:
    """Half of all in 2017, where windows look; few long ago, for each of these has many weeks."""
    ancient = [value for value in values if value.year < 1500]
    old = [value for value in values if 1500 <= value.year < 2000]
    recent = [value for value in values if value.year >= 2000]
    return [*ancient, *old * 8, *recent * 40, *drawn * (40 * len(recent))]


def _decimals(precision: int, scale: int) -> list[Decimal]:
    greatest = Decimal(10**precision - 1).scaleb(-scale)
    smallest = Decimal(1).scaleb(-scale)
    usual = [Decimal(number).scaleb(-scale) for number in (0, 5, 50, 99, 100, 333, 1999, 123456)]
    return [*usual, smallest, -smallest, greatest, -greatest]
