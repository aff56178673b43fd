"""`product360 registry` brings contracts into force, compares them, and pauses sources."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from product360_assets.cli.commands import app
from product360_assets.core import contract as contracts
from product360_assets.core.contract import SourceContract

COLUMNS: list[dict[str, Any]] = [
    {"name": "order_id", "type": "int", "description": "Order."},
    {"name": "note", "type": "string", "nullable": True, "description": "Note."},
]
WIDER = [{**COLUMNS[0], "type": "bigint"}, COLUMNS[1]]


def shop(columns: list[dict[str, Any]]) -> SourceContract:
    table = {
        "name": "order",
        "description": "Orders.",
        "format": "csv",
        "key": ["order_id"],
        "cadence": "daily",
        "freshness_hours": 24,
        "columns": columns,
    }
    return SourceContract.model_validate(
        {
            "name": "shop",
            "kind": "files",
            "description": "A shop.",
            "owners": ["team:shop"],
            "tables": [table],
        }
    )


class WorkingCopy:
    """What Git says, for commands of this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.say(COLUMNS)

    def say(self, columns: list[dict[str, Any]]) -> None:
        known: Mapping[str, SourceContract] = MappingProxyType({"shop": shop(columns)})
        self._monkeypatch.setattr(contracts, "known_contracts", lambda: known)


@pytest.fixture
def git(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> WorkingCopy:
    return WorkingCopy(monkeypatch)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["registry", *arguments])


def shown(*arguments: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(run("show", *arguments, "--format", "csv").stdout)))


def test_a_source_is_published_once_and_shown(git: WorkingCopy) -> None:
    [before] = shown()
    assert (before["version"], before["working copy"]) == ("", "was never published")
    assert run("publish").stdout == "shop: version 1 is in force (published by hand)\n"
    assert run("publish", "shop").stdout == "shop: version 1 says that already\n"
    [after] = shown()
    assert (after["version"], after["working copy"]) == ("1", "says the same")


def test_a_compatible_change_is_shown_and_published(git: WorkingCopy) -> None:
    run("publish")
    git.say(WIDER)
    told = run("diff", "shop", "--format", "json")
    assert told.exit_code == 0
    [change] = json.loads(told.stdout)
    assert change == {
        "table": "order",
        "part": "column order_id",
        "attribute": "type",
        "before": "int",
        "after": "bigint",
        "breaks": "",
    }
    published = run("publish", "shop", "--why", "more orders than an int holds")
    assert published.stdout.splitlines() == [
        "shop: version 2 is in force (more orders than an int holds)",
        "  order, column order_id, type: int → bigint",
    ]
    assert [line["version"] for line in shown("shop")] == ["1", "2"]


def test_a_breaking_change_needs_to_be_meant(git: WorkingCopy) -> None:
    run("publish")
    git.say(COLUMNS[:1])
    assert run("diff", "shop").exit_code == 1
    refused = run("publish", "shop")
    assert (refused.exit_code, refused.stdout) == (1, "")
    for part in (
        "found order, column note: nothing.",
        "Expected order, column note: string, nullable, as version 1 says",
        "--breaking --why",
    ):
        assert part in refused.stderr
    assert run("publish", "shop", "--breaking").exit_code == 2
    meant = run("publish", "shop", "--breaking", "--why", "nobody read it")
    assert meant.exit_code == 0
    assert "(breaking: what is published would lose it)" in meant.stdout
    assert shown("shop")[-1]["note"] == "nobody read it"


def test_who_decided_on_an_older_version_is_refused(git: WorkingCopy) -> None:
    run("publish")
    git.say(WIDER)
    run("publish")
    overtaken = run("rollback", "shop", "--to", "1", "--why", "as it was", "--after", "1")
    assert overtaken.exit_code == 1
    assert "found version 2, published" in overtaken.stderr
    assert [line["version"] for line in shown("shop")] == ["1", "2"]


def test_a_rollback_is_a_version_of_its_own(git: WorkingCopy) -> None:
    run("publish")
    git.say(WIDER)
    run("publish")
    told = run("rollback", "shop", "--to", "1", "--why", "too wide")
    assert told.exit_code == 0
    assert told.stdout.startswith("shop: version 3 is in force (rolled back to version 1: too wide")
    assert run("diff", "shop", "--from", "1", "--to", "3").stdout == "Nothing differs.\n"
    [line] = shown()
    assert line["working copy"] == "says what version 2 said"
    assert run("rollback", "shop", "--to", "9", "--why", "x").exit_code == 1


def test_a_version_is_shown_as_it_would_be_written_and_as_a_job_gets_it(git: WorkingCopy) -> None:
    run("publish")
    written = yaml.safe_load(run("show", "shop", "--version", "1").stdout)
    assert SourceContract.model_validate(written["attributes"]) == shop(COLUMNS)
    document = json.loads(run("show", "shop", "--version", "1", "--format", "json").stdout)
    assert SourceContract.model_validate(document) == shop(COLUMNS)
    missing = run("show", "shop", "--version", "2")
    assert missing.exit_code == 1
    assert "found versions 1 to 1. Expected a version 2" in missing.stderr


def test_a_source_is_paused_with_a_reason_and_resumed(git: WorkingCopy) -> None:
    assert run("pause", "shop").exit_code == 2
    assert run("pause", "shop", "--why", "wrong prices").exit_code == 0
    [line] = shown()
    assert line["switched"].startswith("paused since ")
    assert line["switched"].endswith(": wrong prices")
    assert run("resume", "shop").exit_code == 0
    [line] = shown()
    assert line["switched"] == ""


@pytest.mark.parametrize(
    "arguments", [["publish", "nothing"], ["pause", "nothing", "--why", "x"], ["diff", "nothing"]]
)
def test_a_source_that_there_is_not_is_refused(git: WorkingCopy, arguments: list[str]) -> None:
    run("publish")
    assert run(*arguments).exit_code in (1, 2)
    assert len(shown()) == 1
