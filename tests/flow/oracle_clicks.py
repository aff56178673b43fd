"""What the delivered event files say, computed straight from them: no code of the platform.

Events are read from the kept files (gzipped JSON lines) with DuckDB. Visits are walked through one
event at a time in Python, where the platform uses windows. The receipts come from the package's
files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import duckdb
import oracle

MICROSECONDS_30_MINUTES = 30 * 60 * 1_000_000


@dataclass(frozen=True)
class Visit:
    """One visit, in the order of `VISITS`."""

    visitor: str
    household: int | None
    started_us: int
    ended_us: int
    day: date
    events: int
    views: int
    products_viewed: int
    added: int
    removed: int
    bought: int
    receipt: int | None
    source_sessions: int


VISITS = """
    SELECT visitor_id, household_id, epoch_us(started_at), epoch_us(ended_at), session_date, events,
           views, products_viewed, cart_additions, cart_removals, products_purchased, basket_id,
           source_sessions
    FROM click_session ORDER BY visitor_id, started_at
"""


def events(home: Path) -> duckdb.DuckDBPyConnection:
    """A connection with the table `event`: each delivered event once."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    files = str(home / "lake/raw/clickstream/click_event/**/*.json.gz").replace("'", "''")
    connection.execute(
        f"""
        CREATE TABLE event AS
        SELECT *, CAST(timezone('America/New_York', event_time) AS DATE) AS day
        FROM (SELECT DISTINCT * FROM read_json('{files}', format = 'newline_delimited',
              columns = {{event_id: 'VARCHAR', session_id: 'VARCHAR', visitor_id: 'VARCHAR',
                         household_id: 'BIGINT', event_type: 'VARCHAR', event_time: 'TIMESTAMPTZ',
                         product_id: 'BIGINT', quantity: 'BIGINT', basket_id: 'BIGINT',
                         synthetic: 'BOOLEAN', generator: 'VARCHAR', seed: 'BIGINT'}}))
        """
    )
    return connection


EVENTS_BY_DAY = """
    SELECT {day} AS day, event_type, count(*), count(household_id), count(DISTINCT visitor_id),
           sum(quantity), sum(product_id), count(DISTINCT basket_id), min(event_time),
           bit_xor(hash(event_id, visitor_id, product_id, epoch_us(event_time)))
    FROM {table} GROUP BY ALL ORDER BY ALL
"""


def last_closed_day(home: Path) -> date:
    """The last day with events before the day of the newest delivery, by the folders' names."""
    folders = (home / "lake/raw/clickstream/click_event").glob("landing_date=*")
    newest = max(date.fromisoformat(folder.name.partition("=")[2]) for folder in folders)
    ((day,),) = (
        events(home).execute("SELECT max(day) FROM event WHERE day < ?", [newest]).fetchall()
    )
    assert isinstance(day, date)
    return day


def visits(home: Path) -> Iterator[Visit]:
    """Every visit, found by walking through each visitor's events up to the last closed day."""
    found = events(home).execute(
        """
        SELECT visitor_id, epoch_us(event_time), event_type, product_id, household_id, basket_id,
               session_id, day
        FROM event WHERE day <= ? ORDER BY visitor_id, event_time
        """,
        [last_closed_day(home)],
    )
    rows = iter(lambda: found.fetchmany(50_000), [])
    walked = (row for block in rows for row in block)
    for _, steps in groupby(walked, key=itemgetter(0)):
        visit: list[tuple[object, ...]] = []
        for step in steps:
            if visit and step[1] - visit[-1][1] > MICROSECONDS_30_MINUTES:
                yield _visit(visit)
                visit = []
            visit.append(step)
        yield _visit(visit)


def _visit(steps: list[tuple[object, ...]]) -> Visit:
    kinds = [step[2] for step in steps]
    bought = [step for step in steps if step[2] == "purchase"]
    households = {step[4] for step in steps} - {None}
    return Visit(
        visitor=steps[0][0],
        household=households.pop() if len(households) == 1 else None,
        started_us=steps[0][1],
        ended_us=steps[-1][1],
        day=steps[0][7],
        events=len(steps),
        views=kinds.count("view"),
        products_viewed=len({step[3] for step in steps if step[2] == "view"}),
        added=kinds.count("add_to_cart"),
        removed=kinds.count("remove_from_cart"),
        bought=len({step[3] for step in bought}),
        receipt=min((step[5] for step in bought), default=None),
        source_sessions=len({step[6] for step in steps}),
    )


def carts(scale: str) -> duckdb.DuckDBPyConnection:
    """The package with the view `eligible`: lines that a web shop could have sold.

    Pieces of listed products that are no fuel and no coupon, as docs/demo-company.md says.
    """
    connection = oracle.panel(scale)
    connection.execute(
        """
        CREATE VIEW eligible AS
        SELECT basket_id, product_id, quantity, household_id, transaction_timestamp AS sold_at
        FROM lines JOIN products USING (product_id)
        WHERE quantity BETWEEN 1 AND 100 AND department NOT IN ('FUEL', 'COUPON')
          AND coalesce(product_type, '') NOT LIKE 'GASOLINE%'
        """
    )
    return connection
