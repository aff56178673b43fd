"""What Dagster shows of a published table comes from the dictionary and from the table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from product360_assets.curated.presentation import materialized, table_spec
from spark.tables import TABLES, Table
from spark.tables.curated import CUSTOMER, PRODUCT_360, SALES_LINE


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_every_column_of_the_dictionary_is_shown_with_its_meaning(table: Table) -> None:
    spec = table_spec(table, deps=[], made_with="spark", code_version="1")
    schema = spec.metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns] == list(table.column_names)
    assert all(column.description for column in schema.columns)
    assert table.doc in str(spec.description)
    assert (spec.group_name, spec.owners) == (table.zone, [f"team:{table.owner}"])


def test_sensitive_columns_are_tagged() -> None:
    spec = table_spec(CUSTOMER, deps=[], made_with="spark", code_version="1")
    assert spec.tags["contains/personal"] == "true"
    columns = {column.name: column for column in spec.metadata["dagster/column_schema"].columns}
    assert columns["age_band"].tags == {"sensitivity": "personal"}
    assert columns["household_id"].constraints.unique


def test_a_materialization_says_what_the_table_holds(shop: Any) -> None:
    shop.fill(PRODUCT_360, {"product_id": 7, "revenue_7d": Decimal("1.20")}, {"product_id": 5})
    result = materialized(PRODUCT_360, shop.catalog, shop.warehouse, facts={"outcome": "published"})
    metadata: Any = result.metadata
    snapshot = shop.catalog.snapshot_summaries("curated.product_360")[0]["snapshot-id"]
    assert (metadata["outcome"], metadata["dagster/row_count"]) == ("published", 2)
    assert metadata["snapshot"] == snapshot
    assert metadata["dagster/uri"].endswith("lake/curated/product_360")
    assert result.data_version is not None
    assert result.data_version.value == snapshot
    rows = metadata["preview"].md_str.splitlines()
    assert rows[0].startswith("| product_id | manufacturer_id |")
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| 5", "| 7"]


def test_a_preview_hides_what_is_not_public_and_leaves_lineage_out(shop: Any) -> None:
    shop.fill(CUSTOMER, {"household_id": 4711, "age_band": "35-44", "_batch_id": "b"})
    shown: Any = materialized(CUSTOMER, shop.catalog, shop.warehouse, facts={}).metadata
    text = shown["preview"].md_str
    assert "age_band" in text
    assert "35-44" not in text
    assert "4711" not in text
    assert "_batch_id" not in text


def test_a_table_without_snapshots_shows_itself_too(shop: Any) -> None:
    shop.catalog.ensure_table(SALES_LINE)
    result = materialized(SALES_LINE, shop.catalog, shop.warehouse, facts={})
    assert (result.metadata or {})["snapshot"] == "none yet"
