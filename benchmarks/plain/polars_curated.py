"""The published tables, as polars computes them from clean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.plain.iceberg import open_catalog, write_table
from benchmarks.plain.polars_clicks import (
    TIME_ZONE,
    Clean,
    click_events,
    click_sessions,
    closed_day,
    latest,
)
from benchmarks.plain.polars_story import interactions, product_weeks
from benchmarks.plain.product_360 import product_360
from benchmarks.plain.work import Work, expect
from spark.tables import TABLES

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog


def publish_all(work: Work) -> None:
    """Every published table that the script makes, in order."""
    catalog = open_catalog(work.out)

    def clean(table: str) -> pl.LazyFrame:
        return pl.scan_parquet(work.clean_folder(table) / "*" / "*.parquet")

    made: dict[str, pl.DataFrame] = {}

    def publish(identifier: str, rows: Callable[[], pl.LazyFrame]) -> pl.DataFrame:
        with work.timed(identifier):
            made[TABLES[identifier].name] = _publish(work, catalog, identifier, rows())
        return made[TABLES[identifier].name]

    product = publish("curated.product", lambda: _products(clean))
    publish("curated.customer", lambda: _customers(clean))
    sold = publish("curated.sales_line", lambda: _sales_lines(clean, product))
    _check_sales(sold, clean)
    publish("curated.price_week", lambda: _price_weeks(clean))
    promoted = publish("curated.promotion_week", lambda: _promotion_weeks(clean))
    clicks = publish("curated.click_event", lambda: click_events(clean))
    day = closed_day(clicks, clean)
    visits = publish("curated.click_session", lambda: click_sessions(clicks, day))
    counted = clicks.filter(pl.col("event_date") <= day).height
    expect("every event is in one visit", holds=visits["events"].sum() == counted)
    as_of: date = sold["business_date"].max()  # type: ignore[assignment]
    stores = publish("curated.store", lambda: _stores(sold, promoted, as_of))
    equal = stores["revenue"].sum() == sold["sales_value"].sum()
    expect("the stores' revenue is the sales' to the cent", holds=equal)
    publish("curated.interaction", lambda: interactions(clean, sold))
    publish("curated.product_week", lambda: product_weeks(made, as_of))
    publish("curated.product_360", lambda: _product_360(made, as_of))
    publish("forecast.weekly_demand", lambda: _weekly_demand(sold.lazy(), as_of))


def _publish(work: Work, catalog: Catalog, identifier: str, rows: pl.LazyFrame) -> pl.DataFrame:
    definition = TABLES[identifier]
    made = rows.select(definition.column_names).collect()
    work.published[identifier] = write_table(catalog, identifier, made.to_arrow())
    keys = made.select(definition.key)
    expect(f"{identifier} has its key once", holds=keys.n_unique() == made.height)
    expect(f"{identifier} has rows", holds=made.height > 0)
    return made


def _products(clean: Clean) -> pl.LazyFrame:
    places = latest(clean("catalog.product_hierarchy"), "hierarchy_id").select(
        "hierarchy_id", "department", "product_category", "product_type"
    )
    fuel = (pl.col("department") == "FUEL").fill_null(value=False) | pl.col(
        "product_type"
    ).str.starts_with("GASOLINE").fill_null(value=False)
    listed = (
        latest(clean("catalog.product"), "product_id")
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
    described = latest(clean("crm.demographic"), "household_id").select(
        "household_id",
        *("home_ownership", "marital_status", "household_size", "kids_count"),
        age_band="age",
        income_band="income",
        household_composition="household_comp",
        has_demographics=pl.lit(value=True),
    )
    known = latest(clean("crm.household"), "household_id")
    return known.join(described, on="household_id", how="left").with_columns(
        pl.col("has_demographics").fill_null(value=False)
    )


def _sales_lines(clean: Clean, product: pl.DataFrame) -> pl.LazyFrame:
    receipts = latest(clean("pos.basket"), "basket_id").select(
        "basket_id", "household_id", "store_id", "sold_at", business_week="week"
    )
    known = product.lazy().select("product_id", "is_fuel", "is_unknown_member")
    return (
        latest(clean("pos.sales_line"), "basket_id", "product_id")
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
    delivered = latest(clean("pos.sales_line"), "basket_id", "product_id").select(totals)
    expect(
        "sales equal the clean lines to the cent",
        holds=sold.select(totals).row(0) == delivered.collect().row(0),
    )
    lost = sold.select("business_date", "store_id", "household_id").null_count().sum_horizontal()
    expect("every line has its receipt", holds=lost[0] == 0)


def _week_start() -> pl.Expr:
    """A weekly file comes on the Monday after its week."""
    return pl.col("_landing_date").dt.offset_by("-1d").dt.truncate("1w")


def _price_weeks(clean: Clean) -> pl.LazyFrame:
    prices = clean("pricing.price_week").with_columns(week_start=_week_start())
    return latest(prices, "product_id", "week_start").rename(
        {"week": "business_week", "lines": "price_lines"}
    )


def _promotion_weeks(clean: Clean) -> pl.LazyFrame:
    key = ["product_id", "store_id", "week_start"]
    placed = clean("pricing.promotion_week").select(
        "product_id",
        "store_id",
        "_batch_id",
        week_start=_week_start(),
        business_week="week",
        display_locations=pl.col("display_location").replace("0", None),
        mailer_locations=pl.col("mailer_location").replace("0", None),
        _change_order=pl.col("_landing_date").cast(pl.String),
    )
    repeated = placed.group_by(key).len().filter(pl.col("len") > 1).select(key)
    places = [
        pl.col(name).drop_nulls().unique().sort().str.join("+").replace("", None)
        for name in ("display_locations", "mailer_locations")
    ]
    combined = (
        placed.join(repeated, on=key, how="semi")
        .group_by(key)
        .agg(
            *places,
            pl.col("business_week").max(),
            pl.col("_batch_id").min(),
            pl.col("_change_order").max(),
        )
    )
    single = placed.join(repeated, on=key, how="anti")
    return pl.concat([single, combined.select(placed.collect_schema().names())]).with_columns(
        is_on_display=pl.col("display_locations").is_not_null(),
        is_in_mailer=pl.col("mailer_locations").is_not_null(),
    )


def _stores(sold: pl.DataFrame, promoted: pl.DataFrame, as_of: date) -> pl.LazyFrame:
    sales = sold.lazy().filter(pl.col("store_id").is_not_null()).group_by("store_id")
    tills = sales.agg(
        first_sale_date=pl.col("business_date").min(),
        last_sale_date=pl.col("business_date").max(),
        trading_days=pl.col("business_date").n_unique(),
        baskets=pl.col("basket_id").n_unique(),
        households=pl.col("household_id").drop_nulls().n_unique(),
        products_sold=pl.col("product_id").n_unique(),
        revenue=pl.col("sales_value").sum(),
    )
    over = promoted.lazy().filter(pl.col("week_start") <= as_of - timedelta(days=6))
    weeks = over.group_by("store_id").agg(
        promotion_weeks=pl.col("week_start").n_unique(),
        first_promotion_week=pl.col("week_start").min(),
    )
    counts = ("trading_days", "baskets", "households", "products_sold", "promotion_weeks")
    return tills.join(weeks, on="store_id", how="full", coalesce=True).with_columns(
        *(pl.col(name).cast(pl.Int64).fill_null(0) for name in counts),
        pl.col("revenue").fill_null(0),
        as_of_date=pl.lit(as_of),
        has_promotions=pl.col("promotion_weeks").is_not_null(),
    )


def _product_360(made: dict[str, pl.DataFrame], as_of: date) -> pl.LazyFrame:
    query = product_360(
        as_of,
        campaigns_as_text="string_agg(CAST(campaign_id AS VARCHAR), '+' ORDER BY campaign_id)",
        days_between="(CAST({later} AS int) - CAST({earlier} AS int))",
    )
    return pl.SQLContext(frames=made).execute(query)


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
