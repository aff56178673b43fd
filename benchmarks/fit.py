"""Fixed and marginal cost: the straight line that comes nearest to what was measured.

Scales lie a hundredfold apart, so plain least squares would let the largest decide alone and leave
nonsense for the fixed part. Each point is weighted by its own size: relative errors are squared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """cost = fixed + marginal x size.

    Attributes:
        fixed: seconds.
        marginal: seconds for each unit of size.
        worst: largest relative error at a point it was fitted to; 0 with two points, which is why
            two prove nothing.
        points: how many it was fitted to.
    """

    fixed: float
    marginal: float
    worst: float
    points: int

    def at(self, size: float) -> float:
        """The cost that the line gives for a size."""
        return self.fixed + self.marginal * size


def fit(sizes: Sequence[float], costs: Sequence[float]) -> Line | None:
    """The line through points of different sizes and positive costs; None with fewer than two."""
    if len(set(sizes)) < 2:
        return None
    size, cost = np.asarray(sizes, dtype=float), np.asarray(costs, dtype=float)
    weighted = np.column_stack([1 / cost, size / cost])
    (fixed, marginal), *_ = np.linalg.lstsq(weighted, np.ones(len(cost)), rcond=None)
    errors = np.abs((fixed + marginal * size) / cost - 1)
    return Line(float(fixed), float(marginal), float(errors.max()), len(cost))
