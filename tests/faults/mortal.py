"""Dying at the n-th durable call: the harness of the kill tests, run as a program of its own.

    python tests/faults/mortal.py FOLDER accept|clean [--calls 3,17]
    python tests/faults/mortal.py FOLDER accept|clean --without PROTECTION [--until-wrong]

It wraps the ports that work goes through (object store, ledger, the engine's writes, the disk and
the SQLite file below them), counts their durable calls, and sends SIGKILL to its own process when
the n-th is about to be made: for every n, until the work comes to its end. After each death it
looks at what a reader would see now, does the work again, and compares what is there in the end
with what undisturbed work leaves. One line of JSON for each call says how that went.

Nothing in the platform knows of it. Each piece of work is a forked process: what it imports was
imported once, and it dies like any process dies. The hazard is a harness that kills nothing, so it
says which call each death stood before.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import spark.jobs.clean as clean_job
from product360_assets.clean import request, work
from product360_assets.clean.work import Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.core.states import CLEAN, RAW
from product360_assets.raw import acceptance
from product360_assets.raw.acceptance import Acceptance
from resources.local import folder, sqlite
from resources.local.ledger import SqliteLedger
from resources.local.runner import LocalJobRunner
from resources.objects import LakeResource
from spark.report import Report

DAYS = [date(2017, 5, 1), date(2017, 5, 2)]
LONG_AGO = datetime(2017, 1, 1, tzinfo=UTC)
LANDING = {
    "2017-05-01/till-1.csv": "order_id,total\n1,1.10\n2,2.20\nx,3.30\n",
    "2017-05-01/till-2.csv": "order_id,total\n3,4.40\n3,4.40\n",
    "2017-05-02/till-1.csv": "order_id,total\n4,5.50\n1,-1\n",
}
SHOP = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "files",
        "description": "A shop.",
        "owners": ["team:shop"],
        "tables": [
            {
                "name": "order",
                "description": "Orders.",
                "format": "csv",
                "key": ["order_id"],
                "cadence": "daily",
                "freshness_hours": 24,
                "unique": {"action": "quarantine", "why": "Twice is once too often."},
                "columns": [
                    {"name": "order_id", "type": "bigint", "description": "Order."},
                    {"name": "total", "type": "decimal(12,2)", "description": "Euros."},
                ],
                "rules": [
                    {
                        "name": "total_is_positive",
                        "expression": "total > 0",
                        "action": "quarantine",
                        "why": "Nothing is free.",
                    }
                ],
            }
        ],
    }
)
WRITES = ("BEGIN", "INSERT", "REPLACE", "UPDATE", "COMMIT")


class Mortality:
    """Counts durable calls, and ends this process when the n-th is about to be made."""

    def __init__(self, dies_at: int | None, told: Path) -> None:
        self._dies_at = dies_at
        self._told = told
        self._calls = 0
        self._lock = threading.Lock()

    def reach(self, call: str) -> None:
        with self._lock:
            self._calls += 1
            if self._calls == self._dies_at:
                self._told.write_text(call)
                os.kill(os.getpid(), signal.SIGKILL)

    def before(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, which counts before it is made."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.reach(name)
            return call(*args, **kwargs)

        return counted


class Port:
    """Something whose durable calls count; everything else passes through."""

    def __init__(self, inner: Any, name: str, durable: set[str], mortality: Mortality) -> None:
        self._wrapped = (inner, name, durable, mortality)

    def __getattr__(self, attribute: str) -> Any:
        inner, name, durable, mortality = self._wrapped
        found = getattr(inner, attribute)
        if attribute in durable:
            return mortality.before(f"{name}.{attribute}", found)
        return found


def wrap_ports(mortality: Mortality) -> None:
    """Let every durable call of this process count."""
    folder.os = Port(os, "disk", {"open", "write", "fsync", "link"}, mortality)  # type: ignore[assignment]
    open_zone = LakeResource._open_zone

    def mortal_zone(lake: LakeResource, name: Any) -> Any:
        store = open_zone(lake, name)
        return Port(store, name, {"put", "put_file", "accept", "delete"}, mortality)

    LakeResource._open_zone = mortal_zone  # type: ignore[method-assign]
    for name in ("rows", "many"):
        setattr(sqlite.Database, name, _statement(getattr(sqlite.Database, name), mortality))
    clean_job.write_rows = mortality.before("engine.write", clean_job.write_rows)
    clean_job.write_no_rows = mortality.before("engine.write", clean_job.write_no_rows)
    clean_job.forget = mortality.before("engine.forget", clean_job.forget)
    Report._write = mortality.before("report", Report._write)  # type: ignore[method-assign]


def _statement(run: Callable[..., Any], mortality: Mortality) -> Callable[..., Any]:
    def counted(database: sqlite.Database, statement: str, *values: Any) -> Any:
        if (word := statement.partition(" ")[0]) in WRITES:
            mortality.reach(f"sqlite.{word}")
        return run(database, statement, *values)

    return counted


def accept(home: Path, mortality: Mortality) -> None:
    """Take what landed into raw."""
    lake = LakeResource(uri=f"file://{home}/lake")
    ledger = Port(
        SqliteLedger(home / "ledger.db"),
        "ledger",
        {"open_batch", "accept_objects", "record_zone"},
        mortality,
    )
    Acceptance(
        SHOP,
        SHOP.table("order"),
        ledger,
        lake.zone("landing"),
        lake.zone("raw"),  # type: ignore[arg-type]
    ).accept(DAYS)


def clean(home: Path, mortality: Mortality) -> None:
    """Make what is in raw clean, with a real engine."""
    ledger = Port(SqliteLedger(home / "ledger.db"), "ledger", {"record_zone"}, mortality)
    lake, runner = LakeResource(uri=f"file://{home}/lake"), LocalJobRunner(home=str(home))
    cleaned = Cleaning(SHOP, SHOP.table("order"), ledger, lake, runner, lambda _: None).clean(DAYS)  # type: ignore[arg-type]
    assert cleaned.unaccounted == {}, cleaned.unaccounted


WORK = {"accept": accept, "clean": clean}


# --- what is there, and what may be seen of it --------------------------------------------------


def outcome(home: Path) -> dict[str, Any]:
    """Everything that the work leaves behind, without the times of writing."""
    lake, ledger = LakeResource(uri=f"file://{home}/lake"), SqliteLedger(home / "ledger.db")
    raw, batches = lake.zone("raw"), ledger.batches("shop", "order")
    states = {zone: ledger.zone_states("shop", "order", zone) for zone in (RAW, CLEAN)}
    units = {state.unit for state in states[CLEAN].values()}
    there = {info.key.split("/unit=")[1][:12] for info in lake.zone("clean").list()}
    return {
        "raw": {info.key: raw.read(info.key).decode() for info in raw.list()},
        "batches": [str(batch) for batch in batches],
        "accepted": [str(ledger.accepted_objects(batch.batch_id)) for batch in batches],
        "states": [
            str(replace(state, recorded_at=LONG_AGO, location="", unit=""))
            for found in states.values()
            for state in found.values()
        ],
        "rows": {batch: _rows(state.location) for batch, state in states[CLEAN].items()},
        "units that nobody knows": len(there - units),
    }


def seen_wrongly(home: Path) -> str | None:
    """What a reader would be told that is not so, right after a death; None when nothing."""
    lake, ledger = LakeResource(uri=f"file://{home}/lake"), SqliteLedger(home / "ledger.db")
    raw = lake.zone("raw")
    listed = {info.key: raw.read(info.key).decode() for info in raw.list("shop/")}
    for key, text in listed.items():
        if text not in LANDING.values():
            return f"{key} is listed with {text!r}"
    for batch_id in ledger.zone_states("shop", "order", RAW):
        accepted = ledger.accepted_objects(batch_id)
        if not accepted or any(each.raw_key not in listed for each in accepted):
            return f"{batch_id} counts as accepted, and is not all there"
    for batch_id, state in ledger.zone_states("shop", "order", CLEAN).items():
        if len(_rows(state.location)) != state.rows_out:
            return f"{batch_id} counts as clean, and its rows are not there"
    return None


def _rows(location: str) -> list[str]:
    path = Path(location.removeprefix("file://"))
    return sorted(
        str(row)
        for file in path.rglob("*.parquet")
        for row in pq.ParquetFile(file).read().to_pylist()
    )


# --- what protects, taken away ------------------------------------------------------------------


def without_whole_objects(mortality: Mortality) -> None:
    """An object is written under its name, piece by piece."""

    def create(store: folder.Folder, key: str, chunks: Any) -> None:
        path = store.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for chunk in chunks:
                file.write(chunk[: len(chunk) // 2])
                file.flush()
                mortality.reach("disk.write")
                file.write(chunk[len(chunk) // 2 :])

    folder.Folder._create = create  # type: ignore[method-assign]


def without_finishing_what_was_opened(_: Mortality) -> None:
    """A batch that was opened is left to whoever opened it."""
    plan = Acceptance.plan
    Acceptance.plan = lambda self: replace(plan(self), resumed=())  # type: ignore[method-assign]


def without_the_state_last(_: Mortality) -> None:
    """A batch counts as accepted before its objects are recorded."""

    def record(self: Acceptance, batch: Any, accepted: Any) -> None:
        manifest = acceptance.manifest_key(batch)
        acceptance.record_once(self.ledger, self._state(batch, accepted, manifest))
        self.ledger.accept_objects(batch.batch_id, accepted)
        acceptance.write_manifest(self.raw, batch, accepted)

    acceptance.manifest_key = sys.modules["product360_assets.raw.keys"].manifest_key  # type: ignore[attr-defined]
    Acceptance._record = record  # type: ignore[method-assign]


def without_the_record_last(_: Mortality) -> None:
    """A batch counts as clean before the job that makes it has run."""
    make, record_once = Cleaning._make, work.record_once

    def recorded_first(self: Cleaning, unit: Any, earlier: Any) -> Any:
        for raw in unit.batches:
            result = sys.modules["resources.jobs"].JobResult(
                *(unit.dataset, raw.batch.batch_id, 0, 1, 0, 1, 1),
                location=self.lake.zone("clean").uri_of(
                    f"{unit.prefix}/batch={raw.batch.batch_id}"
                ),
                details={},
            )
            record_once(self.ledger, work._state(unit, result, raw.batch.batch_id, {}))
        return make(self, unit, earlier)

    work.record_once = lambda _ledger, state, replacing=None: state  # type: ignore[assignment]
    Cleaning._make = recorded_first  # type: ignore[method-assign]


def without_the_same_place(_: Mortality) -> None:
    """Work that is done again writes somewhere else."""
    tried = os.urandom(6).hex()
    request.CleanUnit.id = property(lambda _unit: tried)  # type: ignore[assignment, method-assign]


WITHOUT = {
    "whole-objects": without_whole_objects,
    "finishing-what-was-opened": without_finishing_what_was_opened,
    "the-state-last": without_the_state_last,
    "the-record-last": without_the_record_last,
    "the-same-place": without_the_same_place,
}


# --- the loop -----------------------------------------------------------------------------------


def forked(act: Callable[[], None], log: Path) -> int:
    """Do something in a process of its own; how it ended, as `waitpid` says it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        act()
        from resources.local import engines

        engines.stop_engine()
    except BaseException:  # noqa: BLE001 - whatever ended the work is what is asked
        log.write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)


def home_like(template: Path, home: Path) -> Path:
    """A home with the very objects of another: hard links, so that versions are the same."""
    shutil.copytree(template / "lake", home / "lake", copy_function=os.link)
    with sqlite3.connect(template / "ledger.db") as known:
        known.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(template / "ledger.db", home / "ledger.db")
    return home


def deaths(
    base: Path, stage: str, without: str | None, calls: list[int] | None
) -> Iterator[dict[str, Any]]:
    """Die before each durable call, or before the chosen ones, and tell what came of it."""
    template = base / "template"
    landing = LakeResource(uri=f"file://{template}/lake").zone("landing")
    for key, text in LANDING.items():
        landing.put(f"shop/order/{key}", text.encode())
    SqliteLedger(template / "ledger.db").close()
    if stage == "clean":
        accept(template, Mortality(None, base / "told"))

    def run(home: Path, dies_at: int | None) -> int:
        def act() -> None:
            mortality = Mortality(dies_at, home / "told")
            wrap_ports(mortality)
            if without:
                WITHOUT[without](mortality)
            WORK[stage](home, mortality)

        return forked(act, home / "log")

    undisturbed = home_like(template, base / "undisturbed")
    assert run(undisturbed, None) == 0, (undisturbed / "log").read_text()
    expected = outcome(undisturbed)
    for number in calls or count(1):
        home = home_like(template, base / f"died-{number}")
        ended = run(home, number)
        if ended == 0:
            yield {"call": number, "ended": True}
            return
        assert os.WIFSIGNALED(ended), (home / "log").read_text()
        wrong = seen_wrongly(home)
        again = run(home, None)
        if wrong is None and again:
            wrong = f"doing it again failed: {(home / 'log').read_text().splitlines()[-1]}"
        if wrong is None and (found := outcome(home)) != expected:
            wrong = f"other in the end: {sorted(k for k in expected if found[k] != expected[k])}"
        yield {"call": number, "died before": (home / "told").read_text(), "wrong": wrong}
        shutil.rmtree(home)


def main() -> None:
    """Print one line for each death, and one for the work that came to its end."""
    asked = argparse.ArgumentParser()
    asked.add_argument("folder", type=Path)
    asked.add_argument("stage", choices=WORK)
    asked.add_argument("--without", choices=WITHOUT)
    asked.add_argument("--calls", type=lambda text: [int(number) for number in text.split(",")])
    asked.add_argument("--until-wrong", action="store_true", help="stop at the first fault")
    given = asked.parse_args()
    for death in deaths(given.folder.absolute(), given.stage, given.without, given.calls):
        sys.stdout.write(f"{json.dumps(death)}\n")
        sys.stdout.flush()
        if given.until_wrong and death.get("wrong"):
            return


if __name__ == "__main__":
    main()
