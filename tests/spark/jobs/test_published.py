"""The jobs of published tables on a real catalog: one commit each, and the newest change stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from resources.catalog import LocalCatalogResource
from spark.tables import TABLES
from spark.tables.tombstones import tombstones_of

LINEAGE = (
    "_batch_id string, _landing_date date, _epoch string, _committed_at timestamp, "
    "_change_sequence string, _operation string"
)
SCHEMAS = {
    "catalog.product": "product_id bigint, hierarchy_id bigint, manufacturer_id bigint, "
    "brand string, package_size string",
    "catalog.product_hierarchy": "hierarchy_id bigint, department string, "
    "product_category string, product_type string",
    "pos.basket": "basket_id bigint, household_id bigint, store_id bigint, sold_at timestamp, "
    "week int",
    "pos.sales_line": "basket_id bigint, product_id bigint, quantity bigint, "
    "sales_value decimal(12,2), retail_discount decimal(12,2), coupon_discount decimal(12,2), "
    "coupon_match_discount decimal(12,2)",
    "crm.household": "household_id bigint, first_seen_at timestamp",
    "crm.demographic": "household_id bigint, age string, income string, home_ownership string, "
    "marital_status string, household_size string, household_comp string, kids_count string",
    "pricing.price_week": "product_id bigint, week int, shelf_price decimal(12,2), "
    "loyalty_price decimal(12,2), lines bigint",
    "pricing.promotion_week": "product_id bigint, store_id bigint, week int, "
    "display_location string, mailer_location string",
    "marketing.campaign": "campaign_id bigint, campaign_type string, start_date date, "
    "end_date date",
    "marketing.campaign_target": "campaign_id bigint, household_id bigint",
    "marketing.coupon": "coupon_upc string, product_id bigint, campaign_id bigint",
    "marketing.coupon_redemption": "household_id bigint, coupon_upc string, campaign_id bigint, "
    "redemption_date date",
}
MARKETING = [name for name in SCHEMAS if name.startswith("marketing.")]
NOON = datetime(2017, 12, 30, 17)  # noqa: DTZ001 - the engine's zone is UTC
DECEMBER = datetime(2017, 12, 11, 17)  # noqa: DTZ001
DAY = date(2017, 12, 30)
NOTHING = [Decimal("0.00")] * 3


@dataclass
class Lake:
    """Clean batches in a folder, published tables in a catalog."""

    session: SparkSession
    folder: Path
    catalog: LocalCatalogResource
    batches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def deliver(
        self,
        name: str,
        batch: str,
        epoch: str,
        rows: Sequence[Sequence[Any]],
        day: date = date(2018, 1, 1),
        *,
        op: str = "I",
        sequence: str | None = None,
    ) -> None:
        complete = [(*row, batch, day, epoch, None, sequence, op) for row in rows]
        location = f"file://{self.folder}/{name}/batch={batch}"
        frame = self.session.createDataFrame(complete, f"{SCHEMAS[name]}, {LINEAGE}")
        frame.coalesce(1).write.mode("overwrite").parquet(location)
        self.batches.setdefault(name, []).append(
            {
                "batch_id": batch,
                "location": location,
                "landing_date": f"{day}",
                "kind": "changes",
                "epoch": epoch,
                "is_new": True,
            }
        )

    def run(self, job: str, table: str, inputs: Sequence[str] = (), **more: object) -> list[Any]:
        results: list[Any] = []

        class Report:
            def results(self, found: list[Any]) -> None:
                results.extend(found)

        self.catalog.ensure_table(TABLES[table])
        tables = {name: f"lake.{name}" for name in inputs if name in TABLES}
        batches = {name: {"batches": self.batches[name]} for name in inputs if name not in TABLES}
        spec = {"inputs": {**tables, **batches}, "target": f"lake.{table}", **more}
        import_module(f"spark.jobs.{job}").run(self.session, spec, Report())
        return results

    def publish(self) -> None:
        """Everything that follows the sources, in the order of the graph."""
        self.run("customer", "curated.customer", ["crm.household", "crm.demographic"])
        self.publish_sales()
        self.publish_histories()
        self.publish_prices()
        self.publish_interactions()
        as_of = {"as_of_date": "2017-12-31"}
        sold = ["curated.sales_line", "curated.promotion_week"]
        self.run("store", "curated.store", sold, **as_of)
        self.run("weekly_demand", "forecast.weekly_demand", ["curated.sales_line"], **as_of)

    def publish_sales(self) -> None:
        tombstones = tombstones_of(TABLES["curated.sales_line"])
        self.catalog.ensure_table(tombstones)
        self.run(
            "product",
            "curated.product",
            ["catalog.product", "catalog.product_hierarchy", "pos.sales_line"],
        )
        self.run(
            "sales_line",
            "curated.sales_line",
            ["pos.sales_line", "pos.basket"],
            product="lake.curated.product",
            time_zone="America/New_York",
            tombstones=f"lake.{tombstones.identifier}",
        )

    def publish_histories(self) -> None:
        self.run("product_history", "curated.product_history", ["catalog.product"])
        self.run("customer_history", "curated.customer_history", ["crm.demographic"])
        self.run("price_history", "curated.price_history", ["pricing.price_week"])

    def publish_prices(self) -> None:
        self.run("price_week", "curated.price_week", ["pricing.price_week"])
        self.run("promotion_week", "curated.promotion_week", ["pricing.promotion_week"])

    def publish_interactions(self) -> None:
        inputs = [*MARKETING, "pos.sales_line"]
        self.run("interaction", "curated.interaction", inputs, sales="lake.curated.sales_line")

    def taken_in(self) -> None:
        """Everything delivered so far is old."""
        for batches in self.batches.values():
            batches[:] = [{**batch, "is_new": False} for batch in batches]

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.catalog.load().load_table(table).scan().to_arrow().to_pylist()

    def snapshots(self, table: str) -> int:
        return len(self.catalog.snapshot_summaries(table))


@pytest.fixture
def lake(
    every_session: SparkSession, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Lake:
    catalog = LocalCatalogResource(home=str(tmp_path_factory.getbasetemp() / "engine"))
    for identifier in (*TABLES, "curated.sales_line_tombstone"):
        if catalog.load().table_exists(identifier):
            catalog.load().drop_table(identifier)
    made = Lake(every_session, tmp_path, catalog)
    made.deliver("catalog.product", "b1", "load-1", [(1, 10, 100, "National", "12 OZ")])
    hierarchy = [(10, "GROCERY", "SOUP", "DRY SOUP")]
    made.deliver("catalog.product_hierarchy", "b1", "load-1", hierarchy)
    baskets = [(1, 7, 300, NOON, 53), (2, 7, 300, NOON, 53), (3, 7, 300, DECEMBER, 50)]
    made.deliver("pos.basket", "b1", "load-1", baskets)
    lines = [
        (1, 1, 2, Decimal("5.00"), *NOTHING),
        (2, 77, 1, Decimal("1.99"), *NOTHING),
        (3, 1, 4, Decimal("8.00"), *NOTHING),
    ]
    made.deliver("pos.sales_line", "b1", "load-1", lines)
    made.deliver("crm.household", "b1", "0", [(7, NOON)])
    made.deliver("pricing.price_week", "b1", "0", [(1, 53, Decimal("2.50"), Decimal("2.00"), 3)])
    promotions = [(1, 300, 53, "5", "0"), (1, 300, 53, "2", "A")]
    made.deliver("pricing.promotion_week", "b1", "0", promotions)
    made.deliver("marketing.campaign", "b1", "0", [(13, "Type A", DAY, DAY)])
    made.deliver("marketing.campaign_target", "b1", "0", [(13, 7)])
    made.deliver("marketing.coupon", "b1", "0", [("0100", 1, 13), ("0100", 2, 13)])
    made.deliver("marketing.coupon_redemption", "b1", "0", [(7, "0100", 13, DAY)])
    demographic = (7, "35-44", "50-74K", None, None, "2", "2 Adults No Kids", "0")
    made.deliver("crm.demographic", "b1", "0", [demographic])
    return made


def test_every_table_is_published_in_one_commit(lake: Lake) -> None:
    lake.publish()
    published = [name for name in TABLES if name not in NOT_HERE]
    assert {name: lake.snapshots(name) for name in published} == dict.fromkeys(published, 1)
    products = {row["product_id"]: row for row in lake.rows("curated.product")}
    assert (products[1]["department"], products[77]["department"]) == ("GROCERY", "UNKNOWN")
    (customer,) = lake.rows("curated.customer")
    assert (customer["household_id"], customer["has_demographics"]) == (7, True)
    demand = {
        (row["item_id"], row["week_start"]): row for row in lake.rows("forecast.weekly_demand")
    }
    assert {key: row["demand"] for key, row in demand.items()} == {
        ("1", date(2017, 12, 11)): 4.0,
        ("1", date(2017, 12, 18)): 0.0,
        ("1", date(2017, 12, 25)): 2.0,
        ("77", date(2017, 12, 25)): 1.0,
    }
    (price,) = lake.rows("curated.price_week")
    assert (price["week_start"], price["shelf_price"]) == (date(2017, 12, 25), Decimal("2.50"))
    (promotion,) = lake.rows("curated.promotion_week")
    assert (promotion["display_locations"], promotion["mailer_locations"]) == ("2+5", "A")
    (store,) = lake.rows("curated.store")
    assert (store["store_id"], store["baskets"], store["promotion_weeks"]) == (300, 3, 1)
    used = {row["interaction_id"]: row for row in lake.rows("curated.interaction")}
    assert len(used) == 4
    # Receipts 1 and 2 are of that day; only the first has a product of the coupon.
    assert used["redemption/13/7/0100/2017-12-30"]["basket_id"] == 1


# Made by no job, or by one that is tested in a module of its own.
NOT_HERE = (
    "curated.click_event",
    "curated.click_session",
    "curated.customer_activity",
    "curated.item_funnel",
    "curated.price_elasticity",
    "curated.product_week",
    "curated.product_360",
    "curated.promotion_uplift",
    "curated.purchase_attribution",
    "forecast.demand_forecast",
    "forecast.demand_backtest",
    "forecast.forecast_accuracy",
    "forecast.item_accuracy",
)


def test_a_batch_is_reported_with_the_rows_that_were_read_of_it(lake: Lake) -> None:
    inputs = ["catalog.product", "catalog.product_hierarchy", "pos.sales_line"]
    results = lake.run("product", "curated.product", inputs)
    assert [(each["batch_id"], each["rows_in"], each["rows_out"]) for each in results] == [
        ("b1", 1, 1),
        ("b1", 1, 1),
        ("b1", 3, 3),
    ]


def test_the_catalogue_replaces_an_unknown_member_and_a_newer_load_an_older_one(lake: Lake) -> None:
    lake.publish()
    rows = [(1, 10, 100, "Private", "24 OZ"), (77, 10, 200, "National", None)]
    lake.deliver("catalog.product", "b2", "load-2", rows)
    lake.publish()
    products = {row["product_id"]: row for row in lake.rows("curated.product")}
    assert (products[1]["brand"], products[1]["_batch_id"]) == ("Private", "b2")
    assert (products[77]["department"], products[77]["is_unknown_member"]) == ("GROCERY", False)
    assert len(products) == 2
    lines = {row["product_id"]: row for row in lake.rows("curated.sales_line")}
    assert lines[77]["is_known_product"] is True


def test_publishing_again_changes_no_row(lake: Lake) -> None:
    lake.publish()
    names = ("curated.product", "curated.sales_line", "curated.store")
    before = {name: lake.catalog.digest(name) for name in names}
    lake.publish()
    assert {name: lake.catalog.digest(name) for name in names} == before
    assert lake.snapshots("curated.sales_line") == 2


def test_an_older_load_changes_nothing_and_is_taken_in_all_the_same(lake: Lake) -> None:
    lake.publish()
    before = lake.catalog.digest("curated.sales_line")
    lake.batches["pos.sales_line"] = []
    lake.deliver("pos.sales_line", "b0", "load-0", [(1, 1, 9, Decimal("9.00"), *NOTHING)])
    lake.publish()
    assert lake.catalog.digest("curated.sales_line") == before
    # The commit is what later runs recognise the batch by.
    assert lake.snapshots("curated.sales_line") == 2


def test_lines_of_many_months_are_partitioned_by_month(lake: Lake) -> None:
    times = [datetime(2017, month, 15, 12) for month in range(1, 13)]  # noqa: DTZ001
    baskets = [(100 + number, 7, 300, at, 1) for number, at in enumerate(times)]
    lake.deliver("pos.basket", "b2", "load-1", baskets)
    lines = [(100 + number, 1, 1, Decimal(1), *NOTHING) for number in range(12)]
    lake.deliver("pos.sales_line", "b2", "load-1", lines)
    lake.publish()
    files = lake.catalog.load().load_table("curated.sales_line").inspect.files().to_pylist()
    assert len({str(file["partition"]) for file in files}) == 12


def data_files(lake: Lake, table: str) -> dict[str, set[str]]:
    """The table's data files by the value of their partition."""
    files = lake.catalog.load().load_table(table).inspect.files().to_pylist()
    found: dict[str, set[str]] = {}
    for file in files:
        path = file["file_path"].removeprefix("file:").replace("//", "", 1)
        found.setdefault(str(file["partition"]), set()).add(path)
    return found


@contextmanager
def out_of_reach(files: Sequence[Path]) -> Iterator[None]:
    """Whoever opens one of these files fails."""
    for file in files:
        file.rename(file.with_suffix(".hidden"))
    try:
        yield
    finally:
        for file in files:
            file.with_suffix(".hidden").rename(file)


def test_a_weeks_delivery_reads_and_rewrites_its_own_month_only(lake: Lake) -> None:
    lake.batches["pricing.price_week"] = []
    prices = [(1, week, Decimal("2.50"), Decimal("2.00"), 3) for week in range(1, 54)]
    lake.deliver("pricing.price_week", "b2", "0", prices)
    lake.publish_prices()
    before = data_files(lake, "curated.price_week")
    assert len(before) == 13  # week 1 began in December of the year before
    lake.batches["pricing.price_week"] = []
    # A week of October that is changed, and another to which a product is added.
    october = [(1, 41, Decimal("9.99"), Decimal("9.00"), 4), (2, 42, Decimal(1), Decimal(1), 1)]
    lake.deliver("pricing.price_week", "b3", "0", october, day=date(2018, 2, 1))
    hidden = [Path(file) for month, files in before.items() if "573" not in month for file in files]
    with out_of_reach(hidden):
        lake.publish_prices()
    after = data_files(lake, "curated.price_week")
    assert len({month for month in after if after[month] != before[month]}) == 1
    rows = {
        (row["product_id"], row["business_week"]): row["shelf_price"]
        for row in lake.rows("curated.price_week")
    }
    assert len(rows) == 54
    assert (rows[1, 41], rows[1, 42], rows[2, 42]) == (Decimal("9.99"), Decimal("2.50"), 1)


def test_an_older_delivery_of_a_week_changes_none_of_its_prices(lake: Lake) -> None:
    lake.publish_prices()
    before = lake.catalog.digest("curated.price_week")
    lake.batches["pricing.price_week"] = []
    older = [(1, 53, Decimal("9.99"), Decimal("9.00"), 4)]
    lake.deliver("pricing.price_week", "b0", "0", older, day=date(2017, 12, 31))
    lake.publish_prices()
    assert lake.catalog.digest("curated.price_week") == before
    assert lake.snapshots("curated.price_week") == 2


def test_a_row_that_moves_to_another_month_is_found_where_it_was(lake: Lake) -> None:
    lake.publish_sales()
    # The receipt is of November after all. The month is no part of a line's key.
    moved = datetime(2017, 11, 11, 17)  # noqa: DTZ001
    lake.deliver("pos.basket", "b2", "load-2", [(1, 7, 300, moved, 45)])
    lake.deliver("pos.sales_line", "b2", "load-2", [(1, 1, 2, Decimal("5.00"), *NOTHING)])
    lake.publish_sales()
    lines = [(row["basket_id"], row["product_id"]) for row in lake.rows("curated.sales_line")]
    assert sorted(lines) == [(1, 1), (2, 77), (3, 1)]
    days = {row["basket_id"]: row["business_date"] for row in lake.rows("curated.sales_line")}
    assert days[1] == date(2017, 11, 11)


def test_a_redemption_finds_its_receipt_when_that_comes_later(lake: Lake) -> None:
    lake.publish_sales()
    late = date(2017, 12, 29)
    lake.deliver("marketing.coupon_redemption", "b2", "0", [(7, "0100", 13, late)])
    lake.publish_interactions()
    name = f"redemption/13/7/0100/{late}"
    used = {row["interaction_id"]: row for row in lake.rows("curated.interaction")}
    assert (used[name]["basket_id"], used[name]["offered_sales_value"]) == (None, 0)
    receipt = (9, 7, 300, datetime(2017, 12, 30, 2), 53)  # noqa: DTZ001 - 9 p.m. in New York
    lake.deliver("pos.basket", "b2", "load-1", [receipt])
    lake.deliver("pos.sales_line", "b2", "load-1", [(9, 1, 1, Decimal("2.50"), *NOTHING)])
    lake.publish_sales()
    lake.publish_interactions()
    used = {row["interaction_id"]: row for row in lake.rows("curated.interaction")}
    assert (used[name]["basket_id"], used[name]["offered_sales_value"]) == (9, Decimal("2.50"))
    assert len(used) == 5


def test_a_batch_that_only_asks_for_a_table_is_reported_with_no_rows(lake: Lake) -> None:
    lake.publish_sales()
    inputs = [*MARKETING, "pos.sales_line"]
    sales = "lake.curated.sales_line"
    results = lake.run("interaction", "curated.interaction", inputs, sales=sales)
    assert [each["rows_in"] for each in results] == [1, 1, 2, 1, 0]


def brands(lake: Lake) -> dict[int, str]:
    return {row["product_id"]: row["brand"] for row in lake.rows("curated.product")}


def test_a_product_that_is_delisted_is_gone_unless_it_was_sold(lake: Lake) -> None:
    product = (10, 100, "National", "12 OZ")
    lake.deliver("catalog.product", "b2", "load-1", [(2, *product)], sequence="2")
    lake.publish_sales()
    assert brands(lake) == {1: "National", 2: "National", 77: "UNKNOWN"}
    lake.taken_in()
    gone = [(1, None, None, None, None), (2, None, None, None, None)]
    lake.deliver("catalog.product", "b3", "load-1", gone, op="D", sequence="3")
    lake.publish_sales()
    assert brands(lake) == {1: "UNKNOWN", 77: "UNKNOWN"}
    # The deletion is read again with every batch, and is no newer for that.
    lake.taken_in()
    lake.deliver("pos.sales_line", "b4", "load-1", [(3, 78, 1, Decimal("1.00"), *NOTHING)])
    lake.publish_sales()
    assert brands(lake) == {1: "UNKNOWN", 77: "UNKNOWN", 78: "UNKNOWN"}
    lake.taken_in()
    lake.deliver("catalog.product", "b5", "load-1", [(1, *product)], sequence="5")
    lake.publish_sales()
    assert brands(lake) == {1: "National", 77: "UNKNOWN", 78: "UNKNOWN"}


def test_records_that_are_deleted_at_a_service_are_gone(lake: Lake) -> None:
    lake.publish()
    lake.taken_in()
    lake.deliver("crm.household", "b2", "0", [(7, None)], op="D")
    lake.deliver("marketing.coupon", "b2", "0", [("0100", 2, 13)], op="D")
    lake.deliver("marketing.coupon_redemption", "b2", "0", [(7, "0100", 13, DAY)], op="D")
    lake.run("customer", "curated.customer", ["crm.household", "crm.demographic"])
    lake.publish_interactions()
    assert lake.rows("curated.customer") == []
    left = {row["interaction_id"] for row in lake.rows("curated.interaction")}
    assert left == {"target/13/7", "offer/13/0100/1"}


def test_a_file_of_an_old_week_splits_the_period_of_a_price(lake: Lake) -> None:
    def periods() -> list[tuple[date, date | None, Decimal]]:
        lake.run("price_history", "curated.price_history", ["pricing.price_week"])
        lake.taken_in()
        rows = lake.rows("curated.price_history")
        return sorted((row["valid_from"], row["valid_to"], row["shelf_price"]) for row in rows)

    def deliver(batch: str, week: int, price: str) -> None:
        prices = [(1, week, Decimal(price), Decimal("2.00"), 3)]
        lake.deliver("pricing.price_week", batch, "0", prices, day=date(2018, 1, int(batch[1:])))

    week_50, week_51, week_53 = date(2017, 12, 4), date(2017, 12, 11), date(2017, 12, 25)
    assert periods() == [(week_53, None, Decimal("2.50"))]
    deliver("b2", 50, "2.50")
    assert periods() == [(week_50, None, Decimal("2.50"))]
    deliver("b3", 51, "3.00")
    assert periods() == [
        (week_50, week_51, Decimal("2.50")),
        (week_51, week_53, Decimal("3.00")),
        (week_53, None, Decimal("2.50")),
    ]
    deliver("b4", 51, "2.50")
    assert periods() == [(week_50, None, Decimal("2.50"))]
