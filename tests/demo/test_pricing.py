"""The weekly price and promotion files, against the stated rule in plain Python."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pytest

from demo.file_drop import FileDrop
from demo.panel import open_panel, package_file
from demo.pricing import (
    PRICE_WEEK,
    PROMOTION_WEEK,
    WEEKS,
    deliver_prices,
    derive_prices,
    key_of,
)
from resources.objects import ObjectStore

CENT = Decimal("0.01")
Rows = list[dict[str, str]]


def rows_of(landing: ObjectStore, key: str) -> Rows:
    return list(csv.DictReader(io.StringIO(landing.read(key).decode())))


def most_frequent(prices: list[Decimal]) -> Decimal:
    counts = Counter(prices)
    return min(counts, key=lambda price: (-counts[price], price))


def prices_by_hand(products: list[int]) -> dict[tuple[int, int], tuple[Decimal, Decimal, int]]:
    lines = duckdb.execute(
        "SELECT product_id, week, quantity, round(sales_value * 100)::BIGINT,"
        " round(retail_disc * 100)::BIGINT, round(coupon_match_disc * 100)::BIGINT"
        " FROM read_parquet(?) WHERE product_id IN (SELECT unnest(?))",
        [str(package_file("transactions")), products],
    ).fetchall()
    shelf: dict[tuple[int, int], list[Decimal]] = defaultdict(list)
    loyalty: dict[tuple[int, int], list[Decimal]] = defaultdict(list)
    for product, week, quantity, sales, retail, match in lines:
        if 1 <= quantity <= 100 and sales > 0:
            for prices, cents in ((shelf, sales + retail + match), (loyalty, sales + match)):
                price = (Decimal(cents) / 100 / quantity).quantize(CENT, ROUND_HALF_UP)
                prices[product, week].append(price)
    return {
        key: (most_frequent(shelf[key]), most_frequent(loyalty[key]), len(shelf[key]))
        for key in shelf
    }


@pytest.fixture(scope="module")
def prices() -> dict[tuple[int, int], tuple[Decimal, Decimal, int]]:
    with open_panel("full") as panel:
        derive_prices(panel)
        return {(row[0], row[1]): row[2:] for row in panel.execute("FROM price").fetchall()}


def test_the_rule_gives_what_it_gives_in_plain_python(
    prices: dict[tuple[int, int], tuple[Decimal, Decimal, int]],
) -> None:
    sold = Counter(product for product, _ in prices)
    products = [product for product, _ in sold.most_common(15)] + sorted(sold)[:200:8]
    expected = prices_by_hand(products)
    assert len(expected) > 800
    assert {key: prices[key] for key in prices if key[0] in set(products)} == expected


def test_fuel_unknown_products_and_gifts_have_no_price(
    prices: dict[tuple[int, int], tuple[Decimal, Decimal, int]],
) -> None:
    assert len(prices) == 592_828
    assert len({product for product, _ in prices}) == 68_161
    priced = {product for product, _ in prices}
    with open_panel("smoke") as panel:
        unpriceable = panel.execute(
            "SELECT product_id FROM products WHERE department = 'FUEL'"
            " UNION SELECT product_id FROM transactions ANTI JOIN products USING (product_id)"
        ).fetchall()
    assert len(unpriceable) == 33
    assert priced.isdisjoint(product for (product,) in unpriceable)


def test_a_small_company_delivers_fewer_rows_of_the_same_prices(
    landing: ObjectStore, prices: dict[tuple[int, int], tuple[Decimal, Decimal, int]]
) -> None:
    delivered = [row for week in WEEKS for row in rows_of(landing, key_of(PRICE_WEEK, week))]
    assert len(delivered) == 14_236
    for row in delivered:
        price = prices[int(row["product_id"]), int(row["week"])]
        shown = (Decimal(row["shelf_price"]), Decimal(row["loyalty_price"]), int(row["lines"]))
        assert shown == price


def test_a_week_is_delivered_on_the_monday_after_it(landing: ObjectStore) -> None:
    keys = [info.key for info in landing.list(PRICE_WEEK)]
    assert len(keys) == 53
    assert keys[0] == "pricing/price_week/2017-01-02/price_week-2017-W01.csv"
    assert keys[1] == "pricing/price_week/2017-01-09/price_week-2017-W02.csv"
    assert keys[-1] == "pricing/price_week/2018-01-01/price_week-2017-W53.csv"
    assert {row["week"] for row in rows_of(landing, keys[1])} == {"2"}


def test_promotions_are_the_panels_own_rows(landing: ObjectStore) -> None:
    delivered = [row for week in WEEKS for row in rows_of(landing, key_of(PROMOTION_WEEK, week))]
    assert len(delivered) == 3_087
    columns = ("product_id", "store_id", "week", "display_location", "mailer_location")
    assert tuple(delivered[0]) == columns
    with open_panel("smoke") as panel:
        expected = panel.execute(f"SELECT {', '.join(columns)} FROM promotion").fetchall()
    assert Counter(tuple(row.values()) for row in delivered) == Counter(
        tuple(str(value) for value in row) for row in expected
    )


def test_a_second_delivery_adds_and_changes_nothing(landing: ObjectStore, tmp_path: Path) -> None:
    before = list(landing.list(PRICE_WEEK))
    again = deliver_prices("smoke", FileDrop(landing, tmp_path / "an outbox without memory"))
    assert again.files == 53
    assert list(landing.list(PRICE_WEEK)) == before
