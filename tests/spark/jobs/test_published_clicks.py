"""Any cut, order and repetition of the same events ends in the same events and visits.

The reference is a sessioniser of a few lines of Python, which is given each event once and in
order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from resources.catalog import LocalCatalogResource
from spark.jobs import click_event, click_session
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION

CLEAN = (
    "event_id string, session_id string, visitor_id string, household_id bigint, "
    "event_type string, event_time timestamp, product_id bigint, quantity bigint, "
    "basket_id bigint, synthetic boolean, generator string, seed bigint, _batch_id string, "
    "_epoch string, _committed_at timestamp, _change_sequence string, _operation string"
)
EVENING = datetime(2017, 6, 2, 3, 30)  # noqa: DTZ001 - UTC; half an hour to midnight in New York
MINUTES_30 = timedelta(minutes=30)


@dataclass(frozen=True)
class Event:
    id: str
    visitor: str
    at: datetime
    kind: str = "view"
    product: int = 1
    household: int | None = None
    source: str = "s"

    def clean(self, batch: str) -> tuple[Any, ...]:
        basket = self.product * 100 if self.kind == "purchase" else None
        known = (self.id, self.source, self.visitor, self.household, self.kind, self.at)
        more = (self.product, None, basket, True, "model/1", 7)
        return (*known, *more, batch, "0", self.at, None, "I")


@dataclass
class Stream:
    """Publishes batches of events one by one, then makes the visits."""

    session: SparkSession
    folder: Path
    catalog: LocalCatalogResource
    numbers: Iterator[int] = field(default_factory=count)
    reported: list[dict[str, Any]] = field(default_factory=list)

    def results(self, results: list[dict[str, Any]]) -> None:
        """What a job reports; the stream is the job's report itself."""
        self.reported.extend(results)

    def empty(self) -> None:
        for table in (CLICK_EVENT, CLICK_SESSION):
            if self.catalog.load().table_exists(table.identifier):
                self.catalog.load().drop_table(table.identifier)
            self.catalog.ensure_table(table)

    def publish(self, events: Iterable[Event]) -> None:
        batch = f"b{next(self.numbers)}"
        location = f"file://{self.folder}/{batch}"
        rows = [event.clean(batch) for event in events]
        frame = self.session.createDataFrame(rows, CLEAN)
        frame.coalesce(1).write.mode("overwrite").parquet(location)
        known = {"batch_id": batch, "epoch": "0", "is_new": True}
        batches = [{**known, "location": location}]
        spec = {
            "inputs": {"clickstream.click_event": {"batches": batches}},
            "target": f"lake.{CLICK_EVENT.identifier}",
            "time_zone": "America/New_York",
        }
        click_event.run(self.session, spec, self)  # type: ignore[arg-type]

    def visits(self, as_of: str = "2018-12-31") -> list[dict[str, Any]]:
        spec = {
            "inputs": {CLICK_EVENT.identifier: f"lake.{CLICK_EVENT.identifier}"},
            "target": f"lake.{CLICK_SESSION.identifier}",
            "as_of_date": as_of,
        }
        click_session.run(self.session, spec, self)  # type: ignore[arg-type]
        return self.rows(CLICK_SESSION.identifier)

    def rows(self, table: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.catalog.table(table).scan().to_arrow().to_pylist()
        return rows


@pytest.fixture(scope="module")
def opened(every_session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Stream:
    catalog = LocalCatalogResource(home=str(tmp_path_factory.getbasetemp() / "engine"))
    return Stream(every_session, tmp_path_factory.mktemp("clean"), catalog)


@pytest.fixture
def stream(opened: Stream) -> Stream:
    opened.empty()
    return opened


def naive(events: Sequence[Event]) -> set[tuple[Any, ...]]:
    """Visits: id, first and last time, four counts, household, receipt."""
    visits: list[list[Event]] = []
    for event in sorted(events, key=lambda each: (each.visitor, each.at)):
        last = visits[-1][-1] if visits else None
        if last and last.visitor == event.visitor and event.at - last.at <= MINUTES_30:
            visits[-1].append(event)
        else:
            visits.append([event])
    found = set()
    for visit in visits:
        bought = {event.product for event in visit if event.kind == "purchase"}
        viewed = {event.product for event in visit if event.kind == "view"}
        households = {event.household for event in visit} - {None}
        household = households.pop() if len(households) == 1 else None
        sources = len({event.source for event in visit})
        counted = (len(visit), len(viewed), len(bought), sources)
        receipt = min(bought) * 100 if bought else None
        micros = (visit[0].at - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001
        id_ = sha256(f"{visit[0].visitor} {micros}".encode()).hexdigest()[:32]
        found.add((id_, visit[0].at, visit[-1].at, *counted, household, receipt))
    return found


def made(visits: Sequence[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """The same of the published visits."""
    times = ("started_at", "ended_at")
    names = ("events", "products_viewed", "products_purchased", "source_sessions")
    return {
        (
            visit["session_id"],
            *(visit[name].replace(tzinfo=None) for name in times),
            *(visit[name] for name in (*names, "household_id", "basket_id")),
        )
        for visit in visits
    }


# Around the rule's edge, at once, and the next day.
PAUSES = [timedelta(0), timedelta(seconds=7), MINUTES_30, timedelta(hours=22)] + [
    MINUTES_30 + timedelta(microseconds=off) for off in (-1, 1)
]
STEPS = st.tuples(
    st.sampled_from(PAUSES),
    st.sampled_from(["view", "add_to_cart", "purchase"]),
    st.integers(1, 3),
    st.sampled_from([None, None, 7, 8]),
    st.sampled_from("st"),
)
TIMELINES = st.lists(st.lists(STEPS, min_size=1, max_size=8), min_size=30, max_size=40)


def events_of(timelines: Sequence[Sequence[Any]]) -> list[Event]:
    """The events of many visitors, one timeline each."""
    events = []
    for visitor, timeline in enumerate(timelines):
        at = EVENING
        for number, (pause, kind, product, household, source) in enumerate(timeline):
            at += pause
            name = f"v{visitor}"
            events.append(Event(f"{name}-{number}", name, at, kind, product, household, source))
    return events


def delivered(events: Sequence[Event], dice: Random, batches: int) -> list[list[Event]]:
    """The events in batches, each once to three times; a few first with a time too early."""
    cut: list[list[Event]] = [[] for _ in range(batches)]
    for event in events:
        copies = [event] * dice.randint(1, 3)
        if dice.random() < 0.1:
            copies.append(replace(event, at=event.at - timedelta(minutes=dice.randint(1, 90))))
        for copy in copies:
            dice.choice(cut).append(copy)
    for batch in cut:
        dice.shuffle(batch)
    return [batch for batch in cut if batch]


# Each example is many visitors and costs seconds, so none is searched for a smaller one.
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(timelines=TIMELINES, seed=st.integers(0, 2**32))
def test_any_delivery_of_the_same_events_gives_the_same_events_and_visits(
    opened: Stream, timelines: list[list[Any]], seed: int
) -> None:
    events = events_of(timelines)
    opened.empty()
    for batch in delivered(events, Random(seed), batches=3):
        opened.publish(batch)
    steps = [(row["event_id"], row["event_time"]) for row in opened.rows("curated.click_event")]
    assert sorted(steps) == sorted((event.id, event.at.replace(tzinfo=UTC)) for event in events)
    visits = opened.visits()
    assert made(visits) == naive(events)
    assert len(visits) == len(made(visits))


def test_a_batch_is_one_commit_and_is_reported_with_its_rows(stream: Stream) -> None:
    stream.reported.clear()
    event = Event("e1", "v", EVENING)
    stream.publish([event, event])
    stream.publish([event])
    assert [(each["rows_in"], each["dataset"]) for each in stream.reported] == [
        (2, "curated.click_event"),
        (1, "curated.click_event"),
    ]
    # Also the batch that brought nothing new: later runs recognise it by its commit.
    assert len(stream.catalog.snapshot_summaries("curated.click_event")) == 2
    assert len(stream.rows("curated.click_event")) == 1


def test_an_event_whose_time_is_corrected_is_found_in_the_month_that_it_leaves(
    stream: Stream,
) -> None:
    stream.publish([Event("e1", "v", EVENING), Event("e2", "w", EVENING)])
    later = EVENING + timedelta(days=70)
    stream.publish([Event("e1", "v", later), Event("e3", "w", later)])
    found = {row["event_id"]: row["event_time"] for row in stream.rows("curated.click_event")}
    assert found == {
        "e1": later.replace(tzinfo=UTC),
        "e2": EVENING.replace(tzinfo=UTC),
        "e3": later.replace(tzinfo=UTC),
    }
    assert len(stream.rows("curated.click_event")) == 3


def test_a_late_event_joins_visits_that_were_published_before(stream: Stream) -> None:
    first, second, between = (
        Event(name, "v", EVENING + timedelta(minutes=minute))
        for name, minute in (("e1", 0), ("e2", 50), ("e3", 25))
    )
    stream.publish([first, second])
    assert len(before := stream.visits()) == 2
    stream.publish([between])
    (joined,) = stream.visits()
    assert joined["events"] == 3
    assert joined["session_id"] == min(before, key=lambda row: row["started_at"])["session_id"]


def test_visits_are_made_as_of_a_day(stream: Stream) -> None:
    stream.publish([Event("e1", "v", EVENING), Event("e2", "v", EVENING + MINUTES_30)])
    (evening,) = stream.visits("2017-06-01")
    (later,) = stream.visits("2017-06-02")
    assert (evening["events"], later["events"]) == (1, 2)
    assert evening["session_id"] == later["session_id"]
