"""Dying at the n-th durable call: the harness of the kill tests, run as a program of its own.

    python tests/faults/mortal.py FOLDER STAGE [--calls 3,17]
    python tests/faults/mortal.py FOLDER STAGE --without PROTECTION [--until-wrong]

The stages are read, accept, clean, publish, erase and erase-tables.

It counts the durable calls that the work makes through its ports, and sends SIGKILL to its own
process when the n-th is about to be made: for every n, until the work comes to its end. After each
death it looks at what a reader would see now, does the work again, and compares what is there in
the end with what undisturbed work leaves. One line of JSON for each call says how that went.

Each piece of work is a forked process: what it imports was imported once, and it dies like any
process dies. The hazard is a harness that kills nothing, so it says which call each death stood
before.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from mortal_erasure import ERASING
from mortal_protections import WITHOUT
from mortal_reading import READING
from mortal_work import STAGES, Stage, prepared
from mortality import Mortality, wrap_ports

from resources.local import engines

ALL_STAGES = {**STAGES, **ERASING, **READING}


def deaths(
    base: Path, stage: Stage, without: str | None, calls: list[int] | None
) -> Iterator[dict[str, Any]]:
    """Die before each durable call, or before the chosen ones, and tell what came of it."""
    template = base / "template"
    assert forked(lambda: prepared(template, stage), base / "log") == 0, (base / "log").read_text()

    def run(home: Path, dies_at: int | None) -> int:
        def act() -> None:
            mortality = Mortality(dies_at, home / "told")
            wrap_ports(mortality)
            if without:
                WITHOUT[without](mortality)
            stage.work(home, stage.delivered, mortality)
            engines.stop_engine()

        return forked(act, home / "log")

    undisturbed = home_like(template, base / "undisturbed")
    assert run(undisturbed, None) == 0, (undisturbed / "log").read_text()
    expected = stage.left(undisturbed, stage.delivered)
    for number in calls or count(1):
        home = home_like(template, base / f"died-{number}")
        ended = run(home, number)
        if ended == 0:
            yield {"call": number, "ended": True}
            return
        assert os.WIFSIGNALED(ended), (home / "log").read_text()
        wrong = stage.seen(home, stage.delivered)
        again = run(home, None)
        if wrong is None and again:
            wrong = f"doing it again failed: {(home / 'log').read_text().splitlines()[-1]}"
        if wrong is None and (found := stage.left(home, stage.delivered)) != expected:
            wrong = f"other in the end: {sorted(k for k in expected if found[k] != expected[k])}"
        yield {"call": number, "died before": (home / "told").read_text(), "wrong": wrong}
        shutil.rmtree(home)


def forked(act: Callable[[], None], log: Path) -> int:
    """Do something in a process of its own; how it ended, as `waitpid` says it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        act()
    except BaseException:  # noqa: BLE001 - whatever ended the work is what is asked
        log.parent.mkdir(parents=True, exist_ok=True)
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


def main() -> None:
    """Print one line for each death, and one for the work that came to its end."""
    asked = argparse.ArgumentParser()
    asked.add_argument("folder", type=Path)
    asked.add_argument("stage", choices=ALL_STAGES)
    asked.add_argument("--without", choices=WITHOUT)
    asked.add_argument("--calls", type=lambda text: [int(number) for number in text.split(",")])
    asked.add_argument("--until-wrong", action="store_true", help="stop at the first fault")
    given = asked.parse_args()
    stage = ALL_STAGES[given.stage]
    for death in deaths(given.folder.absolute(), stage, given.without, given.calls):
        sys.stdout.write(f"{json.dumps(death)}\n")
        sys.stdout.flush()
        if given.until_wrong and death.get("wrong"):
            return


if __name__ == "__main__":
    main()
