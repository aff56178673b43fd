"""`product_360` in SQL that DuckDB, polars and both Spark engines read alike.

One text for three scripts, because more would only measure who wrote them. Days are literals: the
script knows its last day by then. In two places the engines' words differ; there they are asked.
"""

from __future__ import annotations

from datetime import date, timedelta

from spark.tables import TABLES

WINDOWS = (7, 28, 91, 364)
# Columns that every product has, whatever is known of it.
ATTRIBUTES = (
    *("product_id", "manufacturer_id", "department", "product_category", "product_type"),
    *("brand", "package_size", "is_fuel", "is_unknown_member"),
)
COUNTS = (
    *("weeks_sold_364d", "price_changes_364d", "promotion_weeks_364d", "display_weeks_364d"),
    *("mailer_weeks_364d", "campaigns_364d", "campaign_reach_364d", "coupon_redemptions_364d"),
    *("views_91d", "cart_additions_91d", "online_purchases_91d"),
)


def product_360(as_of: date, *, campaigns_as_text: str, days_between: str) -> str:
    """Rows of `curated.product_360`, from product, sales_line, product_week and interaction.

    Args:
        as_of: last business day that counts.
        campaigns_as_text: aggregate over campaign_id that gives equal text for equal sets.
        days_between: days from {earlier} to {later}.
    """
    last_week = as_of - timedelta(days=(as_of.weekday() + 1) % 7 + 6)
    year, quarter = (_day(last_week - timedelta(weeks=weeks)) for weeks in (51, 12))
    made = {
        **dict.fromkeys(ATTRIBUTES),
        "as_of_date": _day(as_of),
        "days_since_last_sale": days_between.format(later=_day(as_of), earlier="last_sale_date"),
        "lifecycle_stage": _stage(as_of),
        "category_price_index": _category_index(),
        "discount_depth_91d": _ratio("shelf_value - week_revenue", "shelf_value"),
        "promotion_uplift": _uplift(
            days_between.format(later=_day(last_week), earlier="first_week")
        ),
        "view_to_cart_rate_91d": _ratio("cart_additions_91d", "views_91d"),
        "cart_to_purchase_rate_91d": _ratio("online_purchases_91d", "cart_additions_91d"),
        **{name: f"coalesce({name}, 0)" for name in COUNTS},
        **_windows(),
        **_flags(quarter),
    }
    columns = ", ".join(
        f"CAST({made.get(column.name) or column.name} AS {column.type}) AS {column.name}"
        for column in TABLES["curated.product_360"].columns
    )
    return f"""
        WITH {_history(year)}, {_sales(as_of)}, {_weeks(year, quarter)},
        {_campaigns(as_of, campaigns_as_text)}
        SELECT {columns}
        FROM product LEFT JOIN prices USING (product_id) LEFT JOIN sold USING (product_id)
        LEFT JOIN weeks USING (product_id) LEFT JOIN offered USING (product_id)
        LEFT JOIN reach USING (campaigns)
    """


def _history(year: str) -> str:
    return f"""
        history AS (
            SELECT product_id, week_start, shelf_price, loyalty_price,
                   lag(shelf_price) OVER (PARTITION BY product_id ORDER BY week_start) AS before,
                   lead(week_start) OVER (PARTITION BY product_id ORDER BY week_start) AS next_week
            FROM product_week WHERE shelf_price IS NOT NULL
        ),
        prices AS (
            SELECT product_id, max(week_start) AS priced_week,
                   max(CASE WHEN next_week IS NULL THEN shelf_price END) AS shelf_price,
                   max(CASE WHEN next_week IS NULL THEN loyalty_price END) AS loyalty_price,
                   count(CASE WHEN week_start >= {year} AND shelf_price <> before THEN 1 END)
                       AS price_changes_364d
            FROM history GROUP BY product_id
        )
    """


def _sales(as_of: date) -> str:
    quarter, half = (_day(as_of - timedelta(days=days)) for days in (91, 182))
    sums = ", ".join(
        f"""sum(CASE WHEN {_inside(as_of, days)} THEN CAST(units AS decimal(20,0)) END)
                AS units_{days},
            sum(CASE WHEN {_inside(as_of, days)} THEN sales_value END) AS revenue_{days},
            count(CASE WHEN {_inside(as_of, days)} THEN 1 END) AS visits_{days}"""
        for days in WINDOWS
    )
    totals = ", ".join(
        f"""sum(units_{days}) AS units_{days}, sum(revenue_{days}) AS revenue_{days},
            sum(visits_{days}) AS baskets_{days},
            count(CASE WHEN visits_{days} > 0 THEN 1 END) AS households_{days},
            count(CASE WHEN visits_{days} > 1 THEN 1 END) AS repeaters_{days}"""
        for days in WINDOWS
    )
    return f"""
        by_household AS (
            SELECT product_id, household_id, min(business_date) AS first_sale,
                   max(business_date) AS last_sale, {sums},
                   sum(CASE WHEN business_date > {quarter} THEN sales_value END) AS revenue_now,
                   sum(CASE WHEN business_date > {half} AND business_date <= {quarter}
                       THEN sales_value END) AS revenue_before,
                   max(CASE WHEN sales_value > 0 AND quantity = 0 THEN 1 ELSE 0 END) AS unpriced
            FROM sales_line GROUP BY product_id, household_id
        ),
        sold AS (
            SELECT product_id, min(first_sale) AS first_sale_date,
                   max(last_sale) AS last_sale_date, {totals},
                   sum(revenue_now) AS revenue_now, sum(revenue_before) AS revenue_before,
                   max(unpriced) AS unpriced
            FROM by_household GROUP BY product_id
        )
    """


def _weeks(year: str, quarter: str) -> str:
    """Sums of the last year's weeks, and those that an uplift is taken from."""
    recent = f"CASE WHEN week_start >= {quarter} THEN {{}} END"
    units = "CAST(units AS decimal(20,0))"
    return f"""
        begin AS (
            SELECT CAST(date_trunc('week', min(business_date) - INTERVAL 1 DAY)
                        + INTERVAL 7 DAY AS date) AS data_begins
            FROM sales_line
        ),
        first_weeks AS (
            SELECT product_id, greatest(min(week_start), max(data_begins), {year}) AS first_week
            FROM product_week CROSS JOIN begin WHERE baskets > 0 GROUP BY product_id
        ),
        weeks AS (
            SELECT w.product_id, max(first_week) AS first_week,
                   count(CASE WHEN baskets > 0 THEN 1 END) AS weeks_sold_364d,
                   count(CASE WHEN is_promoted THEN 1 END) AS promotion_weeks_364d,
                   count(CASE WHEN stores_on_display > 0 THEN 1 END) AS display_weeks_364d,
                   count(CASE WHEN stores_in_mailer > 0 THEN 1 END) AS mailer_weeks_364d,
                   sum(coupon_redemptions) AS coupon_redemptions_364d,
                   sum({recent.format("shelf_value")}) AS shelf_value,
                   sum({recent.format("revenue")}) AS week_revenue,
                   sum({recent.format("views")}) AS views_91d,
                   sum({recent.format("cart_additions")}) AS cart_additions_91d,
                   sum({recent.format("online_purchases")}) AS online_purchases_91d,
                   count(CASE WHEN week_start >= first_week AND is_promoted THEN 1 END)
                       AS promoted_weeks,
                   sum(CASE WHEN week_start >= first_week AND is_promoted THEN {units} END)
                       AS promoted_units,
                   sum(CASE WHEN week_start >= first_week AND NOT is_promoted THEN {units} END)
                       AS other_units
            FROM product_week w LEFT JOIN first_weeks f ON w.product_id = f.product_id
            WHERE week_start >= {year} GROUP BY w.product_id
        )
    """


def _campaigns(as_of: date, campaigns_as_text: str) -> str:
    """Households are counted once for each set of campaigns, which thousands of products share."""
    return f"""
        offers AS (
            SELECT DISTINCT product_id, campaign_id FROM interaction
            WHERE interaction_type = 'offer' AND campaign_start_date <= {_day(as_of)}
              AND campaign_end_date > {_day(as_of - timedelta(days=364))}
        ),
        offered AS (
            SELECT product_id, count(*) AS campaigns_364d, {campaigns_as_text} AS campaigns
            FROM offers GROUP BY product_id
        ),
        reach AS (
            SELECT campaigns, count(DISTINCT household_id) AS campaign_reach_364d
            FROM (
                SELECT DISTINCT campaigns, campaign_id
                FROM offers o JOIN offered s ON o.product_id = s.product_id
            ) c JOIN interaction i ON i.campaign_id = c.campaign_id
            WHERE interaction_type = 'target' GROUP BY campaigns
        )
    """


def _windows() -> dict[str, str]:
    columns: dict[str, str] = {}
    for days in WINDOWS:
        columns |= {
            f"units_{days}d": f"CASE WHEN NOT is_fuel THEN coalesce(units_{days}, 0) END",
            f"repeat_rate_{days}d": _ratio(f"repeaters_{days}", f"households_{days}"),
            **{
                f"{name}_{days}d": f"coalesce({name}_{days}, 0)"
                for name in ("revenue", "baskets", "households")
            },
        }
    return columns


def _stage(as_of: date) -> str:
    began = _day(as_of - timedelta(days=91))
    now, before = "coalesce(revenue_now, 0)", "coalesce(revenue_before, 0)"
    return f"""
        CASE WHEN first_sale_date IS NULL THEN 'never_sold'
             WHEN first_sale_date > {began} THEN 'new'
             WHEN last_sale_date <= {began} THEN 'dormant'
             WHEN {now} > {before} AND {now} * 4 >= {before} * 5 THEN 'growing'
             WHEN {now} < {before} AND {now} * 5 <= {before} * 4 THEN 'declining'
             ELSE 'stable' END
    """


def _category_index() -> str:
    over = "OVER (PARTITION BY department, product_category)"
    index = _ratio(f"shelf_price * count(shelf_price) {over}", f"sum(shelf_price) {over}")
    return f"CASE WHEN product_category IS NOT NULL THEN {index} END"


def _uplift(days: str) -> str:
    weeks = f"({days} / 7 + 1)"
    others = f"({weeks} - promoted_weeks)"
    usual = _ratio("other_units", others)
    return f"""
        CASE WHEN promoted_weeks >= 4 AND {others} >= 4 AND other_units > 0
             THEN {_ratio("promoted_units", "promoted_weeks")} / {usual} - 1 END
    """


def _flags(quarter: str) -> dict[str, str]:
    conditions = {
        "no_category": "product_category IS NULL",
        "no_package_size": "package_size IS NULL",
        "no_price": "shelf_price IS NULL AND first_sale_date IS NOT NULL AND NOT is_fuel",
        "not_in_catalogue": "is_unknown_member",
        "paid_without_quantity": "unpriced = 1",
        "price_is_old": f"priced_week < {quarter}",
        "sold_by_volume": "is_fuel",
    }
    raised = ", ".join(f"CASE WHEN {holds} THEN '{name}' END" for name, holds in conditions.items())
    count = " + ".join(f"CASE WHEN {holds} THEN 1 ELSE 0 END" for holds in conditions.values())
    return {"quality_flags": f"nullif(concat_ws(',', {raised}), '')", "quality_flag_count": count}


def _inside(as_of: date, days: int) -> str:
    return f"business_date > {_day(as_of - timedelta(days=days))}"


def _ratio(part: str, whole: str) -> str:
    return f"CASE WHEN {whole} <> 0 THEN CAST({part} AS double) / CAST({whole} AS double) END"


def _day(day: date) -> str:
    return f"DATE '{day.isoformat()}'"
