"""`forecast.weekly_demand`: what forecasters learn from, in units per item and closed week.

The hazard is the missing row: a week without a sale is a zero, and a zero that is left out reads as
"unknown" and teaches too high a demand. Weeks before an item's first sale are left out on purpose.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, all_claims
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.sales_line import as_of_sales
from product360_assets.curated.steps import job_table_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import SALES_LINE
from spark.tables.forecast import WEEKLY_DEMAND

PLOTS = (
    Plot(
        "Demand by week",
        f"""
        SELECT week_start, sum(demand) AS units FROM {WEEKLY_DEMAND.identifier}
        GROUP BY ALL ORDER BY week_start
        """,
        y="units",
    ),
)


CLAIMS = all_claims(
    WEEKLY_DEMAND,
    [
        Claim(
            "demand_equals_the_units_sold",
            "Every counted unit of a whole week is demand, once.",
            f"""
            WITH learned AS (
                SELECT sum(demand) AS units, min(week_start) AS first_week,
                       max(week_start) AS last_week
                FROM {WEEKLY_DEMAND.identifier}
            ),
            sold AS (
                SELECT sum(s.units) AS units FROM {SALES_LINE.identifier} s, learned
                WHERE business_date >= first_week AND business_date < last_week + 7
            )
            SELECT learned.units = sold.units AS holds, learned.units AS demand, sold.units AS units
            FROM learned, sold
            """,
        ),
        Claim(
            "every_item_has_all_its_weeks",
            "A week that is left out would be learned as unknown instead of zero.",
            f"""
            WITH spans AS (
                SELECT item_id, count(*) AS weeks, max(week_start) AS last_week,
                       date_diff('week', min(week_start), max(week_start)) + 1 AS expected
                FROM {WEEKLY_DEMAND.identifier} GROUP BY item_id
            )
            SELECT count(*) FILTER (weeks <> expected) = 0
                       AND count(DISTINCT last_week) = 1 AS holds,
                   count(*) AS items, count(*) FILTER (weeks <> expected) AS items_with_gaps
            FROM spans
            """,
        ),
        Claim(
            "weeks_begin_on_mondays",
            "One week that begins elsewhere would split what was sold in two.",
            f"""
            SELECT count(*) = 0 AS holds, count(*) AS weeks
            FROM {WEEKLY_DEMAND.identifier} WHERE isodow(week_start) <> 1
            """,
        ),
    ],
)

weekly_demand = job_table_asset(
    JobTable(
        WEEKLY_DEMAND,
        job="weekly_demand",
        upstream=(SALES_LINE,),
        as_of=as_of_sales,
        parameters={},
        plots=PLOTS,
        claims=CLAIMS,
    )
)

weekly_demand_checks = table_checks(WEEKLY_DEMAND, CLAIMS)
