"""A second home beside the first, with the same raw data and nothing that was made of it.

Raw files never change, so they are linked and take no room; whoever removes the second home removes
only its own names of them. The hazard is data that arrives meanwhile: the ledger is copied first,
so that all that it knows is there when the files are linked.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

# What is delivered and accepted; everything else in the lake is made of it.
_GIVEN = ("landing", "raw")


def home_beside(
    home: Path, beside: Path, *, kept_states: Sequence[str], kept_folders: Sequence[str] = ()
) -> None:
    """Make the second home, on the same file system.

    Args:
        home: the first; only read.
        beside: a folder that is not there yet.
        kept_states: zones of which the second ledger keeps what is recorded; of others it knows
            nothing.
        kept_folders: folders of the lake that hold what people asked for; they are linked as well.

    Raises:
        FileExistsError: something stands in the second home's place.
    """
    beside.mkdir(parents=True)
    for name in ("ledger.db", "registry.db"):
        if (home / name).exists():
            _copy(home / name, beside / name)
    _forget(beside / "ledger.db", kept_states)
    for given in (*_GIVEN, *kept_folders):
        if (home / "lake" / given).is_dir():
            shutil.copytree(home / "lake" / given, beside / "lake" / given, copy_function=os.link)
    if (home / "secrets.json").exists():
        os.link(home / "secrets.json", beside / "secrets.json")


def _copy(database: Path, copy: Path) -> None:
    """The database as of one moment, whoever writes to it."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _forget(ledger: Path, kept_states: Sequence[str]) -> None:
    marks = ", ".join("?" for _ in kept_states)
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute(
            f"DELETE FROM zone_state WHERE zone NOT IN ({marks})",
            list(kept_states),
        )
        database.execute("DELETE FROM lock")
