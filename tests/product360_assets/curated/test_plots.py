"""A run shows the shape of its table, and never what not everybody may see."""

from __future__ import annotations

import base64
import pkgutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from product360_assets import curated
from product360_assets.curated.plots import DRAWN_FROM, Plot, drawn, plots_of
from product360_assets.curated.presentation import materialized
from product360_assets.forecast import training
from spark.tables import TABLES, DictionaryError, Table
from spark.tables.curated import CLICK_EVENT, CUSTOMER, PRODUCT, SALES_LINE
from spark.tables.forecast import WEEKLY_DEMAND

BY_AGE = Plot(
    "By age", "SELECT age_band, count(*) FROM curated.customer GROUP BY 1", y="households"
)


def rooms_of(package: ModuleType) -> list[ModuleType]:
    """Every module of a package."""
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    return [import_module(f"{package.__name__}.{name}") for name in names]


def table_of(module: ModuleType) -> Table:
    """The table that a module of a zone is named after, or the training set."""
    name = module.__name__.rpartition(".")[2]
    return next((table for table in TABLES.values() if table.name == name), WEEKLY_DEMAND)


def picture(plot: Plot, shop: Any, table: Table = PRODUCT) -> bytes:
    text = plot.draw(shop.warehouse.query, table).md_str
    assert text.startswith(f"![{plot.title}](data:image/png;base64,")
    return base64.b64decode(text.partition(";base64,")[2].rstrip(")"))


def test_a_personal_column_is_refused_before_anything_runs() -> None:
    with pytest.raises(DictionaryError, match="age_band, which is not public"):
        plots_of(CUSTOMER, [BY_AGE])
    with pytest.raises(DictionaryError, match="visitor_id"):
        plots_of(CLICK_EVENT, [Plot("Visitors", "SELECT count(DISTINCT Visitor_ID) AS n", y="n")])


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_table_with_a_day_has_a_plot_by_construction(table: Table) -> None:
    by_month = any(each.startswith("month(") for each in table.partition)
    assert [plot.title for plot in plots_of(table, [])] == (["Rows by week"] if by_month else [])


def test_rows_by_week_are_counted_from_mondays(shop: Any) -> None:
    days = [date(2017, 12, 18), date(2017, 12, 24), date(2017, 12, 25), None]
    shop.fill(SALES_LINE, *({"basket_id": n, "business_date": day} for n, day in enumerate(days)))
    [plot] = plots_of(SALES_LINE, [])
    assert shop.warehouse.query(plot.question(shop.warehouse.query, SALES_LINE)).rows == (
        (date(2017, 12, 18), 2),
        (date(2017, 12, 25), 1),
    )
    assert picture(plot, shop, SALES_LINE) == picture(plot, shop, SALES_LINE)


def test_bars_and_histograms_are_drawn_and_nulls_have_a_name(shop: Any) -> None:
    shop.fill(PRODUCT, {"product_id": 1}, {"product_id": 2, "department": "X" * 99})
    by_department = Plot(
        "Departments",
        "SELECT department, count(*) AS products FROM curated.product GROUP BY 1 ORDER BY 1",
        y="products",
        kind="bar",
    )
    ids = Plot("Ids", "SELECT product_id FROM curated.product", x="id", y="n", kind="histogram")
    shown = drawn([by_department, ids], shop.warehouse.query, PRODUCT, snapshot="1", before={})
    assert set(shown) == {"Departments", "Ids", DRAWN_FROM}
    assert picture(by_department, shop) != picture(ids, shop)


def test_a_picture_is_drawn_again_only_for_other_rows_or_another_query(shop: Any) -> None:
    shop.fill(PRODUCT, {"product_id": 1})
    ids = Plot("Ids", "SELECT product_id FROM curated.product", x="id", y="n", kind="histogram")
    before = drawn([ids], shop.warehouse.query, PRODUCT, snapshot="1", before={})
    shop.fill(PRODUCT, {"product_id": 1}, {"product_id": 2})
    assert drawn([ids], shop.warehouse.query, PRODUCT, snapshot="1", before=before) == before
    for other in ([ids], "2"), ([replace(ids, sql=ids.sql + " WHERE true")], "1"):
        again = drawn(other[0], shop.warehouse.query, PRODUCT, snapshot=other[1], before=before)
        assert again["Ids"] != before["Ids"]


@pytest.mark.parametrize(
    ("table", "plot"),
    [
        (table_of(module), plot)
        for module in [*rooms_of(curated), training]
        for plot in getattr(module, "PLOTS", ())
    ],
    ids=lambda each: each.title if isinstance(each, Plot) else each.name,
)
def test_every_declared_plot_is_a_query_of_its_table(shop: Any, table: Table, plot: Plot) -> None:
    for each in TABLES.values():
        shop.catalog.ensure_table(each)
    columns = len(shop.warehouse.query(plot.question(shop.warehouse.query, table)).columns)
    assert columns == 1 if plot.kind == "histogram" else columns >= 2
    assert picture(plot, shop, table)


def test_a_table_of_many_years_shows_the_newest_two(shop: Any) -> None:
    days = [date(2001, 1, 1), date(2015, 12, 28), date(2016, 1, 4), date(2017, 12, 25)]
    shop.fill(SALES_LINE, *({"basket_id": n, "business_date": day} for n, day in enumerate(days)))
    [plot] = plots_of(SALES_LINE, [])
    shown = shop.warehouse.query(plot.question(shop.warehouse.query, SALES_LINE)).rows
    assert shown == ((date(2016, 1, 4), 1), (date(2017, 12, 25), 1))


def test_a_table_with_rows_shows_its_plots_and_an_empty_one_none(shop: Any) -> None:
    [plot] = plots_of(SALES_LINE, [])
    shop.catalog.ensure_table(SALES_LINE)
    empty: Any = materialized(
        SALES_LINE, shop.catalog, shop.warehouse, facts={}, plots=[plot]
    ).metadata
    assert plot.title not in empty
    shop.fill(SALES_LINE, {"business_date": date(2017, 12, 18), "sales_value": Decimal("1.00")})
    full: Any = materialized(
        SALES_LINE, shop.catalog, shop.warehouse, facts={}, plots=[plot]
    ).metadata
    assert "data:image/png" in full[plot.title].md_str


def test_a_picture_that_cannot_be_drawn_says_why_and_fails_nothing(shop: Any) -> None:
    shop.fill(PRODUCT, {"product_id": 1})
    broken = Plot("Nothing", "SELECT no_such_column FROM curated.product", y="products")
    shown = drawn([broken], shop.warehouse.query, PRODUCT, snapshot="1", before={})
    assert "could not be drawn: " in str(shown["Nothing"].value)
    assert "no_such_column" in str(shown["Nothing"].value)
