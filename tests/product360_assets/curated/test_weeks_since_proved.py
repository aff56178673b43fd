"""A claim by weeks that held is asked of the weeks since the first that changed, or of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from product360_assets.curated.claims import Claim, equal_by_week
from product360_assets.curated.commits import AS_OF_DATE, MADE_FROM
from product360_assets.curated.presentation import asset_key
from product360_assets.curated.product_week import CLAIMS
from product360_assets.curated.proofs import PROVED_OF
from product360_assets.curated.prover import PROVED_BY, Prover
from product360_assets.curated.since import Origin
from resources.maintenance import CONTENT_SNAPSHOT
from resources.warehouse import Answer
from spark.tables import Table
from spark.tables.curated import PRODUCT, PRODUCT_WEEK, SALES_LINE

Row = dict[str, Any]
SALES = next(each for each in CLAIMS if each.name == "sales_equal_those_of_the_closed_weeks")
UNIQUE = next(each for each in CLAIMS if each.name == "key_is_unique")
MONDAYS = [date(2017, 10, 2) + timedelta(weeks=number) for number in range(10)]
AS_OF = MONDAYS[-1] + timedelta(days=6)


class Weeks:
    """A table by weeks that is made from sales, and whoever proves a claim about it."""

    def __init__(self, shop: Any) -> None:
        self.shop, self.asked = shop, list[str]()
        self.said: dict[dg.AssetCheckKey, dg.AssetCheckResult] = {}
        shop.fill(PRODUCT, {"product_id": 1})
        for table in (SALES_LINE, PRODUCT_WEEK):
            shop.catalog.ensure_table(table)
        self.sell(*MONDAYS)
        self.publish(*MONDAYS)

    def sell(self, *days: date, value: str = "1.00") -> None:
        """A line of each day; in files of their months."""
        lines = [
            {"basket_id": number, "product_id": 1, "business_date": day, "units": 1}
            | {"sales_value": Decimal(value), "coupon_discount": Decimal(0)}
            | {"retail_discount": Decimal(0), "coupon_match_discount": Decimal(0)}
            for number, day in enumerate(days)
        ]
        self._append(SALES_LINE, lines, {})

    def publish(self, *mondays: date, revenue: str = "1.00", as_of: date = AS_OF) -> None:
        """Add weeks with one sale each."""
        rows = [
            {"product_id": 1, "week_start": each, "units": 1, "baskets": 1}
            | {"revenue": Decimal(revenue), "shelf_value": Decimal(revenue)}
            for each in mondays
        ]
        origin = Origin("how", {each: self.state(each) for each in self._inputs})
        self._append(PRODUCT_WEEK, rows, {MADE_FROM: origin.text(), AS_OF_DATE: as_of.isoformat()})

    _inputs = (SALES_LINE.identifier, PRODUCT.identifier)

    def state(self, identifier: str) -> int:
        snapshot = self.shop.catalog.table(identifier).current_snapshot()
        return int(snapshot.snapshot_id)

    def take_out(self, table: Table, where: str) -> None:
        self.shop.catalog.table(table.identifier).delete(where)

    def _append(self, table: Table, rows: Sequence[Row], said: dict[str, str]) -> None:
        usual = {
            each.name: None
            if each.nullable
            else {"boolean": False, "string": ""}.get(each.type, Decimal(0))
            for each in table.columns
        }
        iceberg = self.shop.catalog.table(table.identifier)
        content = pa.Table.from_pylist(
            [{**usual, **row} for row in rows], schema=iceberg.schema().as_arrow()
        )
        iceberg.append(content, snapshot_properties=said)

    def prove(self, claim: Claim = SALES, *, days: int = 0) -> str:
        """How the claim was proved: by the weeks since one, by all, or not."""
        self.asked.clear()
        with self.shop.warehouse.asking() as ask:

            def counted(sql: str, **more: Any) -> Answer:
                self.asked.append(sql)
                answer: Answer = ask(sql, **more)
                return answer

            prover = Prover(
                PRODUCT_WEEK,
                self.shop.ledger.open(),
                self.shop.catalog,
                counted,
                self.shop.lake,
                self.said.get,
                now=datetime(2018, 2, 1, tzinfo=UTC) + timedelta(days=days),
            )
            result = prover.prove(claim)
        self.said[dg.AssetCheckKey(asset_key(PRODUCT_WEEK), claim.name)] = result
        if not result.passed:
            return "no"
        return "changes" if PROVED_BY in result.metadata else "all"


@pytest.fixture
def weeks(shop: Any) -> Weeks:
    made = Weeks(shop)
    assert made.prove() == "all"
    return made


NEXT = MONDAYS[-1] + timedelta(days=7)


def test_a_week_that_came_is_asked_of_and_none_before_it(weeks: Weeks) -> None:
    weeks.sell(NEXT)
    weeks.publish(NEXT, as_of=NEXT + timedelta(days=6))
    assert weeks.prove() == "changes"
    (sql,) = weeks.asked
    assert f"business_date >= DATE '{NEXT}'" in sql
    assert f"week_start >= DATE '{NEXT}'" in sql


def test_a_late_sale_is_asked_of_from_its_week_on(weeks: Weeks) -> None:
    late = MONDAYS[3] + timedelta(days=5)
    weeks.sell(late)
    weeks.take_out(PRODUCT_WEEK, f"week_start = '{MONDAYS[3]}'")
    weeks.publish(MONDAYS[3], revenue="2.00")
    # Whole months are written again, so files begin where their month does.
    assert weeks.prove() == "no"
    weeks.take_out(PRODUCT_WEEK, f"week_start = '{MONDAYS[3]}'")
    weeks.publish(MONDAYS[3])
    weeks.publish(MONDAYS[3])
    assert weeks.prove() == "all"
    weeks.sell(MONDAYS[8])
    weeks.publish(MONDAYS[8])
    assert weeks.prove() == "changes"
    assert f"DATE '{MONDAYS[8]}'" in weeks.asked[0]


@pytest.mark.parametrize("revenue", ["1.01", "0.99"])
def test_what_is_wrong_in_a_week_that_changed_is_found(weeks: Weeks, revenue: str) -> None:
    weeks.sell(NEXT)
    weeks.publish(NEXT, revenue=revenue, as_of=NEXT + timedelta(days=6))
    assert weeks.prove() == "no"
    # It was asked of all then, whose numbers a person needs.
    assert len(weeks.asked) == 2
    assert "DATE '" not in weeks.asked[1]


def test_what_one_week_lacks_another_does_not_make_good(weeks: Weeks) -> None:
    weeks.sell(NEXT, NEXT + timedelta(days=7), value="2.00")
    weeks.publish(NEXT, revenue="1.00")
    weeks.publish(NEXT + timedelta(days=7), revenue="3.00", as_of=NEXT + timedelta(days=13))
    assert weeks.prove() == "no"


def test_a_week_that_is_gone_is_found(weeks: Weeks) -> None:
    weeks.take_out(PRODUCT_WEEK, f"week_start = '{MONDAYS[2]}'")
    weeks.publish(NEXT)
    assert weeks.prove() == "no"


def test_a_day_that_passed_counts_as_changed(shop: Any) -> None:
    """What was there, and too new, is asked of although no file of it changed."""
    weeks = Weeks(shop)
    weeks.sell(NEXT)
    weeks.publish(as_of=AS_OF)
    assert weeks.prove() == "all"
    weeks.publish(as_of=NEXT + timedelta(days=6))
    assert weeks.prove() == "changes"
    assert f"DATE '{NEXT}'" in weeks.asked[0]


def test_where_what_changed_has_no_day_everything_is_asked(weeks: Weeks) -> None:
    by_product = replace(
        SALES,
        sql=SALES.sql + " -- of products: (SELECT max(product_id) FROM curated.product)",
    )
    assert weeks.prove(by_product) == "all"
    weeks.sell(NEXT)
    weeks.publish(NEXT)
    assert weeks.prove(by_product) == "changes"
    weeks.shop.fill(PRODUCT, {"product_id": 1}, {"product_id": 2})
    weeks.sell(NEXT + timedelta(days=7))
    weeks.publish(NEXT + timedelta(days=7))
    assert weeks.prove(by_product) == "all"


def test_where_the_state_that_was_proved_is_not_known_any_more_everything_is_asked(
    weeks: Weeks,
) -> None:
    proved = weeks.state(PRODUCT_WEEK.identifier)
    weeks.sell(NEXT)
    weeks.publish(NEXT)
    table = weeks.shop.catalog.table(PRODUCT_WEEK.identifier)
    table.maintenance.expire_snapshots().by_id(proved).commit()
    assert weeks.prove() == "all"


def test_a_state_that_does_not_say_what_it_was_made_from_is_asked_of_everything(
    weeks: Weeks,
) -> None:
    weeks._append(PRODUCT_WEEK, [], {CONTENT_SNAPSHOT: "1"})
    assert weeks.prove() == "all"
    weeks.sell(NEXT)
    weeks.publish(NEXT)
    assert weeks.prove() == "all"


def test_after_a_week_everything_is_asked_again(weeks: Weeks) -> None:
    weeks.sell(NEXT)
    weeks.publish(NEXT)
    assert weeks.prove(days=8) == "all"


def test_keys_of_a_derived_table_are_asked_of_what_changed(weeks: Weeks) -> None:
    assert weeks.prove(UNIQUE) == "all"
    weeks.publish(NEXT)
    assert weeks.prove(UNIQUE) == "changes"
    weeks.publish(NEXT)
    assert weeks.prove(UNIQUE) == "no"
    # Made whole: then all is what changed, and everything costs less than that.
    weeks.take_out(PRODUCT_WEEK, "product_id = 1")
    weeks.publish(*MONDAYS)
    assert weeks.prove(UNIQUE) == "all"
    weeks.take_out(PRODUCT_WEEK, "product_id = 1")
    weeks.publish(*MONDAYS)
    assert weeks.prove(UNIQUE) == "all"


def test_sums_are_compared_week_by_week(weeks: Weeks) -> None:
    here = "SELECT DATE '2017-10-02' AS week_start, 1 AS units UNION ALL SELECT '2017-10-09', NULL"
    there = "SELECT DATE '2017-10-02' AS week_start, {} AS units"
    with weeks.shop.warehouse.asking() as ask:
        for number, holds in ((1, True), (2, False)):
            answer = ask(equal_by_week(here, there.format(number), ("units",))).single()
            assert answer["holds"] is holds
            assert (answer["units"], answer["units_there"]) == (1, number)


def test_what_held_of_a_table_without_rows_is_asked_of_everything(weeks: Weeks) -> None:
    key = dg.AssetCheckKey(asset_key(PRODUCT_WEEK), SALES.name)
    said = weeks.said[key]
    metadata = {**said.metadata, PROVED_OF: dg.TextMetadataValue("none")}
    weeks.said[key] = dg.AssetCheckResult(
        check_name=said.check_name,
        asset_key=said.asset_key,
        passed=True,
        metadata=metadata,
    )
    weeks.sell(NEXT)
    weeks.publish(NEXT)
    assert weeks.prove() == "all"
