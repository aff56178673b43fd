"""What every registry does: the same sentences for SQLite and for DynamoDB."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resources.errors import RegistryConflict
from resources.registry import Registry

Opener = Callable[[], Registry]
FIRST = {"name": "shop", "tables": [{"name": "order", "key": ["id"]}], "owner": "Zoë"}
SECOND = {**FIRST, "description": "orders"}


@pytest.fixture(params=["sqlite", pytest.param("dynamodb", marks=pytest.mark.aws)])
def open_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Each call opens the same registry anew, as another process would."""
    if request.param == "sqlite":
        from resources.local.registry import SqliteRegistryResource

        return SqliteRegistryResource(path=str(tmp_path / "home" / "registry.db")).open
    request.getfixturevalue("aws")
    from resources.aws import client
    from resources.dynamodb_items import create_table
    from resources.dynamodb_registry import DynamoRegistryResource

    table = f"registry-{secrets.token_hex(4)}"
    create_table(client("dynamodb"), table)
    return DynamoRegistryResource(table=table).open


@pytest.fixture
def registry(open_registry: Opener) -> Registry:
    return open_registry()


def publish(
    registry: Registry, document: dict[str, Any], expected: int | None, source: str = "shop"
) -> int:
    return registry.publish(source, document, expected=expected, note="why", by="somebody").version


def test_nothing_is_published_until_somebody_does(registry: Registry) -> None:
    assert registry.latest("shop") is None
    assert registry.version("shop", 1) is None
    assert registry.versions("shop") == []


def test_a_version_is_read_back_as_it_was_published(open_registry: Opener) -> None:
    before = datetime.now(UTC)
    published = open_registry().publish("shop", FIRST, expected=None, note="first", by="Zoë")
    assert (published.version, published.document, published.note) == (1, FIRST, "first")
    assert published.published_by == "Zoë"
    assert before <= published.published_at <= before + timedelta(minutes=1)
    other = open_registry()
    assert other.latest("shop") == other.version("shop", 1) == published
    assert other.versions("shop") == [published]


def test_versions_are_numbered_by_source_and_never_change(registry: Registry) -> None:
    numbers = [publish(registry, FIRST, None), publish(registry, SECOND, 1)]
    # Ten and more: numbers, not texts, decide which is the latest.
    for number in range(2, 12):
        numbers.append(publish(registry, {**FIRST, "cadence": number}, number))
    assert numbers == list(range(1, 13))
    assert publish(registry, SECOND, None, source="shops") == 1
    assert [each.version for each in registry.versions("shop")] == numbers
    latest = registry.latest("shop")
    assert latest is not None
    assert (latest.version, latest.document["cadence"]) == (12, 11)
    first = registry.version("shop", 1)
    assert first is not None
    assert first.document == FIRST


def test_who_was_overtaken_is_told_by_whom(registry: Registry) -> None:
    registry.publish("shop", FIRST, expected=None, note="first", by="Zoë")
    for believed in (None, 2, 7):
        with pytest.raises(RegistryConflict, match=r"shop.*version 1, published .* by Zoë"):
            publish(registry, SECOND, believed)
    with pytest.raises(RegistryConflict, match="no version at all"):
        publish(registry, SECOND, 1, source="never")
    assert len(registry.versions("shop")) == 1
    assert registry.versions("never") == []


def test_publishing_what_is_in_force_changes_nothing(registry: Registry) -> None:
    publish(registry, FIRST, None)
    again = {name: FIRST[name] for name in sorted(FIRST)}
    assert publish(registry, again, None) == publish(registry, again, 1) == 1
    assert len(registry.versions("shop")) == 1


def test_an_earlier_contract_can_be_published_again(registry: Registry) -> None:
    publish(registry, FIRST, None)
    publish(registry, SECOND, 1)
    assert publish(registry, FIRST, 2) == 3
    first, _, third = registry.versions("shop")
    assert (first.digest, first.document) == (third.digest, third.document)


def test_of_many_threads_that_publish_one_number_one_wins(open_registry: Opener) -> None:
    publish(open_registry(), FIRST, None)

    def race(number: int) -> int | None:
        try:
            publish(open_registry(), {**FIRST, "racer": number}, 1)
        except RegistryConflict:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [winner for winner in pool.map(race, range(8)) if winner is not None]
    assert [each.document.get("racer") for each in open_registry().versions("shop")] == [
        None,
        *winners,
    ]
    assert len(winners) == 1


def test_many_threads_that_publish_the_same_first_version_all_get_it(
    open_registry: Opener,
) -> None:
    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(lambda _: publish(open_registry(), FIRST, None), range(6)))
    assert numbers == [1] * 6
    assert len(open_registry().versions("shop")) == 1


# --- switches ---------------------------------------------------------------------------------


def test_a_source_that_nobody_switched_is_not_paused(registry: Registry) -> None:
    found = registry.switches("shop")
    assert (found.paused, found.reason, found.version) == (False, "", 0)


def test_a_switch_says_who_turned_it_and_why(open_registry: Opener) -> None:
    open_registry().set_switch("shop", paused=True, reason="wrong prices", expected=0, by="Zoë")
    found = open_registry().switches("shop")
    assert (found.paused, found.reason, found.changed_by, found.version) == (
        True,
        "wrong prices",
        "Zoë",
        1,
    )
    assert found.changed_at is not None
    assert abs(datetime.now(UTC) - found.changed_at) < timedelta(minutes=1)
    assert not open_registry().switches("other").paused


def test_a_switch_is_turned_only_by_who_has_seen_how_it_stands(registry: Registry) -> None:
    registry.set_switch("shop", paused=True, reason="why", expected=0, by="Zoë")
    for believed in (0, 2):
        with pytest.raises(RegistryConflict, match="by Zoë"):
            registry.set_switch("shop", paused=False, reason="", expected=believed, by="other")
    assert registry.switches("shop").paused
    back = registry.set_switch("shop", paused=False, reason="", expected=1, by="Zoë")
    assert (back.paused, back.version) == (False, 2)
    assert registry.switches("shop") == back
