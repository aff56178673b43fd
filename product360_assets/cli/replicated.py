"""What `product360 source` says of a database's tables: their statistics, and their validations.

Read from the ledger, as the landing assets show them; no database is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import typer

from product360_assets.cli.selection import chosen_tables
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.ingestion.statistics import table_statistics
from product360_assets.ingestion.validated import (
    FAILED,
    PENDING,
    STATE,
    SUSPENDED,
    last_validation,
)
from product360_assets.ingestion.validation import DIFFERENT
from resources.environments import platform_resources

if TYPE_CHECKING:
    from resources.ledger import Ledger, LedgerResource
    from resources.objects import LakeResource

VALIDATION_COLUMNS = (
    "table",
    "state",
    "validated_at",
    "compared",
    "pending",
    "failed",
    "suspended",
    "failures",
)


def statistics_of(source: str, table: str | None) -> tuple[list[str], list[list[object]]]:
    """Table statistics as columns and rows, one row for each table.

    Raises:
        BadParameter: there is no such source or table, or its system is no database.
    """
    ledger, _ = _places()
    found = [
        {"Table": each.name, **table_statistics(contract, each, ledger=ledger)}
        for contract, each in _replicated(source, table)
    ]
    return list(found[0]), [list(each.values()) for each in found]


def side_by_side(
    columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> tuple[list[str], list[list[object]]]:
    """The same with a line for each statistic and a column for each table, for people."""
    across = [list(values) for values in zip(columns, *rows, strict=True)]
    return ["statistic", *map(str, across[0][1:])], across[1:]


def validations_of(source: str, table: str | None) -> list[tuple[object, ...]]:
    """The last validation of each table, as rows under `VALIDATION_COLUMNS`.

    Raises:
        BadParameter: as `statistics_of`.
    """
    ledger, lake = _places()
    return [
        _validation(ledger, lake, contract.name, each.name)
        for contract, each in _replicated(source, table)
    ]


def is_different(row: Sequence[object]) -> bool:
    """Whether a row of `validations_of` tells of a difference."""
    return row[VALIDATION_COLUMNS.index("state")] in DIFFERENT


def _validation(ledger: Ledger, lake: LakeResource, source: str, table: str) -> tuple[object, ...]:
    last = last_validation(ledger, source, table)
    if last is None:
        return (table, "Not validated yet", *[None] * (len(VALIDATION_COLUMNS) - 2))
    counts = (int(last.details[name]) for name in (PENDING, FAILED, SUSPENDED))
    failures = lake.zone("results").uri_of(last.prefix) if last.prefix else None
    return (table, last.details[STATE], last.finished_at, last.rows, *counts, failures)


def _replicated(source: str, table: str | None) -> list[tuple[SourceContract, TableContract]]:
    chosen = list(chosen_tables(source, table))
    kind = chosen[0][0].kind
    if kind != "database":
        raise typer.BadParameter(
            f"{source} is a system of kind {kind}; a database has statistics of its tables",
            param_hint="SOURCE",
        )
    return chosen


def _places() -> tuple[Ledger, LakeResource]:
    resources = platform_resources()
    ledger = cast("LedgerResource", resources["ledger"]).open()
    return ledger, cast("LakeResource", resources["lake"])
