"""`curated.product_360`: each product as the business sees it on one day.

Windows end with the as-of date, which is the latest closed business day in the data. The hazard is
a clock: "the last 28 days" of the machine's today would change without any sale.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from product360_assets.curated.business_day import latest_closed_day
from product360_assets.curated.claims import Claim, table_checks
from product360_assets.curated.plots import Plot
from product360_assets.curated.steps import JobTable, job_table_asset
from resources.ledger import Ledger
from resources.warehouse import WarehouseResource
from spark.tables.curated import PRODUCT, PRODUCT_360, SALES_LINE, WINDOW_DAYS


def as_of_sales(warehouse: WarehouseResource, ledger: Ledger) -> date:
    """The latest closed business day with sales."""
    return latest_closed_day(warehouse, ledger, sales=SALES_LINE, source="pos", table="sales_line")


PLOTS = (
    Plot(
        "Revenue of the last four weeks by department",
        f"""
        SELECT department, sum(revenue_28d) AS revenue FROM {PRODUCT_360.identifier}
        GROUP BY ALL ORDER BY revenue DESC, department LIMIT 12
        """,
        y="USD",
        kind="bar",
    ),
    Plot(
        "Products by stage of life",
        f"""
        SELECT lifecycle_stage, count(*) AS products FROM {PRODUCT_360.identifier}
        GROUP BY ALL ORDER BY products DESC, lifecycle_stage
        """,
        y="products",
        kind="bar",
    ),
)


product_360 = job_table_asset(
    JobTable(
        PRODUCT_360,
        job="product_360",
        upstream=(PRODUCT, SALES_LINE),
        as_of=as_of_sales,
        parameters={"windows": list(WINDOW_DAYS)},
        plots=PLOTS,
    )
)

product_360_checks = table_checks(
    PRODUCT_360,
    [
        Claim(
            "every_product_has_its_row",
            "A product that is missing here is missing from every dashboard.",
            """
            SELECT count(*) FILTER (a.product_id IS NULL OR b.product_id IS NULL) = 0 AS holds,
                   count(a.product_id) AS products, count(b.product_id) AS rows
            FROM curated.product a FULL JOIN curated.product_360 b USING (product_id)
            """,
        ),
        Claim(
            "revenue_equals_the_sales_of_the_longest_window",
            "Summed over all products, a window holds exactly the sales of its days.",
            f"""
            WITH made AS (
                SELECT any_value(as_of_date) AS day, sum(revenue_{max(WINDOW_DAYS)}d) AS revenue,
                       sum(units_{max(WINDOW_DAYS)}d) AS units
                FROM curated.product_360
            ),
            sold AS (
                SELECT sum(s.sales_value) AS revenue, sum(s.units) AS units
                FROM curated.sales_line s, made
                WHERE business_date > day - {max(WINDOW_DAYS)} AND business_date <= day
            )
            SELECT made.revenue = sold.revenue AND made.units = sold.units AS holds,
                   made.revenue AS revenue, sold.revenue AS sales,
                   made.units AS units, sold.units AS units_sold
            FROM made, sold
            """,
        ),
        Claim(
            "longer_windows_hold_the_shorter_ones",
            "What was sold in a week was sold in the month that ends with it.",
            f"""
            SELECT count(*) = 0 AS holds, count(*) AS products
            FROM curated.product_360
            WHERE {
                " OR ".join(
                    f"{count}_{short}d > {count}_{long}d"
                    for short, long in pairwise(WINDOW_DAYS)
                    for count in ("units", "baskets", "households")
                )
            }
            """,
        ),
    ],
)
