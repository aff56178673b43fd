"""What a table of ours is, in plain Python: the words that every engine and catalog is told.

Dagster, the catalogs, the engines and the tests all read these classes, on clusters too, so
this module needs nothing but the standard library. A type is written as Spark DDL; the few types
allowed are those that Spark, Sail, PyIceberg, Athena and DuckDB all read alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

_PLAIN_TYPES = frozenset(
    {"string", "int", "bigint", "double", "boolean", "date", "timestamp"},
)
_DECIMAL = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")
_NAME = re.compile(r"_?[a-z][a-z0-9_]*")
_PARTITION = re.compile(r"(?:(?:year|month|day)\((?P<time>\w+)\))|(?P<plain>\w+)")

ZONES = ("curated", "forecast", "serving")
# What becomes of the row of somebody who is erased.
ErasureMode = Literal["remove", "anonymise"]
# A day is closed by the next day's delivery, and over a long weekend nothing may happen.
USUAL_FRESHNESS_HOURS = 72


class DictionaryError(ValueError):
    """A table or column is described in a way that some engine could not follow."""


@dataclass(frozen=True)
class Column:
    """One column: its name, its type as Spark DDL, and what it means to a reader.

    `tag` is the sensitivity that access policies go by: "public" unless said otherwise. `subject`
    is the kind of person whose key it holds, if any; when that one is erased, `erasure` says what
    becomes of the row: "remove" it, or "anonymise" it, which leaves null for the key.
    """

    name: str
    type: str
    doc: str
    nullable: bool = True
    tag: str = "public"
    subject: str = ""
    erasure: str = "remove"

    def __post_init__(self) -> None:
        """Refuse what one of the engines would read differently, or no erasure could do."""
        if not _NAME.fullmatch(self.name):
            raise DictionaryError(f"Column {self.name!r}: expected a snake_case name.")
        if not is_type(self.type):
            expected = ", ".join(sorted(_PLAIN_TYPES))
            raise DictionaryError(
                f"Column {self.name}: found type {self.type!r}, expected one of {expected} "
                "or decimal(p,s) with s <= p <= 38, in lower case and without spaces."
            )
        if not self.doc.strip():
            raise DictionaryError(f"Column {self.name}: say what it means in `doc`.")
        if self.erasure not in get_args(ErasureMode):
            raise DictionaryError(
                f"Column {self.name}: found erasure {self.erasure!r}, expected one of "
                f"{', '.join(get_args(ErasureMode))}."
            )
        if self.erasure == "anonymise" and not (self.subject and self.nullable):
            raise DictionaryError(
                f"Column {self.name}: found the erasure anonymise, expected it only of a column "
                "that names its `subject` and may be null, as null is what it leaves."
            )


@dataclass(frozen=True)
class Table:
    """One published table: zone, name, meaning, grain, owner, key, columns, partitioning.

    `partition` holds Iceberg transforms such as "month(business_date)" or a bare column name.
    `version` rises when readers have to change something; `freshness_hours` is how long after its
    newest day the table may stand before it is late.
    """

    zone: str
    name: str
    doc: str
    grain: str
    owner: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partition: tuple[str, ...] = ()
    version: int = 1
    freshness_hours: int = USUAL_FRESHNESS_HOURS

    def __post_init__(self) -> None:
        """Refuse a key or a partition over columns that the table does not have."""
        if self.zone not in ZONES:
            raise DictionaryError(f"Table {self.name}: zone {self.zone!r}, expected {ZONES}.")
        names = self.column_names
        if len(set(names)) != len(names):
            raise DictionaryError(f"Table {self.identifier}: a column is declared twice.")
        for column in self.key:
            if self.column(column).nullable:
                raise DictionaryError(f"Table {self.identifier}: key {column} may be null.")
        for column in self.partition_columns:
            self.column(column)

    @property
    def identifier(self) -> str:
        """The name in every catalog: "curated.product"."""
        return f"{self.zone}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns in their declared order."""
        return tuple(column.name for column in self.columns)

    @property
    def partition_columns(self) -> tuple[str, ...]:
        """The columns that the partition transforms are of, in their order."""
        columns = []
        for transform in self.partition:
            parts = _PARTITION.fullmatch(transform)
            if parts is None:
                raise DictionaryError(f"Table {self.identifier}: partition {transform!r}.")
            columns.append(parts["time"] or parts["plain"])
        return tuple(columns)

    def column(self, name: str) -> Column:
        """The column called `name`; DictionaryError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise DictionaryError(
            f"Table {self.identifier}: no column {name!r} among {', '.join(self.column_names)}."
        )


@dataclass(frozen=True)
class View(Table):
    """A published relation without rows of its own: a query over tables, under a name.

    Attributes:
        query: SQL that DuckDB and Athena read alike, over tables with their zone; its columns are
            the declared ones, in their order.
        reads: the tables that it names.
    """

    query: str = ""
    reads: tuple[Table, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a view that asks nothing, or that names a table it does not declare."""
        super().__post_init__()
        named = set(re.findall(r"\b((?:curated|forecast)\.\w+)", self.query))
        declared = {table.identifier for table in self.reads}
        if not declared or named != declared:
            raise DictionaryError(
                f"View {self.identifier}: its query names {sorted(named)}, `reads` holds "
                f"{sorted(declared)}; expected the same tables."
            )


def is_type(name: str) -> bool:
    """Whether `name` is a type that every engine and catalog reads alike."""
    return name in _PLAIN_TYPES or _is_decimal(name)


def decimal_parts(type_name: str) -> tuple[int, int] | None:
    """Precision and scale of "decimal(p,s)"; None for every other type."""
    parts = _DECIMAL.fullmatch(type_name)
    return (int(parts[1]), int(parts[2])) if parts else None


def _is_decimal(type_name: str) -> bool:
    parts = decimal_parts(type_name)
    return parts is not None and parts[1] <= parts[0] and 1 <= parts[0] <= 38
