"""Runs `mortal.py` and reads what it says: one death before each durable call of some work."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).with_name("mortal.py")


@dataclass(frozen=True)
class Death:
    """A death before the `call`-th durable call, and what was wrong afterwards, if anything."""

    call: int
    before: str
    wrong: str | None


@dataclass(frozen=True)
class Told:
    """Every death of some work; `ended` says whether it came to its end after the last one."""

    deaths: tuple[Death, ...]
    ended: bool

    @property
    def wrong(self) -> list[Death]:
        return [death for death in self.deaths if death.wrong]

    @property
    def places(self) -> set[str]:
        """The kinds of call before which it died."""
        return {death.before for death in self.deaths}


def told_of(folder: Path, stage: str, *options: str) -> Told:
    """What came of dying in a stage of the work."""
    # Not inside pytest: its engines have threads, and threads do not survive a fork.
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), stage, *options],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    deaths = tuple(
        Death(line["call"], line["died before"], line["wrong"])
        for line in lines
        if "died before" in line
    )
    return Told(deaths, ended=any(line.get("ended") for line in lines))
