"""`python -m benchmarks.replication [ROWS]`: how fast a table is loaded, and its changes followed.

The load is compared with `COPY ... TO STDOUT` of the same table in the same run; changes are
counted per second, with the process's peak of memory. The hazard: the first load imports libraries;
it is made once before anything is measured.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from demo.postgres import HOST, SUPERUSER, Postgres
from resources.local.replication import LocalReplication
from resources.objects import LakeResource, ObjectStore
from resources.replication import CapturedTable, ChangeRequest, LoadReport, LoadRequest, SourceTable

LINES = SourceTable("line", "shop", "lines", ("id",))
CREATE = """
CREATE SCHEMA shop;
CREATE TABLE shop.lines (id bigint PRIMARY KEY, basket bigint, product bigint, quantity int,
                         value numeric(12,2), note text, sold_at timestamp);
"""
INSERT = """
INSERT INTO shop.lines SELECT n, n / 10, n % 9000, n % 7, (n % 1000) / 100.0, 'note ' || n,
       timestamp '2017-01-01' + n * interval '1 second' FROM generate_series({}, {}) n
"""


def main(rows: int) -> None:
    """Measure, and print one line for each thing measured."""
    folder = Path(tempfile.mkdtemp(prefix="replication-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server")
    server.initialise()
    try:
        measure(server, server.start(), folder, rows)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(server: Postgres, port: int, folder: Path, rows: int) -> None:
    """Load, copy and follow a table of so many rows."""
    connection = {"host": HOST, "port": str(port), "dbname": "postgres", "user": SUPERUSER,
                  "password": server.password}  # fmt: skip
    landing = LakeResource(uri=f"file://{folder}/lake").zone("landing")
    with psycopg.connect(make_conninfo(**connection), autocommit=True) as session:
        session.execute(CREATE)
        session.execute(INSERT.format(1, rows))
        load(connection, landing, 1)
        began = time.monotonic()
        with session.cursor().copy("COPY shop.lines TO STDOUT") as copy:
            size = sum(len(block) for block in copy)
        copied = time.monotonic() - began
        began = time.monotonic()
        loaded = load(connection, landing, 2)
        took = time.monotonic() - began
        said(f"COPY TO STDOUT: {rows / copied:,.0f} rows/s, {size / copied / 1e6:.0f} MB/s")
        said(f"load: {rows / took:,.0f} rows/s, {copied / took:.0%} of COPY")
        for first in range(rows + 1, 2 * rows, 1000):
            session.execute(INSERT.format(first, first + 999))
        session.execute("UPDATE shop.lines SET quantity = quantity + 1")
        session.execute("DELETE FROM shop.lines WHERE id <= %s", (rows // 2,))
    began = time.monotonic()
    changes = follow(connection, landing, loaded)
    took = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said(f"changes: {changes / took:,.0f}/s of {changes:,}, peak memory {peak:.0f} MiB")


def load(connection: dict[str, str], landing: ObjectStore, number: int) -> LoadReport:
    """One full load."""
    replication = LocalReplication()
    started_at = replication.clock(connection)
    request = LoadRequest("shop", f"20170101T000000Z-{number:04d}", started_at, (LINES,))
    return replication.full_load(request, connection=connection, landing=landing, log=quiet)


def follow(connection: dict[str, str], landing: ObjectStore, loaded: LoadReport) -> int:
    """Deliver what changed since the load; how many changes those were."""
    [table] = loaded.tables
    if loaded.position is None:
        raise ValueError("the load's changes are not captured")
    captured = CapturedTable(LINES, loaded.load_id, loaded.position, table.capture, (table.prefix,))
    request = ChangeRequest("shop", "20170101T000000Z-0003", None, (captured,))
    report = LocalReplication().changes(request, connection=connection, landing=landing, log=quiet)
    return sum(written.rows for written in report.tables)


def quiet(_message: str) -> None:
    """Say nothing."""


def said(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
