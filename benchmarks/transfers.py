"""What moving a table took, side by side: one `Transfer` for each measured load or delivery.

Kinds: a COPY that is thrown away (what a load is compared with), a load, a delivery of changes,
an acceptance into raw, and how fast the disk and SHA-256 were beside that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

COPY, LOAD, CHANGES, ACCEPTANCE, BANDWIDTH = "copy", "load", "changes", "acceptance", "bandwidth"
OURS, PSQL, DISK, SHA256 = "platform", "psql", "disk", "sha-256"


@dataclass(frozen=True)
class Transfer:
    """One measured transfer.

    Attributes:
        kind: one of the kinds above.
        who: the side, by its name.
        turn: the round, from 1; sides of a round ran one after the other.
        load: of the machine over the minute before it.
        rows: rows or changes moved; 0 where bytes are what counts.
        bytes: of the files it left, or that it took in.
        seconds: from connecting to the last file.
        cpu: seconds of the client's processes, without the database's own.
        peak: bytes that the client ever had in memory; 0 when not looked at.
    """

    kind: str
    who: str
    turn: int
    load: float
    rows: int
    bytes: int
    seconds: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Fidelity:
    """What became of one value of one type on one side; see `benchmarks.fidelity`."""

    who: str
    case: str
    verdict: str


def of(transfers: Sequence[Transfer], kind: str, who: str | None = None) -> Iterator[Transfer]:
    """The transfers of one kind, of one side or of all."""
    for transfer in transfers:
        if transfer.kind == kind and who in (None, transfer.who):
            yield transfer


def sides(transfers: Sequence[Transfer], kind: str) -> list[str]:
    """Who made transfers of this kind, in the order of their first."""
    return list(dict.fromkeys(each.who for each in of(transfers, kind)))


def rows_per_second(transfers: Sequence[Transfer], kind: str, who: str) -> float:
    """The median over the rounds."""
    return median(each.rows / each.seconds for each in of(transfers, kind, who))


def shares_of_copy(transfers: Sequence[Transfer], who: str) -> list[float]:
    """Throughput of each load as a share of the COPY of its round."""
    copies = {each.turn: each.rows / each.seconds for each in of(transfers, COPY, PSQL)}
    return [
        each.rows / each.seconds / copies[each.turn]
        for each in of(transfers, LOAD, who)
        if each.turn in copies
    ]


def shares_of_bandwidth(transfers: Sequence[Transfer]) -> list[float]:
    """Bytes a second of each acceptance as a share of the slower of disk and hash in its round."""
    limits: dict[int, float] = {}
    for each in of(transfers, BANDWIDTH):
        speed = each.bytes / each.seconds
        limits[each.turn] = min(speed, limits.get(each.turn, speed))
    return [
        each.bytes / each.seconds / limits[each.turn]
        for each in of(transfers, ACCEPTANCE)
        if each.turn in limits
    ]
