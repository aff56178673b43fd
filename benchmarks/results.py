"""What a benchmark found, run by run, in one JSON file that is rewritten after each.

A bench that was interrupted keeps what it had, and one that goes on adds to it. Nothing here is a
verdict; `benchmarks.report` reads the file and says what it means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.attribution import StepCost
from benchmarks.bandwidth import Bandwidth
from benchmarks.machine import Machine
from benchmarks.measure import Measured
from benchmarks.transfers import Fidelity, Transfer

# What a run can be.
DEMO, AGAIN = "make demo", "make demo, again"
INGEST, PLATFORM, DAY, NOTHING_NEW = "ingest", "platform", "one day", "nothing new"
DUCKDB, POLARS, PYSPARK = "duckdb script", "polars script", "pyspark script"
SCRIPTS = (DUCKDB, POLARS, PYSPARK)


@dataclass(frozen=True)
class Run:
    """One measured run.

    Attributes:
        what: one of the names above.
        scale: of the demo company.
        engine: that its jobs ran on; "" for a side that has none.
        turn: which round of the comparison it belongs to, from 1.
        load: of the machine over the minute before it.
        wall, cpu: seconds of the whole tree.
        peak_tree, peak_process: bytes of memory, see `benchmarks.measure`.
        bytes_read, bytes_written, storage_read, storage_written: of the whole tree.
        zones: cost by zone; empty for a side without zones.
        tables: cost by zone and table.
        counts: rows and bytes by name, such as "clean rows in"; what is there differs by `what`.
        orphans: processes that it left behind.
    """

    what: str
    scale: str
    engine: str
    turn: int
    load: float
    wall: float
    cpu: float
    peak_tree: int
    peak_process: int
    bytes_read: int
    bytes_written: int
    storage_read: int
    storage_written: int
    zones: Mapping[str, StepCost] = field(default_factory=dict)
    tables: Mapping[str, StepCost] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    orphans: int = 0


@dataclass
class Results:
    """Everything a bench has found so far."""

    machine: Machine
    commit: str
    began: str
    load_before: float = 0.0
    load_after: float = 0.0
    bandwidth: Bandwidth | None = None
    runs: list[Run] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    fidelity: list[Fidelity] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def of(self, what: str, scale: str | None = None, engine: str | None = None) -> Iterator[Run]:
        """The runs of one kind, in order."""
        for run in self.runs:
            if (
                run.what == what
                and scale in (None, run.scale)
                and (engine is None or run.engine == engine)
            ):
                yield run

    def scales(self) -> list[str]:
        """The scales that anything ran at, smallest first."""
        ran = {run.scale for run in self.runs}
        return [scale for scale in ("smoke", "demo", "full") if scale in ran]

    def write(self, file: Path) -> None:
        """Replace the file, so that it is whole at any moment."""
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")
        unfinished.replace(file)


@dataclass(frozen=True)
class Facts:
    """What is known of a run beside its measurement; see `Run`."""

    zones: Mapping[str, StepCost] = field(default_factory=dict)
    tables: Mapping[str, StepCost] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


def run_from(
    measured: Measured, facts: Facts, *, what: str, scale: str, engine: str, turn: int, load: float
) -> Run:
    """A run, from its measurement and what else is known of it."""
    return Run(
        what=what,
        scale=scale,
        engine=engine,
        turn=turn,
        load=load,
        wall=measured.wall,
        cpu=measured.cpu,
        peak_tree=measured.peak_tree,
        peak_process=measured.peak_process,
        bytes_read=measured.bytes_read,
        bytes_written=measured.bytes_written,
        storage_read=measured.storage_read,
        storage_written=measured.storage_written,
        orphans=measured.orphans,
        zones=facts.zones,
        tables=facts.tables,
        counts=facts.counts,
    )


def read_results(file: Path) -> Results:
    """What `write` wrote."""
    document = json.loads(file.read_text())
    bandwidth = document.pop("bandwidth")
    return Results(
        **{
            **document,
            "machine": Machine(**document["machine"]),
            "bandwidth": None if bandwidth is None else Bandwidth(**bandwidth),
            "runs": [_run(each) for each in document["runs"]],
            "transfers": [Transfer(**each) for each in document.get("transfers", ())],
            "fidelity": [Fidelity(**each) for each in document.get("fidelity", ())],
        }
    )


def _run(document: Mapping[str, Any]) -> Run:
    costs = {
        name: {key: StepCost(**cost) for key, cost in document[name].items()}
        for name in ("zones", "tables")
    }
    return Run(**{**document, **costs})
