"""`serving.product_360_outlook`: each product today, beside what is expected of it.

The hazard is the join: a product that is not forecast (never sold, sold by volume, too new) must
keep its row, with nulls where a forecast would stand.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim
from product360_assets.curated.table_checks import table_checks
from product360_assets.serving.views import view_asset
from spark.tables.curated import PRODUCT_360
from spark.tables.forecast import DEMAND_FORECAST
from spark.tables.serving import OUTLOOK_WEEKS, PRODUCT_360_OUTLOOK

product_360_outlook = view_asset(PRODUCT_360_OUTLOOK)

_NAME = PRODUCT_360_OUTLOOK.identifier
_SUM_OF_P50 = " + ".join(f"p50_week_{week}" for week in range(1, OUTLOOK_WEEKS + 1))

product_360_outlook_checks = table_checks(
    PRODUCT_360_OUTLOOK,
    [
        Claim(
            "every_product_has_its_row",
            "A product without a forecast is still a product.",
            f"""
            SELECT products = rows AS holds, products, rows
            FROM (SELECT count(*) AS products FROM {PRODUCT_360.identifier}),
                 (SELECT count(*) AS rows FROM {_NAME})
            """,
        ),
        Claim(
            "every_forecast_is_shown_whole",
            "A forecast that got lost in the join would read as no expected demand.",
            f"""
            WITH made AS (
                SELECT count(DISTINCT item_id) AS items, sum(p50) AS units
                FROM {DEMAND_FORECAST.identifier}
            ),
            shown AS (
                SELECT count(*) AS items, sum({_SUM_OF_P50}) AS units
                FROM {_NAME} WHERE forecast_model IS NOT NULL
            )
            SELECT made.items = shown.items AND abs(made.units - shown.units) < 0.5 AS holds,
                   made.items AS forecast_items, shown.items AS shown_items,
                   made.units AS forecast_units, shown.units AS shown_units
            FROM made, shown
            """,
        ),
    ],
)
