"""The jobs of `product_week` and `product_360` on a real catalog, from published tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from resources.catalog import LocalCatalogResource
from spark.tables import Table
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PRICE_WEEK,
    PRODUCT,
    PRODUCT_360,
    PRODUCT_WEEK,
    PROMOTION_WEEK,
    SALES_LINE,
)

MONDAY, SUNDAY, TOMORROW = date(2017, 12, 25), date(2017, 12, 31), date(2018, 1, 1)
NOON = datetime(2017, 12, 28, 12)  # noqa: DTZ001 - the engine's zone is UTC
UPSTREAM = (
    PRODUCT,
    SALES_LINE,
    PRICE_WEEK,
    PROMOTION_WEEK,
    INTERACTION,
    CLICK_EVENT,
    CLICK_SESSION,
)
ANYTHING: Mapping[str, Any] = {"bigint": 0, "boolean": False, "string": "", "date": SUNDAY}


class Story:
    """Published tables, and the two jobs that tell the story of products from them."""

    def __init__(self, session: SparkSession, catalog: LocalCatalogResource) -> None:
        self.session = session
        self.catalog = catalog

    def begin(self, table: Table) -> None:
        if self.catalog.load().table_exists(table.identifier):
            self.catalog.load().drop_table(table.identifier)
        self.catalog.ensure_table(table)

    def fill(self, table: Table, *rows: Mapping[str, Any]) -> None:
        self.begin(table)
        empty = {
            column.name: None if column.nullable else ANYTHING.get(column.type, NOON)
            for column in table.columns
        }
        published = self.catalog.table(table.identifier)
        schema = published.schema().as_arrow()
        published.append(pa.Table.from_pylist([{**empty, **row} for row in rows], schema=schema))

    def tell(self, as_of: date = SUNDAY) -> list[Any]:
        results: list[Any] = []

        class Report:
            def results(self, found: list[Any]) -> None:
                results.extend((each["dataset"], each["rows_out"]) for each in found)

        names = (table.identifier for table in (*UPSTREAM, PRODUCT_WEEK))
        spec = {
            "inputs": {name: f"lake.{name}" for name in names},
            "as_of_date": as_of.isoformat(),
            "windows": [7, 28, 91, 364],
        }
        for table in (PRODUCT_WEEK, PRODUCT_360):
            job = import_module(f"spark.jobs.{table.name}")
            job.run(self.session, {**spec, "target": f"lake.{table.identifier}"}, Report())
        return results

    def rows(self, table: Table) -> list[dict[str, Any]]:
        return self.catalog.table(table.identifier).scan().to_arrow().to_pylist()


@pytest.fixture
def story(every_session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two products; one was sold, promoted, bought with a coupon and looked at, one was nothing."""
    home = tmp_path_factory.getbasetemp() / "engine"
    made = Story(every_session, LocalCatalogResource(home=str(home)))
    made.fill(PRODUCT, {"product_id": 1, "department": "GROCERY"}, {"product_id": 2})
    sale = {"product_id": 1, "household_id": 7, "store_id": 300, "quantity": 2, "units": 2}
    value = {"sales_value": Decimal("5.00"), "retail_discount": Decimal("1.00")}
    made.fill(
        SALES_LINE,
        {"basket_id": 1, "business_date": SUNDAY, **sale, **value},
        {"basket_id": 2, "business_date": TOMORROW, **sale, **value},
    )
    price = {"shelf_price": Decimal("3.00"), "loyalty_price": Decimal("2.50")}
    made.fill(PRICE_WEEK, {"product_id": 1, "week_start": MONDAY, **price})
    shown = {"is_on_display": True}
    made.fill(
        PROMOTION_WEEK,
        {"product_id": 1, "store_id": 300, "week_start": MONDAY, **shown},
        {"product_id": 1, "store_id": 301, "week_start": MONDAY, **shown},
    )
    campaign = {
        "campaign_id": 3,
        "campaign_start_date": date(2017, 12, 1),
        "campaign_end_date": date(2018, 1, 31),
    }
    coupon = {"coupon_upc": "51", **campaign}
    used = {"household_id": 7, "interaction_date": SUNDAY}
    made.fill(
        INTERACTION,
        {"interaction_id": "t", "interaction_type": "target", "household_id": 7, **campaign},
        {"interaction_id": "o", "interaction_type": "offer", "product_id": 1, **coupon},
        {"interaction_id": "r", "interaction_type": "redemption", **coupon, **used},
    )
    step = {"visitor_id": "v", "event_time": NOON, "event_date": date(2017, 12, 28)}
    made.fill(
        CLICK_EVENT,
        {"event_id": "1", "product_id": 1, "event_type": "view", **step},
        {"event_id": "2", "product_id": 1, "event_type": "view", **step},
        {"event_id": "3", "product_id": 1, "event_type": "add_to_cart", **step},
    )
    made.fill(CLICK_SESSION, {"visitor_id": "v", "started_at": NOON, "ended_at": NOON})
    made.begin(PRODUCT_WEEK)
    made.begin(PRODUCT_360)
    return made


def test_a_week_and_a_product_say_what_all_sources_say(story: Story) -> None:
    assert story.tell() == [("curated.product_week", 1), ("curated.product_360", 2)]
    for table in (PRODUCT_WEEK, PRODUCT_360):
        assert len(story.catalog.snapshot_summaries(table.identifier)) == 1
    (week,) = story.rows(PRODUCT_WEEK)
    assert week == {
        "product_id": 1,
        "week_start": MONDAY,
        "business_week": 53,
        "units": 2,
        "revenue": Decimal("5.00"),
        "baskets": 1,
        "households": 1,
        "stores": 1,
        "shelf_value": Decimal("6.00"),
        "coupon_discount": Decimal("0.00"),
        "shelf_price": Decimal("3.00"),
        "loyalty_price": Decimal("2.50"),
        "stores_on_display": 2,
        "stores_in_mailer": 0,
        "stores_promoted": 2,
        "is_promoted": True,
        "coupon_redemptions": 1,
        "views": 2,
        "cart_additions": 1,
        "online_purchases": 0,
    }
    sold, unsold = sorted(story.rows(PRODUCT_360), key=lambda row: row["product_id"])
    assert (sold["shelf_price"], sold["display_weeks_364d"]) == (Decimal("3.00"), 1)
    assert (sold["campaign_reach_364d"], sold["coupon_redemptions_364d"]) == (1, 1)
    assert (sold["discount_depth_91d"], sold["view_to_cart_rate_91d"]) == (1 / 6, 0.5)
    assert (unsold["lifecycle_stage"], unsold["priced_week"]) == ("never_sold", None)


def test_telling_it_again_changes_no_row_and_a_day_earlier_the_week_is_still_open(
    story: Story,
) -> None:
    story.tell()
    tables = (PRODUCT_WEEK, PRODUCT_360)
    before = [story.catalog.digest(table.identifier) for table in tables]
    story.tell()
    assert [story.catalog.digest(table.identifier) for table in tables] == before
    assert story.tell(date(2017, 12, 30))[0] == ("curated.product_week", 0)
