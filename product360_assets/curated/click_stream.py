"""The clicks as a stream: events and the visits that they change, minutes after they are clean.

The same clean batches, the same ledger and the same commit ids as those of the batch assets, so a
batch that one has taken in is done for the other; what differs is the job that is asked. The batch
assets go on as they are: each night they find the events all taken in, and make all visits anew.

The hazard is a stream that died between its two commits: the events are in, the visits know nothing
of them. The events' newest commit is one of the visits' too unless that happened, so whoever comes
next looks.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import dagster as dg

from product360_assets.core.contract import known_contracts
from product360_assets.core.failures import explained_failures
from product360_assets.core.in_force import in_force
from product360_assets.core.keys import clean_key, stream_key
from product360_assets.curated.business_day import newest_delivery
from product360_assets.curated.click_event import EVENTS
from product360_assets.curated.commits import CODE_VERSION, COMMIT_ID, RUN_ID, newest_snapshot
from product360_assets.curated.pending import survey
from product360_assets.curated.presentation import asset_key
from product360_assets.curated.publish import Publication, Published, Publisher
from product360_assets.curated.steps import JOB_KIND, PUBLISHERS
from resources.catalog import CatalogResource
from resources.jobs import JobRequest, JobRunner
from resources.ledger import Ledger, LedgerResource
from resources.locks import holding
from resources.maintenance import content_snapshot, is_silent
from resources.objects import LakeResource
from resources.registry import RegistryResource
from resources.streams import now
from resources.warehouse import WarehouseResource
from spark.bundle import code_version
from spark.tables import Table
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION

JOB = "click_stream"
STREAM = stream_key(CLICK_EVENT.name)
# Visits are made of the events just committed, so these are on no branch: checked afterwards.
PUBLICATION = Publication(CLICK_EVENT, job=JOB, inputs=(EVENTS,), at_once=True)
TABLES = (CLICK_EVENT, CLICK_SESSION)


@dataclass(frozen=True)
class StreamedClicks:
    """Takes in what is clean, by whatever runs the stream's job; `run_id` goes with the commits."""

    ledger: Ledger
    catalog: CatalogResource
    runner: JobRunner
    time_zone: str
    log: Callable[[str], None]
    run_id: str

    def is_behind(self) -> bool:
        """Whether a clean batch, or a visit, waits; costs a look into ledger and catalog."""
        return any(batch.is_pending for batch in survey(self.ledger, *_SURVEYED)) or not (
            self._is_in_step()
        )

    def take_in(self) -> Published:
        """Take in every pending batch, and bring the visits up to date.

        Nobody else publishes the two tables meanwhile.

        Raises:
            LockHeld: somebody else has been at work on them all the time.
            JobFailed: the job failed; the next call finds out what it did, and goes on.
        """
        for table in TABLES:
            self.catalog.ensure_table(table)
        with ExitStack() as held:
            ledger = self.ledger
            for table in reversed(TABLES):
                ledger = held.enter_context(
                    holding(self.ledger, table.identifier, work=self.run_id, log=self.log)
                )
            # The ledger under the lock of the table whose states are recorded.
            publisher = Publisher(ledger, self.catalog, self.runner, self.log, self.run_id)
            published = publisher.publish(PUBLICATION, self._parameters())
            if not self._is_in_step():
                self._bring_visits_up()
        return published

    def _parameters(self) -> dict[str, str]:
        newest = newest_delivery(self.ledger, EVENTS.source, EVENTS.table, PUBLICATION.zone)
        return {
            "time_zone": self.time_zone,
            "sessions": f"lake.{CLICK_SESSION.identifier}",
            "newest_delivery": newest.isoformat(),
        }

    def _is_in_step(self) -> bool:
        """Whether the visits know of the newest events, as the job itself would find."""
        if not all(self.catalog.load().table_exists(table.identifier) for table in TABLES):
            return True
        events, visits = (self._commits(table) for table in TABLES)
        # A batch's visits name no commit: after one that took events in, they are made once more.
        return not events or events[0] in visits

    def _commits(self, table: Table) -> list[str]:
        """Ids of the commits that changed rows, newest first; of one without, its snapshot's."""
        return [
            summary.get(COMMIT_ID, f"snapshot {content_snapshot(summary)}")
            for summary in self.catalog.snapshot_summaries(table.identifier)
            if not is_silent(summary)
        ]

    def _bring_visits_up(self) -> None:
        """Ask the job for visits alone, under the id of the newest commit of events."""
        commit = self._commits(CLICK_EVENT)[0]
        request = JobRequest(
            job=JOB,
            name=f"{CLICK_SESSION.identifier}-{commit}",
            spec={
                "inputs": {EVENTS.name: {"batches": []}},
                "target": f"lake.{CLICK_EVENT.identifier}",
                **self._parameters(),
            },
            commit={
                COMMIT_ID: commit,
                CODE_VERSION: self.runner.code_version(),
                RUN_ID: self.run_id,
            },
            once=COMMIT_ID,
        )
        self.runner.run(request, log=self.log)


_SURVEYED = (PUBLICATION.zone, PUBLICATION.inputs)


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
    "ends when nothing is left: into `curated.click_event` and `curated.click_session`. It needs "
    "Java, which the Python packages bring. To take clicks in all the time, turn on the sensor "
    "`click_stream`.",
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
            now(runner, lake),
            time_zone(registry),
            context.log.info,
            context.run.run_id,
        )
        published = stream.take_in()
        for table in TABLES if published.batch_ids else ():
            context.log_event(_observed(table, catalog))
        return dg.MaterializeResult(
            metadata={
                "outcome": published.outcome,
                "batches taken in": len(published.batch_ids),
                "rows taken in": published.rows,
            }
        )


def _observed(table: Table, catalog: CatalogResource) -> dg.AssetObservation:
    """What a table holds after the stream: seen, and not made, so that nothing is made after it."""
    return dg.AssetObservation(
        asset_key(table),
        metadata={
            "dagster/row_count": catalog.row_count(table.identifier),
            "snapshot": newest_snapshot(catalog, table.identifier)["snapshot-id"],
        },
    )
