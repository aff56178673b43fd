"""Campaign interactions and product weeks, as polars computes them."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from benchmarks.plain.polars_clicks import Clean, latest

USE = ["campaign_id", "household_id", "coupon_upc", "interaction_date"]
KEY = ("product_id", "week_start")
COUNTS = (
    *("revenue", "baskets", "households", "stores", "shelf_value", "coupon_discount"),
    *("stores_on_display", "stores_in_mailer", "stores_promoted", "coupon_redemptions"),
    *("views", "cart_additions", "online_purchases"),
)


def interactions(clean: Clean, sold: pl.DataFrame) -> pl.LazyFrame:
    """Whom campaigns were sent to, what their coupons are good for, and which were used."""
    campaigns = latest(clean("marketing.campaign"), "campaign_id").select(
        *("campaign_id", "campaign_type"),
        campaign_start_date="start_date",
        campaign_end_date="end_date",
    )
    sent = latest(clean("marketing.campaign_target"), "campaign_id", "household_id")
    offers = latest(clean("marketing.coupon"), "campaign_id", "coupon_upc", "product_id")
    redeemed = clean("marketing.coupon_redemption").rename({"redemption_date": USE[-1]})
    used = _with_receipts(latest(redeemed, *USE), offers, sold.lazy())
    kinds = (
        (sent, "target", USE[:2]),
        (offers, "offer", ["campaign_id", "coupon_upc", "product_id"]),
        (used, "redemption", USE),
    )
    connected = [
        rows.with_columns(
            interaction_id=pl.concat_str(pl.lit(kind), *ids, separator="/"),
            interaction_type=pl.lit(kind),
        )
        for rows, kind, ids in kinds
    ]
    begin = pl.coalesce("interaction_date", "campaign_start_date")
    every = pl.concat(connected, how="diagonal")
    return every.join(campaigns, on="campaign_id", how="left").with_columns(interaction_date=begin)


def _with_receipts(used: pl.LazyFrame, offers: pl.LazyFrame, sold: pl.LazyFrame) -> pl.LazyFrame:
    """Coupons used, with the household's receipts of that local day."""
    lines = sold.select(
        *("household_id", "basket_id", "product_id", "sales_value", "coupon_discount"),
        interaction_date="business_date",
    )
    good_for = offers.select("campaign_id", "coupon_upc", "product_id", offered="product_id")
    of_day = (
        used.select(USE)
        .join(lines, on=["household_id", "interaction_date"], how="inner")
        .join(good_for, on=["campaign_id", "coupon_upc", "product_id"], how="left")
    )
    is_offered, products = pl.col("offered").is_not_null(), pl.col("offered").drop_nulls()
    best = (
        of_day.group_by(*USE, "basket_id")
        .agg(found=products.n_unique())
        .sort("found", "basket_id", descending=[True, False])
        .unique(USE, keep="first", maintain_order=True)
        .select(*USE, "basket_id")
    )
    days = of_day.group_by(USE).agg(
        baskets_on_day=pl.col("basket_id").n_unique().cast(pl.Int64),
        offered_products_bought=products.n_unique().cast(pl.Int64),
        offered_sales_value=pl.col("sales_value").filter(is_offered).sum(),
        offered_coupon_discount=pl.col("coupon_discount").filter(is_offered).sum(),
    )
    counted = ("baskets_on_day", "offered_products_bought")
    sums = ("offered_sales_value", "offered_coupon_discount")
    joined = used.join(days, on=USE, how="left").join(best, on=USE, how="left")
    return joined.with_columns(pl.col(*counted, *sums).fill_null(0))


def product_weeks(made: dict[str, pl.DataFrame], as_of: date) -> pl.LazyFrame:
    """What was sold, charged, promoted, redeemed and looked at, by product and closed week.

    Args:
        made: the published tables that it is made from, by name.
        as_of: last business day that counts.
    """
    parts = [
        _sold(made["sales_line"].lazy()),
        made["price_week"]
        .lazy()
        .select("product_id", "week_start", "shelf_price", "loyalty_price"),
        _promoted(made["promotion_week"].lazy()),
        _redeemed(made["interaction"].lazy(), made["sales_line"].lazy()),
        _clicked(made["click_event"].lazy(), made["click_session"].lazy()),
    ]
    merged = (
        pl.concat(parts, how="diagonal_relaxed")
        .filter(pl.col("week_start") <= as_of - timedelta(days=6))
        .group_by(*KEY)
        .agg(pl.all().max())
    )
    fuel = made["product"].lazy().select("product_id", "is_fuel")
    first = pl.col("week_start").dt.offset_by("6d").dt.truncate("1y").dt.truncate("1w")
    week = (pl.col("week_start") - first).dt.total_days() // 7 + 1
    counts = pl.col("is_fuel").fill_null(value=False).not_()
    return merged.join(fuel, on="product_id", how="left").with_columns(
        *(pl.col(name).fill_null(0) for name in COUNTS),
        units=pl.when(counts).then(pl.col("units").fill_null(0)),
        business_week=week.cast(pl.Int32),
        is_promoted=pl.col("stores_promoted").fill_null(0) > 0,
    )


def _sold(lines: pl.LazyFrame) -> pl.LazyFrame:
    card = pl.col("retail_discount") + pl.col("coupon_match_discount")
    return _by_week(lines, "business_date").agg(
        units=pl.col("units").sum(),
        revenue=pl.col("sales_value").sum(),
        baskets=_rows(),
        households=pl.col("household_id").n_unique().cast(pl.Int64),
        stores=pl.col("store_id").n_unique().cast(pl.Int64),
        shelf_value=(pl.col("sales_value") + card).sum(),
        coupon_discount=pl.col("coupon_discount").sum(),
    )


def _promoted(promotions: pl.LazyFrame) -> pl.LazyFrame:
    displayed, mailed = pl.col("is_on_display"), pl.col("is_in_mailer")
    return (
        promotions.filter(displayed | mailed)
        .group_by(*KEY)
        .agg(
            stores_on_display=displayed.sum().cast(pl.Int64),
            stores_in_mailer=mailed.sum().cast(pl.Int64),
            stores_promoted=_rows(),
        )
    )


def _redeemed(connected: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    kind = pl.col("interaction_type")
    used = connected.filter(kind == "redemption").drop("product_id", "basket_id")
    offers = connected.filter(kind == "offer").select("campaign_id", "coupon_upc", "product_id")
    bought = lines.select("household_id", "product_id", interaction_date="business_date")
    matched = (
        used.join(bought, on=["household_id", "interaction_date"], how="inner")
        .join(offers, on=["campaign_id", "coupon_upc", "product_id"], how="semi")
        .select("interaction_id", "product_id", "interaction_date")
        .unique()
    )
    return _by_week(matched, "interaction_date").agg(coupon_redemptions=_rows())


def _clicked(events: pl.LazyFrame, sessions: pl.LazyFrame) -> pl.LazyFrame:
    kind = pl.col("event_type")
    bots = sessions.filter("is_bot").select("visitor_id", "started_at", "ended_at")
    by_bot = (
        events.join(bots, on="visitor_id", how="inner")
        .filter(pl.col("event_time").is_between("started_at", "ended_at"))
        .select("event_id")
    )
    steps = ("view", "add_to_cart", "purchase")
    people = events.join(by_bot, on="event_id", how="anti").filter(
        pl.col("product_id").is_not_null() & kind.is_in(steps)
    )
    names = ("views", "cart_additions", "online_purchases")
    counts = {
        name: (kind == step).sum().cast(pl.Int64) for name, step in zip(names, steps, strict=True)
    }
    return _by_week(people, "event_date").agg(**counts)


def _by_week(rows: pl.LazyFrame, day: str) -> pl.lazyframe.group_by.LazyGroupBy:
    return rows.group_by("product_id", week_start=pl.col(day).dt.truncate("1w"))


def _rows() -> pl.Expr:
    return pl.len().cast(pl.Int64)
