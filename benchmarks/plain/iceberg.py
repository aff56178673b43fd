"""Tables of a plain script: the platform's dictionary, PyIceberg, and a catalog on SQLite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from resources.tables import iceberg_partition, iceberg_properties, iceberg_schema
from spark.tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog


def open_catalog(out: Path) -> Catalog:
    """The catalog of what a script published below `out`."""
    from pyiceberg.catalog.sql import SqlCatalog

    return SqlCatalog("lake", uri=f"sqlite:///{out}/catalog.db", warehouse=f"file://{out}/tables")


def write_table(catalog: Catalog, identifier: str, rows: pa.Table) -> int:
    """Create the table and write all of its rows in one commit; return how many there are."""
    definition = TABLES[identifier]
    schema = iceberg_schema(definition)
    catalog.create_namespace_if_not_exists(definition.zone)
    table = catalog.create_table(
        identifier,
        schema=schema,
        partition_spec=iceberg_partition(definition, schema),
        properties={"format-version": "2", **iceberg_properties(definition)},
    )
    table.append(rows.select(list(definition.column_names)).cast(table.schema().as_arrow()))
    return int(rows.num_rows)
