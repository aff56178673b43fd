"""`purchase_attribution`, brought up to date by the days touched, is what it is when made whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from attributed_shop import FIRST_DAY, LAST_DAY, TABLES, Shop
from kept_table import KeptTable
from written_tables import Changes

from resources.catalog import LocalCatalogResource
from resources.changed_files import changed_files
from resources.local import engines
from resources.local.engines import EngineName, Lease
from spark.jobs import purchase_attribution
from spark.session import open_session
from spark.tables import Table
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PURCHASE_ATTRIBUTION,
    SALES_LINE,
)
from spark.transforms import purchase_attribution_touched as touched
from spark.transforms.purchase_attribution import purchase_attribution as made_whole

Row = tuple[Any, ...]
A_DAY = timedelta(days=1)
DAY = PURCHASE_ATTRIBUTION.column_names.index("business_date")


def keeper(lease: Lease, catalog: LocalCatalogResource) -> KeptTable:
    inputs = purchase_attribution.INPUTS
    return KeptTable(lease, catalog, PURCHASE_ATTRIBUTION, purchase_attribution, inputs)


@pytest.mark.parametrize(
    "engine", ["sail", pytest.param("spark", marks=(pytest.mark.long, pytest.mark.spark))]
)
@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3, 4))])
def test_after_each_change_it_is_what_it_would_be_if_it_were_made_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName, seed: int
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    shop = Shop(catalog, seed)
    shop.open()
    shop.publish()
    changes: Changes = [
        (shop.sell, shop.correct, shop.move, shop.take_back),
        (shop.deliver_again,),
        (shop.use, shop.reoffer, shop.send, shop.withdraw),
        (shop.look, shop.unlook, shop.find_a_bot),
        (shop.pass_days,),
        (shop.come, shop.sign_in, shop.absolve_the_bots, shop.forget_a_visit),
    ]
    with engines.lease_engine(engine, home=tmp_path) as lease:
        kept = keeper(lease, catalog)
        assert kept.keep_right(shop.day) is None
        later = shop.keep(kept, changes)
        assert None not in later
        # What came again changed nothing.
        assert [number for number, made in enumerate(later) if made == 0] == [1]

        shop.correct()
        shop.publish(SALES_LINE)
        with monkeypatch.context() as patched:
            patched.setattr(purchase_attribution, "FEW", 0)
            kept.keep(shop.day)
        as_kept, whole = kept.digests(shop.day)
        assert as_kept == whole, "too many rows to hold on to"
        assert kept.anew[-1] == 1

        # More days than are worth it, and a day that is not to be known of any more.
        shop.target(9, 1, FIRST_DAY - A_DAY, purchase_attribution.MOST_DAYS + 1)
        shop.publish(INTERACTION)
        kept.keep(shop.day)
        assert kept.anew[-1] is None
        shop.day -= A_DAY
        kept.keep(shop.day)
        assert kept.anew[-1] is None
    engines.stop_engine()


def day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number)


def tell_stories(shop: Shop) -> list[Callable[[], object]]:
    """What is so of households that have nothing to do with each other, and what then happens.

    Each is known by a number, as are its product, its receipt and, times eight, its day of sale.
    """
    for number in range(1, 12):
        shop.line(number, number, number, day(8 * number))
    lines, visits = shop.rows[SALES_LINE], shop.rows[CLICK_SESSION]
    shop.click(shop.visit(1, day(8) - 2 * A_DAY), "view", 1)
    shop.offer(2, 2)
    shop.offer(3, 0)
    shop.redeem(3, 3, day(24))
    shop.offer(4, 0)
    shop.target(4, 4, day(31), 3)
    shop.offer(5, 5)
    bot = shop.visit(6, day(48) - 7 * A_DAY)
    shop.click(bot, "view", 6)
    visits[bot]["is_bot"] = True
    looked, bought = shop.visit(7, day(56) - A_DAY), shop.visit(8, day(80), basket=8)
    unlooked = shop.click(shop.visit(9, day(72) - 3 * A_DAY), "add_to_cart", 9)
    # Known before its day: the last day's visit goes on at midnight, and a campaign will begin.
    shop.click(shop.visit(10, LAST_DAY, basket=10, hours=24), "purchase", 10, hours=20)
    shop.line(12, 12, 12, LAST_DAY + 9 * A_DAY)
    shop.offer(12, 12)
    shop.target(12, 12, LAST_DAY + 9 * A_DAY, 1)
    # Bought long before, and two days after that visit began.
    shop.click(shop.visit(11, day(-60), basket=11, hours=48), "purchase", 11, hours=47)
    return [
        lambda: lines[1, 1].update(sales_value=lines[1, 1]["sales_value"] + 1),
        lambda: shop.redeem(2, 2, day(16)),
        lambda: shop.offer(3, 3),
        lambda: shop.offer(4, 4),
        lambda: shop.target(5, 5, day(39), 3),
        lambda: visits[bot].update(is_bot=False),
        lambda: shop.click(looked, "view", 7),
        lambda: shop.click(bought, "purchase", 8),
        lambda: shop.rows[CLICK_EVENT].pop(unlooked),
        lambda: lines[11, 11].update(sales_value=lines[11, 11]["sales_value"] + 1),
        lambda: setattr(shop, "day", LAST_DAY + 9 * A_DAY),
    ]


class TwoStates:
    """A shop before and after all stories, and its table made whole of either."""

    def __init__(self, catalog: LocalCatalogResource) -> None:
        self.catalog, self.shop = catalog, Shop(catalog, 1)
        happen = tell_stories(self.shop)
        self.shop.publish()
        self.before, self.rows_before = self._snapshots(), self.made(self.inputs())
        for each in happen:
            each()
        self.shop.publish()
        self.rows = self.made(self.inputs())

    def inputs(self) -> list[Any]:
        return [open_session().table(f"lake.{each.identifier}") for each in TABLES]

    def made(self, inputs: list[Any]) -> set[Row]:
        lines, events, visits, contacts = inputs
        rows = made_whole(lines, events, visits, contacts, self.shop.day).collect()
        return {tuple(row) for row in rows}

    def made_anew(self, days: list[date]) -> set[Row]:
        """What the table holds if these days are made anew, of what the job reads for them."""
        anew = self.made(purchase_attribution._concerned(self.inputs(), days))
        return anew | {row for row in self.rows_before if row[DAY] not in days}

    def touched(self) -> list[date]:
        now, changed = self._snapshots(), {}
        for name, snapshot in self.before.items():
            files = changed_files(self.catalog, name, snapshot, now[name])
            assert files is not None
            changed[name] = {"added": files.added, "removed": files.removed}
        spec = {
            "as_of_date": self.shop.day.isoformat(),
            "inputs": {each.identifier: f"lake.{each.identifier}" for each in TABLES},
            "since": {"as_of_date": LAST_DAY.isoformat(), "inputs": changed},
        }
        days = purchase_attribution._touched(open_session(), spec)
        assert days is not None
        return days

    def _snapshots(self) -> dict[str, int]:
        tables = [self.catalog.table(each.identifier) for each in TABLES]
        found = [(table.name()[-1], table.metadata.current_snapshot_id) for table in tables]
        return {f"curated.{name}": snapshot for name, snapshot in found if snapshot is not None}


def no(rows: Any) -> Any:
    """None of the rows; an engine that saw so beforehand would plan another query, and fail."""
    return rows.where("rand() > 2")


def without(forgotten: Table) -> Callable[..., Any]:
    known = purchase_attribution.changed_rows

    def changed_rows(session: Any, files: Any, table: Table, columns: Any) -> Any:
        rows = known(session, files, table, columns)
        return no(rows) if table is forgotten else rows

    return changed_rows


def on_their_first_day(visits: Any) -> list[tuple[date, date]]:
    days = [row[0] for row in visits.select("session_date").distinct().collect()]
    return [(each - A_DAY, each + A_DAY) for each in days]


def forgetful_searches() -> dict[str, tuple[Any, str, Any]]:
    """How the days touched are looked for, but for one reason, which names it."""
    job = purchase_attribution
    changed_days, days_in = job.changed_days, job.days_in
    offers, targets = job.touched_by_offers, job.touched_by_targets
    visits, changed = job.touched_by_visits, job.changed_visits
    return {
        "lines": (job, "changed_days", lambda *of, **more: no(changed_days(*of, **more))),
        "coupons": (job, "touched_by_offers", lambda *of: offers(*of)[1:]),
        "campaigns": (job, "touched_by_offers", lambda *of: offers(*of)[:1]),
        "targets": (job, "touched_by_targets", lambda rows: targets(no(rows))),
        "visits": (job, "changed_rows", without(CLICK_SESSION)),
        "events": (job, "changed_rows", without(CLICK_EVENT)),
        "all days after": (touched, "VISIT_DAYS", 1),
        "receipts": (job, "touched_by_visits", lambda of, sold: visits(of, no(sold))),
        "events of days passed": (
            job,
            "changed_visits",
            lambda *of: changed(*of[:-1], (of[-1][1], of[-1][1])),
        ),
        "days passed": (job, "days_in", lambda spans, most: days_in(list(spans)[1:], most)),
    }


def forgetful_readings() -> dict[str, tuple[Any, str, Any]]:
    """What is read for the days, but for something, which names it."""
    job = purchase_attribution
    visits_to = job._visits_to
    return {
        "visits before": (job, "VISIT_DAYS", 0),
        "visits of receipts": (
            job,
            "_visits_to",
            lambda sold, *of: visits_to(no(sold), *of),
        ),
        "visits that went on": (job, "_lasting", on_their_first_day),
    }


def test_every_reason_to_touch_a_day_and_everything_that_is_read_for_it_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engines.lease_engine("sail", home=tmp_path):
        states = TwoStates(LocalCatalogResource(home=str(tmp_path)))
        days = states.touched()
        assert states.rows_before != states.made_anew(days) == states.rows
        for name, patch in forgetful_searches().items():
            with monkeypatch.context() as patched:
                patched.setattr(*patch)
                assert states.made_anew(states.touched()) != states.rows, name
        for name, patch in forgetful_readings().items():
            with monkeypatch.context() as patched:
                patched.setattr(*patch)
                assert states.made_anew(days) != states.rows, name

        # Of the other days nothing is read.
        lines, events, visits, _ = purchase_attribution._concerned(states.inputs(), [day(8)])
        assert {row["business_date"] for row in lines.collect()} == {day(8)}
        assert {row["session_date"] for row in visits.collect()} == {day(6)}
        assert {row["event_date"] for row in events.collect()} == {day(6)}
    engines.stop_engine()
