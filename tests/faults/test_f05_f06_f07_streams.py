"""F5, F6, F7: a stream that is shown its work again, dies between two tables, or loses its
checkpoint or its snapshots, ends in the same tables; and so does the nightly batch after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import dagster as dg
import pytest
from clicked import EVENING, Click, Shop, visits_of

from product360_assets.curated.click_stream import StreamedClicks
from product360_assets.curated.click_stream import click_stream as click_stream_asset
from resources.errors import JobFailed
from resources.local import engines
from resources.streams import Offers
from spark.jobs import click_stream
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION

pytestmark = pytest.mark.spark

MONDAY, TUESDAY, WEDNESDAY = date(2017, 6, 5), date(2017, 6, 6), date(2017, 6, 7)


def after(minutes: float) -> datetime:
    return EVENING + timedelta(minutes=minutes)


ACROSS_MIDNIGHT = [Click("a", "v", EVENING), Click("b", "v", after(18)), Click("c", "v", after(65))]
BOT = [Click(f"x{n}", "robot", after(n / 100)) for n in range(40)]
OTHERS = [Click("p", "w", after(-90)), Click("q", "w", after(-60), "purchase")]
# Fills the pause between b and c; comes days later.
LATE = Click("d", "v", after(40))
CORRECTED = Click("p", "w", after(-85))
FIRST = [*ACROSS_MIDNIGHT, *BOT, *OTHERS, OTHERS[0]]
SECOND = [Click("e", "u", after(24 * 60)), ACROSS_MIDNIGHT[0]]
# It was of the one who came across midnight.
ANOTHERS = Click("c", "w", after(66))
THIRD = [LATE, CORRECTED, ANOTHERS, *OTHERS]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("stream") / "home"
    engines.stop_engine()


@pytest.fixture
def shop(opened: Path) -> Shop:
    """A shop that has delivered nothing; the engine goes on from the one before."""
    for ledger in opened.glob("ledger.db*"):
        ledger.unlink()
    emptied = Shop(opened)
    for table in (CLICK_EVENT, CLICK_SESSION):
        # The engine's bridge has the catalog open, so that stays.
        if emptied.catalog.load().table_exists(table.identifier):
            emptied.catalog.load().drop_table(table.identifier)
    rmtree(opened / "lake", ignore_errors=True)
    return emptied


def found(shop: Shop) -> set[tuple[Any, ...]]:
    names = ("visitor_id", "started_at", "ended_at", "events", "is_bot")
    return {tuple(row[name] for name in names) for row in shop.rows(CLICK_SESSION.identifier)}


def materialized(shop: Shop) -> dict[str, Any]:
    """What the asset says of its run."""
    result = dg.materialize([click_stream_asset], resources=shop.resources)
    assert result.success
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_stream_ends_in_the_tables_of_the_nightly_batch(shop: Shop) -> None:
    until = date(2017, 6, 4)
    for day, clicks, closed in (
        (MONDAY, FIRST, until),
        (TUESDAY, SECOND, MONDAY),
        (TUESDAY, THIRD, MONDAY),
    ):
        shop.deliver(day, clicks)
        said = materialized(shop)
        assert (said["outcome"], said["rows taken in"]) == ("published", len(clicks))
        until = closed
    delivered = [*FIRST, *SECOND, *THIRD]
    assert found(shop) == visits_of(delivered, until)
    assert len(shop.rows(CLICK_EVENT.identifier)) == len({click.id for click in delivered})
    assert sum(row["is_bot"] for row in shop.rows(CLICK_SESSION.identifier)) == 1
    assert not shop.stream().is_behind()

    streamed = shop.contents()
    published, visits = shop.publish_batch()
    # The events were taken in; the visits are made anew, and are the same.
    assert (published.outcome, visits) == ("unchanged", "published")
    assert shop.contents() == streamed
    assert not shop.stream().is_behind()


@pytest.mark.long
def test_what_the_batch_took_in_the_stream_takes_in_no_more(shop: Shop) -> None:
    filled(shop, times=2)
    shop.deliver(WEDNESDAY, [Click("f", "u", after(25 * 60))])
    assert shop.publish_batch()[0].outcome == "published"
    batched = shop.contents()
    assert shop.stream().take_in().outcome == "unchanged"
    assert shop.contents() == batched


def keep_offers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The offers stay where they are, as after a crash before they were taken away."""
    monkeypatch.setattr(Offers, "take_away", lambda _offers, _key: None)


def filled(shop: Shop, *, times: int) -> None:
    """Take in deliveries one by one: the first is appended, the second merged."""
    for day, clicks in ((MONDAY, FIRST), (TUESDAY, SECOND))[:times]:
        shop.deliver(day, clicks)
        shop.stream().take_in()


@pytest.mark.long
@pytest.mark.parametrize("times", [1, 2], ids=["append", "merge"])
@pytest.mark.parametrize("offer", ["taken away", "still there"])
def test_f05_a_micro_batch_that_is_played_again_changes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, times: int, offer: str
) -> None:
    if offer == "still there":
        keep_offers(shop, monkeypatch)
    filled(shop, times=times)
    before = shop.state()

    shop.roll_back_the_checkpoint()
    shop.restart()

    assert shop.state() == before
    assert shop.played_again == (offer == "still there")


@pytest.mark.long
def test_f05_without_looking_for_its_commit_a_replay_commits_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_offers(shop, monkeypatch)
    filled(shop, times=2)
    before = shop.state()

    monkeypatch.setattr(click_stream, "commits_of", lambda *_: [])
    shop.roll_back_the_checkpoint()
    shop.restart()

    after_it = shop.state()
    # The merge by key still keeps the rows; without it too, they are there twice.
    assert {name: digest for name, (digest, _) in after_it.items()} == {
        name: digest for name, (digest, _) in before.items()
    }
    assert all(after_it[name][1] > before[name][1] for name in before)
    monkeypatch.setattr(click_stream, "merge_rows", appended)
    shop.roll_back_the_checkpoint()
    shop.restart()
    rows = shop.rows(CLICK_EVENT.identifier)
    assert len(rows) > len({row["event_id"] for row in rows})


@pytest.mark.long
def test_f06_a_stream_that_dies_between_its_two_tables_is_finished_by_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(shop, times=1)
    shop.deliver(TUESDAY, SECOND)
    with monkeypatch.context() as dying:
        dying.setattr(click_stream, "_bring_up", dies)
        with pytest.raises(JobFailed, match="died"):
            shop.stream().take_in()
    # The events are in, the visits know nothing of them: not everybody would notice.
    assert len(shop.rows(CLICK_EVENT.identifier)) == len({c.id for c in (*FIRST, *SECOND)})
    assert found(shop) == visits_of(FIRST, date(2017, 6, 4))
    with monkeypatch.context() as careless:
        careless.setattr(StreamedClicks, "_is_in_step", lambda _: True)
        assert not shop.stream().is_behind()

    assert shop.stream().is_behind()
    assert shop.stream().take_in().outcome == "unchanged"
    assert found(shop) == visits_of([*FIRST, *SECOND], MONDAY)
    assert len(shop.rows(CLICK_EVENT.identifier)) == len({c.id for c in (*FIRST, *SECOND)})


@pytest.mark.long
def test_f07_a_lost_checkpoint_and_expired_snapshots_change_nothing(shop: Shop) -> None:
    filled(shop, times=2)
    before = shop.contents()

    rmtree(shop.checkpoint)
    shop.expire_snapshots()
    shop.restart()
    assert shop.stream().take_in().outcome == "unchanged"
    assert shop.contents() == before

    # The ledger is what remembers: without it, all of it is taken in once more.
    shop.forget_what_was_taken_in()
    again = shop.stream().take_in()
    assert len(again.batch_ids) == 2


@pytest.mark.long
def test_f25_a_run_that_wakes_up_to_anothers_offer_leaves_it_alone(shop: Shop) -> None:
    shop.deliver(MONDAY, FIRST)
    with pytest.raises(JobFailed, match="without its commit"):
        shop.overtaken_stream().take_in()
    assert shop.rows(CLICK_EVENT.identifier) == []

    # One that does not know its own takes the other's in, and says that it was itself.
    assert shop.overtaken_stream(knows_its_own=False).take_in().outcome == "published"
    assert len(shop.rows(CLICK_EVENT.identifier)) == len({click.id for click in FIRST})


def dies(*_: Any) -> None:
    raise RuntimeError("died")


def appended(_session: Any, rows: Any, table: Any, target: str) -> None:
    """What a stream without a key does."""
    rows.select(*table.column_names).writeTo(target).append()
