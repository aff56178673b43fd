"""Hundreds of small publications into one table: does each cost what the first did?

A publication is the platform's own: the ledger is asked, a job merges ten new clicks and three that
came before on the embedded engine, the commit passes the bridge, an audit branch is published. Time
is that of the whole publication; CPU that of this process and of its engine, which other work on
the machine changes less. In one series upkeep comes every so many commits, with all that it does,
and its own time is told apart; in the other it never comes.

The hazard is upkeep that has nothing to do: by its usual settings no snapshot of a run of ten
minutes may go. Its limits are a minute here, as the soak's are.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from benchmarks.curated.page import FEW, grown
from benchmarks.machine import load
from benchmarks.processes import cpu_seconds_here
from benchmarks.soak.running import LIMITS
from benchmarks.soak.shop import ZONE, Shop
from product360_assets.curated.click_event import PUBLICATION
from product360_assets.curated.publish import Publisher
from product360_assets.governance.upkeep import DONE, Keeper
from resources.environments import export_variables, platform_resources
from resources.local import engines
from resources.orphans import named_files

KEPT, NOT_KEPT = "kept", "not kept"


@dataclass(frozen=True)
class Commits:
    """One series of publications.

    Attributes:
        how: kept, or not kept.
        seconds, cpu: of each publication, in order.
        upkeep: seconds of each turn of upkeep.
        load: of the machine over the minute before the end.
        named, there: files that the table's metadata names, and that lie in its folder.
        snapshots, manifests: of the table at the end; manifests of its newest state.
        metadata_bytes: of everything in its metadata folder.
    """

    how: str
    seconds: Sequence[float]
    cpu: Sequence[float]
    upkeep: Sequence[float]
    load: float
    named: int
    there: int
    snapshots: int
    manifests: int
    metadata_bytes: int


def commits(count: int, every: int, say: Callable[[str], None]) -> Iterator[Mapping[str, Any]]:
    """A series that is kept every so many commits, then one that is not, each in a new home."""
    for how in (KEPT, NOT_KEPT):
        with _home() as home:
            found = asdict(_series(home, how, count, every if how == KEPT else 0, say))
        _, *medians = grown(found)
        say(f"{how}: s, then CPU s, of the first, middle and last {FEW}: {', '.join(medians)}")
        yield found


@contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="commits-"))
    export_variables({"PRODUCT360_ENV": "local", "PRODUCT360_HOME": str(home), **LIMITS})
    try:
        yield home
    finally:
        engines.stop_engine()
        shutil.rmtree(home, ignore_errors=True)


def _series(home: Path, how: str, count: int, every: int, say: Callable[[str], None]) -> Commits:
    resources = cast("dict[str, Any]", platform_resources())
    ledger, catalog = resources["ledger"].open(), resources["catalog"]
    shop = Shop(ledger, resources["lake"])
    publisher = Publisher(ledger, catalog, resources["runner"], _unheard, "a benchmark")
    seconds: list[float] = []
    cpu: list[float] = []
    upkeep: list[float] = []
    for number in range(count + 1):
        shop.deliver_clicks()
        began, spent = time.monotonic(), cpu_seconds_here()
        publisher.publish(PUBLICATION, {"time_zone": ZONE})
        seconds.append(round(time.monotonic() - began, 4))
        cpu.append(round(cpu_seconds_here() - spent, 4))
        if every and number and number % every == 0:
            upkeep.append(_keep(resources))
        if number % 100 == 0:
            say(f"{how}: {number} commits, {seconds[-1]:.2f} s, {cpu[-1]:.2f} CPU-s")
    table = catalog.table(PUBLICATION.zone)
    folder = home / "lake" / "/".join(PUBLICATION.zone.split("."))
    metadata = [file.stat().st_size for file in (folder / "metadata").rglob("*")]
    return Commits(
        how,
        # The first of all starts the engine.
        seconds[1:],
        cpu[1:],
        upkeep,
        load()[0],
        named=len(set(named_files(table))),
        there=sum(1 for file in folder.rglob("*") if file.is_file()),
        snapshots=len(table.metadata.snapshots),
        manifests=len(table.current_snapshot().manifests(table.io)),
        metadata_bytes=sum(metadata),
    )


def _keep(resources: Mapping[str, Any]) -> float:
    """All the upkeep there is to do; its seconds."""
    began = time.monotonic()
    keeper = Keeper(
        resources["ledger"].open(),
        resources["catalog"],
        resources["lake"],
        resources["maintenance"],
        _unheard,
        datetime.now(UTC),
    )
    steps = list(keeper.apply(resources["catalog"].identifiers(), work="a benchmark"))
    assert all(step.outcome == DONE for step in steps), steps
    return round(time.monotonic() - began, 3)


def _unheard(_message: str) -> None:
    """What is said on the way."""
