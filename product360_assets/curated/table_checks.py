"""Checks of a published table: its claims, and what is watched of every table, as one step.

Any of them can be run alone, at any time. One that held of the very same data is said again and not
asked (`proofs`), and one that can be told from what changed is asked of that (`since_proved`).
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections.abc import Iterator, Sequence
from functools import partial

import dagster as dg

from product360_assets.core.checks import advisory_check, blocking_check
from product360_assets.core.failures import explained_failures
from product360_assets.curated.claims import Claim, all_claims
from product360_assets.curated.presentation import asset_key
from product360_assets.curated.proofs import last_result
from product360_assets.curated.prover import Prover
from product360_assets.curated.watch import WATCHES, Published, watch, watch_specs
from resources.catalog import CatalogResource
from resources.ledger import LedgerResource
from resources.objects import LakeResource
from resources.warehouse import WarehouseResource
from spark.tables import Table, View


def table_checks(table: Table, claims: Sequence[Claim]) -> dg.AssetChecksDefinition:
    """The claims, and what holds and is watched for every table, as checks of its asset."""
    by_name = {each.name: each for each in all_claims(table, claims)}
    specs = [_spec(table, claim) for claim in by_name.values()]
    if not isinstance(table, View):  # a view has no snapshots that could be watched
        specs += watch_specs(table)

    @dg.multi_asset_check(
        name=f"{table.zone}_{table.name}_checks",
        specs=specs,
        can_subset=True,
        description=f"Claims about {table.identifier}, each proved by one query.",
    )
    def checks(
        context: dg.AssetCheckExecutionContext,
        warehouse: WarehouseResource,
        ledger: LedgerResource,
        lake: LakeResource,
        catalog: CatalogResource,
    ) -> Iterator[dg.AssetCheckResult]:
        with explained_failures(), warehouse.asking() as ask:
            opened = ledger.open()
            last = partial(last_result, context.instance)
            prover = Prover(table, opened, catalog, ask, lake, last)
            for key in sorted(context.selected_asset_check_keys):
                if key.name in WATCHES:
                    yield watch(key.name, Published(table, opened, catalog))
                else:
                    yield prover.prove(by_name[key.name])

    return checks


def _spec(table: Table, claimed: Claim) -> dg.AssetCheckSpec:
    kind = blocking_check if claimed.blocking else advisory_check
    return kind(claimed.name, asset_key(table), claimed.why)
