"""The published tables, as polars computes them from clean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.plain.iceberg import open_catalog, publish
from benchmarks.plain.work import Work, expect
from spark.tables import TABLES

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

TIME_ZONE = "America/New_York"
WINDOWS = (7, 28, 91, 364)
Clean = Callable[[str], pl.LazyFrame]


def publish_all(work: Work) -> None:
    """Every published table that the script makes, in order."""
    catalog = open_catalog(work.out)

    def clean(table: str) -> pl.LazyFrame:
        return pl.scan_parquet(work.clean_folder(table) / "*" / "*.parquet")

    with work.timed("curated.product"):
        product = _publish(work, catalog, "curated.product", _products(clean))
    with work.timed("curated.customer"):
        _publish(work, catalog, "curated.customer", _customers(clean))
    with work.timed("curated.sales_line"):
        sold = _publish(work, catalog, "curated.sales_line", _sales_lines(clean, product))
        _check_sales(sold, clean)
    as_of: date = sold["business_date"].max()  # type: ignore[assignment]
    with work.timed("curated.product_360"):
        rows = _product_360(product.lazy(), sold.lazy(), as_of)
        made = _publish(work, catalog, "curated.product_360", rows)
        within = sold.filter(pl.col("business_date") > as_of - timedelta(days=364))
        equal = made["revenue_364d"].sum() == within["sales_value"].sum()
        expect("revenue equals the sales of the longest window", holds=bool(equal))
    with work.timed("forecast.weekly_demand"):
        _publish(work, catalog, "forecast.weekly_demand", _weekly_demand(sold.lazy(), as_of))


def _publish(work: Work, catalog: Catalog, identifier: str, rows: pl.LazyFrame) -> pl.DataFrame:
    definition = TABLES[identifier]
    made = rows.select(definition.column_names).collect()
    work.published[identifier] = publish(catalog, identifier, made.to_arrow())
    keys = made.select(definition.key)
    expect(f"{identifier} has its key once", holds=keys.n_unique() == made.height)
    expect(f"{identifier} has rows", holds=made.height > 0)
    return made


def _latest(changes: pl.LazyFrame, *key: str) -> pl.LazyFrame:
    """The last change of each key that is no delete."""
    newest = ["_committed_at", "_change_sequence", "_is_delete", "_batch_id"]
    order = pl.concat_str(
        pl.col("_committed_at").cast(pl.String).fill_null(""),
        pl.col("_change_sequence").fill_null(""),
        separator=" ",
    )
    return (
        changes.with_columns(_is_delete=pl.col("_operation") == "D", _change_order=order)
        .sort(newest, descending=[True, True, True, False], nulls_last=True)
        .unique(key, keep="first", maintain_order=True)
        .filter(pl.col("_is_delete").not_())
    )


def _products(clean: Clean) -> pl.LazyFrame:
    places = _latest(clean("catalog.product_hierarchy"), "hierarchy_id").select(
        "hierarchy_id", "department", "product_category", "product_type"
    )
    fuel = (pl.col("department") == "FUEL").fill_null(value=False) | pl.col(
        "product_type"
    ).str.starts_with("GASOLINE").fill_null(value=False)
    listed = (
        _latest(clean("catalog.product"), "product_id")
        .join(places, on="hierarchy_id", how="left")
        .with_columns(is_fuel=fuel, is_unknown_member=pl.lit(value=False))
    )
    sold = clean("pos.sales_line").group_by("product_id").agg(pl.col("_batch_id").min())
    texts = ("department", "product_category", "product_type", "brand", "package_size")
    unknown = sold.join(listed, on="product_id", how="anti").with_columns(
        *(pl.lit("UNKNOWN").alias(name) for name in texts),
        manufacturer_id=pl.lit(None, pl.Int64()),
        is_fuel=pl.lit(value=False),
        is_unknown_member=pl.lit(value=True),
        _change_order=pl.lit(""),
    )
    names = TABLES["curated.product"].column_names
    return pl.concat([listed.select(names), unknown.select(names)])


def _customers(clean: Clean) -> pl.LazyFrame:
    described = _latest(clean("crm.demographic"), "household_id").select(
        "household_id",
        *("home_ownership", "marital_status", "household_size", "kids_count"),
        age_band="age",
        income_band="income",
        household_composition="household_comp",
        has_demographics=pl.lit(value=True),
    )
    known = _latest(clean("crm.household"), "household_id")
    return known.join(described, on="household_id", how="left").with_columns(
        pl.col("has_demographics").fill_null(value=False)
    )


def _sales_lines(clean: Clean, product: pl.DataFrame) -> pl.LazyFrame:
    receipts = _latest(clean("pos.basket"), "basket_id").select(
        "basket_id", "household_id", "store_id", "sold_at", business_week="week"
    )
    known = product.lazy().select("product_id", "is_fuel", "is_unknown_member")
    return (
        _latest(clean("pos.sales_line"), "basket_id", "product_id")
        .join(receipts, on="basket_id", how="left")
        .join(known, on="product_id", how="left")
        .with_columns(
            pl.col("is_fuel").fill_null(value=False),
            business_date=pl.col("sold_at").dt.convert_time_zone(TIME_ZONE).dt.date(),
            is_known_product=pl.col("is_unknown_member").not_().fill_null(value=False),
        )
        .with_columns(units=pl.when(pl.col("is_fuel").not_()).then("quantity"))
    )


def _check_sales(sold: pl.DataFrame, clean: Clean) -> None:
    totals = (
        pl.len(),
        pl.col("sales_value").sum(),
        (pl.col("retail_discount") + pl.col("coupon_discount")).sum().alias("discounts"),
    )
    delivered = _latest(clean("pos.sales_line"), "basket_id", "product_id").select(totals)
    expect(
        "sales equal the clean lines to the cent",
        holds=sold.select(totals).row(0) == delivered.collect().row(0),
    )
    lost = sold.select("business_date", "store_id", "household_id").null_count().sum_horizontal()
    expect("every line has its receipt", holds=lost[0] == 0)


def _product_360(product: pl.LazyFrame, sold: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    day = pl.col("business_date")
    sums: dict[str, pl.Expr] = {}
    for days in WINDOWS:
        inside = day > as_of - timedelta(days=days)
        sums |= {
            f"units_{days}": pl.col("units").filter(inside).sum(),
            f"revenue_{days}": pl.col("sales_value").filter(inside).sum(),
            f"visits_{days}": inside.sum(),
        }
    by_household = sold.group_by("product_id", "household_id").agg(
        first_sale=day.min(), last_sale=day.max(), **sums
    )
    return product.join(_totals(by_household), on="product_id", how="left").with_columns(
        *(column for days in WINDOWS for column in _window(days)), as_of_date=pl.lit(as_of)
    )


def _totals(by_household: pl.LazyFrame) -> pl.LazyFrame:
    sums: dict[str, pl.Expr] = {}
    for days in WINDOWS:
        visits = pl.col(f"visits_{days}")
        sums |= {
            f"units_{days}": pl.col(f"units_{days}").sum(),
            f"revenue_{days}": pl.col(f"revenue_{days}").sum(),
            f"baskets_{days}": visits.sum(),
            f"households_{days}": (visits > 0).sum(),
            f"repeaters_{days}": (visits > 1).sum(),
        }
    return by_household.group_by("product_id").agg(
        first_sale_date=pl.col("first_sale").min(), last_sale_date=pl.col("last_sale").max(), **sums
    )


def _window(days: int) -> list[pl.Expr]:
    households = pl.col(f"households_{days}").cast(pl.Int64).fill_null(0)
    units = pl.when(pl.col("is_fuel").not_()).then(pl.col(f"units_{days}").fill_null(0))
    rate = pl.col(f"repeaters_{days}").cast(pl.Float64) / households.cast(pl.Float64)
    return [
        units.alias(f"units_{days}d"),
        pl.col(f"revenue_{days}").fill_null(0).cast(pl.Decimal(18, 2)).alias(f"revenue_{days}d"),
        pl.col(f"baskets_{days}").cast(pl.Int64).fill_null(0).alias(f"baskets_{days}d"),
        households.alias(f"households_{days}d"),
        pl.when(households > 0).then(rate).alias(f"repeat_rate_{days}d"),
    ]


def _weekly_demand(sold: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    monday = pl.col("business_date").dt.truncate("1w")
    last_monday = as_of - timedelta(days=6)
    last_monday -= timedelta(days=last_monday.weekday())
    begin: date = sold.select(pl.col("business_date").min()).collect().item()
    first_monday = begin - timedelta(days=1)
    first_monday += timedelta(days=7 - first_monday.weekday())
    weekly = (
        sold.filter(pl.col("units").is_not_null())
        .group_by(item_id=pl.col("product_id").cast(pl.String), week_start=monday)
        .agg(demand=pl.col("units").sum().cast(pl.Float64))
    )
    weeks = (
        weekly.group_by("item_id")
        .agg(first_week=pl.max_horizontal(pl.col("week_start").min(), pl.lit(first_monday)))
        .filter(pl.col("first_week") <= last_monday)
        .with_columns(week_start=pl.date_ranges("first_week", pl.lit(last_monday), "1w"))
        .explode("week_start")
    )
    return weeks.join(weekly, on=["item_id", "week_start"], how="left").with_columns(
        pl.col("demand").fill_null(0.0)
    )
