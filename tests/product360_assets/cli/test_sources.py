"""`product360 source` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from product360_assets.cli.commands import app
from product360_assets.core.contract import read_contract

ROWS = "Article No,Stock\n1,5\n2,6\n"


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    path = tmp_path / "shop" / "article" / "2017-05-01" / "article-2017-W18.csv"
    path.parent.mkdir(parents=True)
    path.write_text(ROWS)
    return path


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["source", *arguments])
    return done.exit_code, done.output


def test_names_come_from_where_the_data_lies(delivered: Path, tmp_path: Path) -> None:
    status, text = run("suggest", str(delivered))
    assert status == 0
    (tmp_path / "defs.yaml").write_text(text)
    contract = read_contract(tmp_path / "defs.yaml")
    assert (contract.name, contract.kind, contract.tables[0].name) == ("shop", "files", "article")


def test_names_and_kind_can_be_said(delivered: Path, tmp_path: Path) -> None:
    options = ("--name", "crates", "--table", "box", "--kind", "saas")
    (tmp_path / "defs.yaml").write_text(run("suggest", str(delivered), *options)[1])
    contract = read_contract(tmp_path / "defs.yaml")
    assert (contract.name, contract.tables[0].name) == ("crates", "box")
    assert (contract.kind, contract.connection) == ("saas", "crates_api")


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    status, _ = run("suggest", str(tmp_path))
    assert status == 1


def test_validating_names_file_and_line(delivered: Path, tmp_path: Path) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(run("suggest", str(delivered))[1])
    assert run("validate", str(path)) == (0, "1 file, 0 mistakes\n")

    path.write_text(path.read_text().replace("cadence: daily", "cadence: dally"))
    line = path.read_text()[: path.read_text().index("dally")].count("\n") + 1
    status, text = run("validate", str(path))
    assert status == 1
    assert text.startswith(f"{path}:{line}: tables.0.cadence: ")
    status, text = run("validate", str(path), "--format", "csv")
    assert text.splitlines()[0] == "file,line,place,mistake"


def test_a_folder_without_sources_is_wrong_usage(tmp_path: Path) -> None:
    status, _ = run("validate", str(tmp_path))
    assert status == 2
