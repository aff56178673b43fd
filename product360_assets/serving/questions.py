"""Questions that the business asks every day, each one query over published tables.

They read what any reader reads, through the same warehouse, so a question that answers proves that
its tables can be queried. Ties are ordered by id, so that the same tables give the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from spark.tables import Table
from spark.tables.curated import PRODUCT_360
from spark.tables.forecast import DEMAND_FORECAST, FORECAST_ACCURACY


@dataclass(frozen=True)
class Question:
    """One question: what is asked, the query that answers it, the tables that it reads."""

    name: str
    text: str
    sql: str
    reads: tuple[Table, ...]
    owner: str


BEST_SELLERS = Question(
    "best_sellers",
    "Which ten products brought the most revenue in the last four weeks, and do buyers come back?",
    f"""
    SELECT product_id, department, product_type, brand, package_size,
           units_28d, revenue_28d, round(repeat_rate_28d, 3) AS repeat_rate_28d
    FROM {PRODUCT_360.identifier}
    ORDER BY revenue_28d DESC NULLS LAST, product_id
    LIMIT 10
    """,
    (PRODUCT_360,),
    "category-management",
)

DEPARTMENT_TREND = Question(
    "department_trend",
    "How do the last four weeks of each department compare with its average of the last thirteen?",
    f"""
    SELECT department, count(*) FILTER (revenue_28d > 0) AS products_sold,
           sum(revenue_28d) AS revenue_28d,
           round(sum(revenue_28d) / nullif(sum(revenue_91d) * 4 / 13, 0) - 1, 3) AS change
    FROM {PRODUCT_360.identifier}
    GROUP BY department
    HAVING sum(revenue_91d) > 0
    ORDER BY revenue_28d DESC, department
    """,
    (PRODUCT_360,),
    "category-management",
)

PROMOTION_RESPONSE = Question(
    "promotion_response",
    "Which ten products sell best in promoted weeks against their other weeks?",
    f"""
    SELECT product_id, department, product_type, brand, weeks_sold_364d, promotion_weeks_364d,
           round(promotion_uplift, 2) AS uplift, round(discount_depth_91d, 3) AS discount_depth
    FROM {PRODUCT_360.identifier}
    -- Sold in a quarter of the year's weeks at least: a rare product doubles by chance.
    WHERE promotion_uplift IS NOT NULL AND weeks_sold_364d >= 13
    ORDER BY promotion_uplift DESC, product_id
    LIMIT 10
    """,
    (PRODUCT_360,),
    "category-management",
)

LOOKED_AT_AND_LEFT = Question(
    "looked_at_and_left",
    "Which ten products do web shop visitors look at and leave, more than is usual there?",
    f"""
    WITH shop AS (
        SELECT sum(cart_additions_91d) / nullif(sum(views_91d), 0) AS usual_rate
        FROM {PRODUCT_360.identifier}
    )
    SELECT product_id, department, product_type, views_91d AS views,
           cart_additions_91d AS put_in_a_cart, online_purchases_91d AS bought,
           round(views_91d * usual_rate - cart_additions_91d, 1) AS fewer_than_usual
    FROM {PRODUCT_360.identifier}, shop
    WHERE views_91d > 0
    ORDER BY views_91d * usual_rate - cart_additions_91d DESC, product_id
    LIMIT 10
    """,
    (PRODUCT_360,),
    "web",
)

PRICE_CHANGES = Question(
    "price_changes",
    "In which ten categories did shelf prices change most often in the last year?",
    f"""
    SELECT department, product_category, count(*) AS products,
           round(avg(price_changes_364d), 1) AS changes_per_product,
           round(avg(discount_depth_91d), 3) AS discount_depth
    FROM {PRODUCT_360.identifier}
    -- Between two priced weeks there is at most one change, so a rare product has few.
    WHERE shelf_price IS NOT NULL AND weeks_sold_364d >= 13 AND product_category IS NOT NULL
    GROUP BY department, product_category
    ORDER BY avg(price_changes_364d) DESC, department, product_category
    LIMIT 10
    """,
    (PRODUCT_360,),
    "pricing",
)

EXPECTED_DEMAND = Question(
    "expected_demand",
    "Of which ten products do we expect to sell the most in the coming four weeks?",
    f"""
    SELECT p.product_id, p.department, p.product_type, p.units_28d AS sold_in_28_days,
           round(sum(f.mean), 1) AS expected, sum(f.p10) AS low, sum(f.p90) AS high,
           min(f.date) AS first_week, max(f.date) AS last_week
    FROM {DEMAND_FORECAST.identifier} f
    JOIN {PRODUCT_360.identifier} p ON f.item_id = CAST(p.product_id AS VARCHAR)
    GROUP BY ALL
    ORDER BY expected DESC, p.product_id
    LIMIT 10
    """,
    (PRODUCT_360, DEMAND_FORECAST),
    "demand-planning",
)

FORECAST_QUALITY = Question(
    "forecast_quality",
    "How far was each model from what was sold, in weeks that it had not seen?",
    f"""
    SELECT model, backtestwindow_start_time AS first_week,
           backtestwindow_end_time AS last_week, windows, items,
           round(any_value(value) FILTER (metric = 'wQL' AND forecast_type = 'average'), 3) AS wql,
           round(any_value(value) FILTER (metric = 'WAPE' AND forecast_type = 'p50'), 3) AS wape,
           round(any_value(value) FILTER (metric = 'coverage'), 3) AS coverage
    FROM {FORECAST_ACCURACY.identifier}
    WHERE metric <> 'MASE'
    GROUP BY model, first_week, last_week, windows, items
    ORDER BY windows DESC, first_week, wql, model
    """,
    (FORECAST_ACCURACY,),
    "demand-planning",
)

QUESTIONS = (
    BEST_SELLERS,
    DEPARTMENT_TREND,
    PROMOTION_RESPONSE,
    LOOKED_AT_AND_LEFT,
    PRICE_CHANGES,
    EXPECTED_DEMAND,
    FORECAST_QUALITY,
)
