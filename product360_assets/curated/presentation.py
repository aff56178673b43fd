"""How a published table shows itself in Dagster: from its definition, and from what it holds now.

The definition is the dictionary's, so a column described there is described everywhere. The hazard
is the preview: metadata is read by people who may not read the table, so a preview never shows what
stands in a column that is anything but public.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from product360_assets.core.keys import published_key
from product360_assets.core.metadata import preview
from product360_assets.core.references import code_references
from product360_assets.curated.commits import newest_snapshot
from product360_assets.curated.lineage import column_lineage
from product360_assets.curated.plots import Plot, drawn
from resources.catalog import CatalogResource
from resources.warehouse import Ask, WarehouseResource
from spark import bundle
from spark.tables import Column, Table

PREVIEW_ROWS = 5
# Every morning each table is looked at; a day and a half without that is one morning missed.
PUBLISHED_DAILY = timedelta(hours=36)
A_WEEK = timedelta(days=7)

# Follows its upstream as soon as something new stands there, whatever else is missing: a publisher
# asks the ledger what there is to do, so a source that has not delivered yet holds nobody up.
FOLLOWS_UPSTREAM = (
    dg.AutomationCondition.eager()
    .without(~dg.AutomationCondition.any_deps_missing())
    .with_label("follows_upstream")
)


def table_spec(
    table: Table,
    *,
    deps: Iterable[dg.AssetKey],
    made_with: str,
    code_version: str,
    job: str | None = None,
) -> dg.AssetSpec:
    """The asset of one published table.

    Args:
        table: what the dictionary says of it.
        deps: what it is made from.
        made_with: what computes it, as a kind.
        code_version: of whatever computes it.
        job: the job that computes it, whose code is linked.
    """
    upstream = list(deps)
    return dg.AssetSpec(
        asset_key(table),
        deps=upstream,
        description=_description(table, upstream),
        group_name=table.zone,
        owners=[f"team:{table.owner}"],
        kinds={"iceberg", made_with},
        tags=_sensitivity(table),
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": f"lake.{table.identifier}",
            "key": ", ".join(table.key),
            "partitioned by": ", ".join(table.partition) or "nothing",
            **promised(table),
            **(code_references(_code(job)) if job else {}),
        },
        automation_condition=FOLLOWS_UPSTREAM,
        freshness_policy=looked_at_lately(table),
        code_version=code_version,
    )


def promised(table: Table) -> dict[str, Any]:
    """What the table's contract promises besides its columns."""
    return {
        "grain": table.grain,
        "contract version": table.version,
        "freshness (hours)": table.freshness_hours,
    }


def looked_at_lately(table: Table) -> dg.FreshnessPolicy:
    """How long ago the table may have been made or found unchanged, by the wall clock.

    Whether its *rows* are fresh is a question to the data's own calendar (`watch`); this one
    notices a platform that stopped publishing, which that calendar cannot.
    """
    return dg.FreshnessPolicy.time_window(
        warn_window=PUBLISHED_DAILY,
        fail_window=max(A_WEEK, timedelta(hours=table.freshness_hours)),
    )


def asset_key(table: Table) -> dg.AssetKey:
    """The key of the table's asset: zone and name."""
    return published_key(table.identifier)


def column_schema(table: Table) -> dg.TableSchema:
    """The dictionary's columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[_column(table, column) for column in table.columns],
        constraints=dg.TableConstraints(other=[f"key: {', '.join(table.key)}"]),
    )


def materialized(
    table: Table,
    catalog: CatalogResource,
    warehouse: WarehouseResource,
    *,
    facts: Mapping[str, Any],
    plots: Sequence[Plot] = (),
    before: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult[None]:
    """What a run shows of the table: `facts` of this run, and what the table holds now.

    The data version is the snapshot, so that downstream can tell a change from a repetition.

    Args:
        table: the table.
        catalog: that holds it.
        warehouse: that reads it.
        facts: what this run did.
        plots: pictures of the table; without rows there is nothing to draw.
        before: what the last run said, whose pictures are shown again while nothing has changed.
    """
    snapshot = newest_snapshot(catalog, table.identifier)
    version = snapshot.get("snapshot-id", "none yet")
    rows = catalog.row_count(table.identifier)
    with warehouse.asking() as ask:
        first = first_rows(table, ask)
        shown = {}
        if rows and plots:
            shown = drawn(plots, ask, table, snapshot=version, before=before or {})
    return dg.MaterializeResult(
        asset_key=asset_key(table),
        metadata={
            **facts,
            "dagster/row_count": rows,
            "dagster/uri": catalog.location(table.zone, table.name),
            "snapshot": version,
            **shown,
            "preview": first,
            **column_lineage(catalog, table),
        },
        data_version=dg.DataVersion(snapshot.get("snapshot-id", "empty")),
    )


def first_rows(table: Table, ask: Ask) -> dg.MarkdownMetadataValue:
    """The first rows by key; what is not public shows dots."""
    shown = [column for column in table.columns if not column.name.startswith("_")]
    names = [column.name for column in shown]
    answer = ask(
        f"SELECT {', '.join(names)} FROM {table.identifier} "
        f"ORDER BY {', '.join(table.key)} LIMIT {PREVIEW_ROWS}"
    )
    hidden = [column.name for column in shown if column.tag != "public"]
    return preview(answer.records(), columns=names, hidden=hidden)


def _description(table: Table, upstream: Iterable[dg.AssetKey]) -> str:
    made_from = ", ".join(f"`{key.to_user_string()}`" for key in upstream)
    return (
        f"{table.doc}\n\nGrain: {table.grain}.\n\nMade from {made_from}, as soon as one of them "
        "changes; a run that finds nothing new changes nothing and says so."
    )


def _code(job: str) -> list[tuple[Path, int, str]]:
    """The files of a job: what it reads and writes, and how it computes."""
    return [
        (Path(bundle.__file__).with_name("jobs") / f"{job}.py", 1, f"job {job}"),
        (Path(bundle.__file__).with_name("transforms") / f"{job}.py", 1, f"transform {job}"),
    ]


def _column(table: Table, column: Column) -> dg.TableColumn:
    return dg.TableColumn(
        name=column.name,
        type=column.type,
        description=column.doc,
        constraints=dg.TableColumnConstraints(
            nullable=column.nullable, unique=table.key == (column.name,)
        ),
        tags={"sensitivity": column.tag},
    )


def _sensitivity(table: Table) -> dict[str, str]:
    """One tag for each kind of protected column that the table has."""
    tags = {column.tag for column in table.columns} - {"public"}
    return {f"contains/{tag}": "true" for tag in tags}
