"""The dictionary is what was agreed on with readers, and `make check` refuses anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from product360_assets.governance.published_contracts import agreed, declared, main, unreleased

NAME = "curated.product_360"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A file of agreed contracts that a test may change."""
    file = tmp_path / "published-contracts.json"
    file.write_text(json.dumps(declared()))
    return file


def rewrite(file: Path, column: str | None, **said: Any) -> None:
    contracts = json.loads(file.read_text())
    if column is None:
        contracts[NAME].update(said)
    else:
        contracts[NAME]["columns"][column] = said
    file.write_text(json.dumps(contracts))


def test_the_dictionary_is_what_was_agreed_on() -> None:
    assert agreed() == declared(), "Read the difference as a reader would, then: make contracts"


def test_a_dropped_column_fails_the_check_and_cannot_be_agreed_on_by_reflex(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["--file", str(kept)]
    assert main(told) == 0
    rewrite(kept, "colour", type="string", nullable=True, tag="public")
    before = kept.read_text()
    for arguments in (told, [*told, "--write"]):
        assert main(arguments) == 1
        assert f"{NAME}, column colour" in capsys.readouterr().err
    assert kept.read_text() == before


def test_a_compatible_change_fails_the_check_until_it_is_agreed_on(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["--file", str(kept)]
    rewrite(kept, None, owner="somebody-else")
    assert main(told) == 1
    assert "make contracts" in capsys.readouterr().err
    assert main([*told, "--write"]) == 0
    assert main(told) == 0
    assert agreed(kept) == declared()


def test_only_what_was_not_released_announces_a_change(tmp_path: Path) -> None:
    file = tmp_path / "CHANGELOG.md"
    file.write_text("# Changes\n\n## [Unreleased]\n\n- new\n\n## [0.1.0] - 2026\n\n- old\n")
    assert unreleased(file).split() == ["-", "new"]
