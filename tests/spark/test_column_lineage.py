"""What a published column was computed from, as the jobs' own plans say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from spark.at_hand import at_hand
from spark.column_lineage import Notes, details, note_published, noted, origins
from spark.publishing import read_batches, result
from spark.tables.curated import CUSTOMER
from spark.transforms.customer import customers
from spark.transforms.product import listed_products, unknown_members
from spark.transforms.sales_line import sales_lines
from spark.transforms.weekly_demand import weekly_demand

LINEAGE = {
    "_batch_id": pa.string(),
    "_epoch": pa.string(),
    "_committed_at": pa.timestamp("us", "UTC"),
    "_change_sequence": pa.string(),
    "_operation": pa.string(),
}
PRODUCT = ("product_id", "hierarchy_id", "manufacturer_id", "brand", "package_size")
HIERARCHY = ("hierarchy_id", "department", "product_category", "product_type")
LINE = ("basket_id", "product_id", "quantity", "sales_value", "retail_discount")
COUPONS = ("coupon_discount", "coupon_match_discount")
BASKET = ("basket_id", "household_id", "store_id", "week")
DEMOGRAPHIC = ("age", "income", "home_ownership", "marital_status", "household_size")
SOLD = ("product_id", "household_id", "units", "sales_value", "business_date")


@pytest.fixture
def files(session: SparkSession, tmp_path: Path) -> Callable[..., DataFrame]:
    """Writes an input of no rows to a file, and reads it as a job does."""

    def read(name: str, *columns: str, **typed: pa.DataType) -> DataFrame:
        types = {**dict.fromkeys(columns, pa.int64()), **typed}
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        pq.write_table(pa.schema(types.items()).empty_table(), folder / "part.parquet")
        batch = {"location": f"file://{folder}", "epoch": "0", "is_new": True}
        spec = {"inputs": {name: {"batches": [batch]}}}
        frame = read_batches(session, spec, name)
        assert frame is not None
        return frame

    return read


@contextmanager
def followed(session: SparkSession) -> Iterator[Callable[[DataFrame], dict[str, Any]]]:
    with noted() as notes:
        yield lambda rows: origins(session, rows, notes)


def pairs(*names: str) -> list[tuple[str, str]]:
    """`pos.basket.sold_at` as (dataset, column)."""
    split = [name.rpartition(".") for name in sorted(names)]
    return [(dataset, column) for dataset, _, column in split]


def test_a_sale_s_columns_go_back_to_line_receipt_and_product(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    with followed(session) as found:
        lines = files("pos.sales_line", *LINE, *COUPONS, **LINEAGE)
        stamp = pa.timestamp("us", "UTC")
        baskets = files("pos.basket", *BASKET, sold_at=stamp, **LINEAGE)
        flag = pa.bool_()
        products = files("product", "product_id", is_fuel=flag, is_unknown_member=flag)
        rows = found(sales_lines(lines, baskets, products, "America/New_York"))
    assert rows["business_date"] == pairs("pos.basket.sold_at")
    assert rows["sales_value"] == pairs("pos.sales_line.sales_value")
    assert rows["household_id"] == pairs("pos.basket.household_id")
    assert rows["units"] == pairs("pos.sales_line.quantity", "product.is_fuel")
    assert rows["is_known_product"] == pairs("product.is_unknown_member")
    assert rows["basket_id"] == pairs("pos.sales_line.basket_id")


def test_a_union_has_the_origins_of_both_sides_and_constants_have_none(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    text = dict.fromkeys(HIERARCHY[1:], pa.string())
    with followed(session) as found:
        catalogue = files("catalog.product", *PRODUCT, **LINEAGE)
        places = files("catalog.product_hierarchy", "hierarchy_id", **text, **LINEAGE)
        sold = files("pos.sales_line", *LINE, **LINEAGE)
        listed = listed_products(catalogue, places)
        rows = found(listed.unionByName(unknown_members(sold, listed)))
    assert rows["product_id"] == pairs("catalog.product.product_id", "pos.sales_line.product_id")
    assert rows["department"] == pairs("catalog.product_hierarchy.department")
    assert rows["is_fuel"] == pairs(
        "catalog.product_hierarchy.department", "catalog.product_hierarchy.product_type"
    )
    assert rows["is_unknown_member"] == []


def test_a_sum_is_of_what_it_adds_up_and_not_of_its_groups_or_filters(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    with followed(session) as found:
        lines = files("sales", *SOLD, business_date=pa.date32())
        rows = found(weekly_demand(lines, date(2017, 12, 31)))
    assert rows["demand"] == pairs("sales.units")
    assert rows["item_id"] == pairs("sales.product_id")
    assert rows["week_start"] == pairs("sales.business_date")


def test_a_count_of_rows_is_of_what_says_which_rows_they_are(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    with followed(session) as found:
        lines = files("sales", *SOLD).where(F.col("units") > 0)
        counted = lines.groupBy("product_id").agg(
            F.count(F.lit(1)).alias("lines"), F.sum("sales_value").alias("revenue")
        )
        rows = found(counted.select("lines", "revenue"))
    assert rows == {
        "lines": pairs("sales.product_id"),
        "revenue": pairs("sales.sales_value"),
    }


def test_a_condition_counts_and_so_does_sql(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    with followed(session) as found:
        lines = files("sales", *SOLD)
        rows = found(
            lines.groupBy("product_id").agg(
                F.sum(F.when(F.col("business_date") > 7, F.col("sales_value"))).alias("recent"),
                F.expr("max(units + 1) FILTER (WHERE 'sales_value' <> '') AS most"),
            )
        )
    assert rows["recent"] == pairs("sales.business_date", "sales.sales_value")
    assert rows["most"] == pairs("sales.units")


def test_a_window_passes_its_value_on_and_a_rank_its_order(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    window = Window.partitionBy("product_id").orderBy("business_date")
    with followed(session) as found:
        lines = files("sales", *SOLD).withColumn("before", F.lag("units").over(window))
        rows = found(lines.withColumn("place", F.row_number().over(window)).drop("units"))
    assert rows["before"] == pairs("sales.units")
    assert rows["place"] == pairs("sales.business_date")
    assert "units" not in rows


def test_two_frames_of_one_name_are_told_apart_by_frame_and_by_alias(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    with followed(session) as found:
        one, two = files("one", "id", "value"), files("two", "id", "value")
        joined = one.join(two, one["id"] == two["id"], how="inner")
        assert found(joined.select(two["value"]))["value"] == pairs("two.value")
        aliased = one.alias("a").join(two.alias("b"), on="id", how="left")
        rows = found(aliased.select("id", "b.value", "a.*").toDF("id", "mine", "his", "other"))
    assert rows["mine"] == pairs("two.value")
    assert rows["id"] == pairs("one.id", "two.id")


def test_what_cannot_be_followed_says_nothing_and_fails_nothing(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    with followed(session) as found:
        known = files("one", "id")
        made = session.createDataFrame([(1, 2)], "id bigint, other bigint")
        assert found(made) == {}
        rows = found(known.join(made, on="id", how="left"))
    assert rows == {"id": pairs("one.id")}
    assert origins(session, object(), Notes()) == {}  # type: ignore[arg-type]


def test_rows_at_hand_come_from_where_they_were_computed(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    with followed(session) as found:
        prices = files("prices", "product", "week", "price")
        weeks = prices.groupBy("week").agg(F.max("price").alias("highest"))
        rows = found(prices.join(at_hand(weeks), on="week", how="inner").drop("price"))
    assert rows["highest"] == pairs("prices.price")
    assert rows["week"] == pairs("prices.week")
    assert rows["product"] == pairs("prices.product")


def test_a_function_over_whole_rows_is_computed_from_all_that_it_is_given(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    with followed(session) as found:
        given = files("sales", *SOLD).select("product_id", (F.col("units") * 2).alias("twice"))
        made = given.mapInArrow(lambda batches: batches, "item bigint, slope double")
        rows = found(made.select("item", (F.col("slope") + 1).alias("more")))
    assert rows == dict.fromkeys(("item", "more"), pairs("sales.product_id", "sales.units"))


def test_a_job_s_result_says_what_its_columns_come_from(
    session: SparkSession, files: Callable[..., DataFrame]
) -> None:
    text = dict.fromkeys((*DEMOGRAPHIC, "household_comp", "kids_count"), pa.string())
    seen = {"first_seen_at": pa.timestamp("us", "UTC")}
    with noted():
        households = files("crm.household", "household_id", **seen, **LINEAGE)
        known = files("crm.demographic", "household_id", **text, **LINEAGE)
        note_published(session, customers(households, known), CUSTOMER)
        said = result(CUSTOMER.identifier, 0, 0)["details"]["column_lineage"]
        assert result("curated.other", 0, 0)["details"] == {}
    assert '"age_band": [["crm.demographic", "age"]]' in said
    assert '"has_demographics": [["crm.demographic", "household_id"]]' in said
    assert details(CUSTOMER.identifier) == {}
