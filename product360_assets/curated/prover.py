"""Answers claims about a table at the least price: said again, asked of what changed, or of all.

Only a yes is taken from what changed. Whatever else comes of it, the claim is asked of everything,
whose numbers a person needs who has to find out what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from types import MappingProxyType

import dagster as dg

from product360_assets.core.checks import claim, warning
from product360_assets.curated.claims import ADDED, AS_OF, NEAR, REMOVED, SINCE, Claim
from product360_assets.curated.commits import AS_OF_DATE
from product360_assets.curated.presentation import asset_key
from product360_assets.curated.proofs import Evidence, Proof, standing, with_more
from product360_assets.curated.since_proved import Asked, Change, change_since_proved
from product360_assets.curated.taken_in import (
    Batches,
    claimed_files,
    clean_batches,
    clean_files,
    locations,
)
from product360_assets.curated.weeks_since_proved import WeeksAsked, question_of_weeks
from resources.catalog import CatalogResource
from resources.ledger import Ledger
from resources.objects import LakeResource
from resources.warehouse import Answer, Ask
from spark.tables import Table, View

# What a result says that was proved by what had changed, or by another claim.
PROVED_BY = "proved by"


@dataclass(frozen=True)
class Prover:
    """Proves claims about one table.

    Attributes:
        ask: answers them, of the table as it is in `snapshot`.
        last: tells what was said last of a check.
        snapshot: the state that they are asked of; None for the published one.
        commit: whose batches count as taken in, although that is still to come.
    """

    table: Table
    ledger: Ledger
    catalog: CatalogResource
    ask: Ask
    lake: LakeResource
    last: Callable[[dg.AssetCheckKey], dg.AssetCheckResult | None]
    snapshot: int | None = None
    commit: str | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def prove_all(self, claims: Sequence[Claim]) -> Iterator[dg.AssetCheckResult]:
        """Whether each claim holds; those that others show come after them.

        Raises:
            TableMissing: see `prove`.
        """
        shown: dict[str, dg.AssetCheckResult] = {}
        for each in sorted(claims, key=lambda claimed: not claimed.shows):
            result = self._shown(each, shown.get(each.name)) or self.prove(each)
            if result.passed and PROVED_BY not in result.metadata:
                shown.update(dict.fromkeys(each.shows, result))
            yield result

    def _shown(self, claimed: Claim, by: dg.AssetCheckResult | None) -> dg.AssetCheckResult | None:
        """The result of a claim that another one has shown; None where none has."""
        proof = standing(by, now=self.now)
        if by is None or proof is None or claimed.clean:
            return None
        result = _result(self.table, claimed, holds=True)
        told = with_more(result, {PROVED_BY: str(by.check_name)})
        return self._proof(self._evidence.of(claimed.sql), proof.at).told(told)

    def prove(self, claimed: Claim) -> dg.AssetCheckResult:
        """Whether the claim holds.

        Raises:
            TableMissing: a table or clean relation that the claim is about is not there.
        """
        batches = clean_batches(self.ledger, self.table, claimed.clean, self.commit)
        taken_in = chain.from_iterable(found.values() for found in batches.values())
        seen = self._evidence.of(claimed.sql, taken_in)
        last = self.last(dg.AssetCheckKey(asset_key(self.table), claimed.name))
        earlier = standing(last, now=self.now)
        if last is not None and earlier is not None:
            if earlier.evidence == seen:
                return last
            result = self._by_what_changed(claimed, batches, earlier)
            if result is not None:
                return self._proof(seen, earlier.at).told(result)
        files = claimed_files(self.table, self.lake, locations(batches))
        answer = self.ask(self._dated(claimed.sql), files=files)
        return self._proof(seen, self.now).told(judged(self.table, claimed, answer))

    def _by_what_changed(
        self, claimed: Claim, batches: Batches, earlier: Proof
    ) -> dg.AssetCheckResult | None:
        """The result, if what changed since proves the claim; None if all has to be asked."""
        if isinstance(self.table, View):
            return None
        ask = self._of_weeks if claimed.days else self._of_rows
        answer = ask(claimed, batches, earlier)
        if answer is None:
            return None
        result = judged(self.table, claimed, answer)
        by = {PROVED_BY: f"what changed since snapshot {earlier.snapshot}"}
        return with_more(result, by) if result.passed else None

    def _of_weeks(self, claimed: Claim, _: Batches, earlier: Proof) -> Answer | None:
        asked = WeeksAsked(claimed, self.table, earlier, self._evidence)
        question = question_of_weeks(asked, self.catalog)
        return self.ask(self._dated(question)) if question else None

    def _of_rows(self, claimed: Claim, batches: Batches, earlier: Proof) -> Answer | None:
        question = claimed.of_changes(self.table)
        if not question:
            return None
        asked = Asked(claimed, self.table, self.snapshot, batches, earlier)
        change = change_since_proved(asked, self.catalog, self.ledger)
        if change is None:
            return None
        relations = dict(self._relations(batches, change))
        sql = _with_empty(self._dated(question), self.table, relations)
        given = {name: uris for name, uris in relations.items() if uris}
        return self.ask(sql, files=given)

    def _relations(self, batches: Batches, change: Change) -> Iterator[tuple[str, Sequence[str]]]:
        """What a claim about changes reads: URIs by relation; for an empty one, its layout too."""
        yield ADDED, change.files.added
        yield REMOVED, change.files.removed
        yield NEAR, change.near
        yield from clean_files(self.lake, locations(change.batches)).items()
        for relation, found in change.batches.items():
            if not found:
                some = {layout_of(relation): list(batches[relation].values())[:1]}
                yield from clean_files(self.lake, some).items()

    def _dated(self, sql: str) -> str:
        """The query, in which the day is said that the table's state is as of; null if it is not.

        Evidence is of the query as it is written: the state says the day. And what is not asked by
        weeks is asked of all.
        """
        dated = sql.replace(SINCE, "DATE '-infinity'")
        return dated.replace(AS_OF, self._as_of) if AS_OF in dated else dated

    @cached_property
    def _as_of(self) -> str:
        summaries = self.catalog.snapshot_summaries(self.table.identifier, at=self.snapshot)
        said = next((each[AS_OF_DATE] for each in summaries if AS_OF_DATE in each), None)
        return f"DATE '{said}'" if said else "CAST(NULL AS DATE)"

    def _proof(self, evidence: str, at: datetime) -> Proof:
        # A view has no rows of its own, and no state that could be told apart.
        is_view = isinstance(self.table, View)
        snapshot = "" if is_view else self._evidence.snapshot(self.table.identifier)
        return Proof(evidence, snapshot, at)

    @cached_property
    def _evidence(self) -> Evidence:
        return Evidence(self.catalog, self._at)

    @property
    def _at(self) -> Mapping[str, int] | None:
        return None if self.snapshot is None else {self.table.identifier: self.snapshot}


def judged(table: Table, claimed: Claim, answer: Answer) -> dg.AssetCheckResult:
    """The check's result; a verdict of null is a failed one."""
    numbers = answer.single()
    holds = bool(numbers.pop("holds"))
    counted = {name: _readable(value) for name, value in numbers.items()}
    return _result(table, claimed, holds=holds, counted=counted)


def _result(
    table: Table,
    claimed: Claim,
    *,
    holds: bool,
    counted: Mapping[str, str | int | float | bool] = MappingProxyType({}),
) -> dg.AssetCheckResult:
    judge = claim if claimed.blocking else warning
    return judge(claimed.name, asset_key(table), holds=holds, counted=counted)


def layout_of(relation: str) -> str:
    """The name of a relation that has the columns of an empty one."""
    return f"{relation}_layout"


def _with_empty(sql: str, table: Table, relations: Mapping[str, Sequence[str]]) -> str:
    """The question, in which each relation without files is an empty one."""
    layouts = dict.fromkeys((ADDED, REMOVED, NEAR), table.identifier)
    empty = [
        f"{name} AS (FROM {layouts.get(name, layout_of(name))} WHERE false)"
        for name, uris in relations.items()
        if not uris
    ]
    return f"WITH {', '.join(empty)} FROM ({sql})" if empty else sql


def _readable(value: object) -> str | int | float | bool:
    return value if isinstance(value, bool | int | float) else str(value)
