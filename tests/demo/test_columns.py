from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.columns import Integers, joined, run_lengths, spread, starts, taken


@dataclass(frozen=True)
class Pair:
    one: Integers
    two: Integers


def test_runs_of_equal_ids_begin_and_last() -> None:
    ids = np.array([7, 7, 3, 3, 3, 9])
    assert starts(ids).tolist() == [0, 2, 5]
    assert run_lengths(starts(ids), ids.size).tolist() == [2, 3, 1]
    assert starts(ids[:0]).tolist() == []


def test_counts_are_spread_into_one_row_per_thing() -> None:
    owner, number = spread(np.array([2, 0, 1]))
    assert owner.tolist() == [0, 0, 2]
    assert number.tolist() == [0, 1, 0]


def test_rows_are_taken_and_joined_column_by_column() -> None:
    pair = Pair(np.array([1, 2, 3]), np.array([4, 5, 6]))
    both = joined([taken(pair, np.array([2, 0])), taken(pair, slice(1, 2))])
    assert both.one.tolist() == [3, 1, 2]
    assert both.two.tolist() == [6, 4, 5]
