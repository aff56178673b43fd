"""Every claim about clicks and visits holds on right data and fails on one wrong row."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from product360_assets.curated.claims import AS_OF, SINCE
from product360_assets.curated.click_event import click_event_checks
from product360_assets.curated.click_session import CLAIMS, click_session_checks
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION, SALES_LINE

NOON = datetime(2017, 12, 31, 17, tzinfo=UTC)
DAY = date(2017, 12, 31)
Row = dict[str, Any]


def step(name: str, minute: int, *, kind: str = "view", **more: Any) -> Row:
    """A clean event of one visitor, some minutes after noon."""
    event = {
        "event_id": name,
        "visitor_id": "v",
        "household_id": 7,
        "event_type": kind,
        "event_time": NOON + timedelta(minutes=minute),
        "product_id": 10,
        "quantity": None if kind == "view" else 1,
        "basket_id": 1 if kind == "purchase" else None,
    }
    return {**event, **more}


def published(*steps: Row) -> tuple[Row, ...]:
    """The published events that clean ones become."""
    return tuple({**event, "event_date": DAY} for event in steps)


STEPS = (
    step("a", 0),
    step("b", 30, kind="add_to_cart"),
    step("c", 45, kind="purchase"),
    step("d", 76, product_id=11),
)
RECEIPT = {"basket_id": 1, "product_id": 10}


def test_events_that_equal_what_was_delivered_pass(shop: Any) -> None:
    shop.fill(SALES_LINE, RECEIPT)
    # The stream brings an event again.
    shop.deliver("clickstream.click_event", CLICK_EVENT, *STEPS)
    shop.deliver("clickstream.click_event", CLICK_EVENT, STEPS[1])
    shop.fill(CLICK_EVENT, *published(*STEPS))
    assert shop.failing(click_event_checks) == set()


@pytest.mark.parametrize(
    ("events", "failing"),
    [
        (STEPS[1:], "events_equal_the_clean_events"),
        ((*STEPS, STEPS[3] | {"event_id": "e"}), "events_equal_the_clean_events"),
        ((STEPS[0] | {"product_id": 11}, *STEPS[1:]), "events_equal_the_clean_events"),
        ((STEPS[0] | {"household_id": None}, *STEPS[1:]), "events_equal_the_clean_events"),
        (
            (STEPS[0] | {"event_time": NOON - timedelta(microseconds=1)}, *STEPS[1:]),
            "events_equal_the_clean_events",
        ),
        ((*STEPS[:1], STEPS[1] | {"quantity": 2}, *STEPS[2:]), "events_equal_the_clean_events"),
    ],
    ids=["lost", "invented", "other product", "signed out", "other time", "other quantity"],
)
def test_one_wrong_event_fails_its_claim(shop: Any, events: tuple[Row, ...], failing: str) -> None:
    shop.fill(SALES_LINE, RECEIPT)
    shop.deliver("clickstream.click_event", CLICK_EVENT, *STEPS)
    shop.fill(CLICK_EVENT, *published(*events))
    assert shop.failing(click_event_checks) == {failing}


def test_an_event_that_stands_twice_fails_the_claim_and_the_key(shop: Any) -> None:
    shop.fill(SALES_LINE, RECEIPT)
    shop.deliver("clickstream.click_event", CLICK_EVENT, *STEPS)
    shop.fill(CLICK_EVENT, *published(*STEPS, STEPS[0], STEPS[0]))
    assert shop.failing(click_event_checks) == {"events_equal_the_clean_events", "key_is_unique"}


@pytest.mark.parametrize("receipt", [RECEIPT | {"product_id": 11}, RECEIPT | {"basket_id": 2}])
def test_a_purchase_that_the_tills_do_not_know_is_worth_a_warning(shop: Any, receipt: Row) -> None:
    shop.fill(SALES_LINE, receipt)
    shop.deliver("clickstream.click_event", CLICK_EVENT, *STEPS)
    shop.fill(CLICK_EVENT, *published(*STEPS))
    assert shop.failing(click_event_checks) == {"purchases_are_on_a_receipt"}


def visit(start: int, end: int, **counts: Any) -> Row:
    """A visit of that visitor, from and to a minute after noon."""
    made = {
        "session_id": str(start),
        "visitor_id": "v",
        "started_at": NOON + timedelta(minutes=start),
        "ended_at": NOON + timedelta(minutes=end),
        "session_date": DAY,
    }
    return {**made, **counts}


BOUGHT = visit(0, 45, events=3, views=1, cart_additions=1, is_converted=True, basket_id=1)
LOOKED = visit(76, 76, events=1, views=1)
TOO_LATE = published(step("e", 90, product_id=11))[0] | {"event_date": DAY + timedelta(days=1)}


def test_visits_cut_at_pauses_of_more_than_30_minutes_pass(shop: Any) -> None:
    shop.fill(SALES_LINE, RECEIPT)
    shop.fill(CLICK_EVENT, *published(*STEPS), TOO_LATE)
    shop.fill(CLICK_SESSION, BOUGHT, LOOKED, as_of=DAY)
    assert shop.failing(click_session_checks) == set()


EVENTS = "every_event_is_in_one_visit"
PAUSES = "a_longer_pause_begins_a_visit_and_nothing_else_does"
APART = "visits_of_a_visitor_are_more_than_30_minutes_apart"
RECEIPTS = "visits_that_bought_end_in_a_receipt"


@pytest.mark.parametrize(
    ("visits", "failing"),
    [
        ((BOUGHT | {"events": 4}, LOOKED), {EVENTS}),
        ((BOUGHT | {"views": 2, "cart_additions": 0}, LOOKED), {EVENTS}),
        ((BOUGHT,), {EVENTS, PAUSES}),
        ((visit(0, 76, events=4, views=2, cart_additions=1),), {PAUSES}),
        ((BOUGHT, visit(75, 75, events=1, views=1)), {PAUSES, APART}),
        ((BOUGHT, LOOKED | {"ended_at": NOON}), {APART}),
        ((BOUGHT | {"ended_at": LOOKED["started_at"]}, LOOKED), {APART}),
        ((BOUGHT | {"basket_id": 2}, LOOKED), {RECEIPTS}),
        ((BOUGHT | {"basket_id": None}, LOOKED), {RECEIPTS}),
    ],
    ids=[
        "an event too many",
        "a view for a cart addition",
        "a visit lost",
        "two visits joined",
        "a visit that begins at the wrong time",
        "a visit that ends before it begins",
        "visits that touch",
        "a receipt that nobody knows",
        "bought without a receipt",
    ],
)
def test_one_wrong_visit_fails_its_claims(
    shop: Any, visits: tuple[Row, ...], failing: set[str]
) -> None:
    shop.fill(SALES_LINE, RECEIPT)
    shop.fill(CLICK_EVENT, *published(*STEPS), TOO_LATE)
    shop.fill(CLICK_SESSION, *visits, as_of=DAY)
    assert shop.failing(click_session_checks) == failing


MONDAY = DAY + timedelta(days=1)


def late(name: str, minute: int) -> Row:
    """A published event of the visitor, some minutes after noon of Sunday, by its own day."""
    day = DAY if minute < 12 * 60 else MONDAY
    return published(step(name, minute))[0] | {"event_date": day}


@pytest.mark.parametrize(
    ("visits", "failing"),
    [
        ((), set()),
        (({"events": 3},), {EVENTS}),
        (({"started_at": NOON + timedelta(minutes=761)},), {PAUSES}),
    ],
    ids=["as they are", "an event too many", "begun too late"],
)
def test_of_a_week_only_its_own_visits_are_asked_of_however_the_one_before_ends(
    shop: Any, visits: tuple[Row, ...], failing: set[str]
) -> None:
    """A visit of Sunday goes on past midnight; the next one is Monday's."""
    events = [late("a", 700), late("b", 715), late("c", 725), late("d", 760), late("e", 770)]
    shop.fill(CLICK_EVENT, *events)
    wrong = {key: value for visit in visits for key, value in visit.items()}
    monday = visit(760, 770, events=2, views=2) | {"session_date": MONDAY} | wrong
    shop.fill(CLICK_SESSION, visit(700, 725, events=3, views=3), monday, as_of=MONDAY)
    found = set()
    for each in CLAIMS:
        if each.days:
            sql = each.sql.replace(SINCE, f"DATE '{MONDAY}'").replace(AS_OF, f"DATE '{MONDAY}'")
            if not shop.warehouse.query(sql).single()["holds"]:
                found.add(each.name)
    assert found == failing
