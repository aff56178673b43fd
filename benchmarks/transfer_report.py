"""The part of the page about loads, changes and acceptance: each side's cost, and what came out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.fidelity import EXACT, REFUSED, TEXT
from benchmarks.results import Results
from benchmarks.tables import table
from benchmarks.transfers import (
    ACCEPTANCE,
    CHANGES,
    COPY,
    LOAD,
    PSQL,
    Transfer,
    of,
    rows_per_second,
    shares_of_bandwidth,
    shares_of_copy,
    sides,
)

PARTS = ((LOAD, "Loading a table"), (CHANGES, "Following its changes"))


def transfers(results: Results) -> Iterator[str]:
    """The section; nothing when nothing was moved."""
    if not results.transfers:
        return
    loads = [each.load for each in results.transfers]
    yield "## Loads, changes and acceptance, beside peers"
    yield ""
    yield "Medians over the rounds, range in brackets. CPU without the database's own; memory "
    yield f"with the interpreter. Load of the machine {min(loads):.1f} to {max(loads):.1f}."
    yield ""
    for kind, title in PARTS:
        yield from _costs(results.transfers, kind, title)
    yield from _acceptance(results.transfers)
    yield from _fidelity(results)


def _costs(found: Sequence[Transfer], kind: str, title: str) -> Iterator[str]:
    runs = list(of(found, kind))
    if not runs:
        return
    yield f"### {title}, {runs[0].rows:,} rows, rounds: {max(run.turn for run in runs)}"
    yield ""
    rows = [_cost(found, kind, who) for who in sides(found, kind)]
    if kind == LOAD and any(of(found, COPY)):
        rows.insert(0, _cost(found, COPY, PSQL))
    heads = ("side", "rows/s", "share of COPY", "CPU s per million", "memory MB", "bytes a row")
    yield from table(heads, rows)


def _cost(found: Sequence[Transfer], kind: str, who: str) -> Sequence[str]:
    runs = list(of(found, kind, who))
    rates = [run.rows / run.seconds for run in runs]
    shares = shares_of_copy(found, who) if kind == LOAD else []
    rows = runs[0].rows
    is_thrown_away = kind == COPY
    return (
        "COPY TO STDOUT by psql" if is_thrown_away else who,
        f"{rows_per_second(found, kind, who):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
        f"{median(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})" if shares else "",
        f"{median(run.cpu for run in runs) / rows * 1e6:.2f}",
        "" if is_thrown_away else f"{max(run.peak for run in runs) / 1e6:.0f}",
        "" if is_thrown_away else f"{median(run.bytes for run in runs) / rows:.1f}",
    )


def _acceptance(found: Sequence[Transfer]) -> Iterator[str]:
    runs = list(of(found, ACCEPTANCE))
    shares = shares_of_bandwidth(found)
    if not shares:
        return
    speed = median(run.bytes / run.seconds for run in runs)
    yield (
        f"Acceptance into raw: {speed / 1e6:.0f} MB/s of {runs[0].bytes / 1e6:.0f} MB, "
        f"{median(shares):.0%} of what the slower of disk and SHA-256 did in the same round "
        f"({min(shares):.0%} to {max(shares):.0%})."
    )
    yield ""


def _fidelity(results: Results) -> Iterator[str]:
    who = list(dict.fromkeys(each.who for each in results.fidelity))
    if not who:
        return
    verdicts = {(each.case, each.who): each.verdict for each in results.fidelity}
    cases = list(dict.fromkeys(each.case for each in results.fidelity))
    yield "### What comes out of the Parquet files"
    yield ""
    yield f"`{EXACT}`: the value, in a type that means the same. `{TEXT}`: nothing lost, but text. "
    yield f"`{REFUSED}`: the side gave up on the table."
    yield ""
    rows = [(case, *(_shown(verdicts[case, each]) for each in who)) for case in cases]
    for name, begins in (("**changed**", "changed"), ("**refused**", REFUSED)):
        counts = (sum(verdicts[case, each].startswith(begins) for case in cases) for each in who)
        rows.append((name, *map(str, counts)))
    yield from table(("value", *who), rows)


def _is_kept(verdict: str) -> bool:
    return verdict in (EXACT, TEXT)


def _shown(verdict: str) -> str:
    return verdict if _is_kept(verdict) else f"**{verdict}**".replace("|", "/").replace("\n", " ")
