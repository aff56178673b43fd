"""What the UI is shown, and what it is not."""

from __future__ import annotations

from typing import Any

from product360_assets.core.contract import TableContract
from product360_assets.core.metadata import (
    column_schema,
    hidden_columns,
    highest_sensitivity,
    preview,
)

MEMBER = TableContract.model_validate(
    {
        "name": "member",
        "description": "Members.",
        "format": "json",
        "key": ["member_id"],
        "cadence": "daily",
        "freshness_hours": 24,
        "columns": [
            {"name": "member_id", "type": "bigint", "description": "Member."},
            {
                "name": "email",
                "source_name": "EMail",
                "type": "string",
                "nullable": True,
                "description": "Address.",
                "sensitivity": "personal",
                "treatment": "hash",
            },
        ],
    }
)


def test_a_preview_hides_what_is_personal() -> None:
    rows: list[dict[str, Any]] = [
        {"member_id": 1, "email": "a@b.c"},
        {"member_id": 2, "email": None},
    ]

    shown = preview(rows, columns=["member_id", "email"], hidden=hidden_columns(MEMBER))

    assert shown.value == "| member_id | email |\n| --- | --- |\n| 1 | ••• |\n| 2 |  |"


def test_a_preview_stays_a_table_whatever_its_cells_hold() -> None:
    shown = preview([{"note": "a|b\nc" + "d" * 100}], columns=["note"])

    lines = str(shown.value).split("\n")
    assert len(lines) == 3
    assert lines[2].startswith("| a\\|b c")
    assert lines[2].endswith("… |")


def test_the_column_schema_has_meaning_and_sensitivity() -> None:
    [member_id, email] = column_schema(MEMBER).columns

    assert (member_id.name, member_id.type, member_id.description) == (
        "member_id", "bigint", "Member."
    )  # fmt: skip
    assert member_id.constraints.unique
    assert not member_id.constraints.nullable
    assert email.tags == {"sensitivity": "personal", "treatment": "hash"}
    assert [c.name for c in column_schema(MEMBER, delivered_names=True).columns] == [
        "member_id",
        "EMail",
    ]


def test_a_table_is_as_sensitive_as_its_most_protected_column() -> None:
    assert highest_sensitivity(MEMBER) == "personal"
