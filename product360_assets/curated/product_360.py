"""`curated.product_360`: each product as the business sees it on one day.

Brought up to date whenever a source or the day has changed: only the products that the change or
the day touches are made anew. Windows end with the as-of date, which is the latest closed business
day in the data. The hazard is a clock: "the last 28 days" of the machine's today would change
without any sale.
"""

from __future__ import annotations

from product360_assets.curated.claims import all_claims
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.product_360_claims import SALES, STORY
from product360_assets.curated.sales_line import as_of_sales
from product360_assets.curated.steps import job_table_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import (
    INTERACTION,
    PRODUCT,
    PRODUCT_360,
    PRODUCT_WEEK,
    SALES_LINE,
    WINDOW_DAYS,
)

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


CLAIMS = all_claims(PRODUCT_360, [*SALES, *STORY])

product_360 = job_table_asset(
    JobTable(
        PRODUCT_360,
        job="product_360",
        upstream=(PRODUCT, SALES_LINE, PRODUCT_WEEK, INTERACTION),
        as_of=as_of_sales,
        parameters={"windows": list(WINDOW_DAYS)},
        plots=PLOTS,
        claims=CLAIMS,
        is_kept=True,
    )
)

product_360_checks = table_checks(PRODUCT_360, CLAIMS)
