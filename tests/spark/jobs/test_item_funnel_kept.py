"""`item_funnel`, brought up to date by the weeks that changed, is what it would be made whole."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from kept_table import KeptTable
from written_tables import Changes, WrittenTables

from resources.catalog import LocalCatalogResource
from resources.local import engines
from resources.local.engines import EngineName, Lease
from spark.jobs import item_funnel
from spark.session import open_session
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION, ITEM_FUNNEL, SALES_LINE

MONDAY = date(2017, 10, 2)
LAST_DAY = date(2017, 11, 29)  # a Wednesday
PRODUCTS = range(1, 6)
STEPS = ("view", "view", "add_to_cart", "remove_from_cart", "purchase")


class WebShop(WrittenTables):
    """What `item_funnel` is made of, and what may happen to it."""

    def __init__(self, catalog: LocalCatalogResource, seed: int) -> None:
        super().__init__(catalog, seed, LAST_DAY, *item_funnel.INPUTS)
        for _ in range(40):
            self.visit()
        self.visit_on(MONDAY + timedelta(days=20), buys=True)
        self.publish()

    def visit(self) -> None:
        """Somebody's visit on any day, an hour of their own; half of them buy."""
        day = MONDAY + timedelta(days=self.chance.randint(0, (self.day - MONDAY).days))
        self.visit_on(day, buys=self.chance.random() < 0.5)

    def visit_on(self, day: date, *, buys: bool, basket: int | None = None) -> None:
        number = next(self.numbers)
        at = datetime(day.year, day.month, day.day, number % 20, number // 20 % 60, tzinfo=UTC)
        basket = (basket or number) if buys else None
        for place in range(4):
            self._step(number, at + timedelta(minutes=place), self.chance.choice(STEPS))
        if buys:
            self._step(number, at + timedelta(minutes=4), "purchase", product=1 + number % 5)
            self._pay(basket, 1 + number % 5, day)
        self.rows[CLICK_SESSION][number] = {
            "session_id": f"s{number}",
            "visitor_id": f"v{number}",
            "started_at": at,
            "ended_at": at + timedelta(minutes=4),
            "session_date": day,
            "basket_id": basket,
        }

    def look_again(self, *, buys: bool | None = None) -> None:
        """One more event during a visit, of which the visit's row says nothing that counts."""
        visits = self.rows[CLICK_SESSION]
        wanted = [n for n in visits if buys is None or buys is bool(visits[n].get("basket_id"))]
        number = self.chance.choice(wanted)
        began = self.rows[CLICK_SESSION][number]["started_at"]
        self._step(number, began + timedelta(minutes=2), self.chance.choice(STEPS), product=9)

    def take_a_step_back(self) -> None:
        del self.rows[CLICK_EVENT][self.some(CLICK_EVENT)]

    def be_a_bot(self) -> None:
        visit = self.rows[CLICK_SESSION][self.some(CLICK_SESSION)]
        visit["is_bot"] = not visit.get("is_bot", False)

    def forget_a_visit(self) -> None:
        del self.rows[CLICK_SESSION][self.some(CLICK_SESSION)]

    def correct_a_line(self) -> None:
        self.rows[SALES_LINE][self.some(SALES_LINE)]["sales_value"] += Decimal("1.00")

    def share_a_receipt(self) -> None:
        """A visit of another week ended in the receipt of one that bought."""
        bought = [v for v in self.rows[CLICK_SESSION].values() if v.get("basket_id")]
        first = min(bought, key=lambda each: each["session_date"])
        number = int(first["session_id"][1:])
        week_before_last = self.day - timedelta(days=14)
        self.visit_on(week_before_last, buys=True, basket=first["basket_id"])
        latest = max(self.rows[CLICK_SESSION])
        began = self.rows[CLICK_SESSION][latest]["started_at"]
        self._step(latest, began + timedelta(minutes=3), "purchase", product=1 + number % 5)

    def stop_sharing(self) -> None:
        """The earlier visit did not end in that receipt."""
        receipts = defaultdict(list)
        for visit in self.rows[CLICK_SESSION].values():
            if visit.get("basket_id"):
                receipts[visit["basket_id"]].append(visit)
        shared = next(visits for visits in receipts.values() if len(visits) > 1)
        min(shared, key=lambda each: each["session_date"])["basket_id"] = None

    def go_on_past_sunday(self) -> None:
        """A visit of Sunday night goes on for days, and looks at something on each."""
        sunday = MONDAY + timedelta(days=27)
        at = datetime(sunday.year, sunday.month, sunday.day, 23, tzinfo=UTC)
        number = next(self.numbers)
        for days in range(9):
            self._step(number, at + timedelta(days=days, hours=2), "view")
        self.rows[CLICK_SESSION][number] = {
            "session_id": f"s{number}",
            "visitor_id": f"v{number}",
            "started_at": at,
            "ended_at": at + timedelta(days=8, hours=2),
            "session_date": sunday,
        }
        self.long = number

    def look_in_the_week_after(self) -> None:
        began = self.rows[CLICK_SESSION][self.long]["started_at"]
        self._step(self.long, began + timedelta(days=5), "add_to_cart", product=9)

    def pass_a_day(self) -> None:
        self.day += timedelta(days=1)

    def pass_a_week(self) -> None:
        self.day += timedelta(days=7)
        for _ in range(4):
            self.visit()

    def _step(self, visit: int, at: datetime, kind: str, product: int | None = None) -> None:
        number = next(self.numbers)
        event = {
            "event_id": f"e{number}",
            "visitor_id": f"v{visit}",
            "event_type": kind,
            "event_time": at,
            "event_date": at.date(),
            "product_id": product or self.chance.choice(PRODUCTS),
        }
        self.put(CLICK_EVENT, number, event)

    def _pay(self, basket: int | None, product: int, day: date) -> None:
        line = {
            "basket_id": basket,
            "product_id": product,
            "business_date": day,
            "sales_value": Decimal(self.chance.randint(1, 900)) / 100,
        }
        self.put(SALES_LINE, (basket, product), line)


def keeper(lease: Lease, catalog: LocalCatalogResource) -> KeptTable:
    return KeptTable(lease, catalog, ITEM_FUNNEL, item_funnel, item_funnel.INPUTS)


@pytest.mark.parametrize(
    "engine", ["sail", pytest.param("spark", marks=(pytest.mark.long, pytest.mark.spark))]
)
@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3, 4))])
def test_after_each_change_it_is_what_it_would_be_if_it_were_made_whole(
    tmp_path: Path, engine: EngineName, seed: int
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    shop = WebShop(catalog, seed)
    changes: Changes = [
        (shop.visit, shop.look_again),
        (shop.take_a_step_back, shop.correct_a_line),
        (shop.be_a_bot, shop.forget_a_visit),
        (shop.deliver_again,),
        (shop.share_a_receipt,),
        (shop.stop_sharing,),
        (shop.go_on_past_sunday,),
        (shop.look_in_the_week_after,),
        (shop.pass_a_day,),
        (shop.pass_a_week,),
    ]
    with engines.lease_engine(engine, home=tmp_path) as lease:
        kept = keeper(lease, catalog)
        assert kept.keep_right(shop.day) is None
        later = shop.keep(kept, changes)
        assert None not in later
        # What came again changed nothing, nor did a day that closes no week.
        assert [number for number, made in enumerate(later) if made == 0] == [3, 8]

        shop.look_again(buys=False)
        shop.publish(CLICK_EVENT)
        # Its own week, and that of the long visit where that went on into it.
        assert kept.keep_right(shop.day) in (1, 2)

        shop.day -= timedelta(days=9)
        assert kept.keep_right(shop.day) is None
    engines.stop_engine()


def test_only_visits_of_the_weeks_and_their_days_events_are_read(tmp_path: Path) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    WebShop(catalog, 1)
    with engines.lease_engine("sail", home=tmp_path):
        session = open_session()
        events, sessions, _ = (
            session.table(f"lake.{each.identifier}") for each in item_funnel.INPUTS
        )
        weeks = [MONDAY, MONDAY + timedelta(days=14)]
        visits = item_funnel._of_weeks(sessions, weeks)
        mondays = {row["session_date"] for row in visits.collect()}
        assert {day - timedelta(days=day.weekday()) for day in mondays} == set(weeks)
        days = {row["event_date"] for row in item_funnel._during(events, visits, weeks).collect()}
        assert MONDAY <= min(days) <= max(days) <= weeks[-1] + timedelta(days=7)
        assert item_funnel._of_weeks(sessions, []).count() == 0
        assert item_funnel._during(events, visits, []).count() == 0
    engines.stop_engine()


@pytest.mark.parametrize(
    ("forgotten", "needed_by"),
    [
        ("_of_events", "look_again"),
        ("_reached_into", "look_in_the_week_after"),
        ("_of_visits", "correct_a_line"),
        ("_of_visits", "stop_sharing"),
        ("_weeks_between", "pass_two_days"),
    ],
)
def test_each_way_in_which_a_week_is_touched_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str, needed_by: str
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    shop = WebShop(catalog, 1)
    shop.share_a_receipt()
    shop.go_on_past_sunday()
    if needed_by == "pass_two_days":
        # As of its second day, a visit that is over is not known whole.
        shop.day = MONDAY + timedelta(days=28)
    shop.publish()
    with engines.lease_engine("sail", home=tmp_path) as lease:
        kept = keeper(lease, catalog)
        kept.keep(shop.day)
        monkeypatch.setattr(item_funnel, forgotten, lambda *_: [])
        if needed_by == "pass_two_days":
            shop.day += timedelta(days=2)
        else:
            getattr(shop, needed_by)()
            shop.publish()
        kept.keep(shop.day)
        as_kept, whole = kept.digests(shop.day)
        assert as_kept != whole
    engines.stop_engine()


def test_weeks_that_share_a_receipt_are_made_anew_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    shop = WebShop(catalog, 1)
    shop.share_a_receipt()
    shop.publish()
    with engines.lease_engine("sail", home=tmp_path) as lease:
        kept = keeper(lease, catalog)
        kept.keep(shop.day)
        monkeypatch.setattr(item_funnel, "_with_shared_receipts", lambda _, weeks, __: weeks)
        # Something else happens in the later week: what was paid must not move there.
        shop.visit_on(shop.day - timedelta(days=14), buys=False)
        shop.publish()
        kept.keep(shop.day)
        as_kept, whole = kept.digests(shop.day)
        assert as_kept != whole
    engines.stop_engine()
