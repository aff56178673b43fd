"""What every store of announcements does: the same sentences for SQLite and DynamoDB."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from resources.announcements import Announced, Announcements
from resources.aws import client
from resources.dynamodb_announcements import DynamoAnnouncementsResource
from resources.dynamodb_items import create_table
from resources.ledger import LandedObject
from resources.local.announcements import SqliteAnnouncementsResource

SEEN = datetime(2017, 5, 1, 12, 0, 0, 5, UTC)


@pytest.fixture(params=["sqlite", pytest.param("dynamodb", marks=pytest.mark.aws)])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Announcements]:
    if request.param == "sqlite":
        path = str(tmp_path / "home" / "announcements.db")
        return SqliteAnnouncementsResource(path=path).open
    request.getfixturevalue("aws")
    table = f"ledger-{secrets.token_hex(4)}"
    create_table(client("dynamodb"), table)
    return DynamoAnnouncementsResource(table=table).open


def announced(key: str, version: str = "v1", seen_at: datetime = SEEN) -> Announced:
    return Announced("shop", LandedObject("landing", key, version, 5), seen_at)


def test_what_is_remembered_is_there_for_every_process(
    open_store: Callable[[], Announcements],
) -> None:
    listed = Announced("shop", announced("z").landed, SEEN, "price", date(2017, 5, 1))
    objects = [announced("a/ü b.csv"), announced("a/ü b.csv", "v2"), announced("x" * 1024), listed]
    open_store().remember(objects)
    assert open_store().waiting() == sorted(objects, key=lambda each: each.landed)


def test_remembering_again_keeps_what_was_there(open_store: Callable[[], Announcements]) -> None:
    store = open_store()
    store.remember([announced("a")])
    later = SEEN.replace(year=2018)
    store.remember([announced("a", seen_at=later), announced("b", seen_at=later)])
    store.remember([])
    assert [(each.landed.key, each.seen_at) for each in store.waiting()] == [
        ("a", SEEN),
        ("b", later),
    ]


def test_what_is_forgotten_is_gone_and_nothing_else(
    open_store: Callable[[], Announcements],
) -> None:
    store = open_store()
    store.remember(announced(f"{number:03d}") for number in range(150))
    store.forget(announced(f"{number:03d}").landed for number in range(149))
    store.forget([announced("149", "v2").landed, announced("unknown").landed])
    assert [each.landed.key for each in store.waiting()] == ["149"]
