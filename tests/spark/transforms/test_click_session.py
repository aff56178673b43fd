"""What a visit is, rule by rule, on a few events."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from spark.tables import TABLES
from spark.transforms.click_session import click_sessions

EVENTS = (
    "event_id string, visitor_id string, household_id bigint, event_type string, "
    "event_time timestamp, event_date date, product_id bigint, basket_id bigint, "
    "source_session_id string, is_synthetic boolean"
)
NOON = datetime(2017, 6, 1, 16)  # noqa: DTZ001 - the engine's zone is UTC; noon in New York
DAY = date(2017, 6, 1)
MINUTES_30 = timedelta(minutes=30)
MICROSECOND = timedelta(microseconds=1)


def step(at: datetime | timedelta, kind: str = "view", **more: Any) -> tuple[Any, ...]:
    """An event; its place may be given as what has passed since noon."""
    moment = NOON + at if isinstance(at, timedelta) else at
    event = {
        "event_id": f"{moment}{kind}{more}",
        "visitor_id": "v",
        "household_id": None,
        "event_type": kind,
        "event_time": moment,
        "event_date": (moment - timedelta(hours=4)).date(),
        "product_id": 1,
        "basket_id": 9 if kind == "purchase" else None,
        "source_session_id": "s",
        "is_synthetic": False,
    }
    return tuple({**event, **more}.values())


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.fixture
def visits(frame):
    def made(*events: tuple[Any, ...], as_of: date = DAY) -> list[dict[str, Any]]:
        rows = click_sessions(frame(EVENTS, events), as_of)
        assert tuple(rows.columns) == TABLES["curated.click_session"].column_names
        return sorted((row.asDict() for row in rows.collect()), key=lambda row: row["started_at"])

    return made


def test_a_pause_of_30_minutes_is_inside_a_visit_and_a_longer_one_ends_it(visits) -> None:
    second = MINUTES_30 + MINUTES_30 + MICROSECOND
    rows = visits(step(second), step(MINUTES_30), step(seconds(0)))
    assert [(row["started_at"], row["ended_at"], row["events"]) for row in rows] == [
        (NOON, NOON + MINUTES_30, 2),
        (NOON + second, NOON + second, 1),
    ]
    assert [row["duration_seconds"] for row in rows] == [1800, 0]
    assert len({row["session_id"] for row in rows}) == 2
    assert all(len(row["session_id"]) == 32 for row in rows)


def test_visitors_are_kept_apart(visits) -> None:
    rows = visits(step(seconds(0)), step(seconds(1), visitor_id="w"), step(seconds(2)))
    assert {row["visitor_id"]: row["events"] for row in rows} == {"v": 2, "w": 1}


def test_a_visit_goes_on_after_midnight_and_is_of_the_day_on_which_it_began(visits) -> None:
    midnight = datetime(2017, 6, 2, 4)  # noqa: DTZ001
    events = (step(midnight - seconds(60)), step(midnight + seconds(60)))
    (row,) = visits(*events, as_of=date(2017, 6, 2))
    assert (row["session_date"], row["events"]) == (DAY, 2)
    # On the evening of the first day nothing of the second was known.
    (sooner,) = visits(*events, as_of=DAY)
    assert sooner["events"] == 1
    assert sooner["session_id"] == row["session_id"]


def test_a_late_event_that_joins_two_visits_leaves_the_earlier_ones_id(visits) -> None:
    events = (step(seconds(0)), step(timedelta(minutes=50)))
    first, second = visits(*events)
    (joined,) = visits(*events, step(timedelta(minutes=25)))
    assert (joined["session_id"], joined["events"]) == (first["session_id"], 3)
    assert joined["session_id"] != second["session_id"]
    assert joined["ended_at"] == second["ended_at"]


def test_steps_are_counted_by_what_they_are(visits) -> None:
    (row,) = visits(
        step(seconds(0)),
        step(seconds(1)),
        step(seconds(2), product_id=2),
        step(seconds(3), product_id=None),
        step(seconds(4), "add_to_cart"),
        step(seconds(5), "add_to_cart", product_id=2),
        step(seconds(6), "remove_from_cart", product_id=2),
        step(seconds(7.9), "purchase", basket_id=12),
        step(seconds(7.9), "purchase", basket_id=11, is_synthetic=True),
        step(seconds(7.9), "purchase", product_id=3, source_session_id="t"),
    )
    counts = ("events", "views", "products_viewed", "cart_additions", "cart_removals")
    assert [row[name] for name in counts] == [10, 4, 2, 2, 1]
    assert (row["products_purchased"], row["basket_id"], row["is_converted"]) == (2, 9, True)
    assert (row["source_sessions"], row["duration_seconds"]) == (2, 7)
    assert (row["is_synthetic"], row["is_bot"]) == (True, False)


def test_a_visit_that_bought_nothing_has_no_receipt(visits) -> None:
    (row,) = visits(step(seconds(0)), step(seconds(1), "add_to_cart"))
    assert (row["is_converted"], row["products_purchased"], row["basket_id"]) == (False, 0, None)
    assert row["is_synthetic"] is False


@pytest.mark.parametrize(
    ("households", "household"),
    [((None, None), None), ((None, 7), 7), ((7, 7), 7), ((7, 8), None)],
    ids=["anonymous", "signed in later", "signed in", "a browser that two share"],
)
def test_a_visit_is_of_the_household_that_alone_was_signed_in(
    visits, households: tuple[int | None, int | None], household: int | None
) -> None:
    (row,) = visits(*(step(seconds(at), household_id=each) for at, each in enumerate(households)))
    assert row["household_id"] == household


@pytest.mark.parametrize(
    ("clicks", "apart", "kind", "is_bot"),
    [
        (30, 0.999, "view", True),
        (30, 1, "view", False),
        (29, 0.001, "view", False),
        (1000, 2, "add_to_cart", True),
        (999, 2, "add_to_cart", False),
        (1000, 0.001, "purchase", False),
    ],
)
def test_nobody_clicks_like_a_bot(
    visits, clicks: int, apart: float, kind: str, is_bot: bool
) -> None:
    purchase = step(seconds(0), "purchase", product_id=5)
    (row,) = visits(purchase, *(step(seconds(number * apart), kind) for number in range(clicks)))
    assert row["is_bot"] is is_bot
