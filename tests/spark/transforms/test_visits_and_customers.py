"""The item funnel, what led to sales, and what customers did, against plain loops over rows."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark.tables.curated import CLICK_EVENT, CLICK_SESSION, CUSTOMER, INTERACTION, SALES_LINE
from spark.transforms.customer_activity import customer_activity
from spark.transforms.item_funnel import item_funnel
from spark.transforms.purchase_attribution import purchase_attribution

AS_OF = date(2017, 12, 31)
PRODUCTS = range(1, 7)
HOUSEHOLDS = range(1, 9)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def every_session(session: SparkSession) -> SparkSession:
    """One engine: tests/spark/parity compares both on what is harder than this."""
    return session


def past(days: int, dice: random.Random) -> date:
    """A day of the last so many, or of the three that follow and do not count."""
    return AS_OF + timedelta(days=dice.randint(-days, 3))


@dataclass
class Shop:
    """Everything that a small shop knows, made by dice."""

    lines: list[Row] = field(default_factory=list)
    sessions: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    interactions: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, seed: int) -> Shop:
        dice, shop = random.Random(seed), cls()
        for basket in range(1, 90):
            shop._sell(basket, dice)
        for number in range(120):
            shop._visit(number, dice)
        for campaign in range(1, 6):
            shop._promote(campaign, dice)
        return shop

    def _sell(self, basket: int, dice: random.Random) -> None:
        day = past(500 if dice.random() < 0.3 else 40, dice)
        household, store = dice.choice([*HOUSEHOLDS, None]), dice.randint(1, 3)
        for product in dice.sample(PRODUCTS, dice.randint(1, 4)):
            self.lines.append(
                {
                    "basket_id": basket,
                    "product_id": product,
                    "household_id": household,
                    "store_id": store,
                    "business_date": day,
                    "sales_value": Decimal(dice.randint(0, 900)) / 100,
                    "retail_discount": Decimal(dice.randint(0, 99)) / 100,
                    "coupon_discount": Decimal(0),
                    "coupon_match_discount": Decimal(dice.randint(0, 9)) / 100,
                }
            )

    def _visit(self, number: int, dice: random.Random) -> None:
        """A visit of an hour of its own; three of ten end in a receipt, that day or none."""
        visitor, day = f"v{number % 9}", past(60, dice)
        start = datetime(day.year, day.month, day.day, number % 24, number // 24)  # noqa: DTZ001
        bought = dice.choice(self.lines) if dice.random() < 0.3 else None
        self.sessions.append(
            {
                "session_id": f"s{number}",
                "visitor_id": visitor,
                "household_id": dice.choice([*HOUSEHOLDS, None]),
                "session_date": day,
                "started_at": start,
                "ended_at": start + timedelta(seconds=30),
                "is_bot": dice.random() < 0.1,
                "basket_id": bought["basket_id"] if bought else None,
            }
        )
        kinds = ["view", "view", "add_to_cart", "remove_from_cart"]
        steps = [(dice.choice(kinds), dice.choice([*PRODUCTS, None])) for _ in range(6)]
        if bought:
            steps.append(("purchase", bought["product_id"]))
        for place, (kind, product) in enumerate(steps):
            self.events.append(
                {
                    "event_id": f"{number}/{place}",
                    "visitor_id": visitor,
                    "event_type": kind,
                    "product_id": product,
                    "event_time": start + timedelta(seconds=5 * place),
                    "event_date": day,
                    "session": f"s{number}",
                }
            )

    def _promote(self, campaign: int, dice: random.Random) -> None:
        begin = AS_OF - timedelta(days=dice.choice([5, 20, 60, 400, -2]))
        end = begin + timedelta(days=30)
        known = {
            "campaign_id": campaign,
            "campaign_start_date": begin,
            "campaign_end_date": end,
        }

        def add(kind: str, **more: Any) -> None:
            number = f"{campaign}/{len(self.interactions)}"
            row = {"interaction_id": number, "interaction_type": kind, **known, **more}
            self.interactions.append(row)

        for household in dice.sample(HOUSEHOLDS, 4):
            add("target", household_id=household)
        for coupon in ("c1", "c2"):
            for product in dice.sample(PRODUCTS, 3):
                add("offer", coupon_upc=coupon, product_id=product)
        for line in dice.sample(self.lines, 12):
            used = {"household_id": line["household_id"]}
            add("redemption", coupon_upc="c1", interaction_date=line["business_date"], **used)

    def rows(self, kind: str) -> list[Row]:
        return [row for row in self.interactions if row["interaction_type"] == kind]

    def touches(self) -> dict[tuple[str, int], set[str]]:
        """Steps by visit of people and product."""
        people = {
            row["session_id"]
            for row in self.sessions
            if not row["is_bot"] and row["session_date"] <= AS_OF
        }
        found: dict[tuple[str, int], set[str]] = defaultdict(set)
        for event in self.events:
            step = event["event_type"]
            if event["session"] in people and event["product_id"] and step != "remove_from_cart":
                found[event["session"], event["product_id"]].add(step)
        return found

    def frames(self, published: Any) -> dict[str, Any]:
        events = [{k: v for k, v in row.items() if k != "session"} for row in self.events]
        return {
            "lines": published(SALES_LINE, *self.lines),
            "events": published(CLICK_EVENT, *events),
            "sessions": published(CLICK_SESSION, *self.sessions),
            "interactions": published(INTERACTION, *self.interactions),
        }


@pytest.fixture(scope="module", params=range(2))
def shop(request: pytest.FixtureRequest) -> Shop:
    return Shop.of(request.param)


def test_the_funnel_counts_each_visit_once_at_each_step(published: Any, shop: Shop) -> None:
    frames = shop.frames(published)
    made = item_funnel(frames["events"], frames["sessions"], frames["lines"], AS_OF)
    found = {(row["product_id"], row["week_start"]): row.asDict() for row in made.collect()}
    visits = {row["session_id"]: row for row in shop.sessions}
    values = {(row["basket_id"], row["product_id"]): row["sales_value"] for row in shop.lines}
    expected: dict[Any, list[set[str]]] = defaultdict(list)
    credited: dict[tuple[int, int], date] = {}
    for (session, product), steps in shop.touches().items():
        day = visits[session]["session_date"]
        monday = day - timedelta(days=day.weekday())
        expected[product, monday].append(steps)
        receipt = (visits[session]["basket_id"], product)
        if "purchase" in steps and receipt in values:
            credited[receipt] = min(monday, credited.get(receipt, monday))
    assert found.keys() == expected.keys()
    for key, touched in expected.items():

        def both(*steps: str, touched: list[set[str]] = touched) -> int:
            return sum(set(steps) <= each for each in touched)

        row = found[key]
        viewing, carting, buying = both("view"), both("add_to_cart"), both("purchase")
        assert row["visits"] == len(touched)
        assert (row["visits_viewing"], row["visits_carting"]) == (viewing, carting)
        assert row["visits_buying"] == buying
        viewed_and_carted = both("view", "add_to_cart")
        bought_of_carted = both("add_to_cart", "purchase")
        assert row["abandoned_carts"] == carting - bought_of_carted
        assert row["view_to_cart_rate"] == (viewed_and_carted / viewing if viewing else None)
        assert row["cart_to_purchase_rate"] == (bought_of_carted / carting if carting else None)
        paid = [values[r] for r, monday in credited.items() if (r[1], monday) == key]
        assert row["online_revenue"] == sum(paid, Decimal(0))
    assert sum(row["online_revenue"] for row in found.values()) > 0


def test_a_sale_is_attributed_to_what_came_last(published: Any, shop: Shop) -> None:
    frames = shop.frames(published)
    made = purchase_attribution(**frames, as_of=AS_OF)
    found = {(row["basket_id"], row["product_id"]): row.asDict() for row in made.collect()}
    expected = {}
    for line in shop.lines:
        if line["business_date"] <= AS_OF and (row := led_to(line, shop)):
            expected[line["basket_id"], line["product_id"]] = row
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert {name: found[key][name] for name in row} == row, key
    assert len({row["attributed_to"] for row in expected.values()}) == 4


def led_to(line: Row, shop: Shop) -> Row | None:
    product, household, day = line["product_id"], line["household_id"], line["business_date"]
    offers = {(r["campaign_id"], r["coupon_upc"], r["product_id"]) for r in shop.rows("offer")}
    coupons = [
        r["interaction_id"]
        for r in shop.rows("redemption")
        if (r["campaign_id"], r["coupon_upc"], product) in offers
        if household is not None and (r["household_id"], r["interaction_date"]) == (household, day)
    ]
    visits = {row["session_id"]: row for row in shop.sessions}
    touched = [
        (visits[session], steps)
        for (session, item), steps in shop.touches().items()
        if item == product
    ]
    inside = [
        visit["session_id"]
        for visit, steps in touched
        if "purchase" in steps and visit["basket_id"] == line["basket_id"]
    ]
    earlier = [
        visit["session_date"]
        for visit, steps in touched
        if household is not None and visit["household_id"] == household
        if steps & {"view", "add_to_cart"} and 1 <= (day - visit["session_date"]).days <= 7
    ]
    campaigns = {
        (r["campaign_start_date"], r["campaign_id"])
        for r in shop.rows("target")
        if r["household_id"] == household
        and r["campaign_start_date"] <= day <= r["campaign_end_date"]
        and any((r["campaign_id"], coupon, product) in offers for coupon in ("c1", "c2"))
    }
    began, campaign = max(campaigns, default=(None, None))
    if coupons:
        credit = "coupon"
    elif inside:
        credit = "visit"
    elif earlier and (began is None or max(earlier) >= began):
        credit = "earlier_visit"
    elif campaigns:
        credit = "campaign"
    else:
        return None
    return {
        "attributed_to": credit,
        "coupons_used": len(coupons),
        "session_id": min(inside, default=None),
        "earlier_visits_7d": len(earlier),
        "first_visit_date": min(earlier, default=None),
        "last_visit_date": max(earlier, default=None),
        "campaigns": len(campaigns),
        "campaign_id": campaign,
        "sales_value": line["sales_value"],
    }


def test_a_household_is_what_it_did(published: Any, shop: Shop) -> None:
    frames = shop.frames(published)
    everybody = [*HOUSEHOLDS, 99]
    customers = published(CUSTOMER, *({"household_id": number} for number in everybody))
    inputs = (frames["lines"], frames["sessions"], frames["interactions"])
    made = customer_activity(customers, *inputs, AS_OF)
    found = {row["household_id"]: row.asDict() for row in made.collect()}
    assert found.keys() == set(everybody)
    for household in everybody:
        expected = did(household, shop)
        assert {name: found[household][name] for name in expected} == expected, household
    buyers = {n: row for n, row in found.items() if row["last_purchase_date"]}
    for score, value in (
        ("recency_score", "last_purchase_date"),
        ("frequency_score", "baskets_364d"),
        ("monetary_score", "revenue_364d"),
    ):
        for row in buyers.values():
            fewer = sum(other[value] < row[value] for other in buyers.values())
            assert row[score] == 1 + 5 * fewer // len(buyers)
    assert found[99]["recency_score"] is None


def did(household: int, shop: Shop) -> Row:
    lines = [
        r for r in shop.lines if r["household_id"] == household and r["business_date"] <= AS_OF
    ]
    year = [r for r in lines if (AS_OF - r["business_date"]).days < 364]
    quarter = [r for r in lines if (AS_OF - r["business_date"]).days < 91]
    visits = [r for r in shop.sessions if not r["is_bot"] and r["session_date"] <= AS_OF]
    online = {r["basket_id"] for r in visits} & {r["basket_id"] for r in year}
    mine = [r for r in visits if r["household_id"] == household]
    days, baskets = [r["business_date"] for r in lines], {r["basket_id"] for r in year}
    revenue = sum((r["sales_value"] for r in year), Decimal(0))
    shelf = revenue + sum(r["retail_discount"] + r["coupon_match_discount"] for r in year)
    sent = {
        r["campaign_id"]
        for r in shop.rows("target")
        if r["household_id"] == household and r["campaign_start_date"] <= AS_OF
        if (AS_OF - r["campaign_end_date"]).days < 364
    }
    used = [
        r
        for r in shop.rows("redemption")
        if r["household_id"] == household and 0 <= (AS_OF - r["interaction_date"]).days < 364
    ]
    if not days:
        stage = "never_bought"
    elif (AS_OF - min(days)).days < 91:
        stage = "new"
    else:
        stage = "lapsed" if (AS_OF - max(days)).days >= 91 else "active"
    channel = "store" if not online else "web" if online == baskets else "both"
    return {
        "first_purchase_date": min(days, default=None),
        "days_since_last_purchase": (AS_OF - max(days)).days if days else None,
        "activity_stage": stage,
        "baskets_91d": len({r["basket_id"] for r in quarter}),
        "revenue_91d": sum((r["sales_value"] for r in quarter), Decimal(0)),
        "baskets_364d": len(baskets),
        "revenue_364d": revenue,
        "shopping_days_364d": len({r["business_date"] for r in year}),
        "stores_364d": len({r["store_id"] for r in year}),
        "products_364d": len({r["product_id"] for r in year}),
        "basket_value_364d": float(revenue) / len(baskets) if baskets else None,
        "discount_share_364d": float(shelf - revenue) / float(shelf) if shelf else None,
        "visits_91d": sum((AS_OF - r["session_date"]).days < 91 for r in mine),
        "visits_364d": len(mine),
        "last_visit_date": max((r["session_date"] for r in mine), default=None),
        "online_baskets_364d": len(online),
        "channels_364d": channel if baskets else "none",
        "campaigns_364d": len(sent),
        "coupons_used_364d": len(used),
    }
