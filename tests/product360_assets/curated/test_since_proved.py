"""A claim that held is asked of what changed since, which tells no less, or else of everything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from product360_assets.curated import proofs
from product360_assets.curated.claims import all_claims
from product360_assets.curated.commits import BATCH_IDS
from product360_assets.curated.presentation import asset_key
from product360_assets.curated.promotion_week import CLAIMS as PROMOTION_CLAIMS
from product360_assets.curated.prover import PROVED_BY, Prover
from product360_assets.curated.sales_line import CLAIMS as SALES_CLAIMS
from resources.maintenance import CONTENT_SNAPSHOT
from resources.warehouse import Answer
from spark.tables.curated import PROMOTION_WEEK, SALES_LINE
from spark.tables.tombstones import tombstones_of

Row = dict[str, Any]
TO_THE_CENT, RECEIPTS = "sales_equal_the_clean_lines_to_the_cent", "every_line_has_its_receipt"
UNIQUE, FUEL = "key_is_unique", "fuel_has_no_units"
PROVABLE = (TO_THE_CENT, RECEIPTS, UNIQUE, FUEL, "is_not_empty")
NEWS = "equal_the_newest_deliveries"


class Till:
    """The sales lines, day by day, and whoever proves the claims about them."""

    table, source = SALES_LINE, "pos.sales_line"

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self.claims = {each.name: each for each in all_claims(SALES_LINE, SALES_CLAIMS)}
        self.said: dict[dg.AssetCheckKey, dg.AssetCheckResult] = {}
        self.now = datetime(2018, 2, 1, tzinfo=UTC)
        for table in (SALES_LINE, tombstones_of(SALES_LINE)):
            shop.catalog.ensure_table(table)
        self.deliver("pos.basket", *({"basket_id": n, "household_id": 1} for n in range(9)))
        self.publish(
            [line(1, at=1), line(2, at=1)], self.deliver_lines(told(1, at=1), told(2, at=1))
        )
        assert self.prove() == dict.fromkeys(PROVABLE, "all")

    def deliver(self, name: str, *rows: Row) -> str:
        self.shop.deliver(name, SALES_LINE, *rows)
        return str(self.shop.ledger.open().batches(*name.split("."))[-1].batch_id)

    def deliver_lines(self, *rows: Row) -> str:
        return self.deliver("pos.sales_line", *rows)

    def publish(self, rows: list[Row], *batches: str, **properties: str) -> None:
        """Append rows as a file of their own, in the name of batches."""
        said = {BATCH_IDS: ",".join(batches)} if batches else {}
        table = self.shop.catalog.table(SALES_LINE.identifier)
        table.append(self._content(rows), snapshot_properties={**said, **properties})

    def rewrite(self, day: date, rows: list[Row], *batches: str) -> None:
        """Put rows in place of a day's, as a merge does that copies files."""
        said = {BATCH_IDS: ",".join(batches)} if batches else {}
        self.shop.catalog.table(SALES_LINE.identifier).overwrite(
            self._content(rows),
            overwrite_filter=f"business_date = '{day}'",
            snapshot_properties=said,
        )

    def bury(self, basket: int, *, at: int) -> None:
        """Remember that a line was deleted."""
        stones = tombstones_of(SALES_LINE)
        place = {"_change_order": line(basket, at=at)["_change_order"], "_batch_id": ""}
        schema = self.shop.catalog.table(stones.identifier).schema().as_arrow()
        rows = [{"basket_id": basket, "product_id": 10, **place}]
        self.shop.catalog.table(stones.identifier).append(pa.Table.from_pylist(rows, schema=schema))

    def _content(self, rows: list[Row]) -> pa.Table:
        columns = {
            each.name: None if each.nullable else {"boolean": False, "string": ""}.get(each.type, 0)
            for each in SALES_LINE.columns
        }
        schema = self.shop.catalog.table(SALES_LINE.identifier).schema().as_arrow()
        return pa.Table.from_pylist([{**columns, **row} for row in rows], schema=schema)

    def prove(self) -> Mapping[str, str]:
        """How each claim was proved: by what changed, by all, by an earlier proof, or not."""
        with self.shop.warehouse.asking() as ask:
            asked: list[str] = []

            def counted(sql: str, **more: Any) -> Answer:
                asked.append(sql)
                answer: Answer = ask(sql, **more)
                return answer

            prover = Prover(
                SALES_LINE,
                self.shop.ledger.open(),
                self.shop.catalog,
                counted,
                self.shop.lake,
                self.said.get,
                now=self.now,
            )
            return {name: self._how(prover, name, asked) for name in PROVABLE}

    def _how(self, prover: Prover, name: str, asked: list[str]) -> str:
        before = len(asked)
        result = prover.prove(self.claims[name])
        self.said[dg.AssetCheckKey(asset_key(SALES_LINE), name)] = result
        if not result.passed:
            return "no"
        if len(asked) == before:
            return "said again"
        return "changes" if PROVED_BY in result.metadata else "all"

    def say_yes(self) -> None:
        """Let every claim have held of the table as it is, whatever it is."""
        assert set(self.prove().values()) <= {"all", "changes", "said again"}


def line(basket: int, *, at: int, value: str = "1.50", **more: Any) -> Row:
    """A published line of a day in January."""
    return {
        "basket_id": basket,
        "product_id": 10,
        "household_id": 1,
        "store_id": 1,
        "business_date": date(2018, 1, 1),
        "units": 1,
        "sales_value": Decimal(value),
        "retail_discount": Decimal("0.10"),
        "coupon_discount": Decimal("0.00"),
        "coupon_match_discount": Decimal("0.00"),
        "_change_order": f"0 2018-01-{at:02} 00:00:00.000000 {at}",
        **more,
    }


def told(basket: int, *, at: int, value: str = "1.50", operation: str = "I", **more: Any) -> Row:
    """The clean change that it is made from."""
    names = ("basket_id", "product_id", "sales_value")
    discounts = ("retail_discount", "coupon_discount", "coupon_match_discount")
    whole = line(basket, at=at, value=value)
    return {
        **{name: whole[name] for name in (*names, *discounts)},
        "_operation": operation,
        "_committed_at": datetime(2018, 1, at, tzinfo=UTC),
        "_change_sequence": str(at),
        **more,
    }


@pytest.fixture
def till(shop: Any) -> Till:
    return Till(shop)


JANUARY = date(2018, 1, 1)


def test_what_is_new_is_enough_to_ask_and_then_stands(till: Till) -> None:
    till.publish([line(3, at=2)], till.deliver_lines(told(3, at=2)))
    assert till.prove() == dict.fromkeys(PROVABLE, "changes")
    assert till.prove() == dict.fromkeys(PROVABLE, "said again")
    # Nothing of the earlier rows was read: their file is not among those that a question names.
    till.rewrite(
        JANUARY,
        [line(1, at=1), line(2, at=3, value="2.00"), line(3, at=2)],
        till.deliver_lines(told(2, at=3, value="2.00", operation="U")),
    )
    assert till.prove() == dict.fromkeys(PROVABLE, "changes")


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([line(1, at=1), line(2, at=1)], {TO_THE_CENT}),
        ([line(1, at=1), line(2, at=1), line(3, at=2, value="1.51")], {TO_THE_CENT}),
        ([line(1, at=1, value="1.49"), line(2, at=1), line(3, at=2)], {TO_THE_CENT}),
        ([line(1, at=1), line(3, at=2)], {TO_THE_CENT}),
        ([line(1, at=1), line(2, at=1), line(3, at=2), line(4, at=2)], {TO_THE_CENT}),
        (
            [line(1, at=1), line(2, at=1), line(3, at=2), line(3, at=2)],
            {UNIQUE},
        ),
        ([line(1, at=1), line(2, at=1), line(3, at=2, business_date=None)], {RECEIPTS}),
        ([line(1, at=1), line(2, at=1), line(3, at=2, household_id=None)], {RECEIPTS}),
        ([line(1, at=1), line(2, at=1), line(3, at=2, is_fuel=True)], {FUEL}),
    ],
    ids=[
        "lost",
        "of another value",
        "another line changed",
        "another line lost",
        "made up",
        "twice",
        "without a day",
        "nobody's",
        "fuel in pieces",
    ],
)
def test_what_is_wrong_among_the_changes_is_found(
    till: Till, rows: list[Row], wrong: set[str]
) -> None:
    till.rewrite(JANUARY, rows, till.deliver_lines(told(3, at=2)))
    how = till.prove()
    assert {name for name, answer in how.items() if answer == "no"} == wrong
    assert {how[name] for name in PROVABLE if name not in wrong} == {"changes"}


def test_a_key_that_lies_in_a_file_that_nobody_touched_is_found(till: Till) -> None:
    till.publish([line(2, at=2)], till.deliver_lines(told(2, at=2)))
    assert till.prove()[UNIQUE] == "no"


def test_a_deleted_line_must_be_gone_and_stay_gone(till: Till) -> None:
    batch = till.deliver_lines(told(2, at=3, operation="D"))
    till.rewrite(JANUARY, [line(1, at=1)], batch)
    till.bury(2, at=3)
    assert till.prove()[TO_THE_CENT] == "changes"
    # A change that comes late does not bring it back, and a newer one does.
    till.rewrite(JANUARY, [line(1, at=1)], till.deliver_lines(told(2, at=2, value="9.00")))
    assert till.prove()[TO_THE_CENT] == "changes"
    again = till.deliver_lines(told(2, at=4, value="9.00"))
    till.rewrite(JANUARY, [line(1, at=1), line(2, at=4, value="9.00")], again)
    assert till.prove()[TO_THE_CENT] == "changes"


def test_a_line_that_comes_back_by_a_late_change_is_found(till: Till) -> None:
    till.rewrite(JANUARY, [line(1, at=1)], till.deliver_lines(told(2, at=3, operation="D")))
    till.bury(2, at=3)
    till.say_yes()
    late = till.deliver_lines(told(2, at=2, value="9.00"))
    till.publish([line(2, at=2, value="9.00")], late)
    assert till.prove()[TO_THE_CENT] == "no"


def test_a_deleted_line_in_a_file_that_nobody_touched_is_found(till: Till) -> None:
    till.publish([line(3, at=3)], till.deliver_lines(told(3, at=3), told(2, at=2, operation="D")))
    assert till.prove()[TO_THE_CENT] == "no"


def test_a_line_that_was_deleted_and_is_still_there_is_found(till: Till) -> None:
    batch = till.deliver_lines(told(2, at=2, operation="D"))
    till.rewrite(JANUARY, [line(1, at=1), line(2, at=1)], batch)
    assert till.prove()[TO_THE_CENT] == "no"


def test_a_late_change_must_leave_the_newer_row(till: Till) -> None:
    till.rewrite(
        JANUARY,
        [line(1, at=5, value="5.00"), line(2, at=1)],
        till.deliver_lines(told(1, at=5, value="5.00")),
    )
    till.say_yes()
    late = till.deliver_lines(told(1, at=3, value="3.00"))
    till.rewrite(JANUARY, [line(1, at=5, value="5.00"), line(2, at=1)], late)
    assert till.prove()[TO_THE_CENT] == "changes"
    late = till.deliver_lines(told(1, at=4, value="4.00"))
    till.rewrite(JANUARY, [line(1, at=4, value="4.00"), line(2, at=1)], late)
    assert till.prove()[TO_THE_CENT] == "no"


def test_a_receipt_that_names_somebody_takes_its_lines_along(till: Till) -> None:
    till.publish([line(3, at=2, household_id=None)], till.deliver_lines(told(3, at=2)))
    assert till.prove()[RECEIPTS] == "no"
    erased = till.deliver(
        "pos.basket", {"basket_id": 3, "household_id": None, "_change_sequence": "2"}
    )
    till.rewrite(date(2019, 1, 1), [], erased)
    assert till.prove()[RECEIPTS] == "all"
    again = till.deliver("pos.basket", {"basket_id": 3, "household_id": 7, "_change_sequence": "3"})
    till.publish([line(4, at=3)], till.deliver_lines(told(4, at=3)), again)
    assert till.prove()[RECEIPTS] == "no"


def test_a_change_that_no_batch_explains_has_everything_asked(till: Till) -> None:
    till.rewrite(JANUARY, [line(1, at=1), line(2, at=1)])
    assert till.prove()[TO_THE_CENT] == "all"


def test_upkeep_changes_no_row_and_is_passed_over(till: Till) -> None:
    proved = till.shop.catalog.table(SALES_LINE.identifier).current_snapshot().snapshot_id
    till.publish([], **{CONTENT_SNAPSHOT: str(proved)})
    assert till.prove()[TO_THE_CENT] == "said again"
    till.publish([line(3, at=2)], till.deliver_lines(told(3, at=2)))
    assert till.prove()[TO_THE_CENT] == "changes"


def test_a_load_that_begins_anew_has_everything_asked(till: Till) -> None:
    rows = [told(1, at=2, _epoch="1"), told(2, at=2, _epoch="1")]
    ledger = till.shop.ledger.open()
    till.shop.deliver("pos.sales_line", SALES_LINE, *rows, epoch="1")
    till.rewrite(
        JANUARY,
        [line(1, at=2), line(2, at=2)],
        str(ledger.batches("pos", "sales_line")[-1].batch_id),
    )
    assert till.prove()[TO_THE_CENT] == "all"


def test_a_proof_that_was_carried_on_ends_with_the_one_that_it_began_with(till: Till) -> None:
    began = till.now
    for day in range(2, 9):
        till.now = began + timedelta(days=day - 1)
        till.publish([line(day + 1, at=day)], till.deliver_lines(told(day + 1, at=day)))
        assert till.prove()[TO_THE_CENT] == "changes"
    till.now = began + proofs.STANDS_FOR + timedelta(seconds=1)
    assert till.prove()[TO_THE_CENT] == "all"


def test_a_delivery_in_parts_is_looked_at_as_a_whole(shop: Any) -> None:
    """Each part says where a product stood; the day says all of its places."""
    [claim] = [each for each in PROMOTION_CLAIMS if each.name.endswith(NEWS)]
    said: dict[dg.AssetCheckKey, dg.AssetCheckResult] = {}
    day, batches = date(2017, 12, 25), "pricing.promotion_week"
    shop.catalog.ensure_table(PROMOTION_WEEK)

    def publish(*rows: Row) -> dg.AssetCheckResult:
        found = shop.ledger.open().batches("pricing", "promotion_week")
        table = shop.catalog.table(PROMOTION_WEEK.identifier)
        content = pa.Table.from_pylist(list(rows), schema=table.schema().as_arrow())
        table.overwrite(content, snapshot_properties={BATCH_IDS: found[-1].batch_id})
        with shop.warehouse.asking() as ask:
            ledger = shop.ledger.open()
            prover = Prover(PROMOTION_WEEK, ledger, shop.catalog, ask, shop.lake, said.get)
            result = prover.prove(claim)
        said[dg.AssetCheckKey(asset_key(PROMOTION_WEEK), claim.name)] = result
        return result

    def part(display: str, mailer: str) -> Row:
        places = {"display_location": display, "mailer_location": mailer}
        return {"product_id": 1, "store_id": 300, "week": 52, **places, "_landing_date": day}

    def row(display: str | None, mailer: str | None) -> Row:
        return {
            "product_id": 1,
            "store_id": 300,
            "week_start": date(2017, 12, 18),
            "business_week": 52,
            "is_on_display": display is not None,
            "is_in_mailer": mailer is not None,
            "display_locations": display,
            "mailer_locations": mailer,
            "_batch_id": "",
            "_change_order": f"0 {day} 00:00:00.000000 ",
        }

    shop.deliver(batches, PROMOTION_WEEK, part("2", "0"), landing_date=day)
    assert publish(row("2", None)).passed
    shop.deliver(batches, PROMOTION_WEEK, part("0", "A"), landing_date=day)
    result = publish(row("2", "A"))
    assert result.passed
    assert publish(row(None, "A")).passed is False
