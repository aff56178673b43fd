"""Prices, promotions, stores and campaigns equal the source package, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import oracle_prices as oracle
import pytest
from lineage import Lineage

pytestmark = pytest.mark.flow


@dataclass(frozen=True)
class Told:
    """The package's side and the platform's side of one scale."""

    scale: str
    package: duckdb.DuckDBPyConnection
    curated: duckdb.DuckDBPyConnection


def told(lineage: Lineage, scale: str) -> Told:
    """Both sides; curated tables are the very files that their snapshots name."""
    curated = duckdb.connect()
    curated.execute("SET TimeZone = 'UTC'")
    catalog = lineage.resources()["catalog"]
    for name in ("price_week", "promotion_week", "store", "interaction", "sales_line"):
        tasks = list(catalog.table(f"curated.{name}").scan().plan_files())
        assert not any(task.delete_files for task in tasks)
        files = [task.file.file_path for task in tasks]
        curated.read_parquet(files, hive_partitioning=False).create_view(name)
    return Told(scale, oracle.panel(scale), curated)


@pytest.fixture(scope="module", params=["smoke", pytest.param("full", marks=pytest.mark.long)])
def story(request: pytest.FixtureRequest) -> Told:
    lineage = request.getfixturevalue("sail" if request.param == "smoke" else "full")
    return told(lineage, request.param)


def test_prices_are_the_most_frequent_ones_over_all_households(story: Told) -> None:
    ours = story.curated.sql(oracle.by_week("price_week", *oracle.PRICE_COLUMNS)).fetchall()
    theirs = story.package.sql(oracle.by_week(oracle.PRICES, *oracle.PRICE_COLUMNS)).fetchall()
    assert ours == theirs
    assert len(ours) == 53
    # Noted from the package by hand.
    assert sum(rows for _, rows, _ in ours) == {"smoke": 14_236, "full": 592_828}[story.scale]


def test_promotions_are_the_packages_with_the_places_of_one_key_combined(story: Told) -> None:
    columns = oracle.PROMOTION_COLUMNS
    ours = story.curated.sql(oracle.by_week("promotion_week", *columns)).fetchall()
    promotions = oracle.promotions(story.scale)
    assert ours == story.package.sql(oracle.by_week(promotions, *columns)).fetchall()
    if story.scale == "full":
        # The package's rows without the second ones of a key; both numbers noted by hand.
        assert sum(rows for _, rows, _ in ours) == 20_940_529 - 12_785


def test_stores_are_what_their_tills_and_promotions_say(story: Told) -> None:
    ours = story.curated.sql(f"SELECT {oracle.STORE_COLUMNS} FROM store ORDER BY store_id")
    assert ours.fetchall() == story.package.sql(oracle.stores(story.scale)).fetchall()


def test_the_year_as_the_tills_count_it_is_the_year_of_the_weekly_files(story: Told) -> None:
    numbered = "SELECT DISTINCT business_week, {day} AS monday FROM {table} ORDER BY ALL"
    monday = "date_trunc('week', business_date)::DATE"
    tills = story.curated.sql(numbered.format(day=monday, table="sales_line")).fetchall()
    files = story.curated.sql(numbered.format(day="week_start", table="price_week")).fetchall()
    assert tills == files
    assert len(tills) == 53


def test_targets_and_offers_are_the_packages(story: Told) -> None:
    targets = story.curated.sql(
        """SELECT campaign_id, household_id, campaign_type, campaign_start_date, campaign_end_date
           FROM interaction WHERE interaction_type = 'target' ORDER BY ALL"""
    )
    assert targets.fetchall() == story.package.sql(oracle.TARGETS).fetchall()
    offers = story.curated.sql(
        """SELECT campaign_id, coupon_upc, product_id, interaction_date
           FROM interaction WHERE interaction_type = 'offer' ORDER BY ALL"""
    )
    assert offers.fetchall() == story.package.sql(oracle.OFFERS).fetchall()


def test_redemptions_are_on_the_receipts_of_their_local_day(story: Told) -> None:
    used = story.curated.sql(
        """SELECT household_id, campaign_id, coupon_upc, interaction_date, basket_id,
                  baskets_on_day, offered_products_bought, offered_sales_value,
                  offered_coupon_discount
           FROM interaction WHERE interaction_type = 'redemption' ORDER BY ALL"""
    ).fetchall()
    assert used == story.package.sql(oracle.redemptions()).fetchall()
    assert len(used) == {"smoke": 15, "full": 2_102}[story.scale]
    assert all(row[4] is not None for row in used)


def test_by_the_day_in_utc_some_redemptions_would_have_no_receipt() -> None:
    """Why the local day: over all households, so that the scale does not matter."""
    utc = "transaction_timestamp::DATE"
    with oracle.panel("full") as package:
        found = {
            day: sum(row[4] is not None for row in package.sql(oracle.redemptions(day)).fetchall())
            for day in ("business_date", utc)
        }
    assert found == {"business_date": 2_102, utc: 1_869}
