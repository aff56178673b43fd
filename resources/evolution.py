"""How an existing table follows its definition.

Columns are added, widened and described anew. One that is not declared any more is dropped by a new
version of the table, which its readers were told of, and by nothing else: older code may be at
work beside newer, and would drop what it does not know. Former snapshots still show it. What
Iceberg cannot follow without rewriting data is refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resources.errors import ContractInvalid
from resources.tables import (
    VERSION,
    TableDefinition,
    iceberg_partition,
    iceberg_properties,
    iceberg_schema,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.schema import Schema
    from pyiceberg.table import Table


def evolve(table: Table, definition: TableDefinition) -> None:
    """Commit what the definition has and the table has not; no commit where nothing differs.

    Raises:
        ContractInvalid: a type or the partitioning changed in a way that Iceberg cannot follow.
    """
    _require_same_partition(table, definition)
    dropped = _dropped(table, definition)
    if dropped or not _follows(table.schema(), iceberg_schema(definition)):
        _follow(table, definition, dropped)
    properties = iceberg_properties(definition)
    if any(table.properties.get(name) != value for name, value in properties.items()):
        with table.transaction() as transaction:
            transaction.set_properties(properties)


def _dropped(table: Table, definition: TableDefinition) -> list[str]:
    """The columns that a new version of the table has no more."""
    if int(table.properties.get(VERSION, "1")) >= definition.version:
        return []
    wanted = iceberg_schema(definition).column_names
    return [name for name in table.schema().column_names if name not in wanted]


def _follow(table: Table, definition: TableDefinition, dropped: Sequence[str]) -> None:
    from pyiceberg.exceptions import ValidationError

    known = set(table.schema().column_names)
    try:
        # What a new version drops may be such that it could not be null.
        with table.update_schema(allow_incompatible_changes=bool(dropped)) as update:
            for name in dropped:
                update.delete_column(name)
            for field in iceberg_schema(definition).fields:
                if field.name not in known:
                    update.add_column(field.name, field.field_type, doc=field.doc)
                    continue
                update.update_column(field.name, field_type=field.field_type, doc=field.doc)
                if not field.required:
                    update.make_column_optional(field.name)
    except ValidationError as error:
        raise ContractInvalid(
            f"table {definition.identifier}",
            found=str(error),
            expected="column types that only ever widen (int to bigint, more decimal digits)",
            next_move="give the column a new name, or rebuild the table from the clean zone",
        ) from error


def _follows(schema: Schema, wanted: Schema) -> bool:
    known = set(schema.column_names)
    return all(name in known and _alike(schema, wanted, name) for name in wanted.column_names)


def _alike(schema: Schema, wanted: Schema, name: str) -> bool:
    """Whether the column is as wanted; one that may not be null is fine where it may."""
    there, here = schema.find_field(name), wanted.find_field(name)
    return (there.field_type, there.doc) == (here.field_type, here.doc) and (
        here.required or not there.required
    )


def _require_same_partition(table: Table, definition: TableDefinition) -> None:
    """Refuse another partitioning: old files would stay in the old one, and reads with them."""
    there = {(f.name, str(f.transform)) for f in table.spec().fields}
    here = {
        (f.name, str(f.transform))
        for f in iceberg_partition(definition, iceberg_schema(definition)).fields
    }
    if there != here:
        raise ContractInvalid(
            f"table {definition.identifier}",
            found=f"a table partitioned by {sorted(there) or 'nothing'}",
            expected=f"{sorted(here) or 'no partitions'}, as its definition says",
            next_move="restore the partitioning in the definition, or rebuild the table",
        )
