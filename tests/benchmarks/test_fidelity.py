"""What comes out of a load is judged value by value, and our own load loses none of them."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg.conninfo import make_conninfo

from benchmarks.fidelity import CASES, Case, create_cases, table_of, verdict
from benchmarks.peers.load_by_platform import load
from demo.postgres import HOST, SUPERUSER, Postgres


def left(folder: Path, values: list[Any], kind: pa.DataType | None = None) -> list[Path]:
    """A file as a side would leave it: the value, and the null of the second row."""
    ids = pa.array(range(1, len(values) + 1))
    pq.write_table(pa.table({"id": ids, "v": pa.array(values, kind)}), folder / "1.parquet")
    return [folder / "1.parquet"]


def case(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


@pytest.mark.parametrize(
    ("name", "values", "kind", "expected"),
    [
        ("numeric(12,2)", [Decimal("1234567890.1000"), None], pa.decimal128(38, 10), "exact"),
        ("numeric(12,2)", ["1234567890.10", None], None, "text"),
        ("numeric(12,2)", [1234567890.1, None], None, "changed: 1234567890.1"),
        ("bigint", [9007199254740992, None], None, "changed: 9007199254740992"),
        ("boolean", [1, None], None, "changed: 1"),
        ("date before Christ", [-735_160, None], pa.date32(), "exact"),
        ("date infinity", [date.max, None], None, "changed: 2932896"),
        ("text, empty", ["", None], None, "exact"),
        ("text, empty", ["", ""], None, "changed: '' for null"),
        ("text, empty", [None, None], pa.string(), "changed: None"),
        ("bigint", [9007199254740993], None, "changed: nothing for null"),
        ("bigint", [], pa.int64(), "refused"),
    ],
)
def test_a_value_is_judged_by_what_it_means(
    tmp_path: Path, name: str, values: list[Any], kind: pa.DataType | None, expected: str
) -> None:
    written = {"numeric(12,2)": "1234567890.10", "date infinity": "infinity"}.get(name, "")
    assert verdict(case(name), left(tmp_path, values, kind), written) == expected


def test_the_platform_s_load_changes_and_refuses_nothing(tmp_path: Path) -> None:
    # As root, PostgreSQL runs as another user, who must be able to reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server")
    server.initialise()
    try:
        address = f"postgresql://{SUPERUSER}:{server.password}@{HOST}:{server.start()}/postgres"
        with psycopg.connect(make_conninfo(address), autocommit=True) as session:
            session.execute("CREATE SCHEMA shop")
            written = create_cases(session)
        verdicts = {}
        for number, each in enumerate(CASES):
            name = table_of(number)
            load(address, f"shop.{name}", tmp_path / name)
            files = sorted((tmp_path / name).rglob("*.parquet"))
            verdicts[each.name] = verdict(each, files, written[name])
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    assert set(verdicts.values()) == {"exact", "text"}, verdicts
