"""What a comparison means, in the states of AWS DMS.

The hazard: a key is data. What of it is to be hidden is hidden here, once for all failures.
"""

from __future__ import annotations

from collections.abc import Sequence

from resources.local.comparison import Comparison, Differing
from resources.validation import (
    FAILURES_TOLD,
    HIDDEN,
    TableToValidate,
    TableValidation,
    ValidationFailure,
    ValidationRequest,
    ValidationState,
)


def judged(
    request: ValidationRequest,
    table: TableToValidate,
    key: Sequence[str],
    comparison: Comparison,
    *,
    unread: Sequence[str],
) -> TableValidation:
    """What came of a table whose sides are complete, apart from what is `unread`."""
    warnings = [*table.missing, *unread]
    if repeated := comparison.repeated():
        warnings.append(f"{repeated} rows of the source have a key that another row has too")
    pending = comparison.leave_out_touched()
    compared, differing = comparison.compare()
    rows = comparison.differing(at_most=FAILURES_TOLD)
    failures = [
        *(ValidationFailure("TABLE_WARNING", said=warning) for warning in warnings),
        *(_failure(table, key, row) for row in rows),
    ]
    return TableValidation(
        table=table.captured.table.name,
        state=_state(bool(warnings), differing, pending),
        compared=compared,
        failed=len(rows),
        suspended=differing - len(rows),
        pending=pending,
        failures=tuple(failure.record(request, table) for failure in failures),
    )


def error(request: ValidationRequest, table: TableToValidate, found: str) -> TableValidation:
    """A table that cannot be compared."""
    failure = ValidationFailure("TABLE_WARNING", said=found)
    return TableValidation(
        table.captured.table.name, "Table error", failures=(failure.record(request, table),)
    )


def _failure(table: TableToValidate, key: Sequence[str], row: Differing) -> ValidationFailure:
    told = tuple(
        HIDDEN if name in table.hidden else value for name, value in zip(key, row.key, strict=True)
    )
    file = "" if row.file is None else table.files[row.file].name
    return ValidationFailure(row.kind, told, file, row.row, row.columns)


def _state(has_warnings: bool, differing: int, pending: int) -> ValidationState:
    if has_warnings:
        return "Table error"
    if differing > FAILURES_TOLD:
        return "Suspended records"
    if differing:
        return "Mismatched records"
    return "Pending records" if pending else "Validated"
