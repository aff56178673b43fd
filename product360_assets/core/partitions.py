"""Landing dates: the partitions of raw and clean.

A partition is a day on which a system delivered, as the delivery itself says; never the machine's
clock. Each system has its own set, and the set grows when something is delivered.

The hazard: Dagster keeps dynamic partitions in the order in which they were added, and a range of
them means that order. A late delivery is therefore at the end, and a range over pending dates may
hold dates that have nothing to do. Work on those must cost nothing, and it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import dagster as dg

# Dagster's public tag names; it exports no constants for them.
PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"


def landing_dates(system: str) -> dg.DynamicPartitionsDefinition:
    """The days on which a system delivered; keys are YYYY-MM-DD."""
    return dg.DynamicPartitionsDefinition(name=landing_dates_name(system))


def landing_dates_name(system: str) -> str:
    """The name under which Dagster keeps a system's landing dates."""
    return f"landing_date_{system}"


def register_landing_dates(
    instance: dg.DagsterInstance, system: str, dates: Iterable[date]
) -> list[str]:
    """Make sure that each of these days is a partition; return the new ones, in order."""
    known = set(instance.get_dynamic_partitions(landing_dates_name(system)))
    new = sorted({day.isoformat() for day in dates} - known)
    if new:
        instance.add_dynamic_partitions(landing_dates_name(system), new)
    return new


def run_tags(instance: dg.DagsterInstance, system: str, dates: Iterable[date]) -> Mapping[str, str]:
    """Tags of the one run that covers all of these registered days; no days, no tags."""
    wanted = {day.isoformat() for day in dates}
    covered = [
        key for key in instance.get_dynamic_partitions(landing_dates_name(system)) if key in wanted
    ]
    if not covered:
        return {}
    if len(covered) == 1:
        return {PARTITION_TAG: covered[0]}
    return {RANGE_START_TAG: covered[0], RANGE_END_TAG: covered[-1]}


def days_of(partition_keys: Iterable[str]) -> list[date]:
    """The days that these partition keys name, in order."""
    return sorted(date.fromisoformat(key) for key in partition_keys)
