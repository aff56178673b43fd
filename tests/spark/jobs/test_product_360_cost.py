"""What a day costs does not grow with the years before it: their files are not even opened."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import broadcast

from resources.catalog import LocalCatalogResource
from spark.tables.curated import PRODUCT, SALES_LINE
from spark.transforms.product_360_lifecycle import revenue_by_quarter
from spark.transforms.product_360_sales import with_sales

AS_OF = date(2017, 12, 31)
WINDOWS = (7, 28, 91, 364)


@pytest.fixture
def years(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[DataFrame]:
    """A product, and its sales of four years, of which all files but the last year's are gone."""
    catalog = LocalCatalogResource(home=str(tmp_path_factory.getbasetemp() / "engine"))
    for table in (PRODUCT, SALES_LINE):
        if catalog.load().table_exists(table.identifier):
            catalog.load().drop_table(table.identifier)
        catalog.ensure_table(table)
    days = [AS_OF - timedelta(days=30 * back) for back in range(48)]
    rows = [
        {"basket_id": number, "product_id": 1, "household_id": number % 3, "business_date": day}
        | {"units": 2, "sales_value": Decimal("3.00"), "is_fuel": False, "is_known_product": True}
        for number, day in enumerate(days)
    ]
    product = {"product_id": 1, "is_fuel": False, "is_unknown_member": False}
    for table, content in ((PRODUCT, [product]), (SALES_LINE, rows)):
        published = catalog.table(table.identifier)
        schema = published.schema().as_arrow()
        lineage = {"_batch_id": "b", "_change_order": "1"}
        filled = [{**dict.fromkeys(schema.names), **row, **lineage} for row in content]
        published.append(pa.Table.from_pylist(filled, schema=schema))
    # A month that the window touches is read whole; months are counted from 1970.
    tasks = catalog.table(SALES_LINE.identifier).scan().plan_files()
    old = [task.file for task in tasks if task.file.partition[0] < (2017 - 1970) * 12]
    assert len(old) > 30
    for file in old:
        Path(file.file_path.removeprefix("file://")).unlink()
    return [session.table(f"lake.{table.identifier}") for table in (PRODUCT, SALES_LINE)]


def test_windows_need_no_file_that_is_older_than_the_longest(years: list[DataFrame]) -> None:
    products, lines = years
    (row,) = with_sales(products, lines, AS_OF, WINDOWS).collect()
    assert [row[f"baskets_{days}d"] for days in WINDOWS] == [1, 1, 4, 13]
    assert row["revenue_364d"] == Decimal("39.00")


def test_which_way_a_product_goes_needs_half_a_year(years: list[DataFrame]) -> None:
    _, lines = years
    (row,) = revenue_by_quarter(lines, AS_OF).collect()
    assert (row["revenue_now"], row["revenue_before"]) == (Decimal("12.00"), Decimal("9.00"))


def test_neither_does_a_window_of_the_few_products_that_a_day_touches(
    session: SparkSession, years: list[DataFrame]
) -> None:
    products, lines = years
    touched = session.createDataFrame([(1,)], "product_id bigint")
    of_touched = broadcast(touched).join(lines, on="product_id", how="inner")
    (row,) = with_sales(products, of_touched, AS_OF, WINDOWS).collect()
    assert [row[f"baskets_{days}d"] for days in WINDOWS] == [1, 1, 4, 13]
