"""The regression equals numpy's with one column for each product and week, and shrinks as it says.

Fitted again with dummies and a least-squares solver, which is another way to the same numbers.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from weeks_sold import Week, in_columns, in_order

from spark.transforms.price_response import (
    LEAST_SPREAD,
    LEAST_VARIATION,
    LEAST_WEEKS,
    PRIOR_WEEKS,
    Response,
    responses,
)


def market(seed: int, *, products: int = 30, weeks: int = 26) -> list[Week]:
    """Products of three categories, in some of the weeks, with elasticities around -1."""
    dice = random.Random(seed)
    busy = [dice.gauss(0, 0.3) for _ in range(weeks)]
    rows = []
    for product in range(products):
        usual, answer = dice.uniform(1, 4), dice.gauss(-1 - 0.5 * (product % 3), 0.4)
        price, moves = dice.uniform(1, 9), dice.choice([0.0, 0.01, 0.1, 0.2])
        for week in range(weeks):
            if dice.random() < 0.3:
                continue
            paid = price * math.exp(dice.gauss(0, moves))
            display, mailer = dice.choice([0.0, 0.0, 0.3, 1.0]), dice.choice([0.0, 1.0])
            effect = usual + busy[week] + answer * math.log(paid) + 0.8 * display + 0.3 * mailer
            units = max(1, round(math.exp(effect + dice.gauss(0, 0.3))))
            rows.append(Week(product, "ABC"[product % 3], week, units, paid, display, mailer))
    dice.shuffle(rows)
    return rows


def by_dummies(rows: list[Week]) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """(elasticity, display, mailer), and what is left of (ln units, ln price, …) by product."""
    products = sorted({row.product for row in rows})
    weeks = sorted({row.week for row in rows})
    dummies = np.zeros((len(rows), len(products) + len(weeks)))
    for place, row in enumerate(rows):
        dummies[place, products.index(row.product)] = 1
        dummies[place, len(products) + weeks.index(row.week)] = 1
    values = np.array([[math.log(r.units), math.log(r.price), r.display, r.mailer] for r in rows])
    left = values - dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]
    pooled = np.linalg.lstsq(left[:, 1:], left[:, 0], rcond=None)[0]
    of = {
        product: left[[place for place, row in enumerate(rows) if row.product == product]]
        for product in products
    }
    return pooled, of


@pytest.fixture(scope="module", params=range(4))
def fitted(request: pytest.FixtureRequest) -> tuple[list[Week], dict[int, Response]]:
    rows = market(request.param)
    found = responses(in_order(rows))
    assert all(one.product < other.product for one, other in pairwise(found))
    counts = defaultdict(int)
    for row in rows:
        counts[row.product] += 1
    assert {each.product for each in found} == {p for p, n in counts.items() if n >= LEAST_WEEKS}
    kept = [row for row in rows if counts[row.product] >= LEAST_WEEKS]
    return kept, {each.product: each for each in found}


def test_the_pooled_coefficients_are_those_of_a_regression_with_dummies(
    fitted: tuple[list[Week], dict[int, Response]],
) -> None:
    rows, found = fitted
    pooled, _ = by_dummies(rows)
    for each in found.values():
        known = (each.pooled.elasticity, each.pooled.display, each.pooled.mailer)
        assert known == pytest.approx(pooled, abs=1e-9)
    assert pooled[0] < -0.5


def test_a_product_s_own_answer_is_the_slope_of_what_is_left_of_its_weeks(
    fitted: tuple[list[Week], dict[int, Response]],
) -> None:
    rows, found = fitted
    (_, display, mailer), left = by_dummies(rows)
    answered = [each for each in found.values() if each.answer is not None]
    assert len(answered) > 10
    sums, freedom = {}, 0
    for each in answered:
        units = left[each.product] @ [1, 0, -display, -mailer]
        price = left[each.product][:, 1]
        slope, squares, *_ = np.linalg.lstsq(price[:, None], units, rcond=None)
        assert each.answer is not None
        assert each.answer.own == pytest.approx(slope[0], abs=1e-9)
        sums[each.product] = (squares[0], len(units) - 2, price @ price)
        freedom += len(units) - 2
    usual = sum(squares for squares, *_ in sums.values()) / freedom
    for each in answered:
        squares, weeks, weight = sums[each.product]
        error = (squares + PRIOR_WEEKS * usual) / (weeks + PRIOR_WEEKS) / weight
        assert each.answer is not None
        assert each.answer.own_error == pytest.approx(math.sqrt(error), rel=1e-9)


def test_answers_are_drawn_to_their_category_by_how_little_they_know(
    fitted: tuple[list[Week], dict[int, Response]],
) -> None:
    rows, found = fitted
    category = {row.product: row.category for row in rows}
    own = {p: each.answer for p, each in found.items() if each.answer is not None}
    # DerSimonian and Laird's moment estimator, over all categories at once.
    excess = scale = 0.0
    for name in "ABC":
        slopes = np.array([a.own for p, a in own.items() if category[p] == name])
        weights = np.array([a.own_error**-2 for p, a in own.items() if category[p] == name])
        mean = np.average(slopes, weights=weights)
        excess += weights @ (slopes - mean) ** 2 - (len(slopes) - 1)
        scale += weights.sum() - (weights**2).sum() / weights.sum()
    spread = max(excess / scale, LEAST_SPREAD)
    for product, answer in own.items():
        peers = [a for p, a in own.items() if category[p] == category[product]]
        slopes = [a.own for a in peers] + [found[product].pooled.elasticity]
        weights = [1 / (a.own_error**2 + spread) for a in peers] + [1 / spread]
        mean = np.average(slopes, weights=weights)
        drawn = np.average([answer.own, mean], weights=[answer.own_error**-2, 1 / spread])
        assert answer.peers == len(peers)
        assert answer.category == pytest.approx(mean, rel=1e-9)
        assert answer.shrunk == pytest.approx(drawn, rel=1e-9)
        assert answer.error < answer.own_error


def test_a_price_that_hardly_moved_gets_no_answer(
    fitted: tuple[list[Week], dict[int, Response]],
) -> None:
    rows, found = fitted
    refused = 0
    for product, each in found.items():
        prices = [math.log(row.price) for row in rows if row.product == product]
        assert each.variation == pytest.approx(np.std(prices, ddof=1), rel=1e-9, abs=1e-12)
        assert (each.answer is None) == (each.variation < LEAST_VARIATION)
        refused += each.answer is None
    assert 0 < refused < len(found)


def test_whoever_brings_the_rows_in_another_order_is_told() -> None:
    rows = sorted(market(1))
    assert responses(in_columns(rows)) == responses(in_order(market(1)))
    exchanged = [*rows[:7], rows[8], rows[7], *rows[9:]]
    for wrong in (exchanged, [*rows, rows[-1]], [*rows[1:], rows[0]]):
        with pytest.raises(ValueError, match="out of order or twice"):
            responses(in_columns(wrong))


def test_products_without_promotion_and_with_one_price_are_no_error() -> None:
    rows = [row._replace(display=0.0, mailer=0.0) for row in market(3)]
    found = responses(in_order(rows))
    assert {(each.pooled.display, each.pooled.mailer) for each in found} == {(0.0, 0.0)}
    assert found[0].pooled.elasticity < -0.5
    alike = responses(in_order(row._replace(price=2.0) for row in rows))
    assert {each.variation for each in alike} == {0.0}
    assert {(each.answer, each.pooled.elasticity) for each in alike} == {(None, 0.0)}


def test_what_cannot_be_estimated_is_nothing_and_no_error() -> None:
    assert responses(in_order([])) == []
    # One product alone: its weeks are its only weeks, so nothing is left of it.
    alone = [Week(1, "A", week, 2.0, 1.0 + week, 0.0, 0.0) for week in range(LEAST_WEEKS)]
    (only,) = responses(in_order(alone))
    assert only.answer is None
    assert only.pooled.elasticity == 0
    assert responses(in_order(alone[1:])) == []
    # Two that never meet in a week, and no promotion anywhere.
    apart = [*alone, *(Week(2, "A", 50 + row.week, 3.0, row.price, 0.0, 0.0) for row in alone)]
    assert [each.answer for each in responses(in_order(apart))] == [None, None]
