"""The files that a home keeps beside its lake: ledger, registry and catalog.

A file is read without being opened for writing: its pages are checked, and what should be in it is
counted. The hazard is SQLite's kindness. It makes a missing file and fills in missing tables, so
that a lost ledger would look like a new one; here a file that is missing while the lake holds what
it told of is a failure.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from resources.doctor import Finding, State, ok

WAIT_SECONDS = 5


@dataclass(frozen=True)
class Store:
    """One file of the home.

    Attributes:
        tables: what must be in it; rows of the first are told.
        told_of: zones of the lake that it tells of.
        holds: what it says and nothing else does.
        gone: what it means that it is not there.
        without: what to do where no backup has it.
    """

    name: str
    file: str
    tables: tuple[str, ...]
    told_of: tuple[str, ...]
    holds: str
    gone: State
    without: str


LEDGER = Store(
    "ledger",
    "ledger.db",
    ("batch", "delivery", "object", "zone_state"),
    ("raw",),
    "which batches were accepted and what became of them",
    "failed",
    "begin anew with another PRODUCT360_HOME",
)
REGISTRY = Store(
    "registry",
    "registry.db",
    ("contract", "switches"),
    ("raw",),
    "which versions of contracts were published and which sources are paused",
    # A home may be older than the registry: then the files are in force, as they were.
    "warning",
    "publish the contracts again (product360 registry publish); until then those in files hold",
)
CATALOG = Store(
    "catalog",
    "catalog.db",
    ("iceberg_tables", "iceberg_namespace_properties"),
    ("clean", "curated", "forecast"),
    "which tables are published and in which state",
    "failed",
    "begin anew with another PRODUCT360_HOME",
)
STORES = (LEDGER, REGISTRY, CATALOG)


def look_at_store(store: Store, home: Path) -> Iterator[Finding]:
    """Whether the file is there, whole, and holds what it should."""
    path = home / store.file
    thing = f"{store.name} {path}"
    if not path.exists():
        yield _missing(store, home)
        return
    try:
        with closing(reading(path)) as database:
            wrong = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            known = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            lacking = [name for name in store.tables if name not in known]
            if wrong == "ok" and not lacking:
                (rows,) = database.execute(f"SELECT count(*) FROM {store.tables[0]}").fetchone()
                yield ok(thing, f"whole, {rows:,} rows in {store.tables[0]}")
                return
            found = f"no table {', '.join(lacking)} in it" if wrong == "ok" else "damaged pages"
    except sqlite3.Error as error:
        found = f"SQLite cannot read it: {error}"
    yield Finding(thing, "failed", found, "a whole SQLite file of this platform", _restore(store))


def reading(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing; where nobody else does, not even SQLite's own files."""
    is_used = path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro" if is_used else "immutable=1"
    return sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True, timeout=WAIT_SECONDS)


def _missing(store: Store, home: Path) -> Finding:
    thing = f"{store.name} {home / store.file}"
    filled = [zone for zone in store.told_of if any((home / "lake" / zone).glob("*"))]
    if not filled:
        return Finding(
            thing,
            "skipped",
            "not there: this home is new",
            "a file, after the first run",
            "make demo, or materialize any asset",
        )
    return Finding(
        thing,
        store.gone,
        f"not there, though the lake holds objects in {', '.join(filled)}",
        f"the file that says {store.holds}",
        _restore(store),
    )


def _restore(store: Store) -> str:
    return (
        f"stop the daemon, and put back {store.file} with its -wal from a backup of the home; "
        f"without one, {store.without}"
    )
