"""Linear equations, solved in plain Python: a few dozen unknowns, the same bits on every machine.

The hazard is the equation that says nothing new, such as the effect of a week in which all products
have an effect of their own: such an unknown is zero.
"""

from __future__ import annotations

from collections.abc import Sequence

# An equation that has lost all but this share of itself is a sum of the others.
_SINGULAR = 1e-9


def solved(
    matrix: Sequence[Sequence[float]],
    right: Sequence[Sequence[float]],
    began: Sequence[float] | None = None,
) -> list[list[float]]:
    """The unknowns of `matrix · unknowns = right`, one row for each; `matrix` is symmetric.

    An unknown that the equations leave open is zero.

    Args:
        matrix: one row for each equation.
        right: one row for each equation, with a value for each set of unknowns.
        began: the diagonal before other unknowns were taken out of the equations; left out, none
            were.
    """
    rows = [[*left, *values] for left, values in zip(matrix, right)]
    if began is None:
        began = [row[place] for place, row in enumerate(rows)]
    for place, row in enumerate(rows):
        if abs(row[place]) <= _SINGULAR * abs(began[place]):
            row[:] = [0.0] * len(row)
            row[place] = 1.0
        pivot = row[place]
        row[:] = [value / pivot for value in row]
        for other in rows:
            factor = other[place]
            if other is not row and factor:
                other[:] = [value - factor * own for value, own in zip(other, row)]
    return [row[len(rows) :] for row in rows]
