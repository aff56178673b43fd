"""How demand answers to price: one regression over all products, then each product's own answer.

    ln units = product + week + e · ln price + d · display + m · mailer

is fitted over the weeks in which a product sold, with an effect for each product and each week, so
that neither a popular product nor a busy week is taken for an answer to a price. A product's own
elasticity comes from what that leaves of its weeks. It is noisy, so it is drawn to the mean of its
category, the more the less its weeks can tell (empirical Bayes), and the mean of a category to that
of all products, as if that were one product more.

The hazard is the sum: two engines add up in different orders, and the last digits of everything
that follows differ. So the rows of all products come to one Python process, in one order. It runs
in the engine's workers and needs nothing but Python, to which half a million objects are dear: the
rows stay columns, and these arrays, whose numbers the garbage collector does not look through.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from operator import and_, eq, ge, gt

from spark.transforms.week_effects import (
    Panel,
    Values,
    centred,
    slopes,
    sum_of_products,
    week_effects,
    week_totals,
)

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
class Weeks:
    """Weeks in which products sold, by column; in order of product and week, each pair once.

    Attributes:
        product, week: their numbers.
        category: whatever stands for the product's category.
        units, price: pieces and price, above 0.
        display, mailer: shares of stores, from 0 to 1.
    """

    product: Sequence[int]
    week: Sequence[int]
    category: Sequence[Hashable]
    units: Sequence[float]
    price: Sequence[float]
    display: Sequence[float]
    mailer: Sequence[float]


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
class _Product:
    """A product with enough weeks, and which rows of the panel are its weeks."""

    number: int
    category: Hashable
    rows: slice
    variation: float


@dataclass(frozen=True)
class _Own:
    """A product's elasticity from its own weeks, and the variance of that."""

    product: int
    category: Hashable
    slope: float
    variance: float


def responses(weeks: Weeks) -> list[Response]:
    """The response of every product with enough weeks, by product.

    Raises:
        ValueError: the weeks are in another order, which would change the last digits.
    """
    _require_order(weeks)
    found = _with_enough_weeks(weeks.product)
    if not found:
        return []
    panel = _panel(weeks, found)
    totals = week_totals(panel)
    effects = week_effects(panel, totals)
    pooled = Pooled(*slopes(panel, totals, effects))
    products = [
        _Product(weeks.product[of.start], weeks.category[of.start], rows, _deviation(panel, rows))
        for of, rows in zip(found, panel.products)
    ]
    answers = _drawn_together(_own_answers(products, panel, effects, pooled), pooled.elasticity)
    return [
        Response(each.number, each.variation, pooled, answers.get(each.number)) for each in products
    ]


def _require_order(weeks: Weeks) -> None:
    same = map(eq, weeks.product, islice(weeks.product, 1, None))
    not_later = map(ge, weeks.week, islice(weeks.week, 1, None))
    is_before = map(gt, weeks.product, islice(weeks.product, 1, None))
    if any(is_before) or any(map(and_, same, not_later)):
        raise ValueError(
            "Weeks of products: found some out of order or twice, expected them by product and "
            "week, each pair once. Sort them first."
        )


def _with_enough_weeks(product: Sequence[int]) -> list[slice]:
    """Where the weeks of each product are that has enough of them."""
    counts = Counter(product).values()
    ends = accumulate(counts)
    return [slice(end - n, end) for n, end in zip(counts, ends) if n >= LEAST_WEEKS]


def _panel(weeks: Weeks, found: Sequence[slice]) -> Panel:
    """Logarithms of units and price, display and mailer of the weeks that were found."""
    seen = sorted(set(chain.from_iterable(weeks.week[of] for of in found)))
    place_of = {week: place for place, week in enumerate(seen)}
    places, products = array("q"), []
    units, price, display, mailer = columns = [array("d") for _ in range(4)]
    for of in found:
        products.append(slice(len(places), len(places) + of.stop - of.start))
        places.extend(map(place_of.__getitem__, weeks.week[of]))
        units.extend(centred(list(map(math.log, weeks.units[of]))))
        price.extend(centred(list(map(math.log, weeks.price[of]))))
        display.extend(centred(weeks.display[of]))
        mailer.extend(centred(weeks.mailer[of]))
    return Panel(products, places, len(seen), columns)


def _deviation(panel: Panel, rows: slice) -> float:
    """Standard deviation of the ln price."""
    prices = panel.values[1][rows]
    return math.sqrt(sum_of_products(prices, prices) / (len(prices) - 1))


# --- each product's own answer ----------------------------------------------------------------


def _own_answers(
    products: Sequence[_Product], panel: Panel, effects: Sequence[Values], pooled: Pooled
) -> list[_Own]:
    """Elasticities from each product's own weeks, of those whose price varied."""
    all_units, all_prices = _without_weeks(panel, effects, pooled)
    found = []
    for each in products:
        if each.variation < LEAST_VARIATION:
            continue
        units, prices = centred(all_units[each.rows]), centred(all_prices[each.rows])
        weight = sum_of_products(prices, prices)
        if weight <= NOTHING_LEFT * each.variation**2 * (len(prices) - 1):
            continue
        slope = sum_of_products(units, prices) / weight
        unexplained = [of_units - slope * price for of_units, price in zip(units, prices)]
        error = sum_of_products(unexplained, unexplained)
        found.append((each, slope, weight, error, len(prices) - 2))
    freedom = sum(each[-1] for each in found)
    usual = sum(error for *_, error, _ in found) / freedom if freedom else 0.0
    return [
        _Own(
            product.number,
            product.category,
            slope,
            (error + PRIOR_WEEKS * usual) / (weeks + PRIOR_WEEKS) / weight,
        )
        for product, slope, weight, error, weeks in found
    ]


def _without_weeks(
    panel: Panel, effects: Sequence[Values], pooled: Pooled
) -> tuple[Values, Values]:
    """Of ln units what promotions do not explain, and ln prices; of both what is not the week's."""
    d, m = pooled.display, pooled.mailer
    units_effect = [units - d * shown - m * mailed for units, _, shown, mailed in zip(*effects)]
    price_effect = effects[1]
    units = (
        units - d * shown - m * mailed - units_effect[place]
        for units, _, shown, mailed, place in zip(*panel.values, panel.places)
    )
    prices = (price - price_effect[place] for price, place in zip(panel.values[1], panel.places))
    return array("d", units), array("d", prices)


def _drawn_together(own: Sequence[_Own], pooled: float) -> dict[int, Answer]:
    """Each product's answer, drawn to the mean of its category."""
    categories: dict[Hashable, list[_Own]] = defaultdict(list)
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
