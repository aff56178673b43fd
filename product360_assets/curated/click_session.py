"""`curated.click_session`: every visit to the web shop, kept as the events of its visitor say.

The hazard is the web shop's own session ids: it may end them at midnight or with a browser's tab,
and the next release otherwise. They are kept and counted; what a visit is, the pauses say.
The rules stand in docs/clicks.md.
"""

from __future__ import annotations

from datetime import date

from product360_assets.curated.business_day import latest_closed_day
from product360_assets.curated.claims import AS_OF, SINCE, Claim, all_claims
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.steps import job_table_asset
from product360_assets.curated.table_checks import table_checks
from resources.ledger import Ledger
from resources.warehouse import WarehouseResource
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION


def as_of_clicks(warehouse: WarehouseResource, ledger: Ledger) -> date:
    """The latest day with clicks that a delivery of a later day has closed."""
    return latest_closed_day(
        warehouse,
        ledger,
        published=CLICK_EVENT,
        day="event_date",
        source="clickstream",
        table="click_event",
    )


PLOTS = (
    Plot(
        "Visits that end in a purchase, by week",
        f"""
        SELECT CAST(date_trunc('week', session_date) AS DATE) AS week,
               round(100.0 * avg(CAST(is_converted AS INT)), 2) AS "share, %"
        FROM {CLICK_SESSION.identifier} WHERE NOT is_bot GROUP BY ALL ORDER BY week
        """,
        y="% of visits",
    ),
)


# Events that count; to know whether one begins a visit, those of the day before are enough.
_COUNTED = f"""
    (SELECT * FROM curated.click_event
     WHERE event_date <= {AS_OF} AND event_date >= {SINCE} - 1)
"""
_DAYS = {CLICK_SESSION.identifier: "session_date", CLICK_EVENT.identifier: "event_date"}

CLAIMS = all_claims(
    CLICK_SESSION,
    [
        Claim(
            "every_event_is_in_one_visit",
            "Counted over all visits, there are as many steps as there are events.",
            f"""
            WITH visits AS (
                SELECT sum(events) AS events, sum(views) AS views, sum(cart_additions) AS added,
                       sum(cart_removals) AS removed
                FROM curated.click_session WHERE session_date >= {SINCE}
            ),
            counted AS (
                SELECT count(*) AS events, count(*) FILTER (event_type = 'view') AS views,
                       count(*) FILTER (event_type = 'add_to_cart') AS added,
                       count(*) FILTER (event_type = 'remove_from_cart') AS removed
                FROM {_COUNTED} e
                WHERE event_date >= {SINCE} AND NOT EXISTS (
                    FROM curated.click_session s
                    WHERE s.session_date < {SINCE} AND s.visitor_id = e.visitor_id
                      AND e.event_time BETWEEN s.started_at AND s.ended_at
                )
            )
            SELECT visits = counted AS holds,
                   visits.events AS events_of_visits, counted.events AS events,
                   visits.views AS views_of_visits, counted.views AS views
            FROM visits, counted
            """,
            days=_DAYS,
            reach=1,
        ),
        Claim(
            "a_longer_pause_begins_a_visit_and_nothing_else_does",
            "A longer pause inside makes it two visits, and a cut elsewhere two halves of one.",
            f"""
            WITH pauses AS (
                SELECT visitor_id, event_date, event_time, event_time - lag(event_time) OVER (
                           PARTITION BY visitor_id ORDER BY event_time
                       ) AS pause
                FROM {_COUNTED}
            ),
            begun AS (
                SELECT visitor_id, event_time AS started_at FROM pauses
                WHERE event_date >= {SINCE} AND (pause IS NULL OR pause > INTERVAL 30 MINUTES)
            )
            SELECT count(*) FILTER (b.visitor_id IS NULL OR s.visitor_id IS NULL) = 0 AS holds,
                   count(b.visitor_id) AS pauses_that_begin_a_visit, count(s.visitor_id) AS visits
            FROM begun b
            FULL JOIN (FROM curated.click_session WHERE session_date >= {SINCE}) s
                USING (visitor_id, started_at)
            """,
            days=_DAYS,
            reach=1,
        ),
        Claim(
            "visits_of_a_visitor_are_more_than_30_minutes_apart",
            "Visits that overlap, or follow each other at once, are one visit.",
            """
            WITH judged AS (
                SELECT ended_at < started_at AS ends_before_it_begins,
                       started_at - lag(ended_at) OVER (
                           PARTITION BY visitor_id ORDER BY started_at
                       ) <= INTERVAL 30 MINUTES AS is_too_near
                FROM curated.click_session
            )
            SELECT count(*) FILTER (ends_before_it_begins OR is_too_near) = 0 AS holds,
                   count(*) FILTER (ends_before_it_begins) AS visits_that_end_before_they_begin,
                   count(*) FILTER (is_too_near) AS visits_too_near
            FROM judged
            """,
        ),
        Claim(
            "visits_that_bought_end_in_a_receipt",
            "A visit that bought and whose receipt the tills do not know was not paid, or not yet.",
            """
            SELECT count(*) FILTER (is_converted AND s.basket_id IS NULL) = 0 AS holds,
                   count(*) FILTER (is_converted AND s.basket_id IS NULL) AS without_receipt,
                   count(*) FILTER (is_converted) AS visits_that_bought,
                   count(*) AS visits
            FROM curated.click_session
            LEFT JOIN (SELECT DISTINCT basket_id FROM curated.sales_line) s USING (basket_id)
            """,
            blocking=False,
        ),
    ],
)

VISITS = JobTable(
    CLICK_SESSION,
    job="click_session",
    upstream=(CLICK_EVENT,),
    as_of=as_of_clicks,
    parameters={},
    plots=PLOTS,
    claims=CLAIMS,
    is_kept=True,
)

click_session = job_table_asset(VISITS)

click_session_checks = table_checks(CLICK_SESSION, CLAIMS)
