"""What became of a database's tables, read from a shell."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from product360_assets.cli.commands import app
from product360_assets.core.contract import SourceContract, known_contracts
from product360_assets.ingestion.statistics import table_statistics
from resources.ledger import Delivery, Ledger
from resources.local.ledger import SqliteLedger

BEGUN = datetime(2017, 5, 1, 8, tzinfo=UTC)
LOAD = "20170501T080000Z-0001"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["source", *arguments])


@pytest.fixture
def database() -> SourceContract:
    return next(each for each in known_contracts().values() if each.kind == "database")


@pytest.fixture
def ledger(empty_home: Path) -> Ledger:
    return SqliteLedger(empty_home / "ledger.db")


def deliver(
    ledger: Ledger, source: str, table: str, *, name: str, rows: int, prefix: str = "", **said: str
) -> None:
    """What a load, an execution or a validation leaves in the ledger."""
    ended = BEGUN + timedelta(minutes=rows)
    ledger.record_delivery(
        Delivery(
            *(source, table, name, date(2017, 5, 1), prefix, "successful", BEGUN, ended, rows, 0),
            details=said,
        )
    )


@pytest.fixture
def replicated(database: SourceContract, ledger: Ledger) -> SourceContract:
    """The first table was loaded and then changed; the others never came."""
    first = database.tables[0].name
    deliver(ledger, database.name, first, name=LOAD, rows=5, capture="c")
    changes = {"inserts": "3", "updates": "2", "deletes": "1", "ddls": "0"}
    deliver(ledger, database.name, first, name="20170502T1", rows=6, epoch=LOAD, **changes)
    return database


def test_statistics_are_those_that_dagster_shows(
    replicated: SourceContract, ledger: Ledger
) -> None:
    result = run("statistics", replicated.name, "--format", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [each.pop("Table") for each in found] == [each.name for each in replicated.tables]
    assert found == [
        table_statistics(replicated, table, ledger=ledger) for table in replicated.tables
    ]
    counted = ("FullLoadRows", "Inserts", "Updates", "AppliedDeletes", "TableState")
    assert [found[0][name] for name in counted] == [5, 3, 2, 1, "Table completed"]
    assert found[1]["TableState"] == "Before load"


def test_programs_get_a_row_for_each_table_and_people_a_column(
    replicated: SourceContract,
) -> None:
    [first, second, *_] = [table.name for table in replicated.tables]
    text = run("statistics", replicated.name, "--format", "csv").stdout
    rows = {row["Table"]: row for row in csv.DictReader(io.StringIO(text))}
    assert (rows[first]["Inserts"], rows[second]["FullLoadEndTime"]) == ("3", "")

    shown = run("statistics", replicated.name).stdout.splitlines()
    lines = [line.split() for line in shown if line.strip()]
    assert lines[0][:3] == ["statistic", first, second]
    assert [line[1:3] for line in lines if line[0] == "Inserts"] == [["3", "0"]]


def test_one_table_can_be_asked_for(replicated: SourceContract) -> None:
    name = replicated.tables[1].name
    result = run("statistics", replicated.name, "--table", name, "--format", "json")
    assert [each["Table"] for each in json.loads(result.stdout)] == [name]


def validated(ledger: Ledger, source: SourceContract, state: str, prefix: str = "") -> None:
    counts = {"state": state, "failed": "2", "suspended": "0", "pending": "1"}
    ends = {"epoch": LOAD, "up to": "20170502T1"}
    table = f"*{source.tables[0].name}"
    number = f"{1 + len(ledger.deliveries(source.name, table)):08d}"
    deliver(ledger, source.name, table, name=number, rows=9, prefix=prefix, **counts, **ends)


def test_the_last_validation_is_shown_and_a_difference_is_exit_status_one(
    replicated: SourceContract, ledger: Ledger, empty_home: Path
) -> None:
    validated(ledger, replicated, "Validated")
    assert run("validation", replicated.name).exit_code == 0

    validated(ledger, replicated, "Mismatched records", "validation/x/1.json")
    result = run("validation", replicated.name, "--format", "json")

    assert result.exit_code == 1
    [first, second, *_] = json.loads(result.stdout)
    assert first == {
        "table": replicated.tables[0].name,
        "state": "Mismatched records",
        "validated_at": "2017-05-01 08:09:00+00:00",
        "compared": 9,
        "pending": 1,
        "failed": 2,
        "suspended": 0,
        "failures": f"file://{empty_home}/lake/results/validation/x/1.json",
    }
    assert (second["state"], second["validated_at"]) == ("Not validated yet", None)


@pytest.mark.parametrize("command", ["statistics", "validation"])
@pytest.mark.usefixtures("empty_home")
def test_what_is_no_database_is_wrong_usage(command: str) -> None:
    other = next(each for each in known_contracts().values() if each.kind != "database")
    for arguments in (["nowhere"], [other.name], [other.name, "--table", "none"], []):
        assert run(command, *arguments).exit_code == 2
