"""The reconciliation asset: what every source delivered, what raw holds of it and what clean made.

One asset over all tables and landing days. A run computes the days that changed since the last one
and keeps the results of all others; its checks fail for as long as a difference stands, and name
the table, the day, the file and by how much.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from product360_assets.core.checks import advisory_check, claim
from product360_assets.core.contract import SourceContract
from product360_assets.core.failures import explained_failures
from product360_assets.core.keys import clean_key, governance_key, raw_key
from product360_assets.core.metadata import preview
from product360_assets.governance.differences import PAIRS, Difference, Pair
from product360_assets.governance.reconcile import Reconciled, reconcile
from resources.ledger import LedgerResource
from resources.objects import LakeResource
from resources.secrets import SecretsResource

GROUP = "governance"
RECONCILIATION = "reconciliation"
SOURCE_AND_RAW_AGREE = "source_and_raw_agree"
RAW_AND_CLEAN_AGREE = "raw_and_clean_agree"

_CHECKS: dict[Pair, tuple[str, str]] = {
    "source and raw": (
        SOURCE_AND_RAW_AGREE,
        "Raw holds the rows and bytes that executions say they delivered, and the very objects "
        "that landing holds, each with the SHA-256 that it was accepted with.",
    ),
    "raw and clean": (
        RAW_AND_CLEAN_AGREE,
        "Every record of every raw file is in clean or set aside, as often as the ledger was told; "
        "where none was set aside, sums of numbers and a checksum of keys are equal too, but for "
        "the keys of whoever was erased.",
    ),
}
_SHOWN = 50
_EXAMPLES = 20


class ReconcileConfig(dg.Config):
    """What a run may ask of reconciliation.

    Attributes:
        everything: compute every day again, and not only those that changed.
    """

    everything: bool = False


def reconciliation_asset(contracts: Sequence[SourceContract]) -> dg.AssetsDefinition:
    """Reconcile every table of these systems."""
    key = governance_key(RECONCILIATION)
    tables = [(contract, table) for contract in contracts for table in contract.tables]

    @dg.asset(
        key=key,
        deps=[
            key_of(contract.name, table.name)
            for contract, table in tables
            for key_of in (raw_key, clean_key)
        ],
        description=(
            "Source against raw against clean, for every table and landing day: counts, hashes "
            "and sums of numbers, with every difference named to the file. Days that did not "
            "change since the last run keep their result."
        ),
        group_name=GROUP,
        owners=["team:data-platform"],
        kinds={"duckdb"},
        check_specs=[
            advisory_check(name, key, description) for name, description in _CHECKS.values()
        ],
    )
    def reconciliation(
        context: dg.AssetExecutionContext,
        config: ReconcileConfig,
        ledger: LedgerResource,
        lake: LakeResource,
        secrets: SecretsResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        opened = ledger.open()
        done = []
        for contract, table in tables:
            with explained_failures():
                found = reconcile(
                    contract,
                    table,
                    ledger=opened,
                    lake=lake,
                    secrets=secrets,
                    everything=config.everything,
                )
            if found.computed:
                context.log.info(f"{found.table}: {len(found.computed)} days compared")
            done.append(found)
        return dg.MaterializeResult(
            metadata=_said(done),
            data_version=dg.DataVersion(_version(done)),
            check_results=[_result(pair, key, done) for pair in PAIRS],
        )

    return reconciliation


def _result(pair: Pair, key: dg.AssetKey, done: Sequence[Reconciled]) -> dg.AssetCheckResult:
    differences = [found for found in _differences(done) if found.pair == pair]
    return claim(
        _CHECKS[pair][0],
        key,
        holds=not differences,
        counted={
            "days": sum(len(found.results) for found in done),
            "differences": len(differences),
            "named": [str(found) for found in differences[:_EXAMPLES]],
        },
    )


def _said(done: Sequence[Reconciled]) -> dict[str, Any]:
    differences = list(_differences(done))
    days = sum(len(found.results) for found in done)
    computed = sum(len(found.computed) for found in done)
    said: dict[str, Any] = {
        "days": days,
        "days compared now": computed,
        "days kept": days - computed,
        "differences": len(differences),
        "tables": preview([_totals(found) for found in done], columns=_TOTALS),
    }
    explained = [each for found in done for one in found.results.values() for each in one.explained]
    for title, some in {
        "named differences": differences,
        "explained by erasures": explained,
    }.items():
        if some:
            rows = [{**vars(found), "file": found.file} for found in some[:_SHOWN]]
            said[title] = preview(rows, columns=_NAMED, longest=_LONGEST_NAME)
    return said


_TOTALS = (
    "table", "days", "rows delivered", "rows in raw", "rows in clean", "quarantined", "bytes",
    "on their way", "differences",
)  # fmt: skip
_NAMED = ("pair", "table", "day", "file", "what", "left", "right")
_LONGEST_NAME = 200


def _totals(found: Reconciled) -> dict[str, Any]:
    """One table's line: what each zone counts of it. Nothing where a zone does not count."""
    results = found.results.values()

    def total(zone: str, what: str) -> int | None:
        counts = [getattr(each, zone)[what] for each in results]
        return None if None in counts else sum(counts)

    figures = (
        found.table,
        len(results),
        total("source", "rows"),
        total("raw", "rows"),
        total("clean", "rows"),
        total("clean", "quarantined"),
        total("raw", "bytes"),
        sum(bool(each.pending) for each in results),
        sum(len(each.differences) for each in results),
    )
    return dict(zip(_TOTALS, figures, strict=True))


def _differences(done: Sequence[Reconciled]) -> Iterator[Difference]:
    for found in done:
        for _, result in sorted(found.results.items()):
            yield from result.differences


def _version(done: Sequence[Reconciled]) -> str:
    digest = hashlib.sha256()
    for found in done:
        for day, result in sorted(found.results.items()):
            digest.update(f"{found.table} {day} {result.fingerprint}\n".encode())
            digest.update("".join(map(str, result.differences)).encode())
    return digest.hexdigest()[:16]
