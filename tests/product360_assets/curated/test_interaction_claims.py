"""Claims about interactions hold on right data and fail on one wrong row."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from product360_assets.curated.interaction import interaction_checks
from spark.tables.curated import INTERACTION, SALES_LINE

Row = dict[str, Any]
START, DAY, END = date(2017, 5, 1), date(2017, 5, 9), date(2017, 6, 30)
CAMPAIGN = {"campaign_id": 13, "campaign_start_date": START, "campaign_end_date": END}


def interaction(kind: str, **more: Any) -> Row:
    name = "/".join([kind, *(str(value) for value in more.values())])
    known = {"interaction_id": name, "interaction_type": kind, "interaction_date": START}
    return {**known, **CAMPAIGN, **more}


TARGET = interaction("target", household_id=7)
OFFERS = [interaction("offer", coupon_upc="0100", product_id=number) for number in (1, 2)]
USED = interaction(
    "redemption", household_id=7, coupon_upc="0100", interaction_date=DAY, basket_id=31
)
RIGHT = [TARGET, *OFFERS, USED]
UNSENT = "every_redemption_is_of_a_targeted_household"


@pytest.mark.parametrize(
    ("rows", "failing"),
    [
        (RIGHT, set()),
        (RIGHT[1:], {"targets_equal_the_clean_records", UNSENT}),
        ([TARGET, OFFERS[0], USED], {"offers_equal_the_clean_records"}),
        ([*RIGHT, OFFERS[0]], {"offers_equal_the_clean_records", "key_is_unique"}),
        (RIGHT[:3], {"redemptions_equal_the_clean_records"}),
        (
            [*RIGHT[:3], USED | {"household_id": 8}],
            {
                "redemptions_equal_the_clean_records",
                UNSENT,
                "matched_receipts_are_the_households_of_that_local_day",
            },
        ),
        (
            [*RIGHT[:3], USED | {"basket_id": 32}],
            {"matched_receipts_are_the_households_of_that_local_day"},
        ),
        (
            [*RIGHT[:3], USED | {"basket_id": None}],
            {"every_redemption_has_a_receipt_of_its_day"},
        ),
        (
            [*RIGHT[:3], USED | {"campaign_end_date": START}],
            {"redemptions_lie_within_their_campaign"},
        ),
        (
            [*RIGHT[:3], USED | {"campaign_end_date": None}],
            {"redemptions_lie_within_their_campaign"},
        ),
    ],
)
def test_interactions_are_compared_with_records_and_receipts(
    shop: Any, rows: list[Row], failing: set[str]
) -> None:
    household = {"campaign_id": 13, "household_id": 7}
    shop.deliver("marketing.campaign_target", INTERACTION, household)
    coupon = {"campaign_id": 13, "coupon_upc": "0100"}
    goods = [coupon | {"product_id": number} for number in (1, 2)]
    shop.deliver("marketing.coupon", INTERACTION, *goods)
    use = household | coupon | {"redemption_date": DAY}
    shop.deliver("marketing.coupon_redemption", INTERACTION, use)
    line = {"product_id": 1, "household_id": 7}
    receipts = [(31, DAY), (32, date(2017, 5, 10))]
    days = [line | {"basket_id": number, "business_date": day} for number, day in receipts]
    shop.fill(SALES_LINE, *days)
    shop.fill(INTERACTION, *rows)
    assert shop.failing(interaction_checks) == failing
