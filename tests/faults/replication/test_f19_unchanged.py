"""Large values that an update leaves alone are not in the log, and are never taken for null."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from following import Source, Task

from resources.errors import ChangesLost
from resources.local.unchanged import UnchangedValues
from resources.replication import SourceTable

PAGES = SourceTable("page", "shop", "pages", ("site", "page_id"))

NewTask = Callable[..., Task]


@pytest.fixture
def pages(source: Source) -> Source:
    """Two pages whose text the database keeps apart from its row."""
    source.sql(
        "CREATE TABLE shop.pages (site text, page_id int, visits int, body text, notes text,"
        " PRIMARY KEY (site, page_id))",
        "ALTER TABLE shop.pages ALTER body SET STORAGE EXTERNAL, ALTER notes SET STORAGE EXTERNAL",
        "INSERT INTO shop.pages SELECT 'a', n, 0, repeat(n::text, 9000), NULL"
        " FROM generate_series(1, 2) n",
    )
    return source


def test_f19_an_unchanged_value_keeps_what_it_was(pages: Source, task: NewTask) -> None:
    following = task(PAGES)
    following.load()
    pages.sql("UPDATE shop.pages SET visits = 1 WHERE page_id = 1")
    pages.sql("UPDATE shop.pages SET notes = repeat('n', 9000) WHERE page_id = 2")
    pages.sql("UPDATE shop.pages SET visits = 5 WHERE page_id = 2")
    following.changes()

    assert following.folded("page", "site", "page_id") == pages.table("pages", "site", "page_id")
    assert [len(row["body"]) for row in following.rows("page")] == [9000] * 5


def test_f19_without_reading_it_again_it_would_be_lost(
    pages: Source, task: NewTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_null(_self: object, _names: Sequence[str], rows: Sequence[list[object]]) -> list[int]:
        for row in rows:
            row[:] = [value if isinstance(value, bytes) else None for value in row]
        return list(range(len(rows)))

    monkeypatch.setattr(UnchangedValues, "complete", as_null)
    following = task(PAGES)
    following.load()
    pages.sql("UPDATE shop.pages SET visits = 1")
    following.changes()
    assert following.folded("page", "site", "page_id") != pages.table("pages", "site", "page_id")


def test_f19_with_the_full_identity_the_log_has_it_as_it_was(pages: Source, task: NewTask) -> None:
    pages.sql("ALTER TABLE shop.pages REPLICA IDENTITY FULL")
    following = task(PAGES)
    following.load()
    pages.sql("UPDATE shop.pages SET visits = 1 WHERE page_id = 1")
    pages.sql("UPDATE shop.pages SET body = repeat('x', 9000) WHERE page_id = 1")
    pages.sql("DELETE FROM shop.pages WHERE page_id = 1")
    following.changes()

    changed = following.rows("page")[2:]
    assert [(row["Op"], row["body"][:1], row["visits"]) for row in changed] == [
        ("U", "1", 1), ("U", "x", 1), ("D", "x", 1)
    ]  # fmt: skip


def test_f19_a_value_that_changes_later_ends_as_the_source_has_it(
    pages: Source, task: NewTask
) -> None:
    following = task(PAGES)
    following.load()
    pages.sql("UPDATE shop.pages SET visits = 1 WHERE page_id = 1")
    pages.sql("UPDATE shop.pages SET body = repeat('x', 9000) WHERE page_id = 1")
    pages.sql("UPDATE shop.pages SET body = NULL WHERE page_id = 2")
    following.changes()
    assert following.folded("page", "site", "page_id") == pages.table("pages", "site", "page_id")


def test_f19_it_moves_with_a_changed_key(pages: Source, task: NewTask) -> None:
    following = task(PAGES)
    following.load()
    pages.sql("UPDATE shop.pages SET page_id = page_id + 10, visits = 7")
    following.changes()
    assert following.folded("page", "site", "page_id") == pages.table("pages", "site", "page_id")


def test_f19_a_row_that_is_gone_by_now_is_left_to_its_deletion(
    pages: Source, task: NewTask
) -> None:
    said: list[str] = []
    following = task(PAGES)
    following.log = said.append
    following.load()
    pages.sql("UPDATE shop.pages SET visits = 1")
    pages.sql("DELETE FROM shop.pages WHERE page_id = 1")
    following.changes()

    assert [row["Op"] for row in following.rows("page")] == ["I", "I", "U", "D"]
    assert None not in [row["body"] for row in following.rows("page")[:3]]
    assert "page: 1 changes of rows that were deleted since" in said
    assert following.folded("page", "site", "page_id") == pages.table("pages", "site", "page_id")


def test_f19_a_column_that_is_gone_by_now_asks_for_a_new_load(pages: Source, task: NewTask) -> None:
    following = task(PAGES)
    following.load()
    pages.sql("UPDATE shop.pages SET visits = 1")
    pages.sql("ALTER TABLE shop.pages DROP COLUMN body")
    with pytest.raises(ChangesLost, match=r"page.*large value.*reload: true"):
        following.changes()

    following.load()
    following.changes()
    assert following.folded("page", "site", "page_id") == pages.table("pages", "site", "page_id")
