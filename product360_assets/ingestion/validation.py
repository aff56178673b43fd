"""The check that a database's tables are in landing and raw what they are at their source.

It can be run by itself at any time: for all tables of a system or for some, by default for what
changed, or with `everything: true` for all rows that were ever delivered. It stops nothing.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from product360_assets.core.checks import (
    ROWS_ARE_THOSE_OF_THE_SOURCE,
    advisory_check,
    claim,
    warning,
)
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.failures import explained_failures
from product360_assets.core.in_force import accepting
from product360_assets.core.keys import landing_key
from product360_assets.ingestion.statistics import shown, table_statistics
from product360_assets.ingestion.validated import last_validation
from product360_assets.ingestion.validations import DatabaseValidation
from resources.errors import SourcePaused
from resources.ledger import Delivery, Ledger, LedgerResource
from resources.locks import holding
from resources.objects import LakeResource
from resources.registry import RegistryResource
from resources.replication import ReplicationResource
from resources.secrets import SecretsResource

_FAILURES_SHOWN = 50
# What cannot be proved is a warning; what is proved to differ is an error.
_UNPROVED = ("No primary key",)
DIFFERENT = ("Mismatched records", "Suspended records", "Table error")


class ValidateConfig(dg.Config):
    """What a run may ask of validation.

    Attributes:
        everything: compare all rows, and not only those of which something came since they were
            last compared.
    """

    everything: bool = False


def validation_checks(contract: SourceContract) -> dg.AssetChecksDefinition:
    """One check for each table of a database."""
    tables = {landing_key(contract.name, table.name): table.name for table in contract.tables}

    @dg.multi_asset_check(
        name=f"validate_{contract.name}",
        specs=[
            advisory_check(
                ROWS_ARE_THOSE_OF_THE_SOURCE,
                key,
                "What was delivered of the table, in raw or else in landing, folds to the rows "
                "that the source holds. Rows that change meanwhile are pending, not different.",
            )
            for key in tables
        ],
        can_subset=True,
        description=f"Compares the tables of {contract.name} with what was delivered of them.",
    )
    def validate(
        context: dg.AssetCheckExecutionContext,
        config: ValidateConfig,
        lake: LakeResource,
        ledger: LedgerResource,
        secrets: SecretsResource,
        replication: ReplicationResource,
        registry: RegistryResource,
    ) -> Iterator[dg.AssetCheckResult]:
        opened = ledger.open()
        with explained_failures():
            try:
                agreed = accepting(registry.open(), contract)
            except SourcePaused as paused:
                context.log.warning(f"nothing is compared: {paused}")
                return
            keys = sorted(check.asset_key for check in context.selected_asset_check_keys)
            wanted = [agreed.table(tables[key]) for key in keys]
            name = f"landing.{contract.name}"
            run = f"run {context.run.run_id}"
            with holding(opened, name, work=run, log=context.log.info) as held:
                compared = DatabaseValidation(
                    agreed.contract, held, lake, replication, context.log.info
                ).validate(
                    wanted,
                    connection=secrets.get(contract.connection or ""),
                    everything=config.everything,
                )
        for table in wanted:
            yield _result(agreed.contract, table, opened, lake, is_new=table.name in compared)

    return validate


def _result(
    contract: SourceContract,
    table: TableContract,
    ledger: Ledger,
    lake: LakeResource,
    *,
    is_new: bool,
) -> dg.AssetCheckResult:
    statistics = table_statistics(contract, table, ledger=ledger)
    last = last_validation(ledger, contract.name, table.name)
    state = str(statistics["ValidationState"])
    counted: dict[str, Any] = {
        "state": state,
        "rows compared now": last.rows if is_new and last is not None else 0,
        "table statistics": shown(statistics),
    }
    if last is not None and last.prefix and state in DIFFERENT:
        counted |= _failures(last, lake)
    say = warning if state in _UNPROVED else claim
    return say(
        ROWS_ARE_THOSE_OF_THE_SOURCE,
        landing_key(contract.name, table.name),
        holds=state not in (*_UNPROVED, *DIFFERENT),
        counted=counted,
    )


def _failures(last: Delivery, lake: LakeResource) -> dict[str, Any]:
    """The first failures, as a table, and where all of them are."""
    results = lake.zone("results")
    lines = results.read(last.prefix).decode().splitlines()
    return {
        "failures": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        name: "" if value is None else str(value)
                        for name, value in json.loads(line).items()
                    }
                )
                for line in lines[:_FAILURES_SHOWN]
            ]
        ),
        "all failures": f"{results.bucket}/{last.prefix}",
    }
