"""Checks: claims about data, by name, and how they are said to Dagster.

A check's name is written once, here or in a source contract, so that its specification and its
result cannot drift apart. Names are claims: read "clean shop order: rows are accounted for".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from product360_assets.core.contract import TableContract
from product360_assets.core.rules import RuleAction

FIELDS_ARE_AS_BEFORE = "fields_are_as_before"
ROWS_ARE_THOSE_OF_THE_SOURCE = "rows_are_those_of_the_source"
OBJECTS_ARE_UNCHANGED = "objects_are_unchanged"
EVERYTHING_ACCEPTED_IS_THERE = "everything_accepted_is_there"
NOTHING_ACCEPTED_WAS_REWRITTEN = "nothing_accepted_was_rewritten"
ROWS_ARE_ACCOUNTED_FOR = "rows_are_accounted_for"
NO_ROWS_ARE_QUARANTINED = "no_rows_are_quarantined"
LAYOUT_IS_AS_DECLARED = "layout_is_as_declared"
NO_REJECTED_ROW_IS_FORGOTTEN = "no_rejected_row_is_forgotten"
KEY_IS_UNIQUE = "key_is_unique"


def blocking_check(name: str, asset: dg.AssetKey, description: str) -> dg.AssetCheckSpec:
    """A check that keeps everything downstream from running when it fails."""
    return dg.AssetCheckSpec(name, asset=asset, blocking=True, description=description)


def advisory_check(name: str, asset: dg.AssetKey, description: str) -> dg.AssetCheckSpec:
    """A check that warns."""
    return dg.AssetCheckSpec(name, asset=asset, blocking=False, description=description)


def claim(
    name: str, asset: dg.AssetKey, *, holds: bool, counted: Mapping[str, Any]
) -> dg.AssetCheckResult:
    """The result of a check whose failure is an error; `counted` is what it looked at."""
    return dg.AssetCheckResult(
        check_name=name, asset_key=asset, passed=holds, metadata=dict(counted)
    )


def warning(
    name: str, asset: dg.AssetKey, *, holds: bool, counted: Mapping[str, Any]
) -> dg.AssetCheckResult:
    """The result of a check whose failure is worth knowing and stops nothing."""
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=asset,
        passed=holds,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=dict(counted),
    )


def rule_descriptions(table: TableContract, action: RuleAction) -> Mapping[str, str]:
    """The table's rules with this action by name, its uniqueness among them."""
    described = {
        rule.name: f"`{rule.expression}`. {rule.why}"
        for rule in table.rules
        if rule.action == action
    }
    if table.unique is not None and table.unique.action == action:
        described[KEY_IS_UNIQUE] = f"One row per {', '.join(table.key)}. {table.unique.why}"
    return described
