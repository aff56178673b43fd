"""How a forecast table becomes an asset: the forecaster computes it whole, in one commit.

All of them go back to one training set, so its as-of day is theirs. The hazard is a table that was
made from an older training set than the one beside it: each is derived again when what it reads has
a new snapshot, and not otherwise.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from product360_assets.core.failures import explained_failures
from product360_assets.curated.audit import TableAudit, audited
from product360_assets.curated.claims import Claim
from product360_assets.curated.commits import AS_OF_DATE, newest_snapshot
from product360_assets.curated.derive import Derivation, Properties, replace_rows
from product360_assets.curated.presentation import asset_key, table_spec
from product360_assets.curated.proofs import RunLog
from product360_assets.curated.steps import PUBLISHERS, alone, derived
from resources.audit_branches import AuditBranch
from resources.catalog import CatalogResource
from resources.errors import TableMissing
from resources.forecasting import ForecasterResource, ForecastPlan
from resources.ledger import LedgerResource
from resources.objects import LakeResource
from resources.warehouse import WarehouseResource
from spark.tables import Table
from spark.tables.forecast import WEEKLY_DEMAND

if TYPE_CHECKING:
    import pyarrow as pa

# The code version of these assets: rises when the same engine would be used differently.
VERSION = "2"


@dataclass(frozen=True)
class Inputs:
    """What a forecast table may be made from."""

    catalog: CatalogResource
    warehouse: WarehouseResource
    forecaster: ForecasterResource
    plan: ForecastPlan

    def rows(self, table: Table) -> "pa.Table":
        """All rows of a table, without its lineage."""
        columns = tuple(name for name in table.column_names if not name.startswith("_"))
        return self.catalog.table(table.identifier).scan(selected_fields=columns).to_arrow()


@dataclass(frozen=True)
class ForecastTable:
    """One table of the forecast zone: what it reads, how its rows are made and what the UI shows.

    `shows` gives metadata, such as a chart; it is asked when the table is there. `claims` are what
    must hold of the table before readers see it.
    """

    table: Table
    upstream: tuple[Table, ...]
    make: Callable[[Inputs], "pa.Table"]
    shows: Callable[[Inputs], Mapping[str, Any]]
    claims: tuple[Claim, ...] = ()


def forecast_asset(made: ForecastTable, *, horizon_weeks: int, windows: int) -> dg.AssetsDefinition:
    """The asset of one table; `horizon_weeks` ahead, tested on so many `windows` of the past."""
    spec = table_spec(
        made.table,
        deps=[asset_key(other) for other in made.upstream],
        made_with="python",
        code_version=VERSION,
    )

    spec = audited(spec, made.table, made.claims)

    @dg.multi_asset(name=f"{made.table.zone}_{made.table.name}", specs=[spec], pool=PUBLISHERS)
    def forecast(
        context: dg.AssetExecutionContext,
        catalog: CatalogResource,
        warehouse: WarehouseResource,
        forecaster: ForecasterResource,
        ledger: LedgerResource,
        lake: LakeResource,
    ) -> dg.MaterializeResult[None]:
        with explained_failures(), alone(context, made.table, ledger) as opened:
            plan = ForecastPlan(training_day(catalog), horizon_weeks, windows)
            inputs = Inputs(catalog, warehouse, forecaster, plan)

            def write(properties: Properties, branch: AuditBranch) -> None:
                replace_rows(catalog, made.table, made.make(inputs), properties, branch)

            audit = TableAudit(
                made.table, made.claims, opened, catalog, warehouse, lake, RunLog(context)
            )
            result = derived(
                context,
                _derivation(made, plan, forecaster),
                write,
                audit=audit,
                catalog=catalog,
                warehouse=warehouse,
            )
            return dg.MaterializeResult(
                asset_key=result.asset_key,
                metadata={**(result.metadata or {}), **made.shows(inputs)},
                data_version=result.data_version,
            )

    return forecast


def training_day(catalog: CatalogResource) -> date:
    """The last business day that the training set knows of.

    Raises:
        TableMissing: there is no training set yet.
    """
    text = newest_snapshot(catalog, WEEKLY_DEMAND.identifier).get(AS_OF_DATE)
    if text is None:
        raise TableMissing(
            f"table {WEEKLY_DEMAND.identifier}",
            found="no snapshot that says which day it knows of",
            expected="a training set",
            next_move=f"materialize the asset {asset_key(WEEKLY_DEMAND).to_user_string()} first",
        )
    return date.fromisoformat(text)


def _derivation(
    made: ForecastTable, plan: ForecastPlan, forecaster: ForecasterResource
) -> Derivation:
    parameters: Mapping[str, int] = {"horizon": plan.horizon_weeks, "windows": plan.windows}
    return Derivation(
        made.table,
        upstream=tuple(other.identifier for other in made.upstream),
        as_of=plan.as_of,
        code_version=f"{VERSION}+{forecaster.code_version()}",
        parameters=parameters,
    )
