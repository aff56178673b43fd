"""The whole story of every product equals the source package, computed by another way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import oracle_product_360
import pytest
from lineage import Lineage

from spark.tables import Table
from spark.tables.curated import PRODUCT_360, PRODUCT_WEEK
from spark.tables.model import Column

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def package(retailer: Lineage) -> Iterator[Any]:
    """The package's own weeks and products, at the scale of the lineage."""
    landing = retailer.home / "lake" / "landing"
    with oracle_product_360.package(retailer.scale, landing) as connection:
        yield connection


@pytest.mark.parametrize("table", [PRODUCT_WEEK, PRODUCT_360], ids=lambda table: table.name)
def test_every_column_of_every_row_equals_the_package(
    retailer: Lineage, package: Any, table: Table
) -> None:
    catalog = retailer.resources()["catalog"]
    package.register("ours", catalog.table(table.identifier).scan().to_arrow())
    compared = [column for column in table.columns if column.name not in table.key]
    counts = ", ".join(f"count(*) FILTER ({_differs(column)})" for column in compared)
    first = table.key[0]
    (row,) = package.execute(
        f"""
        SELECT count(*), count(*) FILTER (a.{first} IS NULL), count(*) FILTER (b.{first} IS NULL),
               {counts}
        FROM ours a FULL JOIN {table.name} b USING ({", ".join(table.key)})
        """
    ).fetchall()
    rows, missing, invented, *different = row
    named = zip(compared, different, strict=True)
    assert {column.name: count for column, count in named if count} == {}
    assert (missing, invented) == (0, 0)
    assert rows > 10_000


@pytest.mark.parametrize("table", [PRODUCT_WEEK, PRODUCT_360], ids=lambda table: table.name)
def test_no_column_is_the_same_in_every_row(package: Any, table: Table) -> None:
    # The comparison above would pass on columns that are empty, or zero, on both sides.
    varied = [name for name in table.column_names if name != "as_of_date"]
    counts = ", ".join(f"count(DISTINCT {name})" for name in varied)
    (row,) = package.execute(f"SELECT {counts} FROM {table.name}").fetchall()
    assert [name for name, values in zip(varied, row, strict=True) if values < 2] == []


def _differs(column: Column) -> str:
    ours, theirs = f"a.{column.name}", f"b.{column.name}"
    if column.type == "double":
        return f"coalesce(abs({ours} - {theirs}) > 1e-9, {ours} IS DISTINCT FROM {theirs})"
    return f"{ours} IS DISTINCT FROM {theirs}"
