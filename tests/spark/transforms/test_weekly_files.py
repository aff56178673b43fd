"""Prices and promotions from weekly files: what the newest delivery says of a week stands."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import permutations

from spark.tables import TABLES
from spark.transforms.price_week import price_weeks
from spark.transforms.promotion_week import promotion_weeks

LINEAGE = (
    "_landing_date date, _batch_id string, _epoch string, _committed_at timestamp, "
    "_change_sequence string, _operation string"
)
PRICES = (
    "product_id bigint, week int, shelf_price decimal(12,2), loyalty_price decimal(12,2), "
    f"lines bigint, {LINEAGE}"
)
PROMOTIONS = (
    "product_id bigint, store_id bigint, week int, display_location string, "
    f"mailer_location string, {LINEAGE}"
)
FIRST, AGAIN = date(2017, 12, 25), date(2018, 3, 5)
FILE = ("0", None, None, "I")


def price(product: int, week: int, shelf: str, day: date, batch: str = "b1"):
    return (product, week, Decimal(shelf), Decimal(shelf) - 1, 3, day, batch, *FILE)


def promoted(display: str, mailer: str, day: date = FIRST, batch: str = "b1", *, product: int = 1):
    return (product, 300, 52, display, mailer, day, batch, *FILE)


def test_a_price_has_the_monday_of_its_week_and_the_place_of_its_delivery(frame) -> None:
    rows = price_weeks(frame(PRICES, [price(1, 52, "5.99", FIRST), price(2, 1, "2.50", FIRST)]))
    assert tuple(rows.columns) == TABLES["curated.price_week"].column_names
    kinds = {column.name: column.type for column in TABLES["curated.price_week"].columns}
    assert dict(rows.dtypes) == kinds
    order = "0 2017-12-25 00:00:00.000000 "
    assert sorted(tuple(row) for row in rows.collect()) == [
        (1, date(2017, 12, 18), 52, Decimal("5.99"), Decimal("4.99"), 3, "b1", order),
        (2, date(2016, 12, 26), 1, Decimal("2.50"), Decimal("1.50"), 3, "b1", order),
    ]


def test_a_later_delivery_of_a_week_replaces_its_prices_in_any_order(frame) -> None:
    # Each product has its own order of the same deliveries, one of them repeated.
    deliveries = [("5.99", FIRST, "b1"), ("4.99", AGAIN, "b3"), ("6.99", date(2018, 1, 2), "b2")]
    rows = price_weeks(
        frame(
            PRICES,
            [
                price(product, 52, *delivery)
                for product, order in enumerate(permutations(deliveries))
                for delivery in (*order, order[0])
            ],
        )
    ).collect()
    assert len(rows) == 6
    assert {(row["shelf_price"], row["_batch_id"]) for row in rows} == {(Decimal("4.99"), "b3")}


def test_two_prices_of_one_day_end_in_the_same_one_whatever_their_order(frame) -> None:
    delivered = [("5.99", FIRST, "b1"), ("6.49", FIRST, "b2")]
    found = [
        price_weeks(frame(PRICES, [price(1, 52, *each) for each in order])).collect()
        for order in permutations(delivered)
    ]
    assert found[0] == found[1]


def test_places_of_a_week_are_one_row_with_all_of_them(frame) -> None:
    rows = promotion_weeks(
        frame(
            PROMOTIONS,
            [
                promoted("5", "0"),
                promoted("2", "0"),
                promoted("9", "A", product=2),
                promoted("0", "D", product=3),
                promoted("7", "0", product=4),
                promoted("7", "H", product=4),
                promoted("0", "0", product=5),
                promoted("0", "0", product=5),
                promoted(None, None, product=6),
            ],
        )
    )
    assert tuple(rows.columns) == TABLES["curated.promotion_week"].column_names
    kinds = {column.name: column.type for column in TABLES["curated.promotion_week"].columns}
    assert dict(rows.dtypes) == kinds
    found = rows.collect()
    assert {(row["store_id"], row["week_start"], row["business_week"]) for row in found} == {
        (300, date(2017, 12, 18), 52)
    }
    assert {
        row["product_id"]: (
            row["is_on_display"],
            row["display_locations"],
            row["is_in_mailer"],
            row["mailer_locations"],
        )
        for row in found
    } == {
        1: (True, "2+5", False, None),
        2: (True, "9", True, "A"),
        3: (False, None, True, "D"),
        4: (True, "7", True, "H"),
        5: (False, None, False, None),
        6: (False, None, False, None),
    }


def test_a_later_delivery_replaces_all_places_of_an_earlier_one_in_any_order(frame) -> None:
    delivered = [
        ("2", "0", FIRST, "b1"),
        ("5", "A", FIRST, "b1"),
        ("9", "0", AGAIN, "b2"),
        ("3", "0", AGAIN, "b2"),
    ]
    rows = promotion_weeks(
        frame(
            PROMOTIONS,
            [
                promoted(*row, product=product)
                for product, order in enumerate(permutations(delivered))
                for row in (*order, order[0])
            ],
        )
    ).collect()
    assert len(rows) == 24
    assert {
        (row["display_locations"], row["mailer_locations"], row["_batch_id"]) for row in rows
    } == {("3+9", None, "b2")}


def test_a_delivery_in_two_parts_is_one_delivery(frame) -> None:
    parts = [promoted("5", "0", batch="b2"), promoted("2", "0", batch="b1")]
    (row,) = promotion_weeks(frame(PROMOTIONS, parts)).collect()
    assert (row["display_locations"], row["_batch_id"]) == ("2+5", "b1")
