"""What is usual is judged by enough history, with room for ordinary change, and by numbers."""

from __future__ import annotations

import pytest

from product360_assets.core.usual import (
    NOT_JUDGED,
    NullCounts,
    Verdict,
    loss,
    nulls,
    together,
    volume,
)


@pytest.mark.parametrize(
    ("rows", "holds"), [(100, True), (34, True), (300, True), (33, False), (301, False), (0, False)]
)
def test_a_delivery_is_compared_with_the_median_of_earlier_ones(rows: int, holds: bool) -> None:
    verdict = volume(rows, [1, 100, 100, 100, 9_999])
    assert (verdict.holds, verdict.counted["median"]) == (holds, 100)
    assert NOT_JUDGED not in verdict.counted


def test_three_deliveries_are_no_history() -> None:
    verdict = volume(0, [100, 100, 100])
    assert verdict.holds
    assert "fewer than 4" in verdict.counted[NOT_JUDGED]


@pytest.mark.parametrize(
    ("rows", "before", "holds"),
    [(90, 100, True), (89, 100, False), (900, 100, True), (0, 1, False)],
)
def test_a_table_may_grow_and_lose_a_tenth(rows: int, before: int, holds: bool) -> None:
    assert loss(rows, before).holds is holds


@pytest.mark.parametrize("before", [None, 0])
def test_a_first_state_has_lost_nothing(before: int | None) -> None:
    assert loss(0, before) == Verdict(
        True, {"rows": 0, NOT_JUDGED: "no earlier state to compare with"}
    )


def test_a_column_that_is_null_more_often_is_named_with_both_shares() -> None:
    before = NullCounts(1_000, {"size": 100, "brand": 0})
    verdict = nulls(NullCounts(2_000, {"size": 310, "brand": 100}), before)
    assert not verdict.holds
    assert verdict.counted["unusual"] == {"size": "10.0% before, 15.5% now"}


def test_a_column_that_is_suddenly_full_is_unusual_too() -> None:
    assert not nulls(NullCounts(200, {"size": 0}), NullCounts(200, {"size": 20})).holds


@pytest.mark.parametrize(("rows", "holds"), [(200, True), (2_000, False)])
def test_what_chance_may_do_is_usual(rows: int, holds: bool) -> None:
    before = NullCounts(30_000, {"quantity": 26_250})
    assert nulls(NullCounts(rows, {"quantity": round(rows * 0.82)}), before).holds is holds


@pytest.mark.parametrize(("now", "before"), [(99, 1_000), (1_000, 99)])
def test_a_share_of_a_few_rows_says_nothing(now: int, before: int) -> None:
    verdict = nulls(NullCounts(now, {"size": now}), NullCounts(before, {"size": 0}))
    assert verdict.holds
    assert NOT_JUDGED in verdict.counted


def test_a_table_without_nullable_columns_is_not_judged() -> None:
    assert NOT_JUDGED in nulls(NullCounts(500), NullCounts(500)).counted


def test_only_columns_that_every_delivery_counted_are_added_up() -> None:
    counted = together([NullCounts(10, {"a": 1, "b": 2}), NullCounts(20, {"a": 3})])
    assert counted == NullCounts(30, {"a": 4})
    assert together([]) == NullCounts(0)
