"""The source systems that this project ships: each valid by dg's own check, each explained."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from product360_assets.core.contract import (
    SOURCES,
    SourceContract,
    load_contracts,
    read_contract,
)

FILES = sorted(SOURCES.glob("*/defs.yaml"))


@pytest.fixture(params=FILES, ids=lambda path: path.parent.name)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def contract(path: Path) -> SourceContract:
    return read_contract(path)


def test_every_kind_of_source_is_there() -> None:
    contracts = load_contracts()

    assert {contract.kind for contract in contracts.values()} == {
        "database", "saas", "files", "stream"
    }  # fmt: skip
    assert sum(len(contract.tables) for contract in contracts.values()) == 13


def test_the_file_passes_the_check_of_dg(path: Path) -> None:
    # `dg check yaml` without a path looks at one file of each component type only (1.13.27).
    document = yaml.safe_load(path.read_text())

    schema = SourceContract.model_json_schema()
    assert list(Draft202012Validator(schema).iter_errors(document["attributes"])) == []
    assert document["type"] == "product360_assets.components.SourceSystem"


def test_the_folder_is_named_like_the_system(path: Path, contract: SourceContract) -> None:
    assert contract.name == path.parent.name
    assert [other.name for other in path.parent.iterdir()] == ["defs.yaml"]


def test_what_is_written_is_a_sentence(contract: SourceContract) -> None:
    texts = [contract.description]
    for table in contract.tables:
        texts.append(table.description)
        texts.extend(column.description for column in table.columns)
        texts.extend(rule.why for rule in table.rules)
        texts.extend([table.unique.why] if table.unique else [])
    assert [text for text in texts if not text.strip().endswith(".")] == []


def test_people_are_protected(contract: SourceContract) -> None:
    unprotected = [
        f"{table.name}.{column.name}"
        for table in contract.tables
        for column in table.columns
        if column.name in {"household_id", "visitor_id", "age", "income", "marital_status"}
        and column.sensitivity in {"public", "internal"}
    ]
    assert unprotected == []


def test_a_table_that_comes_in_versions_says_which_is_newer(contract: SourceContract) -> None:
    # A database's changes carry their own sequence; files bring each row once.
    if contract.kind in {"saas", "stream"}:
        assert [table.name for table in contract.tables if table.order is None] == []


def test_only_references_to_connections_are_written(path: Path) -> None:
    text = path.read_text().lower()
    assert [
        word for word in ("password", "client_secret", "http://", "token") if word in text
    ] == []
