"""Histories that nobody thought of: whatever happens to a table, its files fold to what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from following import Source, Task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from resources.local.replication import LocalReplication
from resources.objects import LakeResource
from resources.replication import SourceTable

THINGS = SourceTable("thing", "shop", "things", ("id",))
Step = tuple[str, list[tuple[Any, ...]], bool]

KEYS = st.integers(1, 6)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)
VALUES = st.one_of(st.none(), TEXTS)
STATEMENTS = st.one_of(
    st.tuples(st.just("insert"), KEYS, VALUES),
    st.tuples(st.just("update"), KEYS, VALUES),
    st.tuples(st.just("grow"), KEYS, st.integers(0, 3)),
    st.tuples(st.just("delete"), KEYS, st.none()),
    st.tuples(st.just("move"), KEYS, KEYS),
    st.tuples(st.just("truncate"), st.none(), st.none()),
)
# A transaction is statements that are committed or not; a step of the task may be lost, as that of
# a process that dies before its execution counts.
STEPS = st.one_of(
    st.tuples(st.just("transaction"), st.lists(STATEMENTS, max_size=6), st.booleans()),
    st.tuples(st.just("changes"), st.just([]), st.booleans()),
    st.tuples(st.just("load"), st.just([]), st.just(True)),
    st.tuples(st.just("column"), st.just([]), st.just(True)),
    st.tuples(st.just("identity"), st.just([]), st.booleans()),
    st.tuples(st.just("validate"), st.just([]), st.just(True)),
)


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=6, deadline=None, print_blob=True, suppress_health_check=QUIET)
@given(history=st.lists(STEPS, max_size=12))
def test_any_history_folds_to_what_the_source_holds(
    source: Source, tmp_path: Path, history: list[Step]
) -> None:
    follow(source, tmp_path, history)


@pytest.mark.long
@settings(max_examples=150, deadline=None, print_blob=True, suppress_health_check=QUIET)
@given(history=st.lists(STEPS, max_size=25))
def test_many_histories_fold_to_what_the_source_holds(
    source: Source, tmp_path: Path, history: list[Step]
) -> None:
    follow(source, tmp_path, history)


def only_unknown_defaults(following: Task) -> str:
    """The state of a validation, apart from defaults of added columns, which no change says."""
    found = following.validated("thing")
    for failure in found.failures:
        assert failure["FAILURE_TYPE"] == "RECORD_DIFF"
        assert all(name.startswith("extra_") for name in failure["DETAILS"].split(", "))
    if found.failures:
        return "Pending records" if found.pending else "Validated"
    return found.state


def follow(source: Source, tmp_path: Path, history: list[Step]) -> None:
    """Let the history happen while a task follows it, and compare."""
    source.sql(
        "DROP TABLE IF EXISTS shop.things",
        "CREATE TABLE shop.things (id int PRIMARY KEY, note text, body text)",
        "ALTER TABLE shop.things ALTER body SET STORAGE EXTERNAL",
        "INSERT INTO shop.things SELECT n, 'first', repeat('b', 5000) FROM generate_series(1, 3) n",
    )
    home = tmp_path / str(len(list(tmp_path.iterdir())))
    following = Task(
        source.connection,
        LakeResource(uri=f"file://{home}").zone("landing"),
        (THINGS,),
        LocalReplication(change_file_bytes=2_000),
    )
    following.load()
    columns = 0
    for kind, statements, counts in history:
        if kind == "transaction":
            transact(source, statements, commits=counts)
        elif kind == "changes" and counts:
            following.changes()
        elif kind == "changes":
            following.replication.changes(
                following.request(),
                connection=following.connection,
                landing=following.landing,
                log=following.log,
            )
        elif kind == "load":
            following.load()
        elif kind == "validate":
            assert only_unknown_defaults(following) in ("Validated", "Pending records")
        elif kind == "column":
            columns += 1
            source.sql(f"ALTER TABLE shop.things ADD COLUMN extra_{columns} int DEFAULT {columns}")
        else:
            source.sql(
                f"ALTER TABLE shop.things REPLICA IDENTITY {'FULL' if counts else 'DEFAULT'}"
            )
    following.changes()
    assert only_unknown_defaults(following) == "Validated"

    # A column that was added with a default changes no row in the log.
    known = ("id", "note", "body")
    assert {
        key: tuple(row[name] for name in known)
        for key, row in following.folded("thing", "id").items()
    } == {
        key: tuple(row[name] for name in known) for key, row in source.table("things", "id").items()
    }
    places = [(row["dms_timestamp"], row["ar_h_change_seq"]) for row in following.rows("thing")]
    assert places == sorted(set(places)), "two changes at one place"


def transact(source: Source, statements: list[tuple[Any, ...]], *, commits: bool) -> None:
    with psycopg.connect(make_conninfo(**source.connection)) as session:
        for kind, key, value in statements:
            sql, values = STATEMENT[kind], {"key": key, "value": value}
            session.execute(sql, values)
        if not commits:
            session.rollback()


STATEMENT = {
    "insert": "INSERT INTO shop.things VALUES (%(key)s, %(value)s, repeat('i', 4000))"
    " ON CONFLICT (id) DO UPDATE SET note = excluded.note",
    "update": "UPDATE shop.things SET note = %(value)s WHERE id = %(key)s",
    "grow": "UPDATE shop.things SET body = repeat('g', 3000 * %(value)s) WHERE id = %(key)s",
    "delete": "DELETE FROM shop.things WHERE id = %(key)s",
    "move": "UPDATE shop.things SET id = %(value)s WHERE id = %(key)s AND NOT EXISTS"
    " (SELECT 1 FROM shop.things WHERE id = %(value)s)",
    "truncate": "TRUNCATE shop.things",
}
