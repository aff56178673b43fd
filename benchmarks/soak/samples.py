"""What is looked at every few seconds of a soak: the processes that stay alive, and the warehouse.

Of each process: resident memory and open files; of its descendants (an engine) the same, together.
Of the warehouse: files that no state of a table names although they are older than any write may
be, and what is there in all. Which files are named is asked of the tables, and everything in the
zone counts, also what belongs to no table.

The hazard is looking while upkeep works: what was listed may be gone, what was expired cannot be
read any more. So the listing comes first, and a look that failed over it is made again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import psutil

from benchmarks.soak.flatness import Trend, trend
from product360_assets.governance.under_way import under_way
from resources.catalog import CatalogResource
from resources.ledger import Ledger
from resources.objects import LakeResource
from resources.orphans import named_files

MEGABYTE = 1e6
MEMORY, FILES = "memory", "open files"
LEFT_OVER, STORED, SNAPSHOTS = "left-over bytes", "stored files", "snapshots"
# Unit, and what is never growth.
_KINDS: Mapping[str, tuple[str, float]] = {
    MEMORY: ("MB", 24.0),
    FILES: ("files", 8.0),
    LEFT_OVER: ("MB", 2.0),
    STORED: ("files", 40.0),
    SNAPSHOTS: ("snapshots", 10.0),
}
_LOOKS = 5
# Of its metadata a table keeps a hundred versions, which a slow machine does not fill in half an
# hour; those that it does not name are left over like any other file.
_VERSION = ".metadata.json"


@dataclass
class Samples:
    """Series by what they are of, such as `publish: memory`; `floor` is the window of orphans."""

    catalog: CatalogResource
    ledger: Ledger
    lake: LakeResource
    floor: timedelta
    series: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def look(self, processes: Mapping[str, int | None]) -> None:
        """Take one sample of everything; a process without an id is one that does not run."""
        for name, pid in processes.items():
            for what, memory, files in _of_process(name, pid):
                self._add(f"{what}: {MEMORY}", memory / MEGABYTE)
                self._add(f"{what}: {FILES}", files)
        for what, value in self._of_warehouse().items():
            self._add(f"warehouse: {what}", value)

    def _add(self, what: str, value: float) -> None:
        self.series[what].append(round(value, 3))

    def _of_warehouse(self) -> dict[str, float]:
        for _ in range(_LOOKS):
            # An expired state's files may go between two of its manifests.
            with suppress(FileNotFoundError):
                return self._look_at_warehouse()
        raise FileNotFoundError("the files of a state that is named went away at every look")

    def _look_at_warehouse(self) -> dict[str, float]:
        store, names = self.lake.zone("curated"), self.catalog.identifiers()
        now = datetime.now(UTC)
        before = min(
            (under_way(self.ledger, name).before(now, self.floor) for name in names), default=now
        )
        there = list(store.list(""))
        tables = [self.catalog.table(name) for name in names]
        named = {_place(uri) for table in tables for uri in named_files(table)}
        left = [
            each.size
            for each in there
            if each.modified < before and _place(store.uri_of(each.key)) not in named
        ]
        return {
            LEFT_OVER: sum(left) / MEGABYTE,
            STORED: sum(not each.key.endswith(_VERSION) for each in there),
            SNAPSHOTS: sum(len(table.metadata.snapshots) for table in tables),
        }


def trends(series: Mapping[str, Sequence[float]]) -> list[Trend]:
    """The trend of each series."""
    found = []
    for what, values in series.items():
        kind = what.partition(": ")[2]
        unit, floor = _KINDS[kind]
        found.append(trend(what, unit, values, floor=floor, lows=kind == MEMORY))
    return found


def _of_process(name: str, pid: int | None) -> Iterator[tuple[str, int, int]]:
    """Name, resident bytes and open files of a process, and of what runs below it."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid or 0)
        yield name, process.memory_info().rss, process.num_fds()
        if below := process.children(recursive=True):
            memory = sum(each.memory_info().rss for each in below)
            yield f"{name}'s engine", memory, sum(each.num_fds() for each in below)


def _place(uri: str) -> str:
    return unquote(urlsplit(uri).path)
