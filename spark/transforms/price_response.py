"""How demand answers to price: one regression over all products, then each product's own answer.

    ln units = product + week + e · ln price + d · display + m · mailer

is fitted over the weeks in which a product sold, with an effect for each product and each week, so
that neither a popular product nor a busy week is taken for an answer to a price. A product's own
elasticity comes from what that leaves of its weeks. It is noisy, so it is drawn to the mean of its
category, the more the less its weeks can tell (empirical Bayes), and the mean of a category to that
of all products, as if that were one product more.

The hazard is the sum: two engines add up in different orders, and the last digits of everything
that follows differ. So the rows of all products come to one Python process, which puts them in
order first. It runs in the engine's workers and needs nothing but Python.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from spark.transforms.equations import least_squares, solved

# Below this many selling weeks a product says nothing, not even about the others.
LEAST_WEEKS = 10
# Standard deviation of ln price: with less, its price never really changed.
LEAST_VARIATION = 0.03
# Share of its price's variance that has to be left where the weeks' effects are taken out.
NOTHING_LEFT = 1e-9
# So many weeks of the usual error are added to a product's own: few weeks may fit by chance.
PRIOR_WEEKS = 4
# Variance between products of one category: they are never taken to be all alike.
LEAST_SPREAD = 1e-4


@dataclass(frozen=True)
class Week:
    """One week in which a product sold: pieces and price above 0, shares of stores from 0 to 1."""

    product: int
    category: str
    week: int
    units: float
    price: float
    display: float
    mailer: float


@dataclass(frozen=True)
class Pooled:
    """What holds for all products: the elasticity, and ln units per promotion in all stores."""

    elasticity: float
    display: float
    mailer: float


@dataclass(frozen=True)
class Answer:
    """One product's elasticity: from its own weeks, and drawn to its category's.

    Attributes:
        own, own_error: from its own weeks alone, and the standard error of that.
        category: mean of its category; `peers` products were estimated for it, itself included.
        shrunk, error: its own, drawn to its category's; and the standard error.
    """

    own: float
    own_error: float
    category: float
    peers: int
    shrunk: float
    error: float


@dataclass(frozen=True)
class Response:
    """What is known of one product; no answer where its price hardly changed, or with the week's.

    `variation` is the standard deviation of its ln price.
    """

    product: int
    variation: float
    pooled: Pooled
    answer: Answer | None


@dataclass(frozen=True)
class _Own:
    """A product's elasticity from its own weeks, and the variance of that."""

    product: int
    category: str
    slope: float
    variance: float


def responses(weeks: Iterable[Week]) -> list[Response]:
    """The response of every product with enough weeks, by product, whatever the rows' order."""
    ordered = sorted(weeks, key=attrgetter("product", "week"))
    products = [list(rows) for _, rows in groupby(ordered, key=attrgetter("product"))]
    products = [rows for rows in products if len(rows) >= LEAST_WEEKS]
    if not products:
        return []
    left = _without_product_and_week(products)
    pooled = _pooled([row for rows in left for row in rows])
    variations = [_deviation([math.log(row.price) for row in rows]) for rows in products]
    own = _own_answers(products, left, variations, pooled)
    answers = _drawn_together(own, pooled.elasticity)
    return [
        Response(rows[0].product, variation, pooled, answers.get(rows[0].product))
        for rows, variation in zip(products, variations)
    ]


# --- the regression over all products ---------------------------------------------------------

# ln units, ln price, display, mailer of one week.
Values = list[float]


def _without_product_and_week(products: Sequence[Sequence[Week]]) -> list[list[Values]]:
    """The values of each product's weeks, less what is the product's own and what the week's."""
    centred = [_centred([_values(row) for row in rows]) for rows in products]
    effects = _week_effects(products, centred)
    of_weeks = [_centred([effects[row.week] for row in rows]) for rows in products]
    return [
        [[value - effect for value, effect in zip(*pair)] for pair in zip(*product)]
        for product in zip(centred, of_weeks)
    ]


def _values(row: Week) -> Values:
    return [math.log(row.units), math.log(row.price), row.display, row.mailer]


def _centred(rows: Sequence[Values]) -> list[Values]:
    means = [sum(column) / len(rows) for column in zip(*rows)]
    return [[value - mean for value, mean in zip(row, means)] for row in rows]


def _week_effects(
    products: Sequence[Sequence[Week]], centred: Sequence[Sequence[Values]]
) -> dict[int, Values]:
    """The effect of each week on each of the values, when products have theirs.

    Products are not all sold in the same weeks, so the effects depend on each other: one equation
    for each week, in which the weeks of its products stand.
    """
    weeks = sorted({row.week for rows in products for row in rows})
    place = {week: number for number, week in enumerate(weeks)}
    together = [[0.0] * len(weeks) for _ in weeks]
    totals = [[0.0] * 4 for _ in weeks]
    for rows, values in zip(products, centred):
        places, share = [place[row.week] for row in rows], 1 / len(rows)
        for here, of_week in zip(places, values):
            equation, total = together[here], totals[here]
            equation[here] += 1.0
            for there in places:
                equation[there] -= share
            for number, value in enumerate(of_week):
                total[number] += value
    return dict(zip(weeks, solved(together, totals)))


def _pooled(left: Sequence[Values]) -> Pooled:
    elasticity, display, mailer = least_squares([row[1:] for row in left], [row[0] for row in left])
    return Pooled(elasticity, display, mailer)


# --- each product's own answer ----------------------------------------------------------------


def _own_answers(
    products: Sequence[Sequence[Week]],
    left: Sequence[Sequence[Values]],
    variations: Sequence[float],
    pooled: Pooled,
) -> list[_Own]:
    """Elasticities from each product's own weeks, of those whose price varied."""
    slopes = []
    for rows, values, variation in zip(products, left, variations):
        weight = sum(price * price for _, price, _, _ in values)
        if variation < LEAST_VARIATION or weight <= NOTHING_LEFT * variation**2 * (len(rows) - 1):
            continue
        unexplained = [
            units - pooled.display * display - pooled.mailer * mailer
            for units, _, display, mailer in values
        ]
        slope = sum(u * price for u, (_, price, _, _) in zip(unexplained, values)) / weight
        error = sum((u - slope * price) ** 2 for u, (_, price, _, _) in zip(unexplained, values))
        slopes.append((rows[0], slope, weight, error, len(rows) - 2))
    freedom = sum(each[-1] for each in slopes)
    usual = sum(error for *_, error, _ in slopes) / freedom if freedom else 0.0
    return [
        _Own(
            row.product,
            row.category,
            slope,
            (error + PRIOR_WEEKS * usual) / (weeks + PRIOR_WEEKS) / weight,
        )
        for row, slope, weight, error, weeks in slopes
    ]


def _drawn_together(own: Sequence[_Own], pooled: float) -> dict[int, Answer]:
    """Each product's answer, drawn to the mean of its category."""
    categories: dict[str, list[_Own]] = defaultdict(list)
    for each in own:
        categories[each.category].append(each)
    spread = _spread(list(categories.values()))
    answers = {}
    for members in categories.values():
        weights = [1 / (each.variance + spread) for each in members]
        total = sum(weight * each.slope for weight, each in zip(weights, members))
        # The mean of all products, as if it were one that is known exactly.
        mean = (total + pooled / spread) / (sum(weights) + 1 / spread)
        for each in members:
            answers[each.product] = _answer(each, mean, spread, len(members))
    return answers


def _answer(own: _Own, mean: float, spread: float, peers: int) -> Answer:
    known = 1 / own.variance + 1 / spread if own.variance > 0 else math.inf
    drawn = (own.slope / own.variance + mean / spread) / known if own.variance > 0 else own.slope
    return Answer(own.slope, math.sqrt(own.variance), mean, peers, drawn, math.sqrt(1 / known))


def _spread(categories: Sequence[Sequence[_Own]]) -> float:
    """Variance between the products of a category, beyond their errors (DerSimonian and Laird)."""
    excess = scale = 0.0
    for members in categories:
        weights = [1 / each.variance for each in members if each.variance > 0]
        slopes = [each.slope for each in members if each.variance > 0]
        if len(weights) < 2:
            continue
        total = sum(weights)
        mean = sum(weight * slope for weight, slope in zip(weights, slopes)) / total
        distances = sum(w * (slope - mean) ** 2 for w, slope in zip(weights, slopes))
        excess += distances - (len(weights) - 1)
        scale += total - sum(weight * weight for weight in weights) / total
    return max(excess / scale, LEAST_SPREAD) if scale > 0 else LEAST_SPREAD


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
