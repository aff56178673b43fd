"""Each source's word on a product's week, and all of them in one row."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PRICE_WEEK,
    PRODUCT,
    PRODUCT_WEEK,
    PROMOTION_WEEK,
    SALES_LINE,
)
from spark.transforms.product_week import clicked, priced, product_week, promoted, redeemed, sold

MONDAY, SUNDAY = date(2017, 12, 25), date(2017, 12, 31)
LAST_WEEK = date(2017, 12, 18)


def line(
    basket: int, product: int, day: date, units: int | None = 1, **more: Any
) -> dict[str, Any]:
    return {
        "basket_id": basket,
        "product_id": product,
        "household_id": 7,
        "store_id": 300,
        "business_date": day,
        "units": units,
        "sales_value": Decimal("2.00"),
        "retail_discount": Decimal("0.50"),
        "coupon_discount": Decimal("0.30"),
        "coupon_match_discount": Decimal("0.20"),
        **more,
    }


def weekly(frame: Any, *names: str) -> dict[tuple[int, date], tuple[Any, ...]]:
    return {
        (row["product_id"], row["week_start"]): tuple(row[name] for name in names)
        for row in frame.collect()
    }


def test_sales_are_summed_from_monday_to_sunday(published) -> None:
    lines = published(
        SALES_LINE,
        line(1, 10, MONDAY, 2),
        line(2, 10, SUNDAY, 3, store_id=301),
        line(3, 10, SUNDAY, 1, household_id=None),
        line(4, 10, date(2017, 12, 24), 5, household_id=8),
        line(5, 11, MONDAY, None, retail_discount=None),
        # A line whose receipt has not come yet has no day, so no week.
        line(6, 10, None),  # type: ignore[arg-type]
    )
    names = ("units", "revenue", "baskets", "households", "stores", "shelf_value")
    assert weekly(sold(lines), *names, "coupon_discount") == {
        (10, MONDAY): (6, Decimal("6.00"), 3, 1, 2, Decimal("8.10"), Decimal("0.90")),
        (10, LAST_WEEK): (5, Decimal("2.00"), 1, 1, 1, Decimal("2.70"), Decimal("0.30")),
        (11, MONDAY): (None, Decimal("2.00"), 1, 1, 1, Decimal("2.20"), Decimal("0.30")),
    }


def test_stores_are_counted_by_where_they_showed_the_product(published) -> None:
    def shown(store: int, *, display: bool, mailer: bool) -> dict[str, Any]:
        place = {"product_id": 10, "store_id": store, "week_start": MONDAY}
        return {**place, "is_on_display": display, "is_in_mailer": mailer}

    promotions = published(
        PROMOTION_WEEK,
        shown(1, display=True, mailer=True),
        shown(2, display=True, mailer=False),
        shown(3, display=False, mailer=True),
        shown(4, display=False, mailer=True),
        shown(5, display=False, mailer=False),
    )
    names = ("stores_on_display", "stores_in_mailer", "stores_promoted")
    assert weekly(promoted(promotions), *names) == {(10, MONDAY): (2, 3, 4)}


def test_a_coupon_counts_once_for_each_product_it_is_good_for_that_was_bought_that_day(
    published,
) -> None:
    def used(coupon: str, household: int, day: date) -> dict[str, Any]:
        return {
            "interaction_id": f"redemption/{coupon}/{household}/{day}",
            "interaction_type": "redemption",
            "campaign_id": 1,
            "coupon_upc": coupon,
            "household_id": household,
            "interaction_date": day,
        }

    def offer(coupon: str, product: int, campaign: int = 1) -> dict[str, Any]:
        return {
            "interaction_id": f"offer/{campaign}/{coupon}/{product}",
            "interaction_type": "offer",
            "campaign_id": campaign,
            "coupon_upc": coupon,
            "product_id": product,
        }

    interactions = published(
        INTERACTION,
        *(used("a", 7, MONDAY), used("b", 7, MONDAY), used("a", 7, SUNDAY), used("a", 8, MONDAY)),
        *(offer("a", 10), offer("a", 11), offer("b", 10), offer("a", 12, campaign=2)),
    )
    lines = published(
        SALES_LINE,
        # Two receipts of one day, one of them without anything that a coupon is good for.
        *(line(1, 10, MONDAY), line(2, 10, MONDAY), line(2, 11, MONDAY), line(2, 12, MONDAY)),
        *(line(3, 10, SUNDAY), line(4, 10, SUNDAY, household_id=8)),
        line(5, 10, date(2017, 12, 26), household_id=8),
    )
    # On Monday both coupons for product 10 and one for 11, on Sunday one; household 8 bought late.
    assert weekly(redeemed(interactions, lines), "coupon_redemptions") == {
        (10, MONDAY): (3,),
        (11, MONDAY): (1,),
    }


def test_bots_are_not_counted_and_their_visitors_other_visits_are(published) -> None:
    def event(visitor: str, kind: str, minute: int, **more: Any) -> dict[str, Any]:
        at = datetime(2017, 12, 25, 12, minute)  # noqa: DTZ001 - the engine's zone is UTC
        step = {"visitor_id": visitor, "event_type": kind, "event_time": at}
        return {"event_date": MONDAY, "product_id": 10, **step, **more}

    def visit(visitor: str, first: int, last: int, *, bot: bool) -> dict[str, Any]:
        started, ended = (datetime(2017, 12, 25, 12, minute) for minute in (first, last))  # noqa: DTZ001
        return {"visitor_id": visitor, "started_at": started, "ended_at": ended, "is_bot": bot}

    events = published(
        CLICK_EVENT,
        *(event("x", "view", 0), event("x", "view", 10), event("x", "view", 20)),
        *(event("y", "view", 5), event("y", "add_to_cart", 6), event("y", "purchase", 7)),
        *(event("y", "remove_from_cart", 8), event("y", "view", 9, product_id=None)),
        event("y", "remove_from_cart", 8, product_id=11),
    )
    sessions = published(
        CLICK_SESSION,
        visit("x", 0, 10, bot=True),
        visit("x", 20, 20, bot=False),
        visit("y", 5, 9, bot=False),
    )
    names = ("views", "cart_additions", "online_purchases")
    assert weekly(clicked(events, sessions), *names) == {(10, MONDAY): (2, 1, 1)}


def test_a_week_has_one_row_with_the_word_of_every_source(published) -> None:
    price = {"shelf_price": Decimal("1.25"), "loyalty_price": Decimal("1.00")}
    shown = {"store_id": 300, "is_in_mailer": True}
    sources = [
        sold(
            published(
                SALES_LINE,
                line(1, 10, MONDAY, 2),
                line(2, 11, MONDAY, None),
                line(3, 10, SUNDAY, 1),
            )
        ),
        priced(published(PRICE_WEEK, {"product_id": 10, "week_start": MONDAY, **price})),
        promoted(
            published(
                PROMOTION_WEEK,
                {"product_id": 10, "week_start": MONDAY, **shown},
                {"product_id": 12, "week_start": LAST_WEEK, **shown},
                {"product_id": 12, "week_start": date(2018, 1, 1), **shown},
            )
        ),
        redeemed(published(INTERACTION), published(SALES_LINE)),
        clicked(published(CLICK_EVENT), published(CLICK_SESSION)),
    ]
    products = published(PRODUCT, {"product_id": 10}, {"product_id": 11, "is_fuel": True})
    rows = product_week(products, sources, SUNDAY)
    assert rows.dtypes == [(column.name, column.type) for column in PRODUCT_WEEK.columns]
    names = ("business_week", "units", "revenue", "shelf_price", "stores_promoted", "is_promoted")
    assert weekly(rows, *names, "views") == {
        (10, MONDAY): (53, 3, Decimal("4.00"), Decimal("1.25"), 1, True, 0),
        (11, MONDAY): (53, None, Decimal("2.00"), None, 0, False, 0),
        # Promoted and not sold, of a product that no catalogue lists.
        (12, LAST_WEEK): (52, 0, Decimal("0.00"), None, 1, True, 0),
    }
    # On the Saturday the week is not over yet.
    assert set(weekly(product_week(products, sources, date(2017, 12, 30)))) == {(12, LAST_WEEK)}
