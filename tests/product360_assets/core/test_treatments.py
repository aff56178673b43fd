"""Treatments fit their columns, or the contract is refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.keys import raw_key
from product360_assets.core.metadata import column_lineage, column_schema

YEARS = {"period": "year"}


def column(**changes: Any) -> dict[str, Any]:
    return {"name": "value", "type": "string", "description": "Value.", **changes}


def contract(*columns: dict[str, Any], **changes: Any) -> SourceContract:
    table = {
        "name": "member",
        "description": "Members.",
        "format": "csv",
        "key": ["id"],
        "cadence": "daily",
        "freshness_hours": 24,
        "columns": [column(name="id"), *columns],
        **changes,
    }
    return SourceContract.model_validate(
        {"name": "shop", "kind": "files", "description": "A shop.", "owners": ["team:shop"],
         "tables": [table]}
    )  # fmt: skip


def table(*columns: dict[str, Any], **changes: Any) -> TableContract:
    return contract(*columns, **changes).table("member")


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (column(treatment="mask"), "redact"),
        (column(domain="person"), "`domain` needs"),
        (column(treatment="redact", domain="person"), "`domain` needs"),
        (column(treatment="hash", domain="Person!"), "should match pattern"),
        (column(replacement="x"), "needs the treatment redact"),
        (column(type="int", treatment="redact", replacement="0"), "is text, but the type is int"),
        (column(treatment="generalise"), "go together"),
        (column(generalise={"prefix": 2}), "go together"),
        (column(treatment="generalise", generalise={}), "has nothing"),
        (
            column(treatment="generalise", generalise={"prefix": 2, "period": "year"}),
            "period and prefix",
        ),
        (column(treatment="generalise", generalise=YEARS), "does not fit type string"),
        (column(treatment="generalise", generalise={"bands": [1]}), "does not fit type string"),
        (column(type="date", treatment="generalise", generalise={"prefix": 2}), "does not fit"),
        (column(type="int", treatment="generalise", generalise={"bands": [1.5]}), "whole numbers"),
        (column(type="int", treatment="generalise", generalise={"bands": [2, 1]}), "do not rise"),
        (column(type="int", treatment="generalise", generalise={"bands": [1, 1]}), "do not rise"),
        (column(treatment="generalise", generalise={"prefix": 0}), "greater than 0"),
        (
            column(treatment="generalise", generalise={"groups": {"a": ["x"], "b": ["x"]}}),
            "in two groups",
        ),
        (column(type="double", treatment="hash"), "a double cannot"),
        (column(type="double", treatment="tokenise"), "a double cannot"),
    ],
)
def test_a_treatment_that_does_not_fit_is_refused(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        contract(wrong)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("treatment", ["redact", "drop", "generalise"])
def test_a_key_still_tells_rows_apart(treatment: str) -> None:
    buckets = {"generalise": {"prefix": 2}} if treatment == "generalise" else {}
    with pytest.raises(ValidationError, match="a key can be hash, keep, tokenise"):
        contract(columns=[column(name="id", treatment=treatment, **buckets)])


@pytest.mark.parametrize("treatment", ["keep", "hash", "tokenise"])
def test_a_key_may_be_a_pseudonym(treatment: str) -> None:
    contract(columns=[column(name="id", treatment=treatment)])


def test_what_orders_versions_is_kept() -> None:
    at = column(name="at", type="timestamp", treatment="generalise", generalise=YEARS)
    contract(at)
    with pytest.raises(ValidationError, match="order column 'at'"):
        contract(at, order="at")


COLUMNS = [
    column(name="name", treatment="hash", nullable=True),
    column(name="phone", type="bigint", treatment="tokenise"),
    column(name="born", type="date", treatment="generalise", generalise=YEARS),
    column(name="street", type="int", treatment="redact"),
    column(name="answer", treatment="redact", replacement="given", nullable=True),
    column(name="note", treatment="drop", source_name="Note"),
]


def test_the_schema_of_clean_is_the_treated_one_and_that_of_raw_the_delivered_one() -> None:
    clean = {
        c.name: (c.type, c.constraints.nullable) for c in column_schema(table(*COLUMNS)).columns
    }
    assert clean == {
        "id": ("string", False),
        "name": ("string", True),
        "phone": ("string", False),
        "born": ("string", False),
        "street": ("int", True),
        "answer": ("string", False),
    }
    raw = column_schema(table(*COLUMNS), delivered_names=True).columns
    assert [(c.name, c.type) for c in raw] == [
        ("id", "string"), ("name", "string"), ("phone", "bigint"), ("born", "date"),
        ("street", "int"), ("answer", "string"), ("Note", "string"),
    ]  # fmt: skip


def test_lineage_of_clean_has_no_column_that_is_dropped() -> None:
    upstream = raw_key("shop", "member")
    clean = column_lineage(table(*COLUMNS), upstream, renamed=True).deps_by_column
    raw = column_lineage(table(*COLUMNS), upstream).deps_by_column
    assert ("note" in clean, "Note" in raw) == (False, True)


def test_a_column_without_a_domain_is_a_domain_of_its_own() -> None:
    shop = contract(column(treatment="hash"), column(name="other", treatment="hash", domain="p"))
    member = shop.table("member")
    documents = [shop.treatment_of(member, each) for each in member.columns]
    assert documents[0] is None
    assert [each["domain"] for each in documents[1:] if each] == ["shop.member.value", "p"]


def test_edges_of_bands_are_told_digit_for_digit() -> None:
    bands = column(
        type="decimal(12,2)", treatment="generalise", generalise={"bands": [-5, 0.1, 1e6]}
    )
    shop = contract(bands)
    [_, told] = [shop.treatment_of(shop.table("member"), c) for c in shop.table("member").columns]
    assert told is not None
    assert told["bands"] == ["-5", "0.1", "1000000.0"]


@pytest.mark.parametrize(
    "other",
    [
        column(treatment="tokenise", domain="person"),
        column(treatment="hash", domain="other"),
        column(treatment="hash"),
        column(),
        column(treatment="redact"),
        column(treatment="redact", replacement="x"),
        column(treatment="generalise", generalise={"prefix": 2}),
        column(treatment="generalise", generalise={"prefix": 3}),
        column(treatment="drop"),
    ],
)
def test_another_treatment_makes_clean_data_again(other: dict[str, Any]) -> None:
    before = contract(column(treatment="hash", domain="person")).config_version("member")
    assert contract(other).config_version("member") != before
