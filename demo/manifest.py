"""The company's own count of what it changed: what the platform's counts are held against.

The count of a week is written by the transaction that makes the week's changes, so that the two
cannot differ. `manifest.json` in the company's folder is a copy of all counts, by landing date and
table; the first date is the one on which everything that was there is loaded. It is written again
whenever the company looks, so a lost one does no harm.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from demo.calendar import closing

if TYPE_CHECKING:
    import psycopg

NAME: Final = "manifest.json"
# Where the company keeps what is still to happen, and what happened; no system reads it.
COMPANY_SCHEMA: Final = "company"
CREATE_COUNTS: Final = f"""
CREATE TABLE {COMPANY_SCHEMA}.change_count (
    week integer, table_name text, inserts bigint NOT NULL, updates bigint NOT NULL,
    deletes bigint NOT NULL, PRIMARY KEY (week, table_name)
)
"""


@dataclass(frozen=True)
class ChangeCount:
    """What one week changed in one table; `landing_date` is the day on which it did."""

    landing_date: date
    table: str
    inserts: int
    updates: int
    deletes: int

    @property
    def rows(self) -> int:
        """Changes of all kinds."""
        return self.inserts + self.updates + self.deletes


@dataclass(frozen=True)
class Advanced:
    """Weeks that have happened: how many just now, and what every one so far has changed."""

    weeks: int
    counts: tuple[ChangeCount, ...]

    @property
    def new(self) -> tuple[ChangeCount, ...]:
        """What the weeks that happened just now have changed."""
        days = sorted({count.landing_date for count in self.counts})
        new = days[len(days) - self.weeks :]
        return tuple(count for count in self.counts if count.landing_date in new)


def count_changes(
    session: psycopg.Connection[Any],
    week: int,
    table: str,
    *,
    inserts: int,
    updates: int = 0,
    deletes: int = 0,
) -> None:
    """Count what a week changed in a table; it cannot be counted twice."""
    session.execute(
        f"INSERT INTO {COMPANY_SCHEMA}.change_count VALUES (%s, %s, %s, %s, %s)",
        (week, table, inserts, updates, deletes),
    )


def last_week(session: psycopg.Connection[Any]) -> int:
    """The last week whose changes have been made."""
    [(week,)] = session.execute(f"SELECT max(week) FROM {COMPANY_SCHEMA}.change_count").fetchall()
    return int(week)


def change_counts(session: psycopg.Connection[Any]) -> tuple[ChangeCount, ...]:
    """What was changed so far, by landing date and table; first, what there was at the opening."""
    counted = session.execute(
        f"SELECT week, table_name, inserts, updates, deletes FROM {COMPANY_SCHEMA}.change_count"
        " ORDER BY week, table_name"
    ).fetchall()
    return tuple(ChangeCount(closing(week).date(), *counts) for week, *counts in counted)


def write_manifest(folder: Path, counts: Sequence[ChangeCount]) -> None:
    """Put the counts in place of an earlier manifest."""
    changes = [
        {**asdict(count), "landing_date": count.landing_date.isoformat()} for count in counts
    ]
    fresh = folder / f"{NAME}.new"
    fresh.write_text(json.dumps({"changes": changes}, indent=2) + "\n", encoding="utf-8")
    fresh.replace(folder / NAME)


def read_manifest(folder: Path) -> tuple[ChangeCount, ...]:
    """The counts, by landing date and table."""
    document = json.loads((folder / NAME).read_text(encoding="utf-8"))
    return tuple(
        ChangeCount(**{**count, "landing_date": date.fromisoformat(count["landing_date"])})
        for count in document["changes"]
    )
