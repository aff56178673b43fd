"""`product_week`, brought up to date by the weeks that changed, is what it would be made whole."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from kept_table import KeptTable
from written_tables import Changes, WrittenTables

from resources.catalog import LocalCatalogResource
from resources.local import engines
from resources.local.engines import EngineName, Lease
from spark.jobs import product_week
from spark.session import open_session
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PRICE_WEEK,
    PRODUCT,
    PRODUCT_WEEK,
    PROMOTION_WEEK,
    SALES_LINE,
)
from spark.tables.curated.interaction import OFFER, REDEMPTION

MONDAY = date(2017, 10, 2)
LAST_DAY = date(2017, 11, 29)  # a Wednesday
PRODUCTS = range(1, 9)


class Company(WrittenTables):
    """What `product_week` is made of, and what may happen to it."""

    def __init__(self, catalog: LocalCatalogResource, seed: int) -> None:
        super().__init__(catalog, seed, LAST_DAY, *product_week.INPUTS)
        for number in PRODUCTS:
            self.put(PRODUCT, number, {"product_id": number, "is_fuel": number == 8})
        for _ in range(60):
            self.sell()
        for _ in range(25):
            self.price()
            self.promote()
            self.click()
        for number in range(4):
            self.offer(coupon=f"c{number}", product=number + 1)
        for _ in range(6):
            self.redeem()
        self.visit(is_bot=True)
        self.publish()

    def sell(self) -> None:
        number = next(self.numbers)
        household, day = self.chance.choice([None, 1, 2, 3]), self._day()
        line = {
            "basket_id": number,
            "product_id": self._product(),
            "household_id": household,
            "store_id": self.chance.choice([1, 2]),
            "business_date": day,
            "units": self.chance.randint(1, 3),
            "sales_value": Decimal(self.chance.randint(1, 900)) / 100,
        }
        self.put(SALES_LINE, number, line)

    def correct(self) -> None:
        line = self.rows[SALES_LINE][self.some(SALES_LINE)]
        line["sales_value"] += Decimal("1.00")

    def move(self) -> None:
        self.rows[SALES_LINE][self.some(SALES_LINE)]["business_date"] = self._day()

    def take_back(self) -> None:
        del self.rows[SALES_LINE][self.some(SALES_LINE)]

    def price(self) -> None:
        week, number = self._week(), self._product()
        price = Decimal(self.chance.randint(1, 9))
        self.put(
            PRICE_WEEK,
            (number, week),
            {"product_id": number, "week_start": week, "shelf_price": price},
        )

    def promote(self) -> None:
        week, number, store = self._week(), self._product(), self.chance.choice([1, 2])
        shown = {"is_on_display": self.chance.random() < 0.5, "is_in_mailer": True}
        key = {"product_id": number, "store_id": store, "week_start": week}
        self.put(PROMOTION_WEEK, tuple(key.values()), {**key, **shown})

    def offer(self, coupon: str = "c0", product: int | None = None) -> None:
        """The coupon becomes good for a product, or for another one."""
        terms = {"campaign_id": 1, "coupon_upc": coupon, "product_id": product or self._product()}
        name = f"offer {coupon}"
        self.put(INTERACTION, name, {"interaction_id": name, "interaction_type": OFFER, **terms})

    def redeem(self) -> None:
        line = self.rows[SALES_LINE][self.some(SALES_LINE)]
        coupon = f"c{self.chance.randrange(4)}"
        self.offer(coupon, line["product_id"])
        name = f"use {len(self.rows[INTERACTION])}"
        used = {
            "interaction_id": name,
            "interaction_type": REDEMPTION,
            "campaign_id": 1,
            "coupon_upc": coupon,
            "household_id": line["household_id"],
            "interaction_date": line["business_date"],
        }
        self.put(INTERACTION, name, used)

    def click(self) -> None:
        number, day = len(self.rows[CLICK_EVENT]), self._day()
        event = {
            "event_id": f"e{number}",
            "visitor_id": self.chance.choice("abc"),
            "event_type": self.chance.choice(["view", "add_to_cart", "purchase"]),
            "event_time": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            "event_date": day,
            "product_id": self._product(),
        }
        self.put(CLICK_EVENT, number, event)

    def visit(self, *, is_bot: bool) -> None:
        """The visit of some event is a bot's from now on, or is not any more."""
        event = self.rows[CLICK_EVENT][self.some(CLICK_EVENT)]
        at = event["event_time"]
        visit = {
            "session_id": str(len(self.rows[CLICK_SESSION])),
            "visitor_id": event["visitor_id"],
            "started_at": at - timedelta(days=2),
            "ended_at": at + timedelta(hours=1),
            "session_date": event["event_date"] - timedelta(days=2),
            "is_bot": is_bot,
        }
        self.put(CLICK_SESSION, visit["session_id"], visit)

    def find_a_bot(self) -> None:
        self.visit(is_bot=True)

    def absolve_a_bot(self) -> None:
        self.rows[CLICK_SESSION]["0"]["is_bot"] = False

    def pass_days(self) -> None:
        self.day += timedelta(days=1)

    def pass_a_week(self) -> None:
        self.day += timedelta(days=7)
        for _ in range(9):
            self.sell()

    def _product(self) -> int:
        return self.chance.choice(PRODUCTS)

    def _day(self) -> date:
        return MONDAY + timedelta(days=self.chance.randint(0, (self.day - MONDAY).days))

    def _week(self) -> date:
        day = self._day()
        return day - timedelta(days=day.weekday())


def keeper(lease: Lease, catalog: LocalCatalogResource) -> KeptTable:
    return KeptTable(lease, catalog, PRODUCT_WEEK, product_week, product_week.INPUTS)


@pytest.mark.parametrize(
    "engine", ["sail", pytest.param("spark", marks=(pytest.mark.long, pytest.mark.spark))]
)
@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3, 4))])
def test_after_each_change_it_is_what_it_would_be_if_it_were_made_whole(
    tmp_path: Path, engine: EngineName, seed: int
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    company = Company(catalog, seed)
    changes: Changes = [
        (company.sell, company.correct),
        (company.move, company.take_back),
        (company.price, company.promote),
        (company.deliver_again,),
        (company.redeem,),
        (company.offer,),
        (company.click, company.find_a_bot),
        (company.absolve_a_bot, company.pass_days),
        (company.pass_a_week,),
    ]
    with engines.lease_engine(engine, home=tmp_path) as lease:
        kept = keeper(lease, catalog)
        assert kept.keep_right(company.day) is None
        later = company.keep(kept, changes)
        assert None not in later
        # What came again changed nothing.
        assert [number for number, made in enumerate(later) if made == 0] == [3]

        company.sell()
        company.publish(SALES_LINE)
        assert kept.keep_right(company.day) == 1

        company.rows[PRODUCT][7]["is_fuel"] = True
        company.publish()
        assert kept.keep_right(company.day) is None
    engines.stop_engine()


def test_of_the_sources_only_the_weeks_that_are_touched_are_read(tmp_path: Path) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    Company(catalog, 1)
    with engines.lease_engine("sail", home=tmp_path):
        session = open_session()
        frames = {each: session.table(f"lake.{each.identifier}") for each in product_week.INPUTS}
        assert {
            product_week._of_weeks(rows, each, []).count() for each, rows in frames.items()
        } == {0}
        lines = product_week._of_weeks(frames[SALES_LINE], SALES_LINE, [MONDAY]).collect()
        days = {row["business_date"] for row in lines}
        assert MONDAY <= min(days) <= max(days) < MONDAY + timedelta(days=7)
    engines.stop_engine()


@pytest.mark.parametrize("forgotten", ["_of_coupons", "_weeks_of"])
def test_what_has_no_week_of_its_own_has_to_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    company = Company(catalog, 1)
    with engines.lease_engine("sail", home=tmp_path) as lease:
        kept = keeper(lease, catalog)
        kept.keep(company.day)
        monkeypatch.setattr(product_week, forgotten, lambda *_: [])
        for change in (company.redeem, company.absolve_a_bot):
            change()
        company.publish()
        kept.keep(company.day)
        as_kept, whole = kept.digests(company.day)
        assert as_kept != whole
    engines.stop_engine()
