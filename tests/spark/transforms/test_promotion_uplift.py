"""Promoted weeks against the others, week by week in Python, and what is refused."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from statistics import mean, variance
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark.tables.curated import PRODUCT, PRODUCT_WEEK, SALES_LINE
from spark.transforms.promotion_uplift import promotion_uplift

AS_OF = date(2017, 12, 31)
MONDAY = date(2017, 12, 25)
LONG_AGO = date(2016, 1, 4)
KINDS = {"any": "is_promoted", "display": "stores_on_display", "mailer": "stores_in_mailer"}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def every_session(session: SparkSession) -> SparkSession:
    """One engine: tests/spark/parity compares both on what is harder than this."""
    return session


def week(product: int, weeks_ago: int, units: int | None, kinds: str = "") -> Row:
    return {
        "product_id": product,
        "week_start": MONDAY - timedelta(weeks=weeks_ago),
        "units": units,
        "baskets": 1 if units else 0,
        "is_promoted": bool(kinds),
        "stores_on_display": int("d" in kinds),
        "stores_in_mailer": int("m" in kinds),
    }


def uplifts(published: Any, products: list[Row], *weeks: Row) -> dict[tuple[int, str], Row]:
    lines = published(SALES_LINE, {"product_id": 1, "business_date": LONG_AGO})
    rows = promotion_uplift(
        published(PRODUCT, *products), lines, published(PRODUCT_WEEK, *weeks), AS_OF
    )
    found = [row.asDict() for row in rows.collect()]
    assert len({(row["product_id"], row["promotion_kind"]) for row in found}) == len(found)
    return {(row["product_id"], row["promotion_kind"]): row for row in found}


def expected(products: list[Row], weeks: list[Row]) -> dict[tuple[int, str], Row]:
    """The same by looking at every product in every one of the 52 weeks."""
    mondays = [MONDAY - timedelta(weeks=ago) for ago in range(52)]
    by_week = {(row["product_id"], row["week_start"]): row for row in weeks}
    of = {row["product_id"]: row["department"] for row in products}
    answers: dict[tuple[int, str], Row] = {}

    def units(product: int, monday: date) -> int:
        return by_week.get((product, monday), {}).get("units") or 0

    def rest(product: int, monday: date) -> int:
        others = [p for p in of if p != product and of[p] == of[product]]
        return sum(units(other, monday) for other in others)

    for product in of:
        sold = [row["week_start"] for row in weeks if row["product_id"] == product]
        sold = [monday for monday in sold if units(product, monday)]
        life = [monday for monday in mondays if sold and monday >= min(sold)]
        for kind, mark in KINDS.items():
            if not any(by_week.get((product, monday), {}).get(mark) for monday in mondays):
                continue
            on = [m for m in life if by_week.get((product, m), {}).get(mark)]
            off = [m for m in life if not by_week.get((product, m), {}).get("is_promoted")]
            answers[product, kind] = counted(product, on, off, units, rest)
    return answers


def counted(product: int, on: list[date], off: list[date], units: Any, rest: Any) -> Row:
    with_it, without = ([units(product, monday) for monday in side] for side in (on, off))
    theirs, theirs_off = (sum(rest(product, monday) for monday in side) for side in (on, off))
    row = {
        "promoted_weeks": len(on),
        "other_weeks": len(off),
        "promoted_units": sum(with_it),
        "other_units": sum(without),
        "department_promoted_units": theirs,
        "department_other_units": theirs_off,
    }
    if min(len(on), len(off)) < 4 or not sum(without) or not min(theirs, theirs_off):
        return {**row, "uplift": None}
    errors = [
        variance(side) / len(side) / mean(side) ** 2 for side in (with_it, without) if sum(side)
    ]
    return {
        **row,
        "uplift": (sum(with_it) / theirs) / (sum(without) / theirs_off) - 1,
        "uplift_unadjusted": mean(with_it) / mean(without) - 1,
        "expected_units": theirs * sum(without) / theirs_off,
        "standard_error": math.sqrt(sum(errors)) if sum(with_it) else None,
    }


@pytest.mark.parametrize("seed", range(3))
def test_uplifts_equal_those_counted_week_by_week(published: Any, seed: int) -> None:
    dice = random.Random(seed)
    products = [{"product_id": n, "department": dice.choice("AB")} for n in range(1, 13)]
    weeks = [
        week(product, ago, dice.choice([0, 0, 1, 2, 7]), dice.choice(["", "", "d", "m", "dm"]))
        for product in range(1, 13)
        for ago in range(60)
        if dice.random() < product / 12
    ]
    found, known = uplifts(published, products, *weeks), expected(products, weeks)
    assert found.keys() == known.keys()
    for key, row in known.items():
        assert {name: found[key][name] for name in row} == pytest.approx(row), key
        assert (found[key]["status"] == "estimated") == (row["uplift"] is not None)
    assert sum(row["uplift"] is not None for row in known.values()) > 5


def test_what_the_weeks_cannot_tell_is_refused_by_name(published: Any) -> None:
    busy = [week(9, ago, 50) for ago in range(52)]
    products = [{"product_id": n, "department": "A"} for n in range(1, 10) if n != 6]
    products += [{"product_id": 6, "department": "alone"}]
    products[4]["is_fuel"] = True
    four = range(4)
    rows = uplifts(
        published,
        products,
        *busy,
        *(week(1, 40, 1), *(week(1, ago, 5, "d") for ago in range(3))),
        *(week(2, 6, 1), *(week(2, ago, 5, "d") for ago in range(1, 5)), week(2, 0, 0, "m")),
        *(week(3, 30, 3, "m"), *(week(3, ago, 5, "m") for ago in four)),
        *(week(4, ago, 0, "m") for ago in four),
        *({**week(5, ago, None, "m"), "baskets": 1} for ago in four),
        *(week(6, 40, 1), *(week(6, ago, 5, "d") for ago in four)),
        *(week(7, 40, 2), *(week(7, ago, 5, "dm") for ago in four)),
        *(week(8, 40, 2), *(week(8, ago, 0, "d") for ago in four)),
    )
    assert {key: row["status"] for key, row in rows.items() if key[1] == "any"} == {
        (1, "any"): "too_few_promoted_weeks",
        (2, "any"): "too_few_other_weeks",
        (3, "any"): "not_sold_otherwise",
        (4, "any"): "never_sold",
        (5, "any"): "sold_by_volume",
        (6, "any"): "no_comparison",
        (7, "any"): "estimated",
        (8, "any"): "estimated",
    }
    assert {kind for product, kind in rows if product == 7} == {"any", "display", "mailer"}
    assert rows[8, "any"]["uplift"] == -1
    assert rows[8, "any"]["standard_error"] is None
    assert all(row["uplift"] is None for row in rows.values() if row["status"] != "estimated")


def test_products_without_a_department_have_nothing_to_be_compared_with(published: Any) -> None:
    products: list[Row] = [
        {"product_id": 1},
        {"product_id": 2},
        {"product_id": 3, "department": ""},
    ]
    found = uplifts(
        published,
        products,
        *(week(1, ago, 5, "d" if ago % 2 else "") for ago in range(20)),
        *(week(product, ago, 7) for product in (2, 3) for ago in range(20)),
    )
    assert set(found) == {(1, "any"), (1, "display")}
    for row in found.values():
        assert row["status"] == "no_comparison"
        assert (row["promoted_units"], row["department_promoted_units"]) == (50, 70)


def test_a_busy_season_is_not_taken_for_an_uplift(published: Any) -> None:
    # Everything doubles in the last four weeks, the promoted product as well and no more.
    rows = uplifts(
        published,
        [{"product_id": 1, "department": "A"}, {"product_id": 2, "department": "A"}],
        *(week(1, ago, 4 if ago < 4 else 2, "m" if ago < 4 else "") for ago in range(30)),
        *(week(2, ago, 20 if ago < 4 else 10) for ago in range(30)),
    )
    assert rows[1, "mailer"]["uplift"] == pytest.approx(0)
    assert rows[1, "mailer"]["uplift_unadjusted"] == pytest.approx(1)
    assert rows[1, "mailer"]["standard_error"] == 0
