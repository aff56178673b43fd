"""Runs go by the published contract; Git's is published where none was, or where it is new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from product360_assets.core.contract import SourceContract, known_contracts
from product360_assets.core.in_force import (
    accepting,
    contract_of,
    document_of,
    in_force,
    publish,
    publish_working_copy,
)
from resources.errors import ContractBreaking, ContractInvalid, RegistryConflict, SourcePaused
from resources.local.registry import SqliteRegistryResource
from resources.registry import Published, Registry

COLUMNS: list[dict[str, Any]] = [
    {"name": "order_id", "type": "bigint", "description": "Order."},
    {"name": "note", "type": "string", "nullable": True, "description": "Note."},
]


def shop(*more: dict[str, Any], dropping: int = 0, **changes: Any) -> SourceContract:
    table = {
        "name": "order",
        "description": "Orders.",
        "format": "csv",
        "key": ["order_id"],
        "cadence": "daily",
        "freshness_hours": 24,
        "columns": [*COLUMNS[: len(COLUMNS) - dropping], *more],
    }
    return SourceContract.model_validate(
        {
            "name": "shop",
            "kind": "files",
            "description": "A shop.",
            "owners": ["team:shop"],
            "tables": [table],
            **changes,
        }
    )


VAT = {"name": "vat", "type": "double", "nullable": True, "description": "Tax."}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return SqliteRegistryResource(path=str(tmp_path / "registry.db")).open()


def latest(registry: Registry) -> Published:
    found = registry.latest("shop")
    assert found is not None
    return found


def numbers(registry: Registry) -> list[int]:
    return [each.version for each in registry.versions("shop")]


@pytest.mark.parametrize("contract", known_contracts().values(), ids=known_contracts())
def test_a_published_contract_is_read_back_to_the_letter(
    registry: Registry, contract: SourceContract
) -> None:
    agreed = in_force(registry, contract)
    assert (agreed.contract, agreed.version) == (contract, 1)
    assert contract_of(registry.versions(contract.name)[0]) == contract


def test_the_first_who_asks_publishes_what_git_says(registry: Registry) -> None:
    assert in_force(registry, shop()).version == 1
    assert in_force(registry, shop()).version == 1
    assert (numbers(registry), latest(registry).note) == ([1], "published by the first run")


def test_a_run_goes_by_what_is_published_and_not_by_what_git_says(registry: Registry) -> None:
    publish(registry, shop(VAT), latest=None, note="by hand", by="somebody")
    agreed = in_force(registry, shop())
    assert agreed.contract == shop(VAT)
    assert [column.name for column in agreed.table("order").columns][-1] == "vat"


def test_a_table_that_is_not_published_is_refused_with_the_way_out(registry: Registry) -> None:
    agreed = in_force(registry, shop())
    with pytest.raises(ContractInvalid, match=r"version 1 .*no such table.*registry publish shop"):
        agreed.table("refund")


def test_a_document_that_this_code_cannot_read_says_so(registry: Registry) -> None:
    document = {**document_of(shop()), "unheard_of": True}
    registry.publish("shop", document, expected=None, note="newer", by="somebody")
    unreadable = pytest.raises(ContractInvalid, match=r"version 1 of the contract of shop.*unheard")
    with unreadable:
        in_force(registry, shop())
    with unreadable:
        publish(registry, shop(), latest=latest(registry), note="a", by="b")
    publish(registry, shop(), latest=latest(registry), note="a", by="b", may_break=True)
    assert in_force(registry, shop()).version == 2


def test_publishing_says_what_it_changes_and_asks_what_was_seen(registry: Registry) -> None:
    first, nothing = publish(registry, shop(), latest=None, note="a", by="b")
    second, found = publish(registry, shop(VAT), latest=first, note="a", by="b")
    assert nothing == []
    assert [str(each) for each in found] == ["order, column vat: nothing → double, nullable"]
    with pytest.raises(RegistryConflict, match="version 2, published"):
        publish(registry, shop(VAT, description="Ours."), latest=first, note="a", by="b")
    assert latest(registry) == second


def test_a_breaking_change_passes_only_on_purpose(registry: Registry) -> None:
    first, _ = publish(registry, shop(), latest=None, note="a", by="b")
    with pytest.raises(ContractBreaking, match="order, column note"):
        publish(registry, shop(dropping=1), latest=first, note="a", by="b")
    assert numbers(registry) == [1]
    publish(registry, shop(dropping=1), latest=first, note="all know", by="b", may_break=True)
    assert latest(registry).note == "all know"


# --- the working copy -------------------------------------------------------------------------


def test_what_is_new_in_the_working_copy_is_published_and_told(registry: Registry) -> None:
    said: list[str] = []
    publish_working_copy(registry, [shop()], said.append)
    publish_working_copy(registry, [shop()], said.append)
    assert (numbers(registry), said) == ([1], [])
    publish_working_copy(registry, [shop(VAT)], said.append)
    assert numbers(registry) == [1, 2]
    assert latest(registry).note == "published from the working copy"
    assert said == [
        "shop: version 2 published from the working copy: "
        "order, column vat: nothing → double, nullable"
    ]


def test_a_breaking_working_copy_stops_and_publishes_nothing(registry: Registry) -> None:
    publish_working_copy(registry, [shop()], print)
    with pytest.raises(ContractBreaking, match="order, column note"):
        publish_working_copy(registry, [shop(dropping=1)], print)
    assert numbers(registry) == [1]


def test_a_rollback_is_not_undone_by_the_working_copy_that_was_rolled_back(
    registry: Registry,
) -> None:
    said: list[str] = []
    publish_working_copy(registry, [shop()], print)
    publish_working_copy(registry, [shop(VAT)], print)
    publish(registry, shop(), latest=latest(registry), note="back", by="b", may_break=True)
    publish_working_copy(registry, [shop(VAT)], said.append)
    assert numbers(registry) == [1, 2, 3]
    assert said == ["shop: version 3 is in force; the working copy says what version 2 said"]
    publish_working_copy(registry, [shop(VAT, description="Ours.")], print)
    assert numbers(registry) == [1, 2, 3, 4]


# --- switches ---------------------------------------------------------------------------------


def test_a_paused_source_takes_nothing_in_until_it_is_resumed(registry: Registry) -> None:
    registry.set_switch("shop", paused=True, reason="wrong prices", expected=0, by="Zoë")
    with pytest.raises(SourcePaused, match=r"paused since .* by Zoë: wrong prices.*resume shop"):
        accepting(registry, shop())
    registry.set_switch("shop", paused=False, reason="", expected=1, by="Zoë")
    assert accepting(registry, shop()).version == 1
