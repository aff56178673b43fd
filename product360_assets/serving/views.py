"""Views: one asset each, which publishes the view's query under its name.

A view holds no rows, so publishing it changes nothing but what the name means. The hazard is a view
whose query gives other columns than it declares: readers would be told of columns that do not
exist. So the asset asks the view before it says that it is there.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

import hashlib

import dagster as dg

from product360_assets.core.failures import explained_failures
from product360_assets.curated.commits import newest_snapshot
from product360_assets.curated.presentation import (
    FOLLOWS_UPSTREAM,
    asset_key,
    column_schema,
    first_rows,
    looked_at_lately,
    promised,
)
from resources.catalog import CatalogResource
from resources.errors import ContractInvalid
from resources.warehouse import WarehouseResource
from spark.tables.model import View


def view_asset(view: View) -> dg.AssetsDefinition:
    """The asset that publishes one view."""
    code = hashlib.sha256(view.query.encode()).hexdigest()[:16]
    spec = dg.AssetSpec(
        asset_key(view),
        deps=[asset_key(table) for table in view.reads],
        description=f"{view.doc}\n\nA view: it holds no rows of its own and shows its tables as "
        f"they are when it is asked.\n\nGrain: {view.grain}.",
        group_name=view.zone,
        owners=[f"team:{view.owner}"],
        kinds={"sql", "view"},
        metadata={
            "dagster/column_schema": column_schema(view),
            "dagster/table_name": f"lake.{view.identifier}",
            "key": ", ".join(view.key),
            **promised(view),
        },
        automation_condition=FOLLOWS_UPSTREAM,
        freshness_policy=looked_at_lately(view),
        code_version=code,
    )

    @dg.multi_asset(name=f"{view.zone}_{view.name}", specs=[spec])
    def publish_view(
        context: dg.AssetExecutionContext, catalog: CatalogResource, warehouse: WarehouseResource
    ) -> dg.MaterializeResult[None]:
        with explained_failures():
            changed = catalog.publish_view(view)
            rows = asked(view, warehouse)
            shown = first_rows(view, warehouse.query)
        return dg.MaterializeResult(
            asset_key=spec.key,
            metadata={
                "outcome": "published" if changed else "unchanged",
                "dagster/row_count": rows,
                "preview": shown,
            },
            data_version=dg.DataVersion(version_of(view, catalog, code)),
        )

    return publish_view


def asked(view: View, warehouse: WarehouseResource) -> int:
    """Rows that the view shows now.

    Raises:
        ContractInvalid: its query gives other columns than it declares.
    """
    found = [row[0] for row in warehouse.query(f"DESCRIBE {view.identifier}").rows]
    if found != list(view.column_names):
        raise ContractInvalid(
            f"view {view.identifier}",
            found=f"columns {', '.join(found)}",
            expected=f"columns {', '.join(view.column_names)}",
            next_move="let the query and the declared columns say the same, in the same order",
        )
    return int(warehouse.query(f"SELECT count(*) FROM {view.identifier}").rows[0][0])


def version_of(view: View, catalog: CatalogResource, code: str) -> str:
    """Changes when the view would show something else: another query, or other snapshots."""
    snapshots = [
        newest_snapshot(catalog, table.identifier).get("snapshot-id", "") for table in view.reads
    ]
    return hashlib.sha256(" ".join([code, *snapshots]).encode()).hexdigest()[:16]
