"""The clicks as a stream: events and the visits that they change, minutes after they are clean.

The same publications and derivations as those of the batch assets, of the same clean batches, by
the same ledger, jobs and audits; what differs is the runner, which hands the jobs to a stream. So
what one has taken in is done for the other. The batch assets go on as they are.

The hazard is a stream that died between its two tables: the events are in, the visits know nothing
of them. Visits say of which state of the events they are made, so whoever comes next looks.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from product360_assets.core.contract import known_contracts
from product360_assets.core.failures import explained_failures
from product360_assets.core.in_force import in_force
from product360_assets.core.keys import clean_key, stream_key
from product360_assets.curated.audit import TableAudit
from product360_assets.curated.claims import Claim
from product360_assets.curated.click_event import CLAIMS, EVENTS, PUBLICATION
from product360_assets.curated.click_session import VISITS
from product360_assets.curated.commits import MADE_FROM, newest_snapshot
from product360_assets.curated.derive import Deriver
from product360_assets.curated.job_tables import JobWriter
from product360_assets.curated.pending import survey
from product360_assets.curated.presentation import asset_key
from product360_assets.curated.proofs import CheckLog
from product360_assets.curated.publish import Published, Publisher
from product360_assets.curated.since import origin_of
from product360_assets.curated.steps import JOB_KIND, PUBLISHERS
from resources.catalog import CatalogResource
from resources.errors import TableMissing
from resources.jobs import JobRunner
from resources.ledger import Ledger, LedgerResource
from resources.locks import holding
from resources.objects import LakeResource
from resources.registry import RegistryResource
from resources.streams import now
from resources.warehouse import WarehouseResource
from spark.bundle import code_version
from spark.tables import Table
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION

NAME = "click_stream"
STREAM = stream_key(CLICK_EVENT.name)
TABLES = (CLICK_EVENT, CLICK_SESSION)


class SpokenChecks(CheckLog):
    """Results as lines of a log, remembered as long as the stream lives."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._last: dict[tuple[dg.AssetKey | None, str | None], dg.AssetCheckResult] = {}

    def say(self, result: dg.AssetCheckResult) -> None:
        """See `CheckLog.say`."""
        self._last[result.asset_key, result.check_name] = result
        self._log(f"{result.check_name} {'holds' if result.passed else 'does not hold'}")

    def last(self, key: dg.AssetCheckKey) -> dg.AssetCheckResult | None:
        """See `CheckLog.last`."""
        return self._last.get((key.asset_key, key.name))


@dataclass(frozen=True)
class StreamedClicks:
    """Takes in what is clean, by whatever runs its jobs; `run_id` goes with what is committed."""

    ledger: Ledger
    catalog: CatalogResource
    warehouse: WarehouseResource
    lake: LakeResource
    runner: JobRunner
    time_zone: str
    log: Callable[[str], None]
    run_id: str

    def state(self) -> tuple[object, ...]:
        """What there is to do, and of what: while it stands, another attempt ends like the last."""
        return self._waiting(), *(
            newest(self.catalog, table).get("snapshot-id") for table in TABLES
        )

    def is_behind(self) -> bool:
        """Whether a clean batch, or a visit, waits; costs a look into ledger and catalog."""
        return bool(self._waiting()) or not visits_know(self.catalog)

    def take_in(self) -> Published:
        """Take in every pending batch, and bring the visits up to date.

        Raises:
            LockHeld: somebody else has been at work on one of the tables all the time.
            AuditFailed: rows break a blocking claim; readers see the table as it was.
            JobFailed: the job failed; the next call finds out what it did, and goes on.
        """
        with self._alone(CLICK_EVENT) as ledger:
            audit = self._audit(CLICK_EVENT, CLAIMS, ledger)
            publisher = Publisher(ledger, self.catalog, self.runner, self.log, self.run_id, audit)
            published = publisher.publish(PUBLICATION, {"time_zone": self.time_zone})
        if not visits_know(self.catalog):
            self._bring_visits_up()
        return published

    def _bring_visits_up(self) -> None:
        with self._alone(CLICK_SESSION) as ledger:
            try:
                derivation = VISITS.derivation(self.warehouse, ledger, self.runner)
            except TableMissing as missing:
                self.log(f"No visit counts yet: {missing}")
                return
            writer = JobWriter(VISITS, derivation, self.catalog, self.runner, self.log)
            audit = self._audit(CLICK_SESSION, VISITS.claims, ledger)
            Deriver(self.catalog, self.log, self.run_id, audit).derive(derivation, writer)

    def _waiting(self) -> frozenset[str]:
        """The clean batches whose events are not published."""
        batches = survey(self.ledger, PUBLICATION.zone, PUBLICATION.inputs)
        return frozenset(each.batch.batch_id for each in batches if each.is_pending)

    def _alone(self, table: Table) -> AbstractContextManager[Ledger]:
        return holding(self.ledger, table.identifier, work=self.run_id, log=self.log)

    def _audit(self, table: Table, claims: Sequence[Claim], ledger: Ledger) -> TableAudit:
        return TableAudit(
            table, claims, ledger, self.catalog, self.warehouse, self.lake, self._checks
        )

    @cached_property
    def _checks(self) -> SpokenChecks:
        """What audits said: the next ones ask of what changed since."""
        return SpokenChecks(self.log)


def visits_know(catalog: CatalogResource) -> bool:
    """Whether the visits are made of the newest events."""
    events = newest(catalog, CLICK_EVENT).get("snapshot-id")
    made_from = newest(catalog, CLICK_SESSION).get(MADE_FROM)
    if events is None or made_from is None:
        return events is None
    return origin_of(made_from).snapshots.get(CLICK_EVENT.identifier) == int(events)


def newest(catalog: CatalogResource, table: Table) -> Mapping[str, str]:
    """Summary of the table's newest snapshot; empty where nothing was published."""
    is_there = catalog.load().table_exists(table.identifier)
    return newest_snapshot(catalog, table.identifier) if is_there else {}


def time_zone(registry: RegistryResource) -> str:
    """The zone in which the shop's days begin and end, by the contract in force."""
    contract = known_contracts()[EVENTS.source]
    return in_force(registry.open(), contract).contract.time_zone


@dg.asset(
    key=STREAM,
    deps=[clean_key(EVENTS.source, EVENTS.table)],
    group_name="streaming",
    pool=PUBLISHERS,
    kinds={JOB_KIND},
    owners=[f"team:{CLICK_EVENT.owner}"],
    code_version=code_version(),
    description="Clicks that are clean and not yet published, taken in by a streaming job that "
    "ends when nothing is left: into `curated.click_event` and `curated.click_session`. On a "
    "laptop it needs Java, which the Python packages bring. To take clicks in all the time, turn "
    "on the sensor `click_stream`.",
)
def click_stream(
    context: dg.AssetExecutionContext,
    ledger: LedgerResource,
    catalog: CatalogResource,
    runner: JobRunner,
    lake: LakeResource,
    registry: RegistryResource,
    warehouse: WarehouseResource,
) -> dg.MaterializeResult[None]:
    """Take in what is clean, and say how far the stream has come."""
    with explained_failures():
        stream = StreamedClicks(
            ledger.open(),
            catalog,
            warehouse,
            lake,
            now(NAME, runner, lake),
            time_zone(registry),
            context.log.info,
            context.run.run_id,
        )
        published = stream.take_in()
        for table in TABLES if published.batch_ids else ():
            if said := newest(catalog, table):
                context.log_event(_observed(table, catalog, said["snapshot-id"]))
        return dg.MaterializeResult(
            metadata={
                "outcome": published.outcome,
                "batches taken in": len(published.batch_ids),
                "rows taken in": published.rows,
            }
        )


def _observed(table: Table, catalog: CatalogResource, snapshot: str) -> dg.AssetObservation:
    """What a table holds after the stream: seen, and not made, so that nothing is made after it."""
    return dg.AssetObservation(
        asset_key(table),
        metadata={
            "dagster/row_count": catalog.row_count(table.identifier),
            "snapshot": snapshot,
        },
    )
