"""Judges typed rows: the first thing that is wrong with a row, and what is worth a warning.

A row has one problem at most, the first in this order: its structure, its operation, then column
by column what is missing, of the wrong type or not allowed, then the declared rules. So problems
can be counted: a quarantined row is one row. A rule is broken where its expression is false; null
passes, as in SQL's CHECK. A delete needs its key and nothing else, whatever it holds beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import Column
from pyspark.sql.functions import coalesce, expr

from spark.records import ENCODING, FILE, STRUCTURE
from spark.transforms.contract import CleanSpec, DeclaredColumn, DeclaredRule
from spark.transforms.typing import is_given, named, quoted

PROBLEM = "column: string, rule: string, reason: string"
SHOWN_CHARACTERS = 100
OPERATIONS = ("I", "U", "D")

# Rules that every table has. Declared names cannot meet them: these are reserved in reports.
OPERATION, TYPE, REQUIRED, ALLOWED, UNIQUE = "operation", "type", "required", "allowed", "unique"
# A row that breaks one of these may hold its values in the wrong columns.
UNRELIABLE = (STRUCTURE, FILE, ENCODING, OPERATION, TYPE, REQUIRED, ALLOWED)
RELEASED = "released"
ERASED = "erased"


@dataclass(frozen=True)
class Delivered:
    """Where a delivered column is in a frame, and as which Spark type."""

    column: str
    type: str


@dataclass(frozen=True)
class Finding:
    """A condition (SQL) that makes a row a problem, and what is then said of it."""

    condition: str
    column: str | None
    rule: str
    reason: str

    def problem(self) -> Column:
        """The problem as a struct; null for rows without it."""
        column = "CAST(NULL AS string)" if self.column is None else quoted(self.column)
        return expr(
            f"CASE WHEN {self.condition} THEN named_struct('column', {column}, "
            f"'rule', {quoted(self.rule)}, 'reason', {self.reason}) END"
        )


def first_problem(findings: Sequence[Finding]) -> Column:
    """The first finding that holds, as a struct; null for a row without any."""
    nothing = expr(f"CAST(NULL AS struct<{PROBLEM}>)")
    return coalesce(*(finding.problem() for finding in findings), nothing)


def column_findings(
    spec: CleanSpec, delivered: Mapping[str, Delivered], *, is_delete: str
) -> list[Finding]:
    """What can be wrong with the values of one row, column by column.

    Expects the typed columns beside the delivered ones. `is_delete` is SQL.
    """
    findings = []
    for column in spec.columns:
        found: list[Finding] = []
        where = delivered.get(column.source_name)
        if where is not None:
            if column.type != "string":
                found.append(_type_finding(column.name, column.type, where))
            if column.allowed is not None:
                found.append(_allowed_finding(column, column.allowed))
        if not column.nullable or column.name in spec.key:
            missing = f"{named(column.name)} IS NULL"
            found.append(
                Finding(missing, column.name, REQUIRED, quoted("expected a value, found none"))
            )
        if column.name not in spec.key:
            found = [
                replace(each, condition=f"({each.condition}) AND NOT ({is_delete})")
                for each in found
            ]
        findings += found
    return findings


def change_findings(spec: CleanSpec, delivered: Mapping[str, Delivered]) -> list[Finding]:
    """What can be wrong with the columns that say what kind of change a row is, and when."""
    findings = []
    if spec.operation_column in delivered:
        expected = ", ".join(map(quoted, OPERATIONS))
        findings.append(
            Finding(
                f"_operation NOT IN ({expected})",
                spec.operation_column,
                OPERATION,
                f"concat('expected I, U or D, found ', {_shown('_operation')})",
            )
        )
    if spec.commit_time_column in delivered:
        where = delivered[str(spec.commit_time_column)]
        finding = _type_finding("_committed_at", "timestamp", where)
        findings.append(Finding(finding.condition, spec.commit_time_column, TYPE, finding.reason))
    return findings


def rule_findings(rules: Sequence[DeclaredRule], *, is_delete: str) -> list[Finding]:
    """Where declared rules that do more than warn are broken."""
    return [
        Finding(
            f"NOT ({is_delete}) AND NOT ({rule.expression})",
            None,
            rule.name,
            quoted(f"expected {rule.expression}"),
        )
        for rule in rules
        if rule.action != "warn"
    ]


def is_warned(rule: DeclaredRule, *, is_delete: str) -> Column:
    """Whether a row without problems breaks a rule that only warns."""
    broken = f"NOT ({is_delete}) AND NOT ({rule.expression})"
    return expr(f"coalesce(_problem IS NULL AND {broken}, false)")


def _type_finding(name: str, wanted: str, where: Delivered) -> Finding:
    given = is_given(where.column, found=where.type, wanted=wanted)
    reason = f"concat({quoted(f'expected {wanted}, found ')}, {_shown(where.column)})"
    return Finding(f"{given} AND {named(name)} IS NULL", name, TYPE, reason)


def _allowed_finding(column: DeclaredColumn, allowed: Sequence[str]) -> Finding:
    found = named(column.name)
    if column.type != "string":
        found = f"CAST({found} AS string)"
    values = ", ".join(map(quoted, allowed)) or "NULL"
    listed = ", ".join(allowed)[:SHOWN_CHARACTERS]
    reason = f"concat({quoted(f'expected one of {listed}, found ')}, {_shown(named(column.name))})"
    return Finding(f"{found} NOT IN ({values})", column.name, ALLOWED, reason)


def _shown(column: str) -> str:
    """A value as a person may read it, cut."""
    return f"concat('\"', substring(CAST({column} AS string), 1, {SHOWN_CHARACTERS}), '\"')"
