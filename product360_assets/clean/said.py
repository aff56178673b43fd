"""What a clean asset says of itself: its partitions, its rules, and a few of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

import dagster as dg

from product360_assets.clean.evolving import Evolved
from product360_assets.clean.work import BYTES, FILES, Cleaned, CleanedBatch
from product360_assets.core.checks import (
    LAYOUT_IS_AS_DECLARED,
    NO_ROWS_ARE_QUARANTINED,
    ROWS_ARE_ACCOUNTED_FOR,
    claim,
    rule_descriptions,
    warning,
)
from product360_assets.core.contract import TableContract
from product360_assets.core.metadata import hidden_columns, preview
from resources.arrow_files import file_system
from resources.objects import LakeResource

PREVIEW_ROWS = 5
_EXAMPLES = 20
_MOST_RECORDS = 100
_WARNED = "warn."
_QUARANTINED = "quarantine."


def by_day(days: Collection[date], cleaned: Cleaned) -> Mapping[str, dict[str, Any]]:
    """What each partition's materialization says, by partition key."""
    return {
        day.isoformat(): _day([b for b in cleaned.batches if b.raw.batch.landing_date == day])
        for day in days
    }


def check_results(
    table: TableContract, asset: dg.AssetKey, evolved: Evolved
) -> list[dg.AssetCheckResult]:
    """The results of all of the asset's checks, over the batches of this run's landing dates."""
    cleaned = evolved.cleaned
    rows = Counter[str]()
    broken = Counter[str]()
    for batch in cleaned.batches:
        rows["read"] += batch.state.rows_in
        rows["kept"] += batch.state.rows_out
        rows["quarantined"] += batch.state.rows_quarantined
        for name, count in batch.state.details.items():
            if name.startswith((_WARNED, _QUARANTINED)):
                broken[name] += int(count)
    by_rule = {
        name.removeprefix(_QUARANTINED): count
        for name, count in broken.items()
        if name.startswith(_QUARANTINED) and count
    }
    return [
        claim(
            ROWS_ARE_ACCOUNTED_FOR,
            asset,
            holds=not cleaned.unaccounted,
            counted={
                **rows,
                "batches": len(cleaned.batches),
                "unaccounted": dict(list(cleaned.unaccounted.items())[:_EXAMPLES]),
            },
        ),
        _layout_result(asset, evolved),
        warning(
            NO_ROWS_ARE_QUARANTINED,
            asset,
            holds=rows["quarantined"] == 0,
            counted={"rows": rows["quarantined"], "by rule": by_rule},
        ),
        *(
            warning(
                rule,
                asset,
                holds=broken[_WARNED + rule] == 0,
                counted={"rows": broken[_WARNED + rule], "of": rows["read"]},
            )
            for rule in rule_descriptions(table, "warn")
        ),
    ]


def _layout_result(asset: dg.AssetKey, evolved: Evolved) -> dg.AssetCheckResult:
    """An error where a batch was refused, a warning where one was merely laid out otherwise."""
    drift = evolved.cleaned.drifted
    refused = [each for each in drift if each.held]
    records = [record for each in drift for record in each.records()]
    counted: dict[str, Any] = {
        "batches laid out otherwise": len(drift),
        "batches refused": [each.raw.batch.batch_id for each in refused][:_EXAMPLES],
        "columns added or widened": [f"{each.column} {each.type}" for each in evolved.changes],
    }
    if records:
        counted["report"] = dg.MetadataValue.table(
            [dg.TableRecord(dict(record)) for record in records[:_MOST_RECORDS]]
        )
    if refused:
        return claim(LAYOUT_IS_AS_DECLARED, asset, holds=False, counted=counted)
    holds = not records and not evolved.changes
    return warning(LAYOUT_IS_AS_DECLARED, asset, holds=holds, counted=counted)


def preview_of(
    table: TableContract, batches: Iterable[CleanedBatch], lake: LakeResource
) -> dg.MarkdownMetadataValue | None:
    """The first rows of the newest batch that has any; None when none has."""
    newest = max(
        (batch for batch in batches if batch.state.rows_out),
        key=lambda batch: batch.raw.batch.landing_date,
        default=None,
    )
    if newest is None:
        return None
    columns = [column.name for column in table.published_columns]
    rows = _first_rows(newest.state.location, columns, lake)
    shown = preview(rows, columns=columns, hidden=hidden_columns(table))
    # Every partition of a run shows these rows, so they must say whose they are.
    delivered = newest.raw.batch.landing_date.isoformat()
    return dg.MetadataValue.md(f"Delivered on {delivered}:\n\n{shown.value}")


def _day(batches: list[CleanedBatch]) -> dict[str, Any]:
    states = [batch.state for batch in batches]
    rows = sum(state.rows_out for state in states)
    return {
        "dagster/partition_row_count": rows,
        "rows": rows,
        "rows quarantined": sum(state.rows_quarantined for state in states),
        "files": sum(int(state.details[FILES]) for state in states),
        "bytes": sum(int(state.details[BYTES]) for state in states),
        "batches": [state.batch_id for state in states],
        "made by this run": sum(batch.made for batch in batches),
        "locations": [state.location for state in states],
    }


def _first_rows(location: str, columns: list[str], lake: LakeResource) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    clean = lake.zone("clean")
    files, root = file_system(clean)
    prefix = f"{location.removeprefix(f'{clean.uri}/').rstrip('/')}/"
    for info in clean.list(prefix):
        if not info.key.endswith(".parquet"):
            continue
        with files.open_input_file(f"{root}/{info.key}") as file:
            parquet = pq.ParquetFile(file)
            for block in parquet.iter_batches(batch_size=PREVIEW_ROWS, columns=columns):
                rows: list[dict[str, Any]] = block.to_pylist()
                return rows
    return []
