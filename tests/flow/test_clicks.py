"""Clicks and visits equal what was delivered, and purchases are the package's real baskets.

Each comparison is a function of a lineage and its scale, so that any scale can be held against it.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import duckdb
import oracle_clicks
import pytest
from lineage import Lineage

pytestmark = pytest.mark.flow


def curated(lineage: Lineage) -> duckdb.DuckDBPyConnection:
    """The tables as DuckDB relations, read by PyIceberg and not by the warehouse."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    catalog = lineage.resources()["catalog"]
    for name in ("click_event", "click_session"):
        connection.register(name, catalog.table(f"curated.{name}").scan().to_arrow())
    return connection


def compare_events(lineage: Lineage) -> None:
    """Each delivered event is one row, on its own local day."""
    by_day = oracle_clicks.EVENTS_BY_DAY
    delivered = oracle_clicks.events(lineage.home).sql(by_day.format(day="day", table="event"))
    published = curated(lineage).sql(by_day.format(day="event_date", table="click_event"))
    assert published.fetchall() == delivered.fetchall()


def compare_visits(lineage: Lineage) -> None:
    """The visits are those that walking through the delivered events finds."""
    expected = sorted(map(astuple, oracle_clicks.visits(lineage.home)))
    found = curated(lineage).sql(oracle_clicks.VISITS).fetchall()
    assert len(found) == len(expected) > 0
    wrong = [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]]
    assert not wrong[:3]


def compare_carts(lineage: Lineage, scale: str) -> None:
    """Each visit that bought ends with its receipt, and its cart is that receipt's whole cart."""
    connection = curated(lineage)
    connection.register(
        "eligible", oracle_clicks.carts(scale).sql("FROM eligible").to_arrow_table()
    )
    ((visits, purchases, wrong_lines, wrong_ends, wrong_households),) = connection.sql(
        """
        WITH visit AS (FROM click_session WHERE is_converted),
        bought AS (
            SELECT s.session_id, e.basket_id, e.product_id, e.quantity
            FROM click_event e JOIN visit s ON e.visitor_id = s.visitor_id
             AND e.event_time BETWEEN s.started_at AND s.ended_at
            WHERE e.event_type = 'purchase'
        ),
        receipt AS (
            SELECT DISTINCT session_id, p.basket_id, p.product_id, p.quantity
            FROM bought JOIN eligible p USING (basket_id)
        ),
        paid AS (SELECT DISTINCT basket_id, household_id, sold_at FROM eligible)
        SELECT (SELECT count(*) FROM visit), (SELECT count(*) FROM bought),
               (SELECT count(*) FROM ((FROM bought EXCEPT ALL FROM receipt) UNION ALL
                                      (FROM receipt EXCEPT ALL FROM bought))),
               (SELECT count(*) FROM visit LEFT JOIN paid USING (basket_id)
                WHERE sold_at IS NULL
                   OR NOT epoch_us(sold_at) BETWEEN epoch_us(started_at) AND epoch_us(ended_at)),
               (SELECT count(*) FROM visit JOIN paid USING (basket_id)
                WHERE visit.household_id <> paid.household_id)
        """
    ).fetchall()
    assert visits > 0
    assert purchases > visits
    assert (wrong_lines, wrong_ends, wrong_households) == (0, 0, 0)


def summary(lineage: Lineage) -> dict[str, Any]:
    """Numbers that say what the visits are like."""
    (row,) = (
        curated(lineage)
        .sql(
            """
            SELECT count(*) AS visits, sum(events) AS events,
                   count(*) FILTER (is_converted) AS converted,
                   count(*) FILTER (is_bot) AS bots, count(*) FILTER (NOT is_synthetic) AS real,
                   count(DISTINCT session_id) AS ids, max(session_date) AS last_day
            FROM click_session
            """
        )
        .fetchall()
    )
    names = ("visits", "events", "converted", "bots", "real", "ids", "last_day")
    return dict(zip(names, row, strict=True))


def test_click_events_equal_the_delivered_files(retailer: Lineage) -> None:
    compare_events(retailer)


def test_visits_equal_those_found_by_walking_through_the_events(retailer: Lineage) -> None:
    compare_visits(retailer)


def test_the_cart_of_a_visit_is_the_real_baskets(retailer: Lineage) -> None:
    compare_carts(retailer, retailer.scale)


def test_visits_are_synthetic_and_nobody_is_taken_for_a_bot(retailer: Lineage) -> None:
    numbers = summary(retailer)
    assert (numbers["bots"], numbers["real"]) == (0, 0)
    assert numbers["ids"] == numbers["visits"]
    assert numbers["last_day"] == oracle_clicks.last_closed_day(retailer.home)
    # The model's own share of buying visits, within what chance does at this scale.
    assert 0.10 < numbers["converted"] / numbers["visits"] < 0.21
