"""Campaigns that offered a product, the households they reached, and the coupons that were used."""

from __future__ import annotations

from datetime import date
from typing import Any

from spark.tables.curated import INTERACTION, PRODUCT, PRODUCT_WEEK
from spark.transforms.product_360_campaign import with_campaigns

AS_OF = date(2017, 12, 31)
VALID = (date(2017, 6, 1), date(2017, 7, 1))


def interaction(kind: str, campaign: int, days: tuple[date, date], **more: Any) -> dict[str, Any]:
    return {
        "interaction_type": kind,
        "campaign_id": campaign,
        "campaign_start_date": days[0],
        "campaign_end_date": days[1],
        **more,
    }


def offer(campaign: int, product: int, days: tuple[date, date] = VALID, coupon: str = "c"):
    return interaction("offer", campaign, days, product_id=product, coupon_upc=coupon)


def target(campaign: int, household: int, days: tuple[date, date] = VALID):
    return interaction("target", campaign, days, household_id=household)


def test_households_are_reached_once_by_all_campaigns_that_offered_the_product(published) -> None:
    interactions = [
        # Two coupons of one campaign are one campaign; campaign 12 is not campaigns 1 and 2.
        *(offer(1, 10), offer(1, 10, coupon="d"), offer(2, 10), offer(12, 11), offer(3, 13)),
        *(target(1, 100), target(1, 101), target(2, 101), target(2, 102)),
        *(target(12, 100), target(12, 103)),
        interaction("redemption", 3, VALID, household_id=100, coupon_upc="c"),
    ]
    products = published(PRODUCT, *({"product_id": number} for number in (10, 11, 12, 13)))
    weeks = published(PRODUCT_WEEK)
    rows = with_campaigns(products, published(INTERACTION, *interactions), weeks, AS_OF).collect()
    assert {
        row["product_id"]: (row["campaigns_364d"], row["campaign_reach_364d"]) for row in rows
    } == {10: (2, 3), 11: (1, 2), 12: (0, 0), 13: (1, 0)}


def test_a_campaign_counts_when_it_was_valid_on_one_day_of_the_year(published) -> None:
    seasons = {
        1: (date(2016, 12, 1), date(2017, 1, 2)),
        2: (date(2016, 12, 1), date(2017, 1, 1)),
        3: (date(2017, 12, 31), date(2018, 2, 1)),
        4: (date(2018, 1, 1), date(2018, 2, 1)),
    }
    interactions = [offer(number, number, days) for number, days in seasons.items()]
    interactions += [target(number, 100, days) for number, days in seasons.items()]
    products = published(PRODUCT, *({"product_id": number} for number in seasons))
    weeks = published(PRODUCT_WEEK)
    rows = with_campaigns(products, published(INTERACTION, *interactions), weeks, AS_OF).collect()
    assert {row["product_id"]: row["campaign_reach_364d"] for row in rows} == {
        1: 1,
        2: 0,
        3: 1,
        4: 0,
    }


def test_used_coupons_are_summed_over_the_last_52_weeks(published) -> None:
    weeks = published(
        PRODUCT_WEEK,
        {"product_id": 1, "week_start": date(2017, 12, 25), "coupon_redemptions": 2},
        {"product_id": 1, "week_start": date(2017, 1, 2), "coupon_redemptions": 3},
        {"product_id": 1, "week_start": date(2016, 12, 26), "coupon_redemptions": 5},
    )
    products = published(PRODUCT, {"product_id": 1})
    (row,) = with_campaigns(products, published(INTERACTION), weeks, AS_OF).collect()
    assert (row["coupon_redemptions_364d"], row["campaigns_364d"]) == (5, 0)
