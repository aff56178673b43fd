"""Column lineage is what the job said, kept with the table and shown whatever a run did."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg

from product360_assets.curated.lineage import PROPERTY, column_lineage, remember
from product360_assets.curated.presentation import materialized
from resources.jobs import JobReport, JobResult
from spark.tables.curated import PRODUCT, SALES_LINE

SAID = {
    "business_date": [["pos.basket", "sold_at"]],
    "units": [["lake.curated.product", "is_fuel"], ["pos.sales_line", "quantity"]],
    "store_id": [["/elsewhere/a.b.parquet", "store_id"]],
}


def report(*details: dict[str, str]) -> JobReport:
    results = tuple(
        JobResult("curated.sales_line", None, 0, 0, 0, 0, 0, None, each) for each in details
    )
    return JobReport("sales_line", results, 0.0, "file:///report")


def dependencies(lineage: dg.TableColumnLineage) -> dict[str, set[tuple[str, str]]]:
    return {
        column: {(each.asset_key.to_user_string(), each.column_name) for each in found}
        for column, found in lineage.deps_by_column.items()
    }


def test_what_the_job_said_is_shown_from_then_on(shop: Any) -> None:
    shop.catalog.ensure_table(SALES_LINE)
    assert column_lineage(shop.catalog, SALES_LINE) == {}
    remember(shop.catalog, SALES_LINE, report({"column_lineage": json.dumps(SAID)}, {}))
    shown: Any = materialized(SALES_LINE, shop.catalog, shop.warehouse, facts={}).metadata
    assert dependencies(shown["dagster/column_lineage"]) == {
        "business_date": {("clean/pos/basket", "sold_at")},
        "units": {("curated/product", "is_fuel"), ("clean/pos/sales_line", "quantity")},
        "store_id": set(),
    }
    words = shown["where its columns come from"].md_str.splitlines()
    assert "| business_date | clean/pos/basket.sold_at |" in words


def test_a_run_without_a_job_forgets_nothing_and_the_same_words_are_not_written_twice(
    shop: Any,
) -> None:
    shop.fill(PRODUCT, {"product_id": 1})
    before = shop.catalog.snapshot_summaries(PRODUCT.identifier)
    for said in (report({"column_lineage": json.dumps(SAID)}), None, report({})):
        remember(shop.catalog, PRODUCT, said)
    kept = shop.catalog.table(PRODUCT.identifier)
    remember(shop.catalog, PRODUCT, report({"column_lineage": json.dumps(SAID)}))
    again = shop.catalog.table(PRODUCT.identifier)
    assert json.loads(kept.properties[PROPERTY]) == SAID
    assert again.metadata_location == kept.metadata_location
    assert shop.catalog.snapshot_summaries(PRODUCT.identifier) == before


def test_a_table_that_evolves_keeps_its_lineage(shop: Any) -> None:
    shop.catalog.ensure_table(PRODUCT)
    remember(shop.catalog, PRODUCT, report({"column_lineage": json.dumps(SAID)}))
    shop.catalog.ensure_table(PRODUCT)
    assert column_lineage(shop.catalog, PRODUCT)
