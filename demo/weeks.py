"""Lets weeks happen: what changed in a week is changed in the databases, in one transaction.

The transaction says its time in the simulated calendar by a logical message, so that whoever
decodes the write-ahead log hears it with the changes. It also counts what it changed: killed at any
moment, a week has happened with its count, or not at all.

After the year there is no more panel. A day of 2018 is the day 364 days before it once again, the
same day of the week, under numbers that tell it for a copy.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from demo.calendar import LAST_WEEK, closing, said
from demo.database import CLOCK_MESSAGE
from demo.manifest import count_changes, last_week
from demo.tables import TABLES, DatabaseTable

if TYPE_CHECKING:
    import psycopg

_THIS_WEEK: Final = "c.made_in = %s AND c.op = %s"
_A_YEAR: Final = timedelta(days=364)
_OF_DAY: Final = "(sold_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York')::date = %s"
_COPY_IDS: Final = 200_000_000_000
_COPIES: Final = {
    "pos.basket": f"""
        INSERT INTO pos.basket
        SELECT basket_id + {_COPY_IDS}, household_id, store_id, sold_at + interval '364 days',
               week - 1
        FROM pos.basket WHERE {_OF_DAY} ORDER BY basket_id
    """,
    "pos.sales_line": f"""
        INSERT INTO pos.sales_line
        SELECT basket_id + {_COPY_IDS}, product_id, quantity, sales_value, retail_discount,
               coupon_discount, coupon_match_discount
        FROM pos.sales_line JOIN pos.basket USING (basket_id) WHERE {_OF_DAY}
        ORDER BY basket_id, product_id
    """,
}


def let_weeks_happen(session: psycopg.Connection[Any], *, through: int) -> int:
    """Make the changes of every week, or day after the year, up to `through`, unless they are made.

    Returns:
        How many weeks and days happened.
    """
    weeks = range(last_week(session) + 1, through + 1)
    for week in weeks:
        if week > LAST_WEEK:
            _let_day_happen(session, week)
        else:
            _let_week_happen(session, week)
    return len(weeks)


def _let_week_happen(session: psycopg.Connection[Any], week: int) -> None:
    with session.transaction():
        _say_time(session, week)
        # What refers to something comes after it, and goes before it.
        inserts = {table: _insert(session, table, week) for table in TABLES}
        updates = {table: _update(session, table, week) for table in TABLES}
        deletes = {table: _delete(session, table, week) for table in reversed(TABLES)}
        for table in TABLES:
            counts = (inserts[table], updates[table], deletes[table])
            if any(counts):
                made = dict(zip(("inserts", "updates", "deletes"), counts, strict=True))
                count_changes(session, week, table.name, **made)


def _let_day_happen(session: psycopg.Connection[Any], week: int) -> None:
    day = closing(week).date() - timedelta(days=1)
    with session.transaction():
        _say_time(session, week)
        for table, copies in _COPIES.items():
            made = session.execute(copies.encode(), (day - _A_YEAR,)).rowcount
            count_changes(session, week, table, inserts=made)


def _say_time(session: psycopg.Connection[Any], week: int) -> None:
    session.execute(
        "SELECT pg_logical_emit_message(true, %s, %s)", (CLOCK_MESSAGE, said(closing(week)))
    )


def _insert(session: psycopg.Connection[Any], table: DatabaseTable, week: int) -> int:
    columns = ", ".join(table.column_names)
    statement = (
        f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {table.planned} AS c"
        f" WHERE {_THIS_WEEK} ORDER BY {', '.join(table.key)}"
    )
    return _changed(session, statement, week, "I")


def _update(session: psycopg.Connection[Any], table: DatabaseTable, week: int) -> int:
    values = ", ".join(f"{name} = c.{name}" for name in table.column_names if name not in table.key)
    statement = (
        f"UPDATE {table.name} AS t SET {values} FROM {table.planned} AS c"
        f" WHERE {_THIS_WEEK} AND {_same_key(table)}"
    )
    return _changed(session, statement, week, "U")


def _delete(session: psycopg.Connection[Any], table: DatabaseTable, week: int) -> int:
    statement = (
        f"DELETE FROM {table.name} AS t USING {table.planned} AS c"
        f" WHERE {_THIS_WEEK} AND {_same_key(table)}"
    )
    return _changed(session, statement, week, "D")


def _same_key(table: DatabaseTable) -> str:
    return " AND ".join(f"t.{name} = c.{name}" for name in table.key)


def _changed(session: psycopg.Connection[Any], statement: str, week: int, op: str) -> int:
    return session.execute(statement.encode(), (week, op)).rowcount
