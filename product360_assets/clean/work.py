"""Making batches clean: which ones still have to be, the job that does it, and the record of it.

A batch is clean when the ledger says so for the current code and contract. That record is written
only for a batch whose rows add up; until then nothing downstream can see what the job wrote.

A batch that the job holds, because it is laid out otherwise than declared, gets no such record; the
others go on.

The hazard: a job that was killed, or whose record was lost, left files. The same work has the same
unit, so doing it again replaces exactly them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from product360_assets.clean.accounting import discrepancies, null_counts
from product360_assets.clean.drift import REFUSE, Drifted, drifted, refusal, refused_reason
from product360_assets.clean.releases import released_ids
from product360_assets.clean.replays import Replay
from product360_assets.clean.request import CleanUnit, RawBatch, units
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.erasures import NOBODY, Erased, erased_subjects
from product360_assets.core.states import CLEAN, RAW, REFUSED, published_as, record_once
from resources.errors import SecretMissing
from resources.jobs import JobReport, JobResult, JobRunner
from resources.ledger import Ledger, ZoneState
from resources.objects import LakeResource, ObjectStore
from resources.secrets import SecretsResource
from resources.treatment_keys import KeyReference, current_key
from spark.row_names import key_version, name_of

# Details of a clean state, beside the job's own counters of rules.
FILES = "files"
BYTES = "bytes"
NULLS = "nulls."
# The version of the key by which a batch was treated and its rejected rows were named.
KEY_VERSION = "key version"
# Names the replay that made it, if one did.
REPLAYED = "replay"
# The requests for erasure that were obeyed when it was made.
ERASED = "erasures"


@dataclass(frozen=True)
class CleanedBatch:
    """A batch, and what clean holds of it; `made` says whether this run made it."""

    raw: RawBatch
    state: ZoneState
    made: bool


@dataclass(frozen=True)
class Cleaned:
    """What came of the batches of some landing dates.

    `unaccounted` maps batch ids to what does not add up; these batches have no clean state, nor
    have those of `drifted` that are held.
    """

    batches: tuple[CleanedBatch, ...]
    unaccounted: dict[str, str]
    reports: tuple[JobReport, ...]
    drifted: tuple[Drifted, ...] = ()


@dataclass(frozen=True)
class Cleaning:
    """Makes one table of one source clean.

    `log` tells the run what happens; `contract_version` is recorded with what is made. `compatible`
    are earlier configurations whose clean rows stand as they are. `secrets` holds the key of
    treated columns; a table without any needs none. `replay` names days whose batches are made
    again although they are clean.
    """

    contract: SourceContract
    table: TableContract
    ledger: Ledger
    lake: LakeResource
    runner: JobRunner
    log: Callable[[str], None]
    contract_version: int | None = None
    compatible: frozenset[str] = frozenset()
    secrets: SecretsResource | None = None
    replay: Replay | None = None

    def clean(self, landing_dates: Collection[date]) -> Cleaned:
        """Make every batch of these days clean that is not, or that is to be replayed.

        Raises:
            JobFailed, ReportMissing, EngineUnavailable: see JobRunner.run. What was recorded
                before stays; the rest is still to do.
            SecretMissing: a column is treated, and there is no key.
        """
        code_version, key, erased = self.runner.code_version(), self._key(), self._erased()
        earlier = self.ledger.zone_states(self.contract.name, self.table.name, CLEAN)
        done: list[CleanedBatch] = []
        to_do: list[RawBatch] = []
        for raw in self._raw_batches(landing_dates):
            state = earlier.get(raw.batch.batch_id)
            if state is not None and self._is_done(raw, state, code_version, key, erased):
                done.append(CleanedBatch(raw, state, made=False))
            else:
                to_do.append(raw)
        drift = self._refused_before(to_do, code_version)
        unaccounted: dict[str, str] = {}
        reports: list[JobReport] = []
        going = [self._with_releases(raw) for raw in to_do if raw.batch.batch_id not in drift]
        for unit in units(
            self.contract,
            self.table,
            going,
            code_version=code_version,
            key=key or self._key_for(going),
            replay=self.replay.name if self.replay else "",
            erased=erased,
        ):
            made, wrong, held, report = self._make(unit, earlier)
            drift.update(held)
            done.extend(made)
            unaccounted.update(wrong)
            reports.append(report)
        drift.update(_drifted((each.raw, each.state.details) for each in done))
        return Cleaned(tuple(done), unaccounted, tuple(reports), tuple(drift.values()))

    def _raw_batches(self, landing_dates: Collection[date]) -> list[RawBatch]:
        """The batches of these days that raw has in full, by landing date."""
        source, table = self.contract.name, self.table.name
        accepted = self.ledger.zone_states(source, table, RAW)
        return [
            RawBatch(
                batch,
                accepted[batch.batch_id],
                tuple(self.ledger.accepted_objects(batch.batch_id)),
            )
            for batch in self.ledger.batches(source, table, landing_dates=landing_dates)
            if batch.batch_id in accepted
        ]

    def _key(self) -> KeyReference | None:
        """The key of a table with treated columns: of its pseudonyms, and of its rows' names."""
        return self._current_key() if self.table.is_treated else None

    def _current_key(self) -> KeyReference:
        if self.secrets is None:
            raise SecretMissing(
                f"the key of {self.contract.name}.{self.table.name}",
                found="no secrets to read it from",
                expected="the environment's secrets, because columns are, or were, treated",
                next_move="make the table clean with `secrets`",
            )
        return current_key(self.secrets)

    def _erased(self) -> Erased:
        if not self.table.subjects:
            return NOBODY
        return erased_subjects(self.lake, self.table.subjects, self.secrets)

    def _key_for(self, batches: Sequence[RawBatch]) -> KeyReference | None:
        """The key of a table without treated columns, if rows were released while it had some."""
        released = (name_of(row_id) for raw in batches for row_id in raw.released)
        return self._current_key() if any(map(key_version, released)) else None

    def _with_releases(self, raw: RawBatch) -> RawBatch:
        return replace(raw, released=released_ids(raw.batch, ledger=self.ledger, lake=self.lake))

    def _is_done(
        self,
        raw: RawBatch,
        state: ZoneState,
        code_version: str,
        key: KeyReference | None,
        erased: Erased,
    ) -> bool:
        if not erased.of(raw.batch.batch_id) <= set(state.details.get(ERASED, "").split()):
            return False
        replay = self.replay
        if replay is not None and replay.covers(raw.batch.landing_date):
            was_replayed = state.details.get(REPLAYED) == replay.name
            return was_replayed and self._is_current(state, code_version, key)
        return self._is_current(state, code_version, key)

    def _is_current(self, state: ZoneState, code_version: str, key: KeyReference | None) -> bool:
        config_versions = {self.contract.config_version(self.table.name), *self.compatible}
        made_with = (state.code_version, state.details.get(KEY_VERSION))
        asked = (code_version, key.version if key else None)
        return made_with == asked and state.config_version in config_versions

    def _refused_before(self, batches: Sequence[RawBatch], code_version: str) -> dict[str, Drifted]:
        """Those of the batches that the same code refused by the same contract."""
        refused = self.ledger.zone_states(self.contract.name, self.table.name, REFUSED)
        asked = (code_version, self.contract.config_version(self.table.name))
        return _drifted(
            (raw, state.details)
            for raw in batches
            if (state := refused.get(raw.batch.batch_id)) is not None
            and (state.code_version, state.config_version) == asked
        )

    def _make(
        self, unit: CleanUnit, earlier: Mapping[str, ZoneState]
    ) -> tuple[list[CleanedBatch], dict[str, str], dict[str, Drifted], JobReport]:
        request = unit.request(raw=self.lake.zone("raw"), clean=self.lake.zone("clean"))
        report = self.runner.run(request, log=self.log)
        results = [each for each in report.results if each.dataset == unit.dataset]
        wrong = discrepancies(unit, results, clean=self.lake.zone("clean"))
        by_batch = {each.batch_id: each for each in results}
        held = self._hold(unit, by_batch)
        nulls = null_counts(unit, clean=self.lake.zone("clean"))
        made = []
        again = self._erased().ids
        for raw in unit.batches:
            batch_id = raw.batch.batch_id
            if released_ids(raw.batch, ledger=self.ledger, lake=self.lake) != raw.released:
                wrong[batch_id] = "rows of it were released in the meantime; make it clean again"
            if again != unit.erased.ids:
                wrong[batch_id] = "a subject was erased in the meantime; make it clean again"
            if batch_id in wrong:
                self.log(f"{batch_id}: {wrong[batch_id]}")
                continue
            if batch_id in held:
                continue
            state = record_once(
                self.ledger,
                _state(
                    unit,
                    by_batch[batch_id],
                    batch_id,
                    nulls.get(batch_id, {}),
                    contract_version=self.contract_version,
                    clean=self.lake.zone("clean"),
                ),
                replacing=earlier.get(batch_id),
            )
            made.append(CleanedBatch(raw, state, made=True))
        return made, wrong, held, report

    def _hold(self, unit: CleanUnit, results: Mapping[str | None, JobResult]) -> dict[str, Drifted]:
        """The batches that the job held; the ledger remembers those that it refused."""
        known = [
            (raw, results[raw.batch.batch_id])
            for raw in unit.batches
            if raw.batch.batch_id in results
        ]
        drift = _drifted((raw, result.details) for raw, result in known)
        held = {batch_id: found for batch_id, found in drift.items() if found.held}
        for batch_id, found in held.items():
            self.log(f"{batch_id} is held ({found.held}). {refused_reason(found)}")
            if found.held == REFUSE:
                state = refusal(unit, results[batch_id], self.contract_version)
                earlier = self.ledger.zone_state(batch_id, REFUSED)
                record_once(self.ledger, state, replacing=earlier)
        return held


def _drifted(found: Iterable[tuple[RawBatch, Mapping[str, str]]]) -> dict[str, Drifted]:
    """What details say of layouts, by batch id; only of those that are not the declared one."""
    drift = [drifted(raw, details) for raw, details in found]
    return {each.raw.batch.batch_id: each for each in drift if each is not None}


def _state(
    unit: CleanUnit,
    result: JobResult,
    batch_id: str,
    nulls: Mapping[str, int],
    *,
    contract_version: int | None,
    clean: ObjectStore,
) -> ZoneState:
    return ZoneState(
        batch_id=batch_id,
        zone=CLEAN,
        rows_in=result.rows_in,
        rows_out=result.rows_out,
        rows_quarantined=result.rows_quarantined,
        location=result.location or "",
        unit=unit.id,
        code_version=unit.code_version,
        config_version=unit.config_version,
        snapshot_id=None,
        recorded_at=datetime.now(UTC),
        details={
            **result.details,
            **published_as(contract_version),
            **({REPLAYED: unit.replay} if unit.replay else {}),
            FILES: str(result.files),
            BYTES: str(result.bytes),
            **(unit.set_aside(batch_id, clean) if result.rows_quarantined else {}),
            **({KEY_VERSION: unit.key.version} if unit.key and unit.table.is_treated else {}),
            **({ERASED: " ".join(unit.erased.ids)} if unit.erased.ids else {}),
            **{f"{NULLS}{column}": str(count) for column, count in nulls.items()},
        },
    )
