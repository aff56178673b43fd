"""Which weeks tell of a price, and which products are refused by which name."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from weeks_sold import Week, in_order

from spark.tables.curated import PRODUCT, PRODUCT_WEEK
from spark.transforms.price_elasticity import ANSWERED, RESPONSE, answered, price_elasticity
from spark.transforms.price_response import responses

AS_OF = date(2017, 12, 31)
MONDAY = date(2017, 12, 25)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def every_session(session: SparkSession) -> SparkSession:
    """One engine: tests/spark/parity compares both on what is harder than this."""
    return session


def week(product: int, weeks_ago: int, units: int | None, price: str | None, **more: Any) -> Row:
    return {
        "product_id": product,
        "week_start": MONDAY - timedelta(weeks=weeks_ago),
        "units": units,
        "baskets": 1,
        "loyalty_price": None if price is None else Decimal(price),
        **more,
    }


def elasticities(published: Any, products: list[Row], weeks: list[Row]) -> dict[int, Row]:
    rows = price_elasticity(published(PRODUCT, *products), published(PRODUCT_WEEK, *weeks), AS_OF)
    return {row["product_id"]: row.asDict() for row in rows.collect()}


@pytest.fixture(scope="module")
def shelf() -> tuple[list[Row], list[Row]]:
    """Twelve products of two categories whose demand falls with their price."""
    dice = random.Random(7)
    products = [
        {"product_id": n, "department": "D", "product_category": "AB"[n % 2]} for n in range(12)
    ]
    weeks = []
    for product in range(12):
        for ago in range(60):
            price = dice.choice(["1.00", "1.20", "1.50"])
            units = round(30 * float(price) ** -1.5 * math.exp(dice.gauss(0, 0.2)))
            stores = {"stores_promoted": dice.choice([0, 1, 4]), "stores_on_display": 0}
            stores["stores_in_mailer"] = stores["stores_promoted"]
            weeks.append(week(product, ago, units, price, **stores))
    return products, weeks


def test_it_is_what_the_weeks_of_the_year_answer(
    published: Any, shelf: tuple[list[Row], list[Row]]
) -> None:
    products, weeks = shelf
    year = [row for row in weeks if row["week_start"] > MONDAY - timedelta(weeks=52)]
    most = dict.fromkeys({row["week_start"] for row in year}, 0)
    for row in year:
        most[row["week_start"]] = max(most[row["week_start"]], row["stores_promoted"])
    known = responses(
        in_order(
            Week(
                row["product_id"],
                "D/" + "AB"[row["product_id"] % 2],
                (row["week_start"] - date(1970, 1, 1)).days,
                float(row["units"]),
                float(row["loyalty_price"]),
                0.0,
                row["stores_in_mailer"] / (most[row["week_start"]] or 1),
            )
            for row in year
        )
    )
    found = elasticities(published, products, weeks)
    assert len(found) == len(known) == 12
    for each in known:
        row = found[each.product]
        assert each.answer is not None
        assert row["status"] == "estimated"
        assert row["selling_weeks"] == 52
        assert (row["lowest_price"], row["highest_price"]) == (Decimal("1.00"), Decimal("1.50"))
        assert row["elasticity"] == each.answer.shrunk == pytest.approx(-1.5, abs=0.3)
        assert row["own_elasticity"] == each.answer.own
        assert row["standard_error"] == each.answer.error
        assert row["category_elasticity"] == each.answer.category
        assert row["category_products"] == 6
        assert row["mailer_effect"] == each.pooled.mailer
        assert row["price_variation"] == each.variation
        assert row["is_clamped"] is False


def test_what_the_weeks_cannot_tell_is_refused_by_name(
    published: Any, shelf: tuple[list[Row], list[Row]]
) -> None:
    products, weeks = shelf
    more = [{"product_id": n, "department": "D"} for n in (101, 102, 103, 104, 105)]
    more[2]["is_fuel"] = True
    found = elasticities(
        published,
        [*products, *more],
        [
            *weeks,
            # Nine weeks; a tenth without a price, one without a piece, one last year.
            *(week(101, ago, 3, "1.00" if ago % 2 else "2.00") for ago in range(9)),
            *(week(101, 10, 3, None), week(101, 11, 0, "3.00"), week(101, 53, 3, "9.00")),
            # A price that moved by a cent.
            *(week(102, ago, 3 + ago, "1.00" if ago % 2 else "1.01") for ago in range(30)),
            *(week(103, ago, None, "1.00" if ago % 2 else "2.00") for ago in range(30)),
            # Dearer and sold more.
            *(
                week(104, ago, 40 if ago % 2 else 1, "4.00" if ago % 2 else "1.0")
                for ago in range(50)
            ),
            # Looked at and never sold.
            *({**week(105, ago, 0, None), "baskets": 0} for ago in range(50)),
        ],
    )
    assert {n: found[n]["status"] for n in (101, 102, 103)} == {
        101: "too_few_weeks",
        102: "insufficient_price_variation",
        103: "sold_by_volume",
    }
    assert all(found[n]["elasticity"] is None for n in (101, 102, 103))
    assert (found[101]["selling_weeks"], found[101]["highest_price"]) == (9, Decimal("2.00"))
    assert found[102]["price_variation"] == pytest.approx(0.005, abs=0.001)
    assert found[104]["own_elasticity"] > 0
    assert (found[104]["elasticity"], found[104]["is_clamped"]) == (0, True)
    assert 105 not in found


def test_without_weeks_there_is_nothing(published: Any) -> None:
    assert elasticities(published, [{"product_id": 1}], []) == {}


def handed_over(rows: list[Week]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([row._asdict() for row in rows])


def test_however_an_engine_hands_rows_over_no_bit_changes() -> None:
    dice = random.Random(11)
    rows = [
        Week(product, "AB"[product % 2], week, dice.randint(1, 9), dice.uniform(1, 2), 0.0, 0.5)
        for product in range(20)
        for week in range(12)
        if (product, week) != (3, 7)
    ]
    rows = [row._replace(units=float(row.units), mailer=dice.random()) for row in rows]
    (expected,) = answered([handed_over(rows)])
    assert expected["product_id"].to_pylist() == list(range(20))
    assert [each.name for each in expected.schema] == [
        column.split()[0] for column in RESPONSE.split(", ")
    ]
    dice.shuffle(rows)
    whole = handed_over(rows)
    (found,) = answered([whole.slice(0, 0), whole.slice(100), whole.slice(0, 100)])
    assert found.equals(expected)
    (row,) = (each for each in responses(in_order(rows)) if each.product == 4)
    assert row.answer is not None
    assert list(found.to_pylist()[4].values())[2:8] == [
        getattr(row.answer, name) for name in ANSWERED
    ]


def test_no_rows_give_no_answers() -> None:
    nothing = handed_over([Week(1, "A", 1, 1.0, 1.0, 0.0, 0.0)])
    for batches in ([], [nothing.slice(0, 0)], [nothing]):
        assert list(answered(batches)) == []
