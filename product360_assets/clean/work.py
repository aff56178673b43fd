"""Making batches clean: which ones still have to be, the job that does it, and the record of it.

A batch is clean when the ledger says so for the current code and contract. That record is written
only for a batch whose rows add up; until then nothing downstream can see what the job wrote.

The hazard: a job that was killed, or whose record was lost, left files. The same work has the same
unit, so doing it again replaces exactly them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from product360_assets.clean.accounting import discrepancies, null_counts
from product360_assets.clean.releases import released_ids
from product360_assets.clean.replays import Replay
from product360_assets.clean.request import CleanUnit, RawBatch, units
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.states import CLEAN, RAW, record_once
from resources.jobs import JobReport, JobResult, JobRunner
from resources.ledger import Ledger, ZoneState
from resources.objects import LakeResource

# Details of a clean state, beside the job's own counters of rules.
FILES = "files"
BYTES = "bytes"
NULLS = "nulls."
# Names the replay that made it, if one did.
REPLAYED = "replay"


@dataclass(frozen=True)
class CleanedBatch:
    """A batch, and what clean holds of it; `made` says whether this run made it."""

    raw: RawBatch
    state: ZoneState
    made: bool


@dataclass(frozen=True)
class Cleaned:
    """What came of the batches of some landing dates.

    `unaccounted` maps batch ids to what does not add up; these batches have no clean state.
    """

    batches: tuple[CleanedBatch, ...]
    unaccounted: dict[str, str]
    reports: tuple[JobReport, ...]


@dataclass(frozen=True)
class Cleaning:
    """Makes one table of one source clean; `log` tells the run what happens.

    `replay` names days whose batches are made again although they are clean.
    """

    contract: SourceContract
    table: TableContract
    ledger: Ledger
    lake: LakeResource
    runner: JobRunner
    log: Callable[[str], None]
    replay: Replay | None = None

    def clean(self, landing_dates: Collection[date]) -> Cleaned:
        """Make every batch of these days clean that is not, or that is to be replayed.

        Raises:
            JobFailed, ReportMissing, EngineUnavailable: see JobRunner.run. What was recorded
                before stays; the rest is still to do.
        """
        code_version = self.runner.code_version()
        earlier = self.ledger.zone_states(self.contract.name, self.table.name, CLEAN)
        done: list[CleanedBatch] = []
        to_do: list[RawBatch] = []
        for raw in self._raw_batches(landing_dates):
            state = earlier.get(raw.batch.batch_id)
            if state is not None and self._is_done(raw, state, code_version):
                done.append(CleanedBatch(raw, state, made=False))
            else:
                released = released_ids(raw.batch, ledger=self.ledger, lake=self.lake)
                to_do.append(replace(raw, released=released))
        unaccounted: dict[str, str] = {}
        reports: list[JobReport] = []
        for unit in units(
            self.contract,
            self.table,
            to_do,
            code_version=code_version,
            replay=self.replay.name if self.replay else "",
        ):
            made, wrong, report = self._make(unit, earlier)
            done.extend(made)
            unaccounted.update(wrong)
            reports.append(report)
        return Cleaned(tuple(done), unaccounted, tuple(reports))

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

    def _is_done(self, raw: RawBatch, state: ZoneState, code_version: str) -> bool:
        replay = self.replay
        if replay is None or not replay.covers(raw.batch.landing_date):
            return self._is_current(state, code_version)
        was_replayed = state.details.get(REPLAYED) == replay.name
        return was_replayed and self._is_current(state, code_version)

    def _is_current(self, state: ZoneState, code_version: str) -> bool:
        config_version = self.contract.config_version(self.table.name)
        return (state.code_version, state.config_version) == (code_version, config_version)

    def _make(
        self, unit: CleanUnit, earlier: Mapping[str, ZoneState]
    ) -> tuple[list[CleanedBatch], dict[str, str], JobReport]:
        request = unit.request(raw=self.lake.zone("raw"), clean=self.lake.zone("clean"))
        report = self.runner.run(request, log=self.log)
        results = [each for each in report.results if each.dataset == unit.dataset]
        wrong = discrepancies(unit, results, clean=self.lake.zone("clean"))
        by_batch = {each.batch_id: each for each in results}
        nulls = null_counts(unit, clean=self.lake.zone("clean"))
        made = []
        for raw in unit.batches:
            batch_id = raw.batch.batch_id
            if released_ids(raw.batch, ledger=self.ledger, lake=self.lake) != raw.released:
                wrong[batch_id] = "rows of it were released in the meantime; make it clean again"
            if batch_id in wrong:
                self.log(f"{batch_id}: {wrong[batch_id]}")
                continue
            state = record_once(
                self.ledger,
                _state(unit, by_batch[batch_id], batch_id, nulls.get(batch_id, {})),
                replacing=earlier.get(batch_id),
            )
            made.append(CleanedBatch(raw, state, made=True))
        return made, wrong, report


def _state(
    unit: CleanUnit, result: JobResult, batch_id: str, nulls: Mapping[str, int]
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
            **({REPLAYED: unit.replay} if unit.replay else {}),
            FILES: str(result.files),
            BYTES: str(result.bytes),
            **{f"{NULLS}{column}": str(count) for column, count in nulls.items()},
        },
    )
