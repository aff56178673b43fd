"""Which changes of a contract are compatible, and how a breaking one is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from product360_assets.core.compatibility import breaking, changes, is_wider, refuse_breaking
from product360_assets.core.contract import SourceContract
from resources.errors import ContractBreaking

SHOP: dict[str, Any] = {
    "name": "shop",
    "kind": "files",
    "description": "A shop.",
    "owners": ["team:shop"],
    "tables": [
        {
            "name": "order",
            "description": "Orders.",
            "format": "csv",
            "key": ["order_id"],
            "cadence": "daily",
            "freshness_hours": 24,
            "columns": [
                {"name": "order_id", "type": "int", "description": "Order."},
                {"name": "total", "type": "decimal(12,2)", "description": "Euros."},
                {"name": "note", "type": "string", "nullable": True, "description": "Note."},
                {
                    "name": "channel",
                    "type": "string",
                    "description": "Where.",
                    "allowed": ["web", "till"],
                },
            ],
            "rules": [
                {"name": "positive", "expression": "total > 0", "action": "warn", "why": "Sure."}
            ],
        },
        {
            "name": "item",
            "description": "Items.",
            "format": "csv",
            "key": ["item_id"],
            "cadence": "daily",
            "freshness_hours": 24,
            "columns": [{"name": "item_id", "type": "int", "description": "Item."}],
        },
    ],
}
Edit = Callable[[dict[str, Any], dict[str, Any], list[dict[str, Any]]], object]
BEFORE = SourceContract.model_validate(SHOP)


def edited(edit: Edit) -> SourceContract:
    """The shop after an edit of (source, table `order`, its columns)."""
    document = copy.deepcopy(SHOP)
    order = document["tables"][0]
    edit(document, order, order["columns"])
    return SourceContract.model_validate(document)


NEW = {"name": "vat", "type": "decimal(12,2)", "description": "Tax."}
COMPATIBLE: dict[str, Edit] = {
    "other words": lambda s, _t, c: (s.update(description="Ours."), c[1].update(description="€.")),
    "another owner": lambda s, _t, _c: s.update(owners=["team:web"]),
    "where the secret is": lambda s, _t, _c: s.update(connection="other"),
    "how fresh it has to be": lambda _s, t, _c: t.update(cadence="hourly", freshness_hours=2),
    "a table more": lambda s, t, _c: s["tables"].append({**t, "name": "refund"}),
    "a nullable column more": lambda _s, _t, c: c.append({**NEW, "nullable": True}),
    "a wider integer": lambda _s, _t, c: c[0].update(type="bigint"),
    "more digits": lambda _s, _t, c: c[1].update(type="decimal(18,2)"),
    "null allowed": lambda _s, _t, c: c[1].update(nullable=True),
    "a further value": lambda _s, _t, c: c[3].update(allowed=["web", "till", "phone"]),
    "any value": lambda _s, _t, c: c[3].pop("allowed"),
    "columns in another order": lambda _s, _t, c: c.reverse(),
    "a rule more": lambda _s, t, _c: t["rules"].append({**t["rules"][0], "name": "other"}),
    "a rule less": lambda _s, t, _c: t["rules"].clear(),
    "another drift mode": lambda _s, t, _c: t.update(drift="evolve"),
}
BREAKING: dict[str, tuple[Edit, str]] = {
    "a column dropped": (lambda _s, _t, c: c.pop(2), "order, column note"),
    "a column that was always there": (
        lambda _s, _t, c: c.append(NEW),
        "order, column vat",
    ),
    "a narrower type": (lambda _s, _t, c: c[1].update(type="int"), "order, column total, type"),
    "fewer digits": (
        lambda _s, _t, c: c[1].update(type="decimal(10,2)"),
        "order, column total, type",
    ),
    "another scale": (
        lambda _s, _t, c: c[1].update(type="decimal(14,4)"),
        "order, column total, type",
    ),
    "another type": (lambda _s, _t, c: c[2].update(type="date"), "order, column note, type"),
    "null forbidden": (
        lambda _s, _t, c: c[2].update(nullable=False),
        "order, column note, nullable",
    ),
    "a value less": (
        lambda _s, _t, c: c[3].update(allowed=["web"]),
        "order, column channel, allowed",
    ),
    "values named at last": (
        lambda _s, _t, c: c[2].update(allowed=["a"]),
        "order, column note, allowed",
    ),
    "a column renamed at its source": (
        lambda _s, _t, c: c[1].update(source_name="Total"),
        "order, column total, source_name",
    ),
    "a value treated otherwise": (
        lambda _s, _t, c: c[2].update(treatment="hash"),
        "order, column note, treatment",
    ),
    "another key": (lambda _s, t, _c: t.update(key=["order_id", "channel"]), "order, key"),
    "another order": (lambda _s, t, _c: t.update(order="total"), "order, order"),
    "another format": (lambda _s, t, _c: t.update(format="json"), "order, format"),
    "a table renamed at its source": (
        lambda _s, t, _c: t.update(source_name="orders"),
        "order, source_name",
    ),
    "a table dropped": (lambda s, _t, _c: s["tables"].pop(), "item"),
    "another kind": (lambda s, _t, _c: s.update(kind="stream"), "kind"),
    "another time zone": (lambda s, _t, _c: s.update(time_zone="Europe/Paris"), "time_zone"),
}


@pytest.mark.parametrize("edit", COMPATIBLE.values(), ids=COMPATIBLE)
def test_a_change_that_leaves_everything_right_is_compatible(edit: Edit) -> None:
    found = changes(BEFORE, edited(edit))
    assert breaking(found) == []
    refuse_breaking("shop", 3, found)


@pytest.mark.parametrize(("edit", "place"), BREAKING.values(), ids=BREAKING)
def test_a_breaking_change_is_refused_and_says_where(edit: Edit, place: str) -> None:
    found = changes(BEFORE, edited(edit))
    assert [change.place for change in breaking(found)] == [place]
    with pytest.raises(ContractBreaking) as refused:
        refuse_breaking("shop", 3, found)
    assert place in refused.value.found
    assert "as version 3 says" in refused.value.expected
    assert "product360 registry publish shop --breaking --why" in refused.value.next_move


def test_what_says_the_same_differs_in_nothing() -> None:
    assert changes(BEFORE, edited(lambda *_: None)) == []


def test_every_change_is_listed_with_what_was_and_what_is() -> None:
    def edit(source: dict[str, Any], table: dict[str, Any], columns: list[dict[str, Any]]) -> None:
        source.update(owners=["team:web"])
        table["rules"][0].update(expression="total >= 0")
        columns[0].update(type="bigint")
        columns.pop(2)

    assert [str(change) for change in changes(BEFORE, edited(edit))] == [
        "owners: team:shop → team:web",
        "order, column order_id, type: int → bigint",
        "order, column note: string, nullable → nothing",
        "order, rule positive, expression: total > 0 → total >= 0",
    ]


def test_a_refusal_names_every_breaking_change_at_once() -> None:
    def edit(_s: dict[str, Any], _t: dict[str, Any], columns: list[dict[str, Any]]) -> None:
        columns[1].update(type="double")
        columns.pop(2)

    with pytest.raises(ContractBreaking) as refused:
        refuse_breaking("shop", 1, changes(BEFORE, edited(edit)))
    assert refused.value.found == "order, column total, type: double; order, column note: nothing"


@pytest.mark.parametrize("narrow", ["int", "bigint", "double", "decimal(5,2)", "string", "date"])
def test_no_type_is_wider_than_itself(narrow: str) -> None:
    assert not is_wider(narrow, narrow)
