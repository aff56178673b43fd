"""Layouts that are not the declared one: what they are called, and what each mode makes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from spark.tables.widening import declarable, holds, may_become, next_wider
from spark.transforms.contract import DRIFT_MODES, clean_spec
from spark.transforms.drift import (
    VERDICTS,
    Difference,
    Layout,
    batch_differences,
    differences,
    is_held,
    report_of,
)

PAGE = Path(__file__).parents[3] / "docs" / "drift.md"
DECLARED = [("ID", "bigint"), ("name", "string"), ("price", "decimal(12,2)"), ("stock", "int")]


def spec_of(mode: str, *, kind: str = "file", **changes: Any) -> Any:
    files = [{"uri": f"file:///{name}", "name": name} for name in ("a", "b")]
    return clean_spec(
        {
            "source": "shop",
            "table": "article",
            "format": "parquet",
            "drift": mode,
            "columns": [
                {"name": "id", "source_name": "ID", "type": "bigint"},
                {"name": "name", "type": "string", "nullable": True},
                {"name": "price", "type": "decimal(12,2)", "nullable": True},
                {"name": "stock", "type": "int", "nullable": True},
            ],
            "key": ["id"],
            "batches": [
                {
                    "batch_id": "b",
                    "landing_date": "2017-01-09",
                    "epoch": "0",
                    "kind": kind,
                    "files": files,
                }
            ],
            "output": "file:///clean",
            "quarantine": "file:///quarantine",
            **changes,
        }
    )


def found(*columns: tuple[str, str | None], mode: str = "strict", **more: Any) -> list[Difference]:
    spec = spec_of(mode, **more)
    return differences(spec, spec.files[0], Layout(columns))


def kinds(*columns: tuple[str, str | None], **more: Any) -> set[tuple[str, str]]:
    return {(each.kind, each.column) for each in found(*columns, **more)}


def changed(**types: str | None) -> list[tuple[str, str | None]]:
    """The declared layout with other types, or without a column where the type is None."""
    layout = [(name, types.get(name, kind)) for name, kind in DECLARED]
    return [(name, kind) for name, kind in layout if kind is not None]


def test_the_declared_layout_is_no_difference() -> None:
    assert found(*DECLARED) == []
    assert found(*((name, None) for name, _ in DECLARED)) == []


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ([*DECLARED, ("colour", "string")], {("added", "colour")}),
        (changed(name=None), {("absent", "name")}),
        (changed(ID=None), {("missing", "ID")}),
        ([*changed(name=None), ("label", "string")], {("renamed", "name"), ("added", "label")}),
        (DECLARED[::-1], {("reordered", "*")}),
        (changed(stock="bigint"), {("widened", "stock")}),
        (changed(price="decimal(18,2)"), {("widened", "price")}),
        (changed(ID="int", price="decimal(9,1)"), {("narrowed", "ID"), ("narrowed", "price")}),
        (changed(price="decimal(18,3)"), {("retyped", "price")}),
        (changed(name="int"), {("retyped", "name")}),
        ([*DECLARED[:2], ("Price", "decimal(12,2)"), DECLARED[3]], {("respelled", "price")}),
        ([*DECLARED, ("Price", "decimal(12,2)")], {("ambiguous", "price")}),
        ([*DECLARED, ("price", "decimal(12,2)")], {("ambiguous", "price")}),
        ([*DECLARED, ("more", "struct<a:int>")], {("nested", "more")}),
    ],
)
def test_each_difference_has_its_name(layout: Any, expected: set[tuple[str, str]]) -> None:
    assert kinds(*layout) == expected


def test_a_time_without_a_zone_is_the_declared_time() -> None:
    column = {"name": "at", "type": "timestamp", "nullable": True}
    key = {"name": "id", "type": "bigint"}
    layout = [("id", "bigint"), ("at", "timestamp_ntz")]
    assert found(*layout, columns=[key, column]) == []


def test_json_leaves_out_what_is_null() -> None:
    spec = spec_of("strict")
    layout = Layout((("ID", None), ("colour", None)), ordered=False)
    assert {(each.kind, each.column) for each in differences(spec, spec.files[0], layout)} == {
        ("added", "colour")
    }


def test_deletes_in_json_need_their_key_alone() -> None:
    def json_file(*names: str) -> set[tuple[str, str]]:
        required = [
            {"name": "id", "source_name": "ID", "type": "bigint"},
            {"name": "name", "type": "string"},
        ]
        spec = spec_of("strict", columns=required, operation_column="operation")
        layout = Layout(tuple((name, None) for name in names), ordered=False)
        return {(each.kind, each.column) for each in differences(spec, spec.files[0], layout)}

    assert json_file("ID", "operation") == set()
    assert json_file("name", "operation") == {("missing", "ID")}
    assert json_file("ID") == {("missing", "name")}


CHANGES = {
    "operation_column": "Op",
    "commit_time_column": "at",
    "change_sequence_column": "sequence",
}


def test_the_columns_of_delivery_are_no_new_ones() -> None:
    layout = [("Op", "string"), *DECLARED, ("at", "string"), ("sequence", "string")]
    assert kinds(*layout, kind="changes", **CHANGES) == set()


def test_a_change_that_does_not_say_what_it_did_is_taken_by_no_mode() -> None:
    for mode in DRIFT_MODES:
        told = found(*DECLARED, ("at", "string"), mode=mode, kind="changes", **CHANGES)
        unexplained = [each for each in told if each.kind == "unexplained"]
        assert {each.column for each in unexplained} == {"Op", "sequence"}
        assert is_held(unexplained)


def test_a_load_is_all_inserts() -> None:
    assert kinds(*DECLARED, kind="load", **CHANGES) == set()


def test_one_difference_of_many_files_is_told_once() -> None:
    spec = spec_of("freeze")
    layout = Layout((*DECLARED, ("colour", "string")))
    told = batch_differences(spec, dict.fromkeys(spec.files, layout))
    assert [(each.column, each.file, each.files) for each in told["b"]] == [("colour", "a", 2)]


def test_what_decides_is_told_first_and_a_flood_is_cut() -> None:
    flood = [(f"c{number}", "string") for number in range(1000)]
    told = json.loads(report_of(found(*changed(ID=None), *flood)))
    assert len(told) == 50
    assert told[0]["verdict"] == "refuse"


def test_the_documentation_shows_what_each_mode_does() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|[^|]+\| (\w+) \| (\w+) \| (\w+) \| (\w+) \|$", PAGE.read_text(), re.M
    )
    assert {kind: tuple(verdicts) for kind, *verdicts in rows} == dict(VERDICTS)


def test_no_mode_guesses_except_to_discard() -> None:
    guesses = ("renamed", "missing", "retyped", "ambiguous", "nested", "unexplained")
    for kind in guesses:
        assert set(VERDICTS[kind][:3]) == {"refuse"}
    assert {verdicts[0] for verdicts in VERDICTS.values()} == {"refuse"}


def test_types_widen_by_one_list() -> None:
    grows = [("int", "bigint"), ("decimal(9,2)", "decimal(18,2)")]
    stays = [
        ("bigint", "int"),
        ("date", "timestamp"),
        ("int", "decimal(10,0)"),
        ("decimal(9,2)", "decimal(18,3)"),
        ("string", "bigint"),
        ("double", "float"),
    ]
    assert all(may_become(*pair) for pair in grows)
    assert not any(may_become(*pair) for pair in stays)
    assert holds("timestamp", "date")
    assert not holds("int", "int")
    assert [next_wider(kind) for kind in ("int", "decimal(12,2)", "decimal(18,2)", "string")] == [
        "bigint",
        "decimal(18,2)",
        "decimal(38,2)",
        None,
    ]
    assert [declarable(kind) for kind in ("smallint", "float", "timestamp_ntz", "array<int>")] == [
        "int",
        "double",
        "timestamp",
        None,
    ]
