"""Rows of the company's year as they would have been years before, as SQL.

A year is 364 days here: weekdays and business weeks stay what they are, and years lie side by side
without a day between them or a day twice. What names something that happened (a receipt, an event,
a visit, a campaign) gets a name of its own in each year; who and what it happened to (households,
stores, products) stays.

The hazard is the hour: moved back in UTC, what happened near midnight would change its day where
summer time began on another date. So times move in the source's own time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from demo.calendar import FIRST_CLOSING

YEAR, WEEK = timedelta(days=364), timedelta(days=7)
# The company's first day.
FIRST_DAY = FIRST_CLOSING.date() - timedelta(days=1)
# More than any number that names something.
NUMBERS_A_YEAR = 10**12
AS_TEXT = "%Y-%m-%dT%H:%M:%S.%gZ"


@dataclass(frozen=True)
class Aged:
    """What moves in the rows of a source's table; columns that are not named stay.

    Attributes:
        numbers, names: columns that name something that happened, as numbers and as texts.
        times: columns of UTC times.
        days: columns of local days.
        week: a column that counts the business weeks of a year.
        part_of: the table whose first number says which of its rows each row is a part of.
    """

    numbers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    week: str = ""
    part_of: str = ""


_CHANGED = ("modified_at",)
# By source and table; a whole comes before its parts.
AGED: Mapping[tuple[str, str], Aged] = MappingProxyType(
    {
        ("pos", "basket"): Aged(("basket_id",), times=("sold_at",), week="week"),
        ("pos", "sales_line"): Aged(("basket_id",), part_of="basket"),
        ("clickstream", "click_event"): Aged(
            ("basket_id",), ("event_id", "session_id", "visitor_id"), times=("event_time",)
        ),
        ("pricing", "price_week"): Aged(week="week"),
        ("pricing", "promotion_week"): Aged(week="week"),
        ("marketing", "campaign"): Aged(
            ("campaign_id",), times=_CHANGED, days=("start_date", "end_date")
        ),
        ("marketing", "campaign_target"): Aged(("campaign_id",), times=_CHANGED),
        ("marketing", "coupon"): Aged(("campaign_id",), times=_CHANGED),
        ("marketing", "coupon_redemption"): Aged(
            ("campaign_id",), times=_CHANGED, days=("redemption_date",)
        ),
    }
)


def monday_of(day: date) -> date:
    """The Monday of the week that a day lies in."""
    return day - timedelta(days=day.weekday())


def number_of_week(monday: date) -> int:
    """Number in its year of the week that begins on a Monday: week 1 is that of 1 January."""
    new_year = date((monday + timedelta(days=6)).year, 1, 1)
    return (monday - monday_of(new_year)) // WEEK + 1


def in_first_year(time: str, zone: str) -> str:
    """SQL: whether a UTC time lies in the first 364 days of the company's year."""
    last = FIRST_DAY + YEAR - timedelta(days=1)
    return f"CAST({_local(time, zone)} AS DATE) BETWEEN DATE '{FIRST_DAY}' AND DATE '{last}'"


def moved(aged: Aged, rows: str, years: int, zone: str, said: Mapping[str, str]) -> str:
    """SQL: the rows of a relation, so many years earlier.

    Args:
        aged: what moves in them.
        rows: the relation's name.
        years: how many.
        zone: the source's time zone.
        said: SQL of more columns, or of how they are written; `{}` stands for what they are.
    """
    days = f"INTERVAL {years * YEAR.days} DAY"
    local = {each: f"({_local(each, zone)} - {days})" for each in aged.times}
    columns = {
        **{each: f"{each} + {years * NUMBERS_A_YEAR}" for each in aged.numbers},
        **{each: f"'{years:02}-' || {each}" for each in aged.names},
        **{each: f"timezone('UTC', timezone('{zone}', {time}))" for each, time in local.items()},
        **{each: f"CAST({each} - {days} AS DATE)" for each in aged.days},
    }
    if aged.week and aged.times:
        columns[aged.week] = _week_of(local[aged.times[0]])
    columns |= {each: sql.format(columns.get(each, each)) for each, sql in said.items()}
    replaced = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    return f"SELECT * REPLACE ({replaced}) FROM {rows}"


def _local(time: str, zone: str) -> str:
    """SQL: a UTC time as clocks in the zone show it."""
    return f"timezone('{zone}', timezone('UTC', {time}))"


def _week_of(time: str) -> str:
    """SQL: the number in its year of the week that a local time lies in."""
    monday = f"date_trunc('week', {time})::DATE"
    first = f"date_trunc('week', make_date(year({monday} + 6), 1, 1))::DATE"
    return f"(({monday} - {first}) // 7 + 1)::INTEGER"
