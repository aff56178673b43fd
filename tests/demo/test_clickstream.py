"""The synthetic clicks: repeatable, fewer at a smaller scale, true to the baskets they end in."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import fields

import duckdb
import numpy as np
import pytest

from demo.clicks import EVENT_TYPES, Clicks, clicks_of, generate
from demo.clickstream import Lines, Popularity
from demo.columns import joined, taken
from demo.panel import package_file
from demo.settings import Scale


def stream(scale: Scale, **options: int) -> Clicks:
    clicks = joined(list(generate(scale, **options)))
    return taken(clicks, np.lexsort((clicks.position, clicks.session)))


def assert_equal(one: Clicks, other: Clicks) -> None:
    for field in fields(Clicks):
        assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name


@pytest.fixture(scope="module")
def smoke() -> Clicks:
    return stream("smoke")


@pytest.fixture(scope="module")
def demo() -> Clicks:
    return stream("demo")


def of_type(clicks: Clicks, event_type: str) -> Clicks:
    return taken(clicks, clicks.event_type == EVENT_TYPES.index(event_type))


def test_the_same_seed_gives_the_same_events_however_they_are_cut(smoke: Clicks) -> None:
    assert_equal(smoke, stream("smoke", lines_at_once=500))


def test_another_seed_gives_other_events(smoke: Clicks) -> None:
    other = stream("smoke", seed=7)
    assert np.intersect1d(smoke.session, other.session).size == 0


def test_a_smaller_scale_is_a_subset_of_a_larger_one(smoke: Clicks, demo: Clicks) -> None:
    shared = taken(demo, np.isin(demo.session, smoke.session))
    assert_equal(shared, smoke)
    households = np.unique(smoke.household[smoke.household > 0])
    of_these = taken(demo, np.isin(demo.household, households))
    assert np.isin(of_these.session, smoke.session).all()


def test_a_purchase_is_exactly_the_eligible_basket(demo: Clicks) -> None:
    bought = of_type(demo, "purchase")
    baskets = np.unique(bought.basket).tolist()
    eligible = duckdb.execute(
        """
        SELECT basket_id, product_id, quantity, epoch_ms(transaction_timestamp)
        FROM read_parquet(?) AS t JOIN read_parquet(?) AS p USING (product_id)
        WHERE quantity >= 1 AND quantity <= 100 AND department NOT IN ('FUEL', 'COUPON')
          AND coalesce(product_type, '') NOT ILIKE '%gasoline%' AND basket_id IN (SELECT unnest(?))
        """,
        [str(package_file("transactions")), str(package_file("products")), baskets],
    ).fetchall()
    columns = (bought.basket, bought.product, bought.quantity, bought.time_ms)
    assert Counter(zip(*(column.tolist() for column in columns), strict=True)) == Counter(eligible)


def test_what_stays_in_a_buyers_cart_is_what_is_paid(demo: Clicks) -> None:
    cart: dict[int, Counter[int]] = defaultdict(Counter)
    paid: dict[int, Counter[int]] = defaultdict(Counter)
    sign = {"add_to_cart": (cart, 1), "remove_from_cart": (cart, -1), "purchase": (paid, 1)}
    for event_type, (counts, one) in sign.items():
        events = of_type(demo, event_type)
        for session, product, quantity in zip(
            events.session.tolist(), events.product.tolist(), events.quantity.tolist(), strict=True
        ):
            counts[session][product] += one * quantity
    assert len(paid) > 1_000
    assert {session: +cart[session] for session in paid} == paid


def test_every_session_runs_forward_and_ends_with_its_payment(demo: Clicks) -> None:
    same_session = demo.session[1:] == demo.session[:-1]
    assert (np.diff(demo.time_ms)[same_session] >= 0).all()
    assert (np.diff(demo.position)[same_session] == 1).all()
    after_paying = same_session & (demo.basket[:-1] > 0)
    assert (demo.basket[1:][after_paying] > 0).all()


def test_shares_follow_the_published_figures(demo: Clicks) -> None:
    sessions, first = np.unique(demo.session, return_index=True)
    buying = np.isin(sessions, of_type(demo, "purchase").session)
    assert abs(buying.mean() - 0.1547) < 0.01
    anonymous = demo.household[first] == 0
    assert abs(anonymous.mean() - 0.137) < 0.01
    views = np.unique(of_type(demo, "view").session, return_counts=True)[1]
    assert views.min() >= 1
    # A cart of more than 150 lines is viewed whole.
    assert np.percentile(views, 99.9) <= 150
    gaps = np.diff(demo.time_ms)[demo.session[1:] == demo.session[:-1]]
    assert 45_000 < np.median(gaps[gaps > 0]) < 55_000


def test_sizes_are_about_those_that_the_documentation_states(smoke: Clicks, demo: Clicks) -> None:
    assert smoke.session.size == 32_494
    assert demo.session.size == 321_200


def test_a_household_looks_at_its_own_purchases_and_at_what_everybody_buys() -> None:
    lines = Lines(
        household=np.full(2_000, 1),
        basket=np.arange(2_000) + 10,
        product=np.full(2_000, 5),
        quantity=np.full(2_000, 1),
        sold_ms=np.full(2_000, 1_500_000_000_000),
    )
    popularity = Popularity(product=np.array([8, 9]), lines_so_far=np.array([1, 4]))
    events = clicks_of(lines, popularity, seed=1)
    viewed = events.product[(events.event_type == 0) & ~np.isin(events.session, paying(events))]
    share = {product: float((viewed == product).mean()) for product in (5, 8, 9)}
    assert share == pytest.approx({5: 0.6, 8: 0.1, 9: 0.3}, abs=0.02)


def paying(events: Clicks) -> np.ndarray:
    return np.unique(events.session[events.basket > 0])
