"""`curated.item_funnel`: how far visits to the web shop got with each item, by week.

The hazard is the event that is counted twice: somebody who looks at an item ten times and buys it
once is one visit at each step, and no rate of one in ten.
"""

from __future__ import annotations

from product360_assets.curated.claims import AS_OF, Claim, all_claims, equal_by_week
from product360_assets.curated.click_session import as_of_clicks
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.steps import job_table_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION, ITEM_FUNNEL, SALES_LINE

PLOTS = (
    Plot(
        "Of the visits that looked at an item, how many per cent …",
        f"""
        SELECT week_start,
               100.0 * sum(visits_viewing_and_carting) / sum(visits_viewing) AS "carted it",
               100.0 * sum(visits_viewing_and_buying) / sum(visits_viewing) AS "bought it"
        FROM {ITEM_FUNNEL.identifier} GROUP BY ALL HAVING sum(visits_viewing) > 0
        ORDER BY week_start
        """,
        y="% of visits and items",
    ),
)


# The Sunday of the last week that is there.
_LAST_DAY = "(SELECT max(week_start) + 6 FROM curated.item_funnel)"
# By which day a row of each is in a week: a visit and its events are in that of its first.
_DAYS = {
    ITEM_FUNNEL.identifier: "week_start",
    CLICK_EVENT.identifier: "event_date",
    CLICK_SESSION.identifier: "session_date",
}
_WEEK_OF_VISIT = "date_trunc('week', s.session_date)::DATE"

CLAIMS = all_claims(
    ITEM_FUNNEL,
    [
        Claim(
            "steps_equal_the_visits_of_people",
            "Every visit counts once for each item and step, by the events that happened during "
            "it; bots never.",
            equal_by_week(
                """
                SELECT week_start, sum(visits) AS visits, sum(visits_viewing) AS viewing,
                       sum(visits_carting) AS carting, sum(visits_buying) AS buying
                FROM curated.item_funnel GROUP BY week_start
                """,
                f"""
                SELECT week_start, count(*) AS visits, count(*) FILTER (is_viewed) AS viewing,
                       count(*) FILTER (is_carted) AS carting,
                       count(*) FILTER (is_bought) AS buying
                FROM (
                    SELECT {_WEEK_OF_VISIT} AS week_start,
                           bool_or(event_type = 'view') AS is_viewed,
                           bool_or(event_type = 'add_to_cart') AS is_carted,
                           bool_or(event_type = 'purchase') AS is_bought
                    FROM curated.click_event e ASOF JOIN curated.click_session s
                      ON e.visitor_id = s.visitor_id AND e.event_time >= s.started_at
                    WHERE e.event_time <= s.ended_at AND NOT s.is_bot
                      AND s.session_date <= {_LAST_DAY}
                      AND e.product_id IS NOT NULL AND e.event_date <= {AS_OF}
                      AND e.event_type <> 'remove_from_cart'
                    GROUP BY s.session_id, s.session_date, e.product_id
                )
                GROUP BY week_start
                """,
                ("visits", "viewing", "carting", "buying"),
            ),
            days=_DAYS,
            reach=1,
        ),
        Claim(
            "no_step_is_taken_by_more_visits_than_there_were",
            "A rate above one is no share of anything.",
            """
            SELECT count(*) FILTER (
                       greatest(visits_viewing, visits_carting, visits_buying) > visits
                       OR visits_viewing_and_carting > least(visits_viewing, visits_carting)
                       OR visits_carting_and_buying > least(visits_carting, visits_buying)
                       OR visits_viewing_and_buying > least(visits_viewing, visits_buying)
                       OR abandoned_carts + visits_carting_and_buying <> visits_carting
                       OR (visits_viewing = 0) <> (view_to_cart_rate IS NULL)
                       OR view_to_cart_rate > 1 OR cart_to_purchase_rate > 1
                   ) = 0 AS holds,
                   sum(visits_viewing_and_carting) / sum(visits_viewing) AS view_to_cart,
                   sum(visits_carting_and_buying) / sum(visits_carting) AS cart_to_purchase,
                   sum(abandoned_carts) AS abandoned_carts
            FROM curated.item_funnel
            """,
            each_row=True,
        ),
        Claim(
            "revenue_is_on_receipts_that_a_visit_ended_in",
            "A line counted twice, or of another receipt, would credit others' sales.",
            equal_by_week(
                """
                SELECT week_start, sum(online_revenue) AS revenue
                FROM curated.item_funnel GROUP BY week_start
                """,
                f"""
                SELECT week_start, sum(sales_value) AS revenue
                FROM curated.sales_line JOIN (
                    -- The earliest of several visits that ended in one receipt has it.
                    SELECT s.basket_id, e.product_id, min({_WEEK_OF_VISIT}) AS week_start
                    FROM curated.click_session s JOIN curated.click_event e
                      ON e.visitor_id = s.visitor_id AND e.event_type = 'purchase'
                     AND e.event_time BETWEEN s.started_at AND s.ended_at
                    WHERE NOT s.is_bot AND s.session_date <= {_LAST_DAY}
                      AND e.event_date <= {AS_OF}
                    GROUP BY ALL
                ) USING (basket_id, product_id)
                GROUP BY week_start
                """,
                ("revenue",),
            ),
            days={**_DAYS, SALES_LINE.identifier: "business_date"},
            reach=1,
        ),
    ],
)

item_funnel = job_table_asset(
    JobTable(
        ITEM_FUNNEL,
        job="item_funnel",
        upstream=(CLICK_EVENT, CLICK_SESSION, SALES_LINE),
        as_of=as_of_clicks,
        parameters={},
        plots=PLOTS,
        claims=CLAIMS,
        is_kept=True,
    )
)

item_funnel_checks = table_checks(ITEM_FUNNEL, CLAIMS)
