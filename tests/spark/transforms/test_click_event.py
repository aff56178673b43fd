"""A click event is one row, on the shop's own day, whatever way it was delivered."""

from __future__ import annotations

from datetime import date, datetime

from spark.tables import TABLES
from spark.transforms.click_event import click_events

CLEAN = (
    "event_id string, session_id string, visitor_id string, household_id bigint, "
    "event_type string, event_time timestamp, product_id bigint, quantity bigint, "
    "basket_id bigint, synthetic boolean, generator string, seed bigint"
)


def event(name: str, at: datetime, *, batch: str = "b1", product: int = 1) -> tuple[object, ...]:
    """A view, whose place in the stream's history is its own time."""
    viewed = (name, "s", "v", None, "view", at, product, None, None, True, "model/1", 7)
    return (*viewed, batch, "0", at, None, "I")


def at(*parts: int) -> datetime:
    return datetime(2017, *parts)  # noqa: DTZ001 - the engine's zone is UTC


def test_a_copy_of_an_event_is_no_second_step(changes) -> None:
    noon = at(6, 1, 12)
    copies = [event("e1", noon, batch=batch) for batch in ("b1", "b1", "b2")]
    rows = click_events(changes(CLEAN, [*copies, event("e2", noon)]), "America/New_York")
    assert tuple(rows.columns) == TABLES["curated.click_event"].column_names
    assert sorted(row["event_id"] for row in rows.collect()) == ["e1", "e2"]


def test_an_event_whose_time_was_corrected_moves(changes) -> None:
    corrected = [event("e1", at(6, 1, 12), batch="b2"), event("e1", at(6, 1, 11), batch="b9")]
    (row,) = click_events(changes(CLEAN, corrected), "America/New_York").collect()
    assert row["event_time"] == at(6, 1, 12)


def test_a_day_begins_and_ends_in_the_shops_own_time_zone(changes) -> None:
    times = {
        "last second of New Year's Eve": at(1, 1, 4, 59, 59),
        "first second of the year": at(1, 1, 5),
        "before clocks go forward": at(3, 12, 6, 59),
        "after clocks went forward, near midnight": at(3, 13, 3, 59, 59),
        "midnight in summer": at(3, 13, 4),
    }
    log = [event(name, moment) for name, moment in times.items()]
    rows = click_events(changes(CLEAN, log), "America/New_York").collect()
    assert {row["event_id"]: row["event_date"] for row in rows} == dict(
        zip(
            times,
            [
                date(2016, 12, 31),
                date(2017, 1, 1),
                date(2017, 3, 12),
                date(2017, 3, 12),
                date(2017, 3, 13),
            ],
            strict=True,
        )
    )
