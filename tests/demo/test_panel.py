"""What each scale holds. The numbers are the ones that the documentation states."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest

from demo.panel import IS_FUEL, open_panel, package_file
from demo.settings import Scale

HOUSEHOLDS_BASKETS_LINES = """
    SELECT count(DISTINCT household_id), count(DISTINCT basket_id), count(*) FROM line
"""


@pytest.mark.parametrize(
    ("scale", "households", "baskets", "lines"),
    [("smoke", 23, 1_578, 15_370), ("demo", 247, 15_639, 147_603)],
)
def test_a_scale_keeps_whole_years_of_some_households(
    scale: Scale, households: int, baskets: int, lines: int
) -> None:
    with open_panel(scale) as panel:
        assert panel.execute(HOUSEHOLDS_BASKETS_LINES).fetchone() == (households, baskets, lines)


def test_the_full_scale_is_the_whole_package() -> None:
    with open_panel("full") as panel:
        found = panel.execute(HOUSEHOLDS_BASKETS_LINES).fetchone()
        promotions = panel.execute("SELECT count(*) FROM promotion").fetchone()
        products = panel.execute("SELECT count(*) FROM products").fetchone()
    assert found == (2_469, 155_848, 1_469_307)
    assert promotions == (20_940_529,)
    assert products == (92_331,)


def test_promotions_shrink_with_the_scale_and_never_change() -> None:
    rows = "SELECT product_id, store_id, week, display_location, mailer_location FROM promotion"
    with open_panel("smoke") as smoke, open_panel("demo") as demo:
        few, more = smoke.sql(rows).to_arrow_table(), demo.sql(rows).to_arrow_table()
    assert (few.num_rows, more.num_rows) == (3_087, 375_058)
    with duckdb.connect() as connection:
        connection.register("few", few)
        connection.register("more", more)
        changed = connection.execute("FROM few EXCEPT ALL FROM more").fetchall()
    assert changed == []


def test_every_sold_promotion_is_kept_with_its_duplicates() -> None:
    with open_panel("smoke") as panel:
        expected = duckdb.execute(
            "SELECT count(*) FROM read_parquet(?) SEMI JOIN "
            "(SELECT product_id, store_id, week FROM read_parquet(?)"
            " WHERE household_id * 2654435761 % 4294967296 < 42949672.96)"
            " USING (product_id, store_id, week)",
            [str(package_file("promotions")), str(package_file("transactions"))],
        ).fetchone()
        assert panel.execute("SELECT count(*) FROM promotion").fetchone() == expected


def test_money_is_in_cents() -> None:
    with open_panel("full") as panel:
        [(total,)] = panel.execute("SELECT sum(sales_value) FROM line").fetchall()
    assert total == Decimal("4596039.58")


def test_fuel_is_found_in_both_of_its_departments() -> None:
    with open_panel("smoke") as panel:
        departments = panel.execute(
            f"SELECT department, count(*) FROM products WHERE {IS_FUEL} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert departments == [("FUEL", 16), ("MISCELLANEOUS", 19)]
