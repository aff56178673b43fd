"""Column lineage of published tables: what the job said, kept with the table, shown in the UI.

The job that computes a table reads its own plan and reports which columns each column was computed
from. A run that finds nothing to do asks no job, but the UI shows the latest run: so the table
keeps the answer as a property, and every materialization shows what the table holds. A table whose
job says nothing (an engine that cannot, a forecast made by a model) shows nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import dagster as dg

from product360_assets.core.keys import clean_key, published_key
from resources.catalog import CATALOG_NAME, CatalogResource
from resources.jobs import JobReport
from spark.tables import TABLES, Table

PROPERTY = "product360.column-lineage"
# The name under which jobs report it.
DETAIL = "column_lineage"
IN_WORDS = "where its columns come from"

Origins = Mapping[str, Sequence[tuple[str, str]]]


def remember(catalog: CatalogResource, table: Table, report: JobReport | None) -> None:
    """Keep what a job said of the table's columns, if it said anything new."""
    results = report.results if report is not None else ()
    said = [each.details[DETAIL] for each in results if DETAIL in each.details]
    if not said:
        return
    published = catalog.table(table.identifier)
    if published.properties.get(PROPERTY) != said[-1]:
        with published.transaction() as transaction:
            transaction.set_properties({PROPERTY: said[-1]})


def column_lineage(
    catalog: CatalogResource, table: Table
) -> dict[str, dg.TableColumnLineage | dg.MarkdownMetadataValue]:
    """Metadata that shows what each of the table's columns comes from; empty if nobody knows.

    Once for programs, and for people in words: not every UI of Dagster draws column lineage.
    """
    text = catalog.table(table.identifier).properties.get(PROPERTY)
    if text is None:
        return {}
    origins: Origins = json.loads(text)
    found = {
        column: [
            dg.TableColumnDep(asset_key=key, column_name=name)
            for dataset, name in origins[column]
            if (key := _asset(dataset)) is not None
        ]
        for column in table.column_names
        if column in origins
    }
    return {
        "dagster/column_lineage": dg.TableColumnLineage(found),
        IN_WORDS: dg.MetadataValue.md(_table(found)),
    }


def _table(found: Mapping[str, Sequence[dg.TableColumnDep]]) -> str:
    lines = ["| column | computed from |", "| --- | --- |"]
    for column, origins in found.items():
        if not column.startswith("_"):
            places = (f"{each.asset_key.to_user_string()}.{each.column_name}" for each in origins)
            lines.append(f"| {column} | {', '.join(places)} |")
    return "\n".join(lines)


def _asset(dataset: str) -> dg.AssetKey | None:
    """The asset of a dataset as jobs call it: a published table, or an input "shop.order"."""
    published = TABLES.get(dataset.removeprefix(f"{CATALOG_NAME}."))
    if published is not None:
        return published_key(published.identifier)
    source, _, table = dataset.partition(".")
    return clean_key(source, table) if table and "." not in table else None
