"""The landing assets of a source system: one step that makes sure that what is to come has come.

For databases, services and streams that are read directly the step makes the delivery happen; for
files and all other streams it only looks, because their owners deliver by themselves. In all cases
it registers the landing dates of what counts as delivered, and those are the partitions of raw and
clean.

This module, as every one that defines assets, does without `from __future__ import annotations`:
Dagster reads the annotations of an asset's parameters, and would find text.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TypeAlias

import dagster as dg

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.failures import SOURCE_RETRIES, explained_failures
from product360_assets.core.in_force import InForce, accepting
from product360_assets.core.keys import landing_key, source_key
from product360_assets.core.metadata import column_schema, highest_sensitivity
from product360_assets.core.references import contract_reference
from product360_assets.ingestion.databases import DatabaseIngestion
from product360_assets.ingestion.event_reading import Pass, StreamReading
from product360_assets.ingestion.key_comparison import KeyComparison
from product360_assets.ingestion.landed import arrived, field_checks, field_results
from product360_assets.ingestion.services import ServiceIngestion
from resources.errors import SourcePaused
from resources.event_streams import EventStreamsResource
from resources.ledger import Ledger, LedgerResource
from resources.locks import holding
from resources.objects import LakeResource
from resources.registry import RegistryResource
from resources.replication import ReplicationResource
from resources.saas import SaasResource
from resources.secrets import SecretsResource

IngestStep: TypeAlias = Callable[..., Iterator[dg.MaterializeResult[None]]]

GROUP = "ingestion"
SOURCE_GROUP = "sources"
# Every morning, and half a day more.
ASKED_DAILY = timedelta(hours=36)
A_WEEK = timedelta(days=7)

_HOW_IT_COMES = {
    "database": "loaded from the database, then its changes, in the shapes of AWS DMS",
    "saas": "pulled from the service in the shapes of AWS AppFlow",
    "files": "dropped by its owner as files",
    "stream": "delivered by a stream as files",
}


class IngestConfig(dg.Config):
    """What a run may ask of ingestion.

    Attributes:
        reload: load and pull everything again, although it came before. For databases this opens
            a new epoch: rows that the new load lacks count as deleted. For services it compares
            keys at once, where the contract compares them at all.
    """

    reload: bool = False


def source_specs(contract: SourceContract) -> list[dg.AssetSpec]:
    """The tables where their owner keeps them, as external assets."""
    return [
        dg.AssetSpec(
            source_key(contract.name, table.name),
            description=f"{table.description}\n\n{contract.description}",
            group_name=SOURCE_GROUP,
            owners=list(contract.owners),
            tags=table_tags(contract, table),
            kinds={contract.kind},
            metadata={
                "dagster/column_schema": column_schema(table, delivered_names=True),
                "name at the source": table.delivered_name,
                "cadence": table.cadence,
                "freshness (hours)": table.freshness_hours,
                "time zone": contract.time_zone,
                **contract_reference(contract, table),
            },
        )
        for table in contract.tables
    ]


def landing_assets(contract: SourceContract) -> dg.AssetsDefinition:
    """One step for a system's tables; it can be run for some of them."""
    decorate = dg.multi_asset(
        name=f"ingest_{contract.name}",
        specs=[_landing_spec(contract, table) for table in contract.tables],
        check_specs=field_checks(contract),
        can_subset=True,
        retry_policy=SOURCE_RETRIES,
    )
    if contract.kind == "database":
        return decorate(_database_step(contract))
    if contract.kind == "saas":
        return decorate(_service_step(contract))
    if any(table.stream for table in contract.tables):
        return decorate(_stream_step(contract))
    return decorate(_dropped_step(contract))


def table_tags(contract: SourceContract, table: TableContract) -> dict[str, str]:
    """Tags that every asset of a source table carries."""
    return {
        "source": contract.name,
        "source_kind": contract.kind,
        "sensitivity": highest_sensitivity(table),
    }


def asked_lately(table: TableContract) -> dg.FreshnessPolicy:
    """How long ago the source may have been asked last, by the wall clock.

    Whether its *data* is fresh is a question to the data's own calendar (`core.calendar`); this
    one notices a platform that stopped asking at all, which that calendar cannot.
    """
    return dg.FreshnessPolicy.time_window(
        warn_window=ASKED_DAILY, fail_window=max(A_WEEK, timedelta(hours=table.freshness_hours))
    )


def _landing_spec(contract: SourceContract, table: TableContract) -> dg.AssetSpec:
    how = _HOW_IT_COMES[contract.kind]
    return dg.AssetSpec(
        landing_key(contract.name, table.name),
        deps=[source_key(contract.name, table.name)],
        # A source that an operator has paused is not asked.
        skippable=True,
        description=(
            f"{table.description}\n\nAs delivered: {how}. The delivering side owns this area and "
            "may still change it; raw keeps what was accepted."
        ),
        group_name=GROUP,
        owners=list(contract.owners),
        tags=table_tags(contract, table),
        kinds={contract.kind, table.format},
        metadata={
            "dagster/column_schema": column_schema(table, delivered_names=True),
            **contract_reference(contract, table),
        },
        freshness_policy=asked_lately(table),
    )


def _database_step(contract: SourceContract) -> IngestStep:
    def ingest(
        context: dg.AssetExecutionContext,
        config: IngestConfig,
        lake: LakeResource,
        ledger: LedgerResource,
        secrets: SecretsResource,
        replication: ReplicationResource,
        registry: RegistryResource,
    ) -> Iterator[dg.MaterializeResult[None]]:
        if (agreed := _unless_paused(context, contract, registry)) is None:
            return
        source = agreed.contract
        with explained_failures(), _alone(context, contract, ledger) as opened:
            tables = _selected(context, contract, agreed)
            connection = secrets.get(_connection(source))
            ingestion = DatabaseIngestion(
                source, opened, lake.zone("landing"), replication, context.log.info
            )
            ingestion.load(tables, connection=connection, reload=config.reload)
            ingestion.changes(connection=connection)
            for table in tables:
                yield arrived(context, source, table, ledger=opened, lake=lake)

    return ingest


def _service_step(contract: SourceContract) -> IngestStep:
    def ingest(
        context: dg.AssetExecutionContext,
        config: IngestConfig,
        lake: LakeResource,
        ledger: LedgerResource,
        secrets: SecretsResource,
        saas: SaasResource,
        registry: RegistryResource,
    ) -> Iterator[dg.MaterializeResult[None]]:
        if (agreed := _unless_paused(context, contract, registry)) is None:
            return
        source = agreed.contract
        with explained_failures(), _alone(context, contract, ledger) as opened:
            ingestion = ServiceIngestion(
                source, opened, lake.zone("landing"), saas, context.log.info
            )
            comparison = KeyComparison(source, opened, lake, saas, context.log.info)
            connection = secrets.get(_connection(source))
            until = saas.clock(connection)
            for table in _selected(context, contract, agreed):
                ingestion.pull(table, until=until, connection=connection, reload=config.reload)
                comparison.compare(table, until=until, connection=connection, at_once=config.reload)
                yield arrived(
                    context,
                    source,
                    table,
                    ledger=opened,
                    lake=lake,
                    check_results=field_results(context, source, table, ledger=opened),
                )

    return ingest


def _stream_step(contract: SourceContract) -> IngestStep:
    def ingest(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        ledger: LedgerResource,
        event_streams: EventStreamsResource,
        registry: RegistryResource,
    ) -> Iterator[dg.MaterializeResult[None]]:
        if (agreed := _unless_paused(context, contract, registry)) is None:
            return
        source = agreed.contract
        with explained_failures(), _alone(context, contract, ledger) as opened:
            reading = StreamReading(source, opened, lake.zone("landing"), context.log.info)
            passes: list[Pass] = []
            for table in _selected(context, contract, agreed):
                if table.stream:
                    passes.append(reading.read(table, event_streams.open(table.stream)))
                read = passes[-1].shown() if table.stream else {}
                yield arrived(context, source, table, ledger=opened, lake=lake, read=read)
            for done in passes:
                done.complain()

    return ingest


def _dropped_step(contract: SourceContract) -> IngestStep:
    def ingest(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        ledger: LedgerResource,
        registry: RegistryResource,
    ) -> Iterator[dg.MaterializeResult[None]]:
        if (agreed := _unless_paused(context, contract, registry)) is None:
            return
        opened = ledger.open()
        for table in _selected(context, contract, agreed):
            yield arrived(context, agreed.contract, table, ledger=opened, lake=lake)

    return ingest


def _unless_paused(
    context: dg.AssetExecutionContext, contract: SourceContract, registry: RegistryResource
) -> InForce | None:
    """The contract to go by; None for a source that an operator has paused."""
    with explained_failures():
        try:
            return accepting(registry.open(), contract)
        except SourcePaused as paused:
            context.log.warning(f"nothing is asked for: {paused}")
            return None


def _alone(
    context: dg.AssetExecutionContext, contract: SourceContract, ledger: LedgerResource
) -> AbstractContextManager[Ledger]:
    """The only one that makes this source deliver: what another began, this one would give up."""
    return holding(
        ledger.open(),
        f"landing.{contract.name}",
        work=f"run {context.run.run_id}",
        log=context.log.info,
    )


def _selected(
    context: dg.AssetExecutionContext, contract: SourceContract, agreed: InForce
) -> Sequence[TableContract]:
    return [
        agreed.table(table.name)
        for table in contract.tables
        if landing_key(contract.name, table.name) in context.selected_asset_keys
    ]


def _connection(contract: SourceContract) -> str:
    # The model refuses a database or a service without one.
    return contract.connection or ""
