"""F26: days that were long ago are replayed from raw, and nothing that came since gives way."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from lineage import Lineage

pytestmark = pytest.mark.flow

CLEAN = "clean"
A_MONTH = timedelta(days=30)


def units(lineage: Lineage, source: str, table: str) -> dict[date, str]:
    """The unit of clean data that stands, by landing date; files deliver once a day."""
    ledger = lineage.resources()["ledger"].open()
    states = ledger.zone_states(source, table, CLEAN)
    return {
        batch.landing_date: states[batch.batch_id].unit for batch in ledger.batches(source, table)
    }


def test_f26_a_replay_of_old_days_regresses_no_newer_row(sail: Lineage) -> None:
    digests, before = sail.digests(), units(sail, "pricing", "price_week")
    first, newest = min(before), max(before)
    last = first + A_MONTH
    assert newest - last > A_MONTH
    days = ["--source", "pricing", "--from", f"{first}", "--to", f"{last}"]

    planned = sail.command("replay", *days, "--dry-run", "--format", "json")
    assert planned.returncode == 0, planned.stderr
    steps = json.loads(planned.stdout)
    assert units(sail, "pricing", "price_week") == before
    done = sail.command("replay", *days, "--format", "json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == steps
    after = units(sail, "pricing", "price_week")
    replayed = {day for day in before if after[day] != before[day]}
    assert replayed == {day for day in before if first <= day <= last}
    assert replayed == {
        date.fromisoformat(step["landing_date"]) for step in steps if step["table"] == "price_week"
    }
    assert {table for step in steps for table in step["published_in"].split()} == {
        "curated.price_history",
        "curated.price_week",
        "curated.promotion_week",
    }
    assert sail.digests() == digests
    assert "Nothing was new: no batch was accepted, and no table has changed." in " ".join(
        sail.demo().split()
    )


def test_f26_a_replay_of_a_whole_source_duplicates_nothing(sail: Lineage) -> None:
    digests = sail.digests()
    done = sail.command("replay", "--source", "pos", "--from", "2017-01-01", "--to", "2018-12-31")
    assert done.returncode == 0, done.stderr
    assert sail.digests() == digests
