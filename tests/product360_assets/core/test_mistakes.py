"""Mistakes in a source's file: all of them, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from product360_assets.components.starter import starter
from product360_assets.core.contract import SOURCES
from product360_assets.core.mistakes import COMPONENT, mistakes, source_files
from resources.local.expressions import columns_read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "loyalty" / "defs.yaml"
    path.parent.mkdir()
    path.write_text(starter("loyalty", "files", type_name=COMPONENT))
    return path


def change(path: Path, before: str, after: str) -> int:
    """Replace what stands once in the file; returns its line."""
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))
    return text[: text.index(before)].count("\n") + 1


def found(*files: Path) -> list[tuple[int, str]]:
    return [(each.line, each.place) for each in mistakes(files, columns_read)]


def test_our_own_sources_have_none() -> None:
    assert mistakes(source_files(SOURCES), columns_read) == []


def test_all_mistakes_are_told_at_once_by_line(file: Path) -> None:
    cadence = change(file, "cadence: daily", "cadence: dally")
    kind = change(file, "type: timestamp", "type: datetime")
    owner = change(file, "owners: [team:owner]", "owners: [somebody]")
    assert found(file) == [
        (owner, "owners.0"),
        (cadence, "tables.0.cadence"),
        (kind, "tables.0.columns.3.type"),
    ]


def test_a_rule_about_a_column_that_is_not_declared_is_a_mistake(file: Path) -> None:
    line = change(file, "expression: item_id > 0", "expression: itemid > 0 AND _landing_date > ''")
    [mistake] = mistakes([file], columns_read)
    assert (mistake.line, mistake.place) == (line, "rule item_id_is_positive")
    assert "'itemid' is no column of item" in mistake.message


def test_of_an_expression_of_the_engine_alone_nothing_is_said(file: Path) -> None:
    change(file, "expression: item_id > 0", "expression: item_id <=> 1")
    assert found(file) == []


def test_a_file_that_is_no_yaml_says_where(file: Path) -> None:
    line = change(file, "  kind: files", "  kind: [files")
    [mistake] = mistakes([file], columns_read)
    assert mistake.place == "file"
    assert mistake.line >= line


def test_a_file_of_another_component_is_a_mistake(file: Path) -> None:
    change(file, COMPONENT, "some.other.Component")
    assert found(file) == [(2, "type")]


def test_two_systems_cannot_have_one_name(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "defs.yaml"
    other.parent.mkdir()
    other.write_text(file.read_text())
    assert source_files(tmp_path) == [file, other]
    [mistake] = mistakes([file, other], columns_read)
    assert (mistake.file, mistake.place) == (str(other), "name")
