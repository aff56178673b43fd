"""Spans of days: which days they are, and as few of them as can be."""

from __future__ import annotations

from datetime import date

from spark.days import days_in, merged, moved


def day(number: int) -> date:
    return date(2017, 12, number)


def test_days_of_spans_are_in_order_and_each_once() -> None:
    spans = [(day(5), day(6)), (day(1), day(2)), (day(2), day(3)), (day(9), day(8))]
    assert days_in(spans, most=5) == [day(1), day(2), day(3), day(5), day(6)]
    assert days_in([], most=5) == []


def test_more_days_than_are_asked_for_are_not_told() -> None:
    assert days_in([(day(1), day(3)), (day(3), day(5))], most=4) is None
    assert days_in([(date.min, date.max)], most=4) is None


def test_spans_that_meet_are_one() -> None:
    spans = [(day(7), day(9)), (day(1), day(4)), (day(2), day(3)), (day(5), day(5))]
    assert merged(spans) == [(day(1), day(5)), (day(7), day(9))]
    assert merged([(day(1), date.max), (day(2), day(3))]) == [(day(1), date.max)]


def test_no_day_is_before_the_first_or_after_the_last() -> None:
    assert moved(day(1), -1) == date(2017, 11, 30)
    assert moved(date.min, -7) == date.min
    assert moved(date.max, 1) == date.max
