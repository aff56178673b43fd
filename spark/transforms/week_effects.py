"""What is the week's and not the product's, and what holds for all where both are taken out.

Values of products and weeks are taken for a product's level plus a week's effect. Not all products
are sold in the same weeks, so the levels and the effects depend on each other. Where each value is
less its product's mean, one equation for each week is left.

The hazard is what Python costs for each row, half a million times. So nothing is made for a row:
sums run over whole columns. How often two weeks were sold together is counted in bits, all products
with one number of weeks at once, as each of these takes the same share from a pair of weeks; fewer
steps by far than pairs of rows, and exact. What is left of sums of products is found by the
equations, and not by taking the effects out of each row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from operator import mul

from spark.transforms.equations import solved

Values = Sequence[float]


@dataclass(frozen=True)
class Panel:
    """Weeks of products, by column; those of one product stand together.

    Attributes:
        products: where the weeks of each product are in the columns.
        places: which week each row is of, from 0; a product has each at most once.
        weeks: how many weeks there are.
        values: columns, each less the mean of its product's weeks.
    """

    products: Sequence[slice]
    places: Sequence[int]
    weeks: int
    values: Sequence[Values]


def centred(values: Sequence[float]) -> list[float]:
    """The values less their mean."""
    mean = sum(values) / len(values)
    return [value - mean for value in values]


def sum_of_products(one: Sequence[float], other: Sequence[float]) -> float:
    """The sum of what two columns' values give, multiplied row by row."""
    total: float = sum(map(mul, one, other))
    return total


def week_effects(panel: Panel, totals: Sequence[Values]) -> list[list[float]]:
    """Of each column, the effect of each week.

    Args:
        panel: the weeks.
        totals: `week_totals` of the panel.
    """
    found = solved(_sold_together(panel), list(zip(*totals)))
    return [list(effects) for effects in zip(*found)]


def week_totals(panel: Panel) -> list[list[float]]:
    """Of each column, the sum of each week's values."""
    totals = [[0.0] * panel.weeks for _ in panel.values]
    for total, values in zip(totals, panel.values):
        for place, value in zip(panel.places, values):
            total[place] += value
    return totals


def slopes(panel: Panel, totals: Sequence[Values], effects: Sequence[Values]) -> list[float]:
    """How the first column goes with each of the others, where products and weeks are taken out.

    Zero for a column of which that leaves nothing.
    """
    numbers = range(len(panel.values))
    whole = [[0.0] * len(numbers) for _ in numbers]
    left = [[0.0] * len(numbers) for _ in numbers]
    for one, other in combinations_with_replacement(numbers, 2):
        moment = sum_of_products(panel.values[one], panel.values[other])
        of_weeks = sum_of_products(totals[one], effects[other])
        whole[one][other] = whole[other][one] = moment
        left[one][other] = left[other][one] = moment - of_weeks
    return [
        row[0]
        for row in solved(
            [row[1:] for row in left[1:]],
            [row[:1] for row in left[1:]],
            began=[whole[number][number] for number in numbers[1:]],
        )
    ]


def _sold_together(panel: Panel) -> list[list[float]]:
    """The weeks' equations: in each, the weeks of its products, less the products' shares.

    A product of n weeks stands in each of its weeks once, and takes 1/n from each pair of them.
    """
    # As text, a product is one digit for each week; every so many digits, the next product.
    digit = [1 << number for number in reversed(range(panel.weeks))]
    sold_in: dict[int, list[str]] = defaultdict(list)
    for product in panel.products:
        places = panel.places[product]
        sold_in[len(places)].append(f"{sum(map(digit.__getitem__, places)):0{panel.weeks}b}")
    equations = [[0.0] * panel.weeks for _ in range(panel.weeks)]
    for count, texts in sorted(sold_in.items()):
        text = "".join(texts)
        sold = [int(text[place :: panel.weeks], 2) for place in range(panel.weeks)]
        for one, other in combinations_with_replacement(range(panel.weeks), 2):
            both = f"{sold[one] & sold[other]:b}".count("1")
            equations[one][other] += (both if one == other else 0) - both / count
    for one, other in combinations_with_replacement(range(panel.weeks), 2):
        equations[other][one] = equations[one][other]
    return equations
