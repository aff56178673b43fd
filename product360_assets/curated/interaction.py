"""`curated.interaction`: everything that campaigns did, and the receipts on which it came to sales.

The hazard is the receipt: a redemption names a day and no receipt, so it is matched by household
and local day. Receipts may come later than redemptions; new sales therefore ask for this table
again, and every redemption is matched anew.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, all_claims, newest
from product360_assets.curated.pending import Input
from product360_assets.curated.plots import Plot
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import INTERACTION, SALES_LINE
from spark.tables.curated.interaction import OFFER, REDEMPTION, TARGET

CAMPAIGNS = Input("marketing", "campaign", whole=True)
TARGETS = Input("marketing", "campaign_target", whole=True)
COUPONS = Input("marketing", "coupon", whole=True)
REDEMPTIONS = Input("marketing", "coupon_redemption", whole=True)
RECEIPTS = Input("pos", "sales_line")
PUBLICATION = Publication(
    INTERACTION,
    job="interaction",
    inputs=(CAMPAIGNS, TARGETS, COUPONS, REDEMPTIONS, RECEIPTS),
)

PLOTS = (
    Plot(
        "Coupons used, by week",
        f"""
        SELECT CAST(date_trunc('week', interaction_date) AS DATE) AS week,
               count(*) AS redemptions
        FROM {INTERACTION.identifier}
        WHERE interaction_type = '{REDEMPTION}' AND interaction_date IS NOT NULL
        GROUP BY ALL ORDER BY week
        """,
        y="redemptions",
    ),
)


def _equals_clean(kind: str, records: Input, *key: str) -> Claim:
    """Every delivered record is an interaction of its kind, and nothing else is."""
    shown = ", ".join("interaction_date" if name == "redemption_date" else name for name in key)
    delivered = newest(f"clean_{records.source}_{records.table}", *key)
    return Claim(
        f"{kind}s_equal_the_clean_records",
        f"A {kind} that was delivered is an interaction once, and no other is.",
        f"""
        WITH delivered AS (SELECT {", ".join(key)} FROM {delivered}),
        published AS (
            SELECT {shown} FROM curated.interaction WHERE interaction_type = '{kind}'
        )
        SELECT NOT EXISTS (FROM delivered EXCEPT ALL FROM published)
               AND NOT EXISTS (FROM published EXCEPT ALL FROM delivered) AS holds,
               (SELECT count(*) FROM delivered) AS delivered,
               (SELECT count(*) FROM published) AS published
        """,
        clean=(records,),
    )


CLAIMS = all_claims(
    INTERACTION,
    [
        _equals_clean(TARGET, TARGETS, "campaign_id", "household_id"),
        _equals_clean(OFFER, COUPONS, "campaign_id", "coupon_upc", "product_id"),
        _equals_clean(
            REDEMPTION,
            REDEMPTIONS,
            "campaign_id",
            "household_id",
            "coupon_upc",
            "redemption_date",
        ),
        Claim(
            "matched_receipts_are_the_households_of_that_local_day",
            "A receipt of somebody else or of another day would credit the wrong sale.",
            f"""
            WITH receipt AS (
                SELECT DISTINCT basket_id, household_id, business_date FROM curated.sales_line
            )
            SELECT count(*) FILTER (r.basket_id IS NULL) = 0 AS holds,
                   count(*) AS matched, count(*) FILTER (r.basket_id IS NULL) AS wrong
            FROM curated.interaction i LEFT JOIN receipt r
              ON r.basket_id = i.basket_id AND r.household_id = i.household_id
             AND r.business_date = i.interaction_date
            WHERE i.interaction_type = '{REDEMPTION}' AND i.basket_id IS NOT NULL
            """,
        ),
        Claim(
            "every_redemption_has_a_receipt_of_its_day",
            "A coupon that was used without shopping points to lost sales, or to the wrong zone.",
            f"""
            SELECT count(*) FILTER (basket_id IS NULL) = 0 AS holds,
                   count(*) AS redemptions,
                   count(*) FILTER (basket_id IS NULL) AS without_receipt,
                   count(*) FILTER (offered_products_bought > 0) AS with_an_offered_product,
                   count(*) FILTER (offered_coupon_discount > 0) AS with_its_discount
            FROM curated.interaction WHERE interaction_type = '{REDEMPTION}'
            """,
            blocking=False,
        ),
        Claim(
            "every_redemption_is_of_a_targeted_household",
            "A coupon used by a household that was never sent it was passed on, or misread.",
            f"""
            SELECT count(*) FILTER (t.household_id IS NULL) = 0 AS holds,
                   count(*) AS redemptions,
                   count(*) FILTER (t.household_id IS NULL) AS by_others
            FROM curated.interaction r LEFT JOIN curated.interaction t
              ON t.interaction_type = '{TARGET}' AND t.campaign_id = r.campaign_id
             AND t.household_id = r.household_id
            WHERE r.interaction_type = '{REDEMPTION}'
            """,
            blocking=False,
        ),
        Claim(
            "redemptions_lie_within_their_campaign",
            "A coupon used outside its campaign, or of an unknown one, was accepted in error.",
            f"""
            SELECT count(*) FILTER (is_within IS NOT TRUE) = 0 AS holds,
                   count(*) AS redemptions,
                   count(*) FILTER (is_within IS NOT TRUE) AS outside
            FROM (
                SELECT interaction_date BETWEEN campaign_start_date AND campaign_end_date
                       AS is_within
                FROM curated.interaction WHERE interaction_type = '{REDEMPTION}'
            )
            """,
            blocking=False,
        ),
    ],
)

interaction = publication_asset(
    PUBLICATION,
    claims=CLAIMS,
    upstream=[SALES_LINE],
    parameters=lambda _contract: {"sales": f"lake.{SALES_LINE.identifier}"},
    plots=PLOTS,
)

interaction_checks = table_checks(INTERACTION, CLAIMS)
