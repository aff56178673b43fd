"""Proofs that still stand: a claim that held is not asked again of the very same data.

Most runs change nothing, and a claim costs what its table's whole history costs. What a query read
is named by the snapshots of the tables that it mentions and by the clean batches that it was given;
while they are the same, so is the answer. The hazard is a disk that changes what nobody wrote, so
an answer stands for a week and is then asked for again. One that did not hold never stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property

import dagster as dg

from product360_assets.curated.commits import digest_of, newest_snapshot
from resources.catalog import CatalogResource
from spark.tables import VIEWS

PROOF = "proved for"
PROVED_AT = "proved at"
STANDS_FOR = timedelta(days=7)

_WORD = re.compile(r"\w+")


class Evidence:
    """Names what queries of one step depend on; each table is looked at once.

    Tables are read as they are published, or where `at` names another snapshot, as of that.
    """

    def __init__(self, catalog: CatalogResource, at: Mapping[str, int] | None = None) -> None:
        self._catalog = catalog
        self._snapshots = {table: str(snapshot) for table, snapshot in (at or {}).items()}

    def of(self, sql: str, batches: Iterable[str] = ()) -> str:
        """Names a question and everything that its answer depends on; 16 hexadecimal digits.

        Args:
            sql: a query over published tables, by whatever name it mentions them.
            batches: what identifies the clean data that it reads as well.
        """
        views = [view for view in VIEWS.values() if view.name in _words(sql)]
        words = _words(" ".join([sql, *(view.query for view in views)]))
        snapshots = [
            f"{identifier} {self._snapshot(identifier)}"
            for identifier in self._published
            if identifier.rpartition(".")[2] in words
        ]
        return digest_of([sql, *(view.query for view in views), *snapshots, *batches])

    @cached_property
    def _published(self) -> list[str]:
        return self._catalog.identifiers()

    def _snapshot(self, identifier: str) -> str:
        if identifier not in self._snapshots:
            newest = newest_snapshot(self._catalog, identifier)
            self._snapshots[identifier] = newest.get("snapshot-id", "none")
        return self._snapshots[identifier]


def _words(sql: str) -> set[str]:
    # SQL knows its tables in any case.
    return set(_WORD.findall(sql.lower()))


def standing(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, proof: str, *, now: datetime
) -> dg.AssetCheckResult | None:
    """The last result of the check as a result of today, if it held of the same data; else None."""
    # This run's own record is the newest; it is planned and says nothing yet.
    [record] = instance.event_log_storage.get_asset_check_summary_records([key]).values()
    last = record.last_completed_check_execution_record
    said = (
        last.event.asset_check_evaluation if last is not None and last.event is not None else None
    )
    if said is None:
        return None
    proved_at = said.metadata.get(PROVED_AT)
    same = said.metadata.get(PROOF) == dg.MetadataValue.text(proof)
    if not (said.passed and same and isinstance(proved_at, dg.TextMetadataValue)):
        return None
    if now - datetime.fromisoformat(proved_at.value or "") > STANDS_FOR:
        return None
    return dg.AssetCheckResult(
        check_name=key.name,
        asset_key=key.asset_key,
        passed=True,
        severity=said.severity,
        metadata=said.metadata,
    )


def proved(result: dg.AssetCheckResult, proof: str, *, now: datetime) -> dg.AssetCheckResult:
    """The result with what it was proved for, so that a later run can tell whether it stands."""
    moment = now.astimezone(UTC).isoformat(timespec="seconds")
    return dg.AssetCheckResult(
        check_name=result.check_name,
        asset_key=result.asset_key,
        passed=result.passed,
        severity=result.severity,
        metadata={**result.metadata, PROOF: proof, PROVED_AT: moment},
    )
