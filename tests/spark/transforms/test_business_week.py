"""The Monday of a numbered week, beside a calendar that is walked through day by day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from pyspark.sql.functions import col

from spark.transforms.business_week import (
    first_of_closed_weeks,
    first_whole_week,
    last_closed_week,
    monday_of,
    number_of_week,
    week_start,
)

YEARS = range(2007, 2033)  # with years that begin on every day of the week, leap or not


@pytest.fixture(scope="module")
def mondays() -> dict[int, list[date]]:
    """The Mondays of each week number, year by year: a week is turned over on each Monday."""
    found: dict[int, list[date]] = {}
    for year in YEARS:
        day, number = date(year, 1, 1), 1
        while day.year == year:
            if day.weekday() == 0 and day != date(year, 1, 1):
                number += 1
            if day.weekday() == 0 or day == date(year, 1, 1):
                found.setdefault(number, []).append(day - timedelta(days=day.weekday()))
            day += timedelta(days=1)
    return found


def started(frame, rows) -> list[date]:
    weeks = frame("n int, week int, delivered date", [(n, *row) for n, row in enumerate(rows)])
    found = weeks.select("n", week_start(col("week"), col("delivered")).alias("monday")).collect()
    return [row["monday"] for row in sorted(found, key=lambda row: row["n"])]


def test_a_week_delivered_at_its_end_or_half_a_year_later_begins_on_the_calendars_monday(
    frame, mondays
) -> None:
    # Until the next year's week of that number begins, a delivery is of this year's.
    cases = [
        (number, monday + timedelta(days=late), monday)
        for number, begun in mondays.items()
        for monday, following in zip(begun, [*begun[1:], date.max], strict=True)
        for late in (0, 6, 7, 8, 180, 363)
        if monday + timedelta(days=late) < following
    ]
    assert len(cases) > 5_000
    assert started(frame, [case[:2] for case in cases]) == [case[2] for case in cases]


def test_the_weeks_around_new_year(frame) -> None:
    cases = [
        # 1 January 2017 is a Sunday: week 1 began in 2016, and its file comes on the Monday after.
        (1, date(2017, 1, 2), date(2016, 12, 26)),
        (2, date(2017, 1, 9), date(2017, 1, 2)),
        (53, date(2018, 1, 1), date(2017, 12, 25)),
        # The same file delivered again in summer.
        (53, date(2018, 7, 1), date(2017, 12, 25)),
        # 1 January 2018 is a Monday: on that day its own week 1 has begun.
        (1, date(2018, 1, 1), date(2018, 1, 1)),
        # 1 January 2019 is a Tuesday: the last day of 2018 is in the first week of 2019.
        (1, date(2018, 12, 31), date(2018, 12, 31)),
        (53, date(2019, 1, 7), date(2018, 12, 31)),
        # 2012 begins on a Sunday and is a leap year: it has 54 weeks.
        (54, date(2013, 1, 7), date(2012, 12, 31)),
    ]
    assert started(frame, [case[:2] for case in cases]) == [case[2] for case in cases]


def test_the_monday_of_every_day_of_two_years(frame) -> None:
    days = [date(2016, 1, 1) + timedelta(days=offset) for offset in range(731)]
    rows = frame("day date", [(day,) for day in days]).select("day", monday_of(col("day")))
    assert dict(rows.collect()) == {
        day: date.fromisocalendar(*day.isocalendar()[:2], 1) for day in days
    }


def test_the_number_of_a_week_is_that_of_the_year_of_its_sunday(frame, mondays) -> None:
    expected = {
        monday: number
        for number, days in mondays.items()
        for monday in days
        # A week that holds 1 January is the last of one year and the first of the next.
        if number == 1 or monday.year == (monday + timedelta(days=6)).year
    }
    rows = frame("monday date", [(monday,) for monday in expected])
    found = rows.select("monday", number_of_week(col("monday")).alias("number"))
    assert found.dtypes[1] == ("number", "int")
    assert {row["monday"]: row["number"] for row in found.collect()} == expected


def test_a_week_is_closed_with_its_sunday_and_whole_from_a_monday_on(frame) -> None:
    days = [date(2017, 12, 18) + timedelta(days=number) for number in range(15)]
    for day in days:
        sundays = [each for each in days[:-1] if each <= day and each.weekday() == 6]
        monday = sundays[-1] - timedelta(days=6) if sundays else date(2017, 12, 11)
        assert last_closed_week(day) == monday
        assert first_of_closed_weeks(day, 3) == monday - timedelta(days=14)
    rows = frame("day date", [(day,) for day in days])
    found = rows.select("day", first_whole_week(col("day")).alias("whole")).collect()
    assert {row["day"]: row["whole"] for row in found} == {
        day: next(
            each
            for each in (*days, *(days[-1] + timedelta(days=n) for n in range(1, 8)))
            if each >= day and each.weekday() == 0
        )
        for day in days
    }
