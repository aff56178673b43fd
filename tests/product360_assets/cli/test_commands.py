"""The command answers on standard output, explains on standard error, and says how it went."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner, Result

from product360_assets.cli.commands import app
from product360_assets.cli.surroundings import adopt_env_file, adopt_instance
from resources.audit_branches import begin
from resources.audit_commits import branch_table
from resources.catalog import LocalCatalogResource
from spark.tables.forecast import WEEKLY_DEMAND

DEMAND = "SELECT item_id, week_start, demand FROM weekly_demand ORDER BY week_start"


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


@pytest.mark.usefixtures("home")
def test_a_query_answers_as_a_table_for_people() -> None:
    result = run("query", DEMAND)
    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    assert lines[0].split() == ["item_id", "week_start", "demand"]
    assert lines[2].split() == ["7", "2017-12-18", "2.0"]
    assert lines[-1] == "2 rows"


@pytest.mark.usefixtures("home")
def test_a_query_answers_as_csv_and_json_for_programs() -> None:
    assert run("query", DEMAND, "--format", "csv").stdout.splitlines() == [
        "item_id,week_start,demand",
        "7,2017-12-18,2.0",
        "7,2017-12-25,0.5",
    ]
    assert json.loads(run("query", DEMAND, "--format", "json").stdout)[1] == {
        "item_id": "7",
        "week_start": "2017-12-25",
        "demand": 0.5,
    }


@pytest.mark.usefixtures("home")
def test_a_long_query_comes_by_standard_input() -> None:
    result = run("query", "-", "--format", "csv", stdin="SELECT count(*) AS n FROM weekly_demand")
    assert result.stdout == "n\n2\n"


def test_a_query_reads_what_an_audit_keeps_back_where_it_is_asked_to(home: Path) -> None:
    catalog, name = LocalCatalogResource(home=str(home)), WEEKLY_DEMAND.identifier
    question = ("query", "SELECT count(*) AS n FROM weekly_demand", "--format", "csv")
    asked = (*question, "--unpublished", name)
    nothing = run(*asked)
    assert nothing.exit_code == 1
    assert f"unpublished rows of {name}: found none" in nothing.stderr

    table = branch_table(catalog, begin(catalog, name, "commit-1"))
    table.append(catalog.table(name).scan().to_arrow())
    assert run(*question).stdout == "n\n2\n"
    assert run(*asked).stdout == "n\n4\n"

    # Beside a tag, only the table that was named is read unpublished.
    assert run("tag", "v1").exit_code == 0
    catalog.table(name).delete("demand < 1")
    assert run(*question).stdout == "n\n1\n"
    assert run(*question, "--as-of", "v1").stdout == "n\n2\n"
    assert run(*asked, "--as-of", "v1").stdout == "n\n4\n"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP TABLE weekly_demand", "found a DROP statement. Expected one SELECT"),
        ("SELECT * FROM nowhere", "Expected one of forecast.weekly_demand"),
        ("SELECT nothing FROM weekly_demand", "Next: Correct it"),
    ],
)
def test_what_cannot_be_answered_is_explained_with_exit_status_one(sql: str, said: str) -> None:
    result = run("query", sql)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert said in result.stderr


@pytest.mark.parametrize(
    "arguments", [["query"], ["query", "SELECT 1", "--format", "xml"], ["no-such-command"]]
)
def test_wrong_usage_is_exit_status_two(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.usefixtures("home")
def test_status_shows_zones_rows_batches_and_snapshots() -> None:
    result = run("status", "--format", "json")
    assert result.exit_code == 0
    status = json.loads(result.stdout)
    tables = {(table["zone"], table["table"]): table for table in status["tables"]}
    demand = tables["forecast", "weekly_demand"]
    assert (demand["rows"], demand["snapshots"]) == (2, 1)
    assert tables["curated", "product"]["rows"] is None
    assert {zone for zone, _ in tables} == {"raw", "clean", "curated", "forecast"}
    assert status["runs"] == []


@pytest.mark.usefixtures("home")
def test_status_is_a_table_or_csv_too() -> None:
    assert "weekly_demand" in run("status").stdout
    header, *rows = run("status", "--format", "csv").stdout.splitlines()
    assert header == "zone,table,batches,rows,quarantined,snapshots,changed"
    assert any(row.startswith("forecast,weekly_demand,0,2,,1,") for row in rows)


@pytest.mark.usefixtures("empty_home")
def test_a_home_without_anything_is_empty_and_no_error() -> None:
    result = run("status", "--format", "json")
    assert result.exit_code == 0
    assert {table["rows"] or 0 for table in json.loads(result.stdout)["tables"]} == {0}


def test_status_shows_the_last_runs_and_fails_when_a_jobs_newest_run_failed(home: Path) -> None:
    (home / "dagster").mkdir()

    goes_well = False

    @dg.op
    def fickle() -> None:
        if not goes_well:
            raise dg.Failure("not today")

    @dg.job
    def publish() -> None:
        fickle()

    def publish_now() -> Result:
        with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
            publish.execute_in_process(instance=instance, raise_on_error=False)
        return run("status", "--format", "json")

    failed = publish_now()
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["runs"][0]["status"] == "FAILURE"
    goes_well = True
    assert publish_now().exit_code == 0


def test_the_env_file_is_read_and_the_caller_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that it is restored, whatever it was
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.setenv("PRODUCT360_HOME", "/set/by/the/caller")
    written = tmp_path / ".env"
    written.write_text('DAGSTER_HOME="/from/file"\nPRODUCT360_HOME="/from/file"\n')
    adopt_env_file(written)
    assert os.environ["DAGSTER_HOME"] == "/from/file"
    assert os.environ["PRODUCT360_HOME"] == "/set/by/the/caller"
    adopt_env_file(tmp_path / "missing")


def test_without_an_instance_it_lies_in_the_home(empty_home: Path) -> None:
    assert adopt_instance() == empty_home / "dagster"
    assert os.environ["DAGSTER_HOME"] == str(empty_home / "dagster")


def test_the_module_is_the_command(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "product360_assets.cli", "query", "SELECT 1 AS one"],
        env={
            **os.environ,
            "PRODUCT360_HOME": str(home),
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "one" in done.stdout
