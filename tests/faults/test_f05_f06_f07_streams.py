"""F5, F6, F7: a stream that is shown its work again, dies between two tables, loses its checkpoint
or its snapshots, or brings what is refused, ends in the same tables; so does the batch after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from clicked import EVENING, Click, Shop, visits_of

from product360_assets.automation import stream_process
from product360_assets.curated.click_stream import StreamedClicks
from product360_assets.curated.click_stream import click_stream as click_stream_asset
from product360_assets.curated.publish import Published
from resources.audit_branches import waiting
from resources.errors import JobFailed
from resources.local import engines
from resources.streams import Offers
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION
from spark.transforms.click_event import click_events

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

pytestmark = pytest.mark.spark

STREAM = "product360_assets.curated.click_stream"
JOB_OF_VISITS = "spark.jobs.click_session.run"

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
    # It finds the events taken in, and the visits made of them.
    assert (published.outcome, visits) == ("unchanged", "unchanged")
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


def keep_offers(monkeypatch: pytest.MonkeyPatch) -> None:
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
    with monkeypatch.context() as crashed:
        if offer == "still there":
            keep_offers(crashed)
        filled(shop, times=times)
    before = shop.state()

    shop.roll_back_the_checkpoint()
    shop.restart()

    assert shop.state() == before
    shop.deliver(WEDNESDAY, THIRD)
    assert shop.stream().take_in().rows == len(THIRD)
    assert {name: number for name, (_, number) in shop.state().items()} == {
        name: number + 1 for name, (_, number) in before.items()
    }


@pytest.mark.long
def test_f05_a_job_that_does_not_know_its_own_offer_commits_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_offers(monkeypatch)
    filled(shop, times=2)
    before = shop.state()
    shop.roll_back_the_checkpoint()
    shop.restart(knows_its_own=False)
    assert sum(number for _, number in shop.state().values()) > sum(
        number for _, number in before.values()
    )
    # The merge by key still keeps the rows.
    assert shop.contents() == {name: digest for name, (digest, _) in before.items()}


@pytest.mark.long
@pytest.mark.parametrize("where", [JOB_OF_VISITS, f"{STREAM}.StreamedClicks._bring_visits_up"])
def test_f06_a_stream_that_dies_between_its_two_tables_is_finished_by_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    filled(shop, times=1)
    shop.deliver(TUESDAY, SECOND)
    with monkeypatch.context() as dying:
        dying.setattr(where, dies)
        with pytest.raises((JobFailed, RuntimeError), match="died"):
            shop.stream().take_in()
    # The events are in, the visits know nothing of them: not everybody would notice.
    assert len(shop.rows(CLICK_EVENT.identifier)) == len({c.id for c in (*FIRST, *SECOND)})
    assert found(shop) == visits_of(FIRST, date(2017, 6, 4))
    with monkeypatch.context() as careless:
        careless.setattr(f"{STREAM}.visits_know", lambda _: True)
        assert not shop.stream().is_behind()

    assert shop.stream().is_behind()
    assert shop.stream().take_in().outcome == "unchanged"
    assert found(shop) == visits_of([*FIRST, *SECOND], MONDAY)
    assert len(shop.rows(CLICK_EVENT.identifier)) == len({c.id for c in (*FIRST, *SECOND)})


def test_what_an_audit_refuses_nobody_reads_and_the_stream_does_not_try_again_and_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(shop, times=1)
    before = shop.contents()
    shop.deliver(TUESDAY, SECOND)
    looks = iter([True] * 3)
    monkeypatch.setattr(stream_process, "LOOK_SECONDS", 0.0)
    with monkeypatch.context() as careless:
        careless.setattr("spark.jobs.click_event.click_events", lossy)
        shop.said.clear()
        stream_process.follow(shop.stream(), lambda: next(looks, False))
    assert sum("job stream on spark" in line for line in shop.said) == 1
    assert "events_equal_the_clean_events does not hold" in shop.said
    assert shop.contents() == before
    assert list(waiting(shop.catalog, CLICK_EVENT.identifier))

    assert shop.stream().is_behind()
    assert shop.stream().take_in().rows == len(SECOND)
    assert found(shop) == visits_of([*FIRST, *SECOND], MONDAY)
    assert not waiting(shop.catalog, CLICK_EVENT.identifier)


def test_what_becomes_clean_while_the_stream_is_at_work_is_taken_in_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_process, "LOOK_SECONDS", 0.0)
    take_in, looks = StreamedClicks.take_in, iter([True] * 3)

    def meanwhile(stream: StreamedClicks) -> Published:
        taken = take_in(stream)
        if taken.rows == len(FIRST):
            shop.deliver(TUESDAY, SECOND)
        return taken

    monkeypatch.setattr(StreamedClicks, "take_in", meanwhile)
    shop.deliver(MONDAY, FIRST)
    stream_process.follow(shop.stream(), lambda: next(looks, False))
    assert len(shop.rows(CLICK_EVENT.identifier)) == len({c.id for c in (*FIRST, *SECOND)})
    assert found(shop) == visits_of([*FIRST, *SECOND], MONDAY)


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
    with pytest.raises(JobFailed, match="did not answer"):
        shop.overtaken_stream().take_in()
    assert shop.rows(CLICK_EVENT.identifier) == []

    # One that does not know its own takes the other's in, and says that it was itself.
    assert shop.overtaken_stream(knows_its_own=False).take_in().outcome == "published"
    assert len(shop.rows(CLICK_EVENT.identifier)) == len({click.id for click in FIRST})


def dies(*_: Any) -> None:
    raise RuntimeError("died")


def lossy(events: DataFrame, time_zone: str) -> DataFrame:
    """Rows of events, one of which is forgotten."""
    return click_events(events, time_zone).where("event_id <> 'e'")
