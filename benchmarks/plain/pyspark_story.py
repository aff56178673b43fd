"""Campaign interactions and product weeks, as Spark SQL computes them."""

from __future__ import annotations

from collections.abc import Mapping

from spark.tables import TABLES

USE = "campaign_id, household_id, coupon_upc, day"


def interaction(latest: Mapping[str, str]) -> str:
    """Rows of `curated.interaction`; `latest` holds subqueries of the last changes by table."""
    target = {
        "interaction_id": "concat_ws('/', 'target', i.campaign_id, i.household_id)",
        "interaction_type": "'target'",
        "interaction_date": "c.start_date",
        "household_id": "i.household_id",
    }
    offer = {
        "interaction_id": "concat_ws('/', 'offer', i.campaign_id, i.coupon_upc, i.product_id)",
        "interaction_type": "'offer'",
        "interaction_date": "c.start_date",
        "coupon_upc": "i.coupon_upc",
        "product_id": "i.product_id",
    }
    redemption = {
        "interaction_id": "concat_ws('/', 'redemption', i.campaign_id, i.household_id, "
        "i.coupon_upc, i.day)",
        "interaction_type": "'redemption'",
        "interaction_date": "i.day",
        "household_id": "i.household_id",
        "coupon_upc": "i.coupon_upc",
        "basket_id": "b.basket_id",
        "baskets_on_day": "coalesce(baskets_on_day, 0)",
        "offered_products_bought": "coalesce(offered_products_bought, 0)",
        "offered_sales_value": "coalesce(offered_sales_value, 0)",
        "offered_coupon_discount": "coalesce(offered_coupon_discount, 0)",
    }
    campaigns = "LEFT JOIN campaigns c ON c.campaign_id = i.campaign_id"
    same_use = " AND ".join(f"{{0}}.{name.strip()} <=> i.{name.strip()}" for name in USE.split(","))
    return f"""
        WITH campaigns AS (SELECT * FROM {latest["campaign"]}),
        offers AS (SELECT * FROM {latest["coupon"]}),
        used AS (SELECT *, redemption_date AS day FROM {latest["coupon_redemption"]}),
        of_day AS (
            SELECT u.campaign_id, u.household_id, u.coupon_upc, u.day, s.basket_id,
                   o.product_id AS offered, s.sales_value, s.coupon_discount
            FROM used u JOIN sales_line s
              ON s.household_id = u.household_id AND s.business_date = u.day
            LEFT JOIN offers o ON o.campaign_id = u.campaign_id
              AND o.coupon_upc = u.coupon_upc AND o.product_id = s.product_id
        ),
        days AS (
            SELECT {USE}, count(DISTINCT basket_id) AS baskets_on_day,
                   count(DISTINCT offered) AS offered_products_bought,
                   sum(CASE WHEN offered IS NOT NULL THEN sales_value END) AS offered_sales_value,
                   sum(CASE WHEN offered IS NOT NULL THEN coupon_discount END)
                       AS offered_coupon_discount
            FROM of_day GROUP BY {USE}
        ),
        receipts AS (
            SELECT {USE}, basket_id, count(DISTINCT offered) AS products
            FROM of_day GROUP BY {USE}, basket_id
        ),
        best AS (
            SELECT * FROM (
                SELECT *, row_number() OVER (
                    PARTITION BY {USE} ORDER BY products DESC, basket_id) AS place
                FROM receipts
            ) WHERE place = 1
        )
        SELECT {_columns(target)} FROM {latest["campaign_target"]} i {campaigns}
        UNION ALL
        SELECT {_columns(offer)} FROM offers i {campaigns}
        UNION ALL
        SELECT {_columns(redemption)} FROM used i {campaigns}
        LEFT JOIN days d ON {same_use.format("d")}
        LEFT JOIN best b ON {same_use.format("b")}
    """


def _columns(own: Mapping[str, str]) -> str:
    """One kind of interaction in the columns of all; what it does not have is null."""
    known = {
        "campaign_id": "i.campaign_id",
        "campaign_type": "c.campaign_type",
        "campaign_start_date": "c.start_date",
        "campaign_end_date": "c.end_date",
        "_batch_id": "i._batch_id",
        "_change_order": "i._change_order",
        **own,
    }
    return ", ".join(
        f"CAST({known.get(column.name, 'NULL')} AS {column.type}) AS {column.name}"
        for column in TABLES["curated.interaction"].columns
    )


def _monday(day: str) -> str:
    return f"CAST(date_trunc('week', {day}) AS date)"


def _events(kind: str) -> str:
    return f"count(CASE WHEN event_type = '{kind}' THEN 1 END)"


# Each source: its measures, and what they are taken from with product_id and week_start.
SOURCES = (
    (
        {
            "units": "sum(CAST(units AS decimal(20,0)))",
            "revenue": "sum(sales_value)",
            "baskets": "count(*)",
            "households": "count(DISTINCT household_id)",
            "stores": "count(DISTINCT store_id)",
            "shelf_value": "sum(sales_value + retail_discount + coupon_match_discount)",
            "coupon_discount": "sum(coupon_discount)",
        },
        f"(SELECT *, {_monday('business_date')} AS week_start FROM sales_line)",
    ),
    (
        {"shelf_price": "max(shelf_price)", "loyalty_price": "max(loyalty_price)"},
        "price_week",
    ),
    (
        {
            "stores_on_display": "count(CASE WHEN is_on_display THEN 1 END)",
            "stores_in_mailer": "count(CASE WHEN is_in_mailer THEN 1 END)",
            "stores_promoted": "count(*)",
        },
        "(SELECT * FROM promotion_week WHERE is_on_display OR is_in_mailer)",
    ),
    (
        {"coupon_redemptions": "count(*)"},
        f"""(SELECT DISTINCT u.interaction_id, s.product_id,
                    {_monday("u.interaction_date")} AS week_start
             FROM interaction u JOIN sales_line s
               ON s.household_id = u.household_id AND s.business_date = u.interaction_date
             JOIN interaction o ON o.interaction_type = 'offer' AND o.campaign_id = u.campaign_id
               AND o.coupon_upc = u.coupon_upc AND o.product_id = s.product_id
             WHERE u.interaction_type = 'redemption')""",
    ),
    (
        {
            "views": _events("view"),
            "cart_additions": _events("add_to_cart"),
            "online_purchases": _events("purchase"),
        },
        f"""(SELECT e.*, {_monday("event_date")} AS week_start
             FROM click_event e LEFT ANTI JOIN (SELECT * FROM click_session WHERE is_bot) b
               ON e.visitor_id = b.visitor_id
              AND e.event_time >= b.started_at AND e.event_time <= b.ended_at
             WHERE product_id IS NOT NULL
               AND event_type IN ('view', 'add_to_cart', 'purchase'))""",
    ),
)
MEASURES = tuple(name for measures, _ in SOURCES for name in measures)
NULLABLE = ("units", "shelf_price", "loyalty_price")


def product_week() -> str:
    """Rows of `curated.product_week`: every source summed up alone, then laid on the others."""
    table = TABLES["curated.product_week"]
    parts = " UNION ALL ".join(
        "SELECT product_id, week_start, "
        + ", ".join(
            f"CAST({measures.get(name, 'NULL')} AS {table.column(name).type}) AS {name}"
            for name in MEASURES
        )
        + f" FROM {rows} GROUP BY product_id, week_start"
        for measures, rows in SOURCES
    )
    counts = ", ".join(
        f"coalesce({name}, 0) AS {name}" for name in MEASURES if name not in NULLABLE
    )
    first = "date_trunc('week', date_trunc('year', date_add(week_start, 6)))"
    return f"""
        WITH merged AS (
            SELECT product_id, week_start,
                   {", ".join(f"max({name}) AS {name}" for name in MEASURES)}
            FROM ({parts}) CROSS JOIN (SELECT max(business_date) AS as_of FROM sales_line)
            -- Only weeks whose Sunday is over.
            WHERE date_add(week_start, 6) <= as_of
            GROUP BY product_id, week_start
        )
        SELECT m.product_id, week_start, shelf_price, loyalty_price,
               CAST(datediff(week_start, CAST({first} AS date)) / 7 AS int) + 1 AS business_week,
               CASE WHEN NOT coalesce(is_fuel, false) THEN coalesce(units, 0) END AS units,
               {counts}, coalesce(stores_promoted, 0) > 0 AS is_promoted
        FROM merged m LEFT JOIN product p ON m.product_id = p.product_id
    """
