"""Proofs that still stand: a claim that held is not asked again of the very same data.

Most runs change nothing, and a claim costs what its table's whole history costs. What a query read
is named by the snapshots of the tables that it mentions and by the clean batches that it was given;
while they are the same, so is the answer. Where only batches came, what they changed may be enough
to look at (`since_proved`). The hazard is a disk that changes what nobody wrote, so an answer
stands for a week, however often it was carried on, and is then asked for again, of everything. One
that did not hold never stands.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import dagster as dg

from product360_assets.curated.commits import digest_of, newest_snapshot
from resources.catalog import CatalogResource
from spark.tables import VIEWS

PROOF = "proved for"
PROVED_OF = "proved of snapshot"
PROVED_AT = "proved at"
# What a result says of its proof, beside its numbers.
OF_PROOF = frozenset({PROOF, PROVED_OF, PROVED_AT})
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
        queries = _views_in(sql)
        snapshots = [f"{each} {self.snapshot(each)}" for each in self.tables(sql)]
        return digest_of([sql, *queries, *snapshots, *batches])

    def tables(self, sql: str) -> list[str]:
        """The published tables that a query reads, by itself or through a view; identifiers."""
        words = _words(" ".join([sql, *_views_in(sql)]))
        return [each for each in self._published if each.rpartition(".")[2] in words]

    @cached_property
    def _published(self) -> list[str]:
        return self._catalog.identifiers()

    def snapshot(self, identifier: str) -> str:
        """The snapshot as of which a table is read: the one that brought its rows."""
        if identifier not in self._snapshots:
            newest = newest_snapshot(self._catalog, identifier)
            self._snapshots[identifier] = newest.get("snapshot-id", "none")
        return self._snapshots[identifier]


def _views_in(sql: str) -> list[str]:
    """The queries of the views that a query names."""
    words = _words(sql)
    return [view.query for view in VIEWS.values() if view.name in words]


def _words(sql: str) -> set[str]:
    # SQL knows its tables in any case.
    return set(_WORD.findall(sql.lower()))


@dataclass(frozen=True)
class Proof:
    """That a claim held: of which evidence, of which snapshot of its table, and when it was asked.

    What was proved by what had changed since an earlier proof keeps the time of that one.
    """

    evidence: str
    snapshot: str
    at: datetime

    def told(self, result: dg.AssetCheckResult) -> dg.AssetCheckResult:
        """The result with what it proves, so that a later run can tell."""
        moment = self.at.astimezone(UTC).isoformat(timespec="seconds")
        said = {PROVED_OF: self.snapshot, PROOF: self.evidence, PROVED_AT: moment}
        return with_more(result, said)


def standing(said: dg.AssetCheckResult | None, *, now: datetime) -> Proof | None:
    """What a check's last result still proves: nothing if it did not hold, or held long ago."""
    if said is None or not said.passed:
        return None
    parts = [said.metadata.get(name) for name in (PROOF, PROVED_OF, PROVED_AT)]
    texts = [part.value or "" for part in parts if isinstance(part, dg.TextMetadataValue)]
    if len(texts) < len(parts):
        return None
    evidence, snapshot, at = texts
    proof = Proof(evidence, snapshot, datetime.fromisoformat(at))
    return proof if now - proof.at <= STANDS_FOR else None


def with_more(result: dg.AssetCheckResult, told: Mapping[str, str]) -> dg.AssetCheckResult:
    """The result, with more to tell."""
    return dg.AssetCheckResult(
        check_name=result.check_name,
        asset_key=result.asset_key,
        passed=result.passed,
        severity=result.severity,
        metadata={**result.metadata, **told},
    )


class CheckLog(ABC):
    """Where results of a table's checks are said, and remembered."""

    @abstractmethod
    def say(self, result: dg.AssetCheckResult) -> None:
        """Say a result of an audit."""

    @abstractmethod
    def last(self, key: dg.AssetCheckKey) -> dg.AssetCheckResult | None:
        """What was said last of a check, whatever that was."""


class RunLog(CheckLog):
    """Results as those of the table's checks, in the run of a step."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context

    def say(self, result: dg.AssetCheckResult) -> None:
        """See `CheckLog.say`."""
        assert result.asset_key is not None
        assert result.check_name is not None
        self._context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=result.asset_key,
                check_name=result.check_name,
                passed=result.passed,
                metadata=result.metadata,
                severity=result.severity,
                blocking=True,
            )
        )

    def last(self, key: dg.AssetCheckKey) -> dg.AssetCheckResult | None:
        """See `CheckLog.last`."""
        return last_result(self._context.instance, key)


def last_result(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckResult | None:
    """What was said last of a check, by whatever run; None as long as nothing was."""
    # This run's own record is the newest; it is planned and says nothing yet.
    [record] = instance.event_log_storage.get_asset_check_summary_records([key]).values()
    last = record.last_completed_check_execution_record
    said = (
        last.event.asset_check_evaluation if last is not None and last.event is not None else None
    )
    if said is None:
        return None
    return dg.AssetCheckResult(
        check_name=key.name,
        asset_key=key.asset_key,
        passed=said.passed,
        severity=said.severity,
        metadata=said.metadata,
    )
