"""Writers of one table that know nothing of each other: each is a process, and all of them count.

    python tests/faults/writers.py HOME NAME TIMES [--engine sail|spark] [--sleeps-in write|audit]
                                   [--without base]

Every commit raises the writer's own count and the total, by one, from what it reads. So the total
says which commit of the table's history a state is, a lost update is a total that two commits
claim, and a reader sees at once whether counts and total belong together. A commit is acknowledged
by a line of JSON; one that loses against another is made again.

`--sleeps-in` stops the process by SIGSTOP in the middle of its second commit, until somebody wakes
it: after it has read, or after its commit has landed on the branch.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from product360_assets.curated import gate
from product360_assets.curated.commits import COMMIT_ID
from resources import audit_branches
from resources.audit_branches import AuditBranch
from resources.audit_commits import branch_table
from resources.catalog import LocalCatalogResource
from resources.errors import TableMoved
from resources.jobs import JobRequest
from resources.local import engines
from resources.local.bridge import CatalogBridge
from resources.local.engines import EngineName
from resources.local.runner import LocalJobRunner
from spark.tables.model import Column, Table

TALLY = Table(
    "curated",
    "tally",
    "How often each writer has committed.",
    "one row per writer, and the total",
    "tests",
    ("writer",),
    (
        Column("writer", "string", "Who.", nullable=False),
        Column("commits", "bigint", "How often.", nullable=False),
    ),
)
SQL = f"SELECT writer, commits FROM {TALLY.identifier} ORDER BY ALL"
TOTAL = "(total)"
# The job that counts, for an engine.
JOB = f"""
def run(session, spec, report):
    names = f"SELECT writer FROM VALUES ('{{spec['writer']}}'), ('{TOTAL}') AS t(writer)"
    session.sql(
        f"MERGE INTO {{spec['target']}} t USING ({{names}}) s ON t.writer = s.writer "
        "WHEN MATCHED THEN UPDATE SET t.commits = t.commits + 1 "
        "WHEN NOT MATCHED THEN INSERT (writer, commits) VALUES (s.writer, 1L)"
    ).collect()
    report.results([])
"""


class Writer:
    """Commits to the tally, again where another was faster."""

    def __init__(self, home: Path, name: str, sleeps_in: str | None) -> None:
        self.catalog = LocalCatalogResource(home=str(home))
        self.home = home
        self.name = name
        self.sleeps_in = sleeps_in
        self.engine: EngineName = "sail"
        self.made = 0

    def commit(self, number: int, write: Callable[[AuditBranch], None]) -> None:
        """Publish one commit more, however often it takes, and acknowledge it."""

        def audit(at: AuditBranch, snapshot: int) -> None:
            self.sleep_in("audit")
            rows = self.catalog.table(at.table).scan(snapshot_id=snapshot).to_arrow()
            state.update({row["writer"]: row["commits"] for row in rows.to_pylist()})

        while True:
            state: dict[str, int] = {}
            try:
                gate.admit(
                    self.catalog,
                    TALLY.identifier,
                    f"{self.name}-{number}",
                    write=write,
                    audit=audit,
                    log=lambda _: None,
                )
                if state:
                    break
            except TableMoved:
                pass
            said(lost=number)
        self.made += 1
        said(total=state[TOTAL], state=sorted(state.items()), at=time.monotonic())

    def sleep_in(self, place: str) -> None:
        """Be stopped here, once."""
        if self.sleeps_in == place and self.made == 1:
            self.sleeps_in = None
            os.kill(os.getpid(), signal.SIGSTOP)

    def write(self, at: AuditBranch) -> None:
        """Count with PyIceberg, in this process."""
        table = branch_table(self.catalog, at)
        before = {row["writer"]: row["commits"] for row in table.scan().to_arrow().to_pylist()}
        rows = {**before, **{who: before.get(who, 0) + 1 for who in (self.name, TOTAL)}}
        self.sleep_in("write")
        columns = {"writer": list(rows), "commits": list(rows.values())}
        table.overwrite(pa.table(columns, schema=table.schema().as_arrow()))

    def merge(self, at: AuditBranch) -> None:
        """Count with an engine that merges, by a job."""
        spec = {"writer": self.name, "target": f"lake.{TALLY.identifier}"}
        properties = {COMMIT_ID: at.commit}
        request = JobRequest("tally", at.commit, spec, commit=properties, branch=at)
        LocalJobRunner(home=str(self.home), engine=self.engine).run(request, log=lambda _: None)


def said(**what: Any) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def with_the_job(home: Path, writer: Writer) -> None:
    """Let jobs find the one that counts, and let commits of this process be stopped."""
    import spark.jobs

    jobs = home / "jobs"
    jobs.mkdir(exist_ok=True)
    (jobs / "tally.py").write_text(JOB)
    spark.jobs.__path__ = [*spark.jobs.__path__, str(jobs)]
    commit = CatalogBridge.commit

    def stopped(bridge: CatalogBridge, *arguments: Any) -> Any:
        writer.sleep_in("write")
        return commit(bridge, *arguments)

    CatalogBridge.commit = stopped  # type: ignore[method-assign]


def without_base(writer: Writer) -> None:
    """A branch starts from whatever stands in the table by now, and no other ends it."""

    class Following(AuditBranch):
        def __getattribute__(self, name: str) -> Any:
            if name == "base":
                snapshot = writer.catalog.table(self.table).current_snapshot()
                return snapshot and snapshot.snapshot_id
            return super().__getattribute__(name)

    gate.begin = lambda _, table, commit: Following(table, commit, None)
    audit_branches._waiting_in = lambda _: []


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("home", type=Path)
    asked.add_argument("name")
    asked.add_argument("times", type=int)
    asked.add_argument("--engine", choices=["pyiceberg", "sail", "spark"], default="pyiceberg")
    asked.add_argument("--sleeps-in", choices=["write", "audit"])
    asked.add_argument("--without", choices=["base"])
    given = asked.parse_args()
    writer = Writer(given.home, given.name, given.sleeps_in)
    write = writer.write
    if given.engine != "pyiceberg":
        writer.engine = given.engine
        with_the_job(given.home, writer)
        write = writer.merge
    if given.without:
        without_base(writer)
    said(ready=True)
    sys.stdin.readline()
    for number in range(given.times):
        writer.commit(number, write)
    engines.stop_engine()


if __name__ == "__main__":
    main()
