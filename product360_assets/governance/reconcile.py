"""Reconciles a table: source against raw against clean, day by day, where anything changed.

Listings and the ledger are asked about every day, which costs what a listing costs. Data is read
for the days whose fingerprint is new, and for no other; results of all other days are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.erasures import requests
from product360_assets.governance import raw_and_clean, source_and_raw
from product360_assets.governance.differences import DayResult
from product360_assets.governance.evidence import DayEvidence, TableEvidence, gather
from product360_assets.governance.known_erased import KnownErased
from product360_assets.governance.raw_and_clean import CleanSide
from product360_assets.governance.records import Bytes, measured
from product360_assets.governance.results import read_results, write_results
from product360_assets.governance.sums import FileSums, clean_sums, raw_sums
from resources.ledger import AcceptedObject, Ledger
from resources.objects import LakeResource
from resources.secrets import SecretsResource


@dataclass(frozen=True)
class Reconciled:
    """A table's results by day, and which of them were computed now."""

    table: str
    results: Mapping[str, DayResult]
    computed: tuple[str, ...]


@dataclass(frozen=True)
class _Read:
    """What was read of some days."""

    accepted: Mapping[date, Mapping[str, Sequence[AcceptedObject]]]
    measured: Mapping[str, Bytes]
    raw: Mapping[str, FileSums]
    clean: CleanSide


def reconcile(
    contract: SourceContract,
    table: TableContract,
    *,
    ledger: Ledger,
    lake: LakeResource,
    secrets: SecretsResource | None = None,
    everything: bool = False,
) -> Reconciled:
    """Reconcile the days of a table that changed since the last time, or all of them.

    Raises:
        SecretMissing: a subject was erased, and without secrets is not recognised in raw.
    """
    evidence = gather(contract, table, ledger=ledger, lake=lake)
    earlier = read_results(lake.zone("results"), evidence.name)
    version = contract.config_version(table.name)
    prints = {day: found.fingerprint(version) for day, found in evidence.days.items()}
    changed = [
        day
        for day, fingerprint in prints.items()
        if everything or _fingerprint(earlier, day) != fingerprint
    ]
    results = {
        day.isoformat(): earlier[day.isoformat()] for day in evidence.days if day not in changed
    }
    if changed:
        read = _read(evidence, changed, secrets)
        for day in changed:
            before = earlier.get(day.isoformat())
            results[day.isoformat()] = _result(evidence, day, prints[day], read, before)
    if changed or results.keys() != earlier.keys():
        write_results(lake.zone("results"), evidence.name, results)
    return Reconciled(evidence.name, results, tuple(day.isoformat() for day in changed))


def _read(evidence: TableEvidence, days: Sequence[date], secrets: SecretsResource | None) -> _Read:
    """Read what raw and clean hold of these days."""
    clean = evidence.lake.zone("clean")
    erased = [each for kind in evidence.table.subjects for each in requests(clean, kind)]
    raw = evidence.lake.zone("raw")
    accepted = {day: evidence.accepted(day) for day in days}
    keys = [found.raw_key for day in days for found in _all(accepted[day])]
    bytes_of = {
        key: found
        for key in keys
        if (found := measured(raw, key, evidence.table.format)) is not None
    }
    sizes = {key: found.size for key, found in bytes_of.items()}
    return _Read(
        accepted,
        bytes_of,
        raw_sums(evidence.table, raw, list(bytes_of), sizes, KnownErased(erased, secrets)),
        _clean_side(evidence, [evidence.days[day] for day in days]),
    )


def _clean_side(evidence: TableEvidence, days: Sequence[DayEvidence]) -> CleanSide:
    clean = evidence.lake.zone("clean")
    # Earlier versions kept what a unit rejected together; each file is read once.
    keys = sorted({key for day in days for key in day.clean_objects})
    kept = [key for key in keys if not key.startswith("quarantine/")]
    side = CleanSide(rows=raw_and_clean.footers(clean, kept))
    side.kept = clean_sums(evidence.table, clean, [key for key in kept if side.rows[key]])
    raw_and_clean.add_quarantine(side, clean, [key for key in keys if key not in side.rows])
    return side


def _result(
    evidence: TableEvidence, day: date, fingerprint: str, read: _Read, before: DayResult | None
) -> DayResult:
    found, accepted = evidence.days[day], read.accepted[day]
    objects = _all(accepted)
    keys = [each.raw_key for each in objects]
    differences = (
        *source_and_raw.compare(evidence, found, objects, read.measured),
        *raw_and_clean.compare(
            evidence,
            found,
            accepted,
            read.measured,
            read.raw,
            read.clean,
            before.clean_files if before else {},
        ),
    )
    there = {key: read.measured[key] for key in keys if key in read.measured}
    return DayResult(
        table=evidence.name,
        day=day.isoformat(),
        fingerprint=fingerprint,
        source=_source_counts(found),
        raw={
            "objects": len(there),
            "bytes": sum(each.size for each in there.values()),
            "rows": _total([each.records for each in there.values()]),
        },
        clean={
            "rows": sum(state.rows_out for state in found.clean.values()),
            "quarantined": sum(state.rows_quarantined for state in found.clean.values()),
        },
        sums=raw_and_clean.sums_of(keys, read.raw, read.clean),
        pending=_pending(found, objects),
        differences=differences,
        explained=tuple(raw_and_clean.explained(evidence, found, accepted, read.raw, read.clean)),
        clean_files=_clean_files(found, read.clean, before if differences else None),
    )


def _clean_files(day: DayEvidence, clean: CleanSide, before: DayResult | None) -> dict[str, int]:
    """Rows of the day's files in clean; and of those of before, while one may be missed."""
    there = {key: clean.rows[key] for key in day.clean_objects if key in clean.rows}
    return {**(before.clean_files if before else {}), **there}


def _source_counts(day: DayEvidence) -> dict[str, int | None]:
    """What the source delivered: by its executions where it has any, else by what landing holds."""
    if day.deliveries:
        return {
            "objects": len(day.landed),
            "bytes": sum(delivery.bytes for delivery in day.deliveries),
            "rows": sum(delivery.rows for delivery in day.deliveries),
        }
    return {
        "objects": len(day.landed),
        "bytes": sum(landed.size for landed in day.landed),
        "rows": None,
    }


def _pending(day: DayEvidence, accepted: Sequence[AcceptedObject]) -> tuple[str, ...]:
    """What is on its way between the zones."""
    known = {found.landed.key for found in accepted}
    waiting = {
        "objects not accepted yet": sum(landed.key not in known for landed in day.landed),
        "batches not accepted yet": sum(b.batch_id not in day.raw for b in day.batches),
        "batches not clean yet": sum(b.batch_id not in day.clean for b in day.batches),
    }
    return tuple(f"{count} {what}" for what, count in waiting.items() if count)


def _fingerprint(results: Mapping[str, DayResult], day: date) -> str | None:
    found = results.get(day.isoformat())
    return None if found is None else found.fingerprint


def _all(accepted: Mapping[str, Sequence[AcceptedObject]]) -> list[AcceptedObject]:
    return [found for objects in accepted.values() for found in objects]


def _total(counts: Sequence[int | None]) -> int | None:
    """The sum; None when one of them is unknown."""
    return None if None in counts else sum(count or 0 for count in counts)
