"""`curated.click_event`: every step of every visitor of the web shop, once.

The hazard is the stream, which delivers at least once: a copy of an event comes in another batch,
weeks later or in the same minute. Events are synthetic here, and each row says so; a purchase
names a receipt, which the tills must know.
"""

from __future__ import annotations

from product360_assets.core.checks import KEY_IS_UNIQUE
from product360_assets.curated.changes import follow_from, place_of
from product360_assets.curated.claims import Claim, all_claims, last_changes, newest
from product360_assets.curated.pending import Input
from product360_assets.curated.plots import Plot
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import CLICK_EVENT, SALES_LINE

EVENTS = Input("clickstream", "click_event")
PUBLICATION = Publication(CLICK_EVENT, job="click_event", inputs=(EVENTS,))

# One number of a row's content; over all rows it does not depend on their order.
_CONTENT = "bit_xor(hash(event_id, visitor_id, event_type, epoch_us(event_time), product_id))"

_COMPARED = (
    "visitor_id",
    "event_type",
    "event_time",
    "product_id",
    "quantity",
    "household_id",
    "basket_id",
)
_SAID = f"""(
    SELECT *, {place_of()} AS _place, _operation = 'D' AS _is_deleted
    FROM {last_changes("clean_clickstream_click_event", "event_id")}
)"""

PLOTS = (
    Plot(
        "Events by day",
        """
        SELECT event_date, count(*) FILTER (event_type = 'view') AS view,
               count(*) FILTER (event_type = 'add_to_cart') AS "add to cart",
               count(*) FILTER (event_type = 'purchase') AS purchase
        FROM recent GROUP BY ALL ORDER BY event_date
        """,
        y="events",
        day="event_date",
    ),
)


CLAIMS = all_claims(
    CLICK_EVENT,
    [
        Claim(
            "events_equal_the_clean_events",
            "Every event that was accepted is published once, however often it came.",
            f"""
            WITH expected AS (
                SELECT count(*) AS events, sum(quantity) AS units, count(household_id) AS signed_in,
                       count(basket_id) AS purchases, {_CONTENT} AS content
                FROM {newest("clean_clickstream_click_event", "event_id")}
            ),
            published AS (
                SELECT count(*) AS events, sum(quantity) AS units, count(household_id) AS signed_in,
                       count(basket_id) AS purchases, {_CONTENT} AS content
                FROM curated.click_event
            )
            SELECT expected IS NOT DISTINCT FROM published AS holds,
                   published.events AS published_events, expected.events AS clean_events,
                   published.units AS published_units, expected.units AS clean_units,
                   published.purchases AS published_purchases,
                   expected.purchases AS clean_purchases
            FROM expected, published
            """,
            clean=(EVENTS,),
            shows=(KEY_IS_UNIQUE,),  # of each event, one is expected
            changes=follow_from(CLICK_EVENT, _SAID, _COMPARED),
        ),
        Claim(
            "purchases_are_on_a_receipt",
            "A purchase that the tills do not know was not paid, or its receipt has not come yet.",
            """
            WITH bought AS (
                SELECT e.basket_id, s.product_id IS NULL AS is_unknown
                FROM curated.click_event e
                LEFT JOIN curated.sales_line s
                  ON s.basket_id = e.basket_id AND s.product_id = e.product_id
                WHERE e.event_type = 'purchase'
            )
            SELECT count(*) FILTER (is_unknown) = 0 AS holds,
                   count(*) FILTER (is_unknown) AS purchases_without_receipt,
                   count(DISTINCT basket_id) FILTER (is_unknown) AS their_receipts,
                   count(*) AS purchases
            FROM bought
            """,
            blocking=False,
        ),
    ],
)

click_event = publication_asset(
    PUBLICATION,
    claims=CLAIMS,
    # Nothing is looked up in the sales; the checks compare purchases with them.
    upstream=[SALES_LINE],
    parameters=lambda contract: {"time_zone": contract("clickstream").time_zone},
    plots=PLOTS,
)

click_event_checks = table_checks(CLICK_EVENT, CLAIMS)
