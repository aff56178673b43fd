"""What a table definition becomes in Iceberg: schema, partition spec and properties.

The dictionary of tables lives with the jobs; here it is met only by its shape (`TableDefinition`),
so that this package does not depend on them. Iceberg's `timestamptz` is what Spark calls
`timestamp`: an instant. Its `timestamp` has no zone and is never used for an instant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.types import PrimitiveType

# The default of 4 loses commits when two writers meet; with 20, two times 50 met without a loss.
COMMIT_RETRIES = "20"
# The property that says which version of its definition a table follows.
VERSION = "product360.version"


class ColumnDefinition(Protocol):
    """One column: Spark DDL type, what it means, whether it may be null."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def doc(self) -> str: ...  # noqa: D102
    @property
    def nullable(self) -> bool: ...  # noqa: D102


class TableDefinition(Protocol):
    """One table of the dictionary; `partition` holds transforms such as `month(day)`."""

    @property
    def identifier(self) -> str: ...  # noqa: D102
    @property
    def zone(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def doc(self) -> str: ...  # noqa: D102
    @property
    def grain(self) -> str: ...  # noqa: D102
    @property
    def owner(self) -> str: ...  # noqa: D102
    @property
    def key(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def columns(self) -> Sequence[ColumnDefinition]: ...  # noqa: D102
    @property
    def partition(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102


def iceberg_type(ddl: str) -> PrimitiveType:
    """Translate one Spark DDL type.

    Raises:
        ValueError: a type outside the dictionary's vocabulary.
    """
    from pyiceberg import types

    simple: dict[str, type[PrimitiveType]] = {
        "string": types.StringType,
        "int": types.IntegerType,
        "bigint": types.LongType,
        "double": types.DoubleType,
        "boolean": types.BooleanType,
        "date": types.DateType,
        "timestamp": types.TimestamptzType,
    }
    if ddl in simple:
        return simple[ddl]()
    decimal = re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", ddl)
    if decimal is None:
        expected = ", ".join([*simple, "decimal(p,s)"])
        raise ValueError(f"column type {ddl!r} is unknown; expected one of {expected}")
    return types.DecimalType(int(decimal[1]), int(decimal[2]))


def iceberg_schema(definition: TableDefinition) -> Schema:
    """Build the schema: field numbers by position, key columns as identifier fields."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    fields = [
        NestedField(
            field_id=number,
            name=column.name,
            field_type=iceberg_type(column.type),
            required=not column.nullable,
            doc=column.doc,
        )
        for number, column in enumerate(definition.columns, start=1)
    ]
    numbers = {field.name: field.field_id for field in fields}
    return Schema(*fields, identifier_field_ids=[numbers[name] for name in definition.key])


def iceberg_partition(definition: TableDefinition, schema: Schema) -> PartitionSpec:
    """Build the partition spec from transforms: `month(day)`, `bucket(16, id)`, `region`."""
    from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
    from pyiceberg.transforms import parse_transform

    fields = []
    for offset, text in enumerate(definition.partition):
        parts = re.fullmatch(r"(?:(?P<how>\w+)\((?:(?P<width>\d+),\s*)?)?(?P<column>\w+)\)?", text)
        if parts is None:
            raise ValueError(f"partition {text!r} of {definition.identifier} is not a transform")
        how = parts["how"] or "identity"
        transform = parse_transform(f"{how}[{parts['width']}]" if parts["width"] else how)
        name = parts["column"] if how == "identity" else f"{parts['column']}_{how}"
        source = schema.find_field(parts["column"]).field_id
        fields.append(
            PartitionField(
                source_id=source,
                field_id=PARTITION_FIELD_ID_START + offset,
                transform=transform,
                name=name,
            )
        )
    return PartitionSpec(*fields)


def iceberg_properties(definition: TableDefinition) -> dict[str, str]:
    """Properties that every table of ours carries; Athena reads format version 2, not 3."""
    return {
        "comment": definition.doc,
        # What PyIceberg gives to Glue as the table's description; Iceberg on Spark takes `comment`.
        "Description": definition.doc,
        "commit.retry.num-retries": COMMIT_RETRIES,
        "write.parquet.compression-codec": "zstd",
        "product360.grain": definition.grain,
        "product360.key": ",".join(definition.key),
        "product360.owner": definition.owner,
        VERSION: str(definition.version),
    }
