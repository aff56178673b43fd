"""What the command of erasure looks into beside the lake."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from product360_assets.cli.erase import _beside
from product360_assets.governance.search import mentions
from resources.objects import LakeResource

KEY = "canary-7f3a91"


def test_what_a_database_has_only_in_its_log_is_found(empty_home: Path) -> None:
    empty_home.mkdir()
    with closing(sqlite3.connect(empty_home / "ledger.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE said (text)")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("INSERT INTO said VALUES (?)", [f"about {KEY}"])
        lake = LakeResource(uri=f"file://{empty_home}/lake")
        found = [each["object"] for each in mentions(lake, _beside(), KEY)]
    assert found == [str(empty_home / "ledger.db-wal")]
