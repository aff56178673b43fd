"""The fitted line is the one that the costs were made from."""

from __future__ import annotations

import pytest

from benchmarks.fit import fit


def test_a_line_that_costs_lie_on_is_found_again() -> None:
    sizes = [280_000, 950_000, 26_000_000]
    line = fit(sizes, [4.5 + 3e-6 * size for size in sizes])
    assert line is not None
    assert line.fixed == pytest.approx(4.5)
    assert line.marginal == pytest.approx(3e-6)
    assert line.worst == pytest.approx(0, abs=1e-9)
    assert line.at(1_000_000) == pytest.approx(7.5)


def test_a_small_scale_counts_as_much_as_a_large_one() -> None:
    # Five per cent too much at the largest: plain least squares would make the fixed part negative.
    line = fit([1, 10, 1000], [5 + 1, 5 + 10, (5 + 1000) * 1.05])
    assert line is not None
    assert 4 < line.fixed < 6
    assert 0 < line.worst < 0.05


def test_one_size_has_no_line() -> None:
    assert fit([3, 3], [1.0, 1.1]) is None
