"""Rejected rows that wait too long raise a check, by the data's own calendar and not by ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import dagster as dg
import pytest
from pydantic import ValidationError

from product360_assets.clean.ageing import judged
from product360_assets.clean.quarantine import Held
from product360_assets.core.contract import SourceContract
from product360_assets.core.keys import clean_key

MONDAY = date(2017, 5, 1)
KEY = clean_key("shop", "order")
Shop = Callable[..., SourceContract]


def held(day: date = MONDAY, *, rule: str = "type", rows: int = 3, released: int = 0) -> Held:
    return Held("shop", "order", day, f"{day}-a", rule, rows, released)


def result(shop: Shop, *rows: Held, now: date | None, **limits: int) -> dg.AssetCheckResult:
    table = shop(**({"quarantine": limits} if limits else {})).table("order")
    return judged(KEY, table, rows, now=now)


@pytest.mark.parametrize(
    ("today", "passed", "severity"),
    [
        (date(2017, 5, 1), True, "WARN"),
        (date(2017, 5, 7), True, "WARN"),
        (date(2017, 5, 8), False, "WARN"),
        (date(2017, 5, 30), False, "WARN"),
        (date(2017, 5, 31), False, "ERROR"),
    ],
)
def test_a_row_may_wait_a_week_and_fails_after_thirty_days(
    shop: Shop, today: date, passed: bool, severity: str
) -> None:
    found = result(shop, held(), now=today)
    assert (found.passed, found.severity.value) == (passed, severity)


def test_a_table_says_itself_how_long_its_rows_may_wait(shop: Shop) -> None:
    limits = {"warn_after_days": 1, "fail_after_days": 2}
    found = result(shop, held(), now=date(2017, 5, 3), **limits)
    assert (found.passed, found.severity.value) == (False, "ERROR")


def test_it_cannot_fail_before_it_warns(shop: Shop) -> None:
    with pytest.raises(ValidationError, match="fail_after_days is 2, which is before"):
        shop(quarantine={"warn_after_days": 3, "fail_after_days": 2})


def test_released_rows_wait_for_nobody(shop: Shop) -> None:
    found = result(shop, held(released=3), held(date(2018, 1, 1), rows=1), now=date(2018, 1, 2))
    assert found.passed
    assert found.metadata["oldest waits since"].value == "2018-01-01"
    assert found.metadata["rows released"].value == 3


def test_it_says_how_many_wait_why_and_how_long(shop: Shop) -> None:
    found = result(
        shop,
        held(rows=5, released=1),
        held(rule="unique", rows=2),
        held(date(2017, 5, 20), rows=1),
        now=date(2017, 5, 20),
    )
    assert found.metadata["rows waiting"].value == 7
    assert found.metadata["waiting by rule"].value == {"type": 5, "unique": 2}
    assert found.metadata["waiting by age"].value == {
        "less than 30 days": 6,
        "less than 1 day": 1,
    }
    assert found.metadata["oldest waits for (days)"].value == 19


def test_before_the_first_delivery_nothing_is_old(shop: Shop) -> None:
    assert result(shop, now=None).passed
