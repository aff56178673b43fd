"""The doctor as a command, in a process of its own, where it may start an engine."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from product360_assets.cli.commands import app
from resources.local.ledger import SqliteLedger
from resources.local.registry import SqliteRegistry
from resources.local.secrets import LocalSecrets

PASSWORD = "never-to-be-told"


def doctor(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "product360_assets.cli", "doctor", *options],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert PASSWORD not in done.stdout + done.stderr
    return done


@pytest.fixture
def worked(home: Path) -> Path:
    SqliteLedger(home / "ledger.db").close()
    SqliteRegistry(home / "registry.db").close()
    (home / "lake" / "raw" / "shop").mkdir(parents=True)
    connection = {"host": "127.0.0.1", "port": "1", "dbname": "d", "user": "u"}
    secrets = LocalSecrets(path=str(home / "secrets.json"))
    secrets.publish("pos_database", {**connection, "password": PASSWORD})
    return home


@pytest.mark.usefixtures("worked")
def test_a_home_that_is_well_is_exit_status_0_and_the_engine_really_ran() -> None:
    done = doctor("--format", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found[0]) == ["state", "check", "thing", "found", "expected", "fix"]
    said = {each["check"]: each for each in found}
    assert said["engine"]["found"].startswith("speaks Spark 3.5.9, counted 3 rows")
    assert said["tables"]["found"] == "1 of 1 can be read"
    # Nobody listens there: a warning, as sources of a laptop come and go.
    assert said["database pos_database"]["state"] == "warning"
    assert "python -m demo up" in said["database pos_database"]["fix"]
    assert done.stderr.strip().endswith("0 failed, 1 skipped")


def test_a_broken_home_is_exit_status_1_with_the_fix_in_every_form(worked: Path) -> None:
    (worked / "ledger.db").write_bytes(b"")
    (worked / "registry.db").unlink()
    done = doctor("--unwell")
    assert done.returncode == 1
    table, _, fixes = done.stdout.partition("\n\n")
    assert "ok" not in [line.split()[0] for line in table.splitlines()[2:] if line.split()]
    [ledger] = [line for line in fixes.splitlines() if line.startswith("failed: ledger ")]
    assert "Next: stop the daemon, and put back ledger.db" in ledger
    assert any(line.startswith("warning: registry ") for line in fixes.splitlines())


@pytest.mark.usefixtures("empty_home")
def test_an_aws_environment_without_its_settings_names_each_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("PRODUCT360_ENV", "aws")
    result = CliRunner().invoke(app, ["doctor", "--unwell", "--format", "csv"])
    assert result.exit_code == 1
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    failed = {row["check"]: row["fix"] for row in rows if row["state"] == "failed"}
    assert "export PRODUCT360_LEDGER_TABLE" in failed["PRODUCT360_LEDGER_TABLE"]
    assert "export AWS_DEFAULT_REGION" in failed["region"]
    assert all(row["fix"] for row in rows)


def test_wrong_usage_is_exit_status_2_and_an_unknown_environment_is_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert CliRunner().invoke(app, ["doctor", "--format", "xml"]).exit_code == 2
    monkeypatch.setenv("PRODUCT360_ENV", "moon")
    result = CliRunner().invoke(app, ["doctor"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "PRODUCT360_ENV: found 'moon'" in result.stderr
