"""A contract follows its deliveries: by versions that only add, in a real registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from product360_assets.core.compatibility import breaking, changes
from product360_assets.core.contract import SourceContract
from product360_assets.core.evolution import (
    Accepted,
    column_name,
    compatible_versions,
    evolve,
    is_evolution,
    with_changes,
)
from product360_assets.core.in_force import contract_of, in_force, publish
from resources.errors import RegistryConflict
from resources.local.registry import SqliteRegistry
from resources.registry import Published, Registry

COLOUR = Accepted("Colour Code", "string", added=True)
WIDER = Accepted("Stock", "bigint", added=False)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = SqliteRegistry(tmp_path / "registry.db")
    yield opened
    opened.close()


def shop(**changes: Any) -> SourceContract:
    columns = [
        {"name": "article_id", "type": "bigint", "description": "Article."},
        {"name": "stock", "source_name": "Stock", "type": "int", "description": "Pieces."},
    ]
    return SourceContract.model_validate(
        {
            "name": "shop",
            "kind": "files",
            "description": "A shop.",
            "owners": ["team:shop"],
            "tables": [
                {
                    "name": "article",
                    "description": "Articles.",
                    "format": "csv",
                    "key": ["article_id"],
                    "cadence": "daily",
                    "freshness_hours": 24,
                    "drift": "evolve",
                    "columns": [*columns, *changes.pop("more", [])],
                    **changes,
                }
            ],
        }
    )


def types(contract: SourceContract) -> dict[str, str]:
    return {column.name: column.type for column in contract.table("article").columns}


def test_accepted_changes_become_the_next_version(registry: Registry) -> None:
    agreed = evolve(registry, shop(), "article", [COLOUR, WIDER])

    assert types(agreed.contract) == {
        "article_id": "bigint",
        "stock": "bigint",
        "colour_code": "string",
    }
    [first, second] = registry.versions("shop")
    assert contract_of(first) == shop()
    assert contract_of(second) == agreed.contract
    assert second.note == "article: new column Colour Code (string), wider type of Stock (bigint)"
    assert in_force(registry, shop()) == agreed


def test_such_a_version_breaks_nobody(registry: Registry) -> None:
    agreed = evolve(registry, shop(), "article", [COLOUR, WIDER])
    found = changes(shop(), agreed.contract)
    assert len(found) == 2
    assert breaking(found) == []


def test_a_new_column_is_nullable_undescribed_and_protected(registry: Registry) -> None:
    agreed = evolve(registry, shop(), "article", [COLOUR])
    column = agreed.table("article").columns[-1]
    assert (column.source_name, column.nullable, column.sensitivity) == (
        "Colour Code",
        True,
        "sensitive",
    )


def test_what_is_known_already_makes_no_version(registry: Registry) -> None:
    evolve(registry, shop(), "article", [COLOUR])
    evolve(registry, shop(), "article", [COLOUR, Accepted("COLOUR CODE", "string", added=True)])
    assert len(registry.versions("shop")) == 2


def test_clean_rows_of_earlier_versions_stand(registry: Registry) -> None:
    once = evolve(registry, shop(), "article", [COLOUR])
    twice = evolve(registry, shop(), "article", [WIDER])

    contracts = [shop(), once.contract, twice.contract]
    versions = [each.config_version("article") for each in contracts]
    assert len(set(versions)) == 3
    assert compatible_versions(registry, twice.contract, "article") == set(versions)


def test_clean_rows_of_another_contract_do_not(registry: Registry) -> None:
    evolve(registry, shop(), "article", [COLOUR])
    stricter = shop(unique={"action": "quarantine", "why": "Twice is once too often."})
    assert compatible_versions(registry, stricter, "article") == frozenset()


def test_a_file_that_declares_the_column_makes_nothing_clean_again(registry: Registry) -> None:
    agreed = evolve(registry, shop(), "article", [COLOUR])
    declared = {
        "name": "colour_code",
        "source_name": "Colour Code",
        "type": "string",
        "nullable": True,
        "description": "Colour as the maker calls it.",
    }
    written = shop(more=[declared])
    publish(registry, written, latest=registry.latest("shop"), note="", by="owner")

    assert in_force(registry, written).contract == written
    assert written.config_version("article") == agreed.contract.config_version("article")


def test_two_who_meet_the_same_column_agree(registry: Registry) -> None:
    """The other one publishes between our look at the registry and our own attempt."""
    overtaken = Overtaken(registry, lambda: evolve(registry, shop(), "article", [COLOUR]))

    agreed = evolve(overtaken, shop(), "article", [WIDER])

    assert types(agreed.contract) == {
        "article_id": "bigint",
        "stock": "bigint",
        "colour_code": "string",
    }
    assert in_force(registry, shop()) == agreed


def test_whoever_is_overtaken_for_ever_says_so(registry: Registry) -> None:
    others = iter(range(100))

    def publish_another() -> None:
        name = f"c{next(others)}"
        evolve(registry, shop(), "article", [Accepted(name, "string", added=True)])

    with pytest.raises(RegistryConflict):
        evolve(Overtaken(registry, publish_another, always=True), shop(), "article", [COLOUR])


class Overtaken:
    """A registry in which somebody else publishes just before this writer does."""

    def __init__(
        self, registry: Registry, other: Callable[[], object], *, always: bool = False
    ) -> None:
        self._registry = registry
        self._other = other
        self._again = always
        self._done = False

    def publish(self, *given: Any, **more: Any) -> Published:
        if not self._done:
            self._done = True
            self._other()
            self._done = not self._again
        return self._registry.publish(*given, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)


def test_an_evolution_only_adds() -> None:
    before, after = shop(), with_changes(shop(), "article", [COLOUR, WIDER])
    required = shop(more=[{"name": "size", "type": "string", "description": "Size."}])
    assert is_evolution(before, before, "article")
    assert is_evolution(before, after, "article")
    assert not is_evolution(after, before, "article")
    assert not is_evolution(before, required, "article")


@pytest.mark.parametrize(
    ("delivered", "name"),
    [
        ("colour", "colour"),
        ("Colour Code", "colour_code"),
        ("2nd price", "column_2nd_price"),
        ("prix (é)", "prix"),
        ("€", "column"),
        ("stock", "stock_2"),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_delivered_name_becomes_one_of_ours(delivered: str, name: str) -> None:
    assert column_name(delivered, {"stock", "article_id"}) == name
