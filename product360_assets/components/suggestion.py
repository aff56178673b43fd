"""Proposes a source's YAML from what its data looks like: valid at once, for a person to finish.

Everything that a sample cannot know is marked TODO: what things mean, who owns them, how often they
come. The hazard is a proposal that is believed: so every guess stands beside its reason, and rules
that were only guessed warn and set nothing aside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from product360_assets.components.guesses import (
    allowed_of,
    is_amount,
    key_of,
    order_of,
    personal,
)
from product360_assets.core.contract import SourceKind
from product360_assets.core.evolution import column_name
from product360_assets.core.mistakes import COMPONENT
from resources.errors import SourceRejected
from resources.profiles import ColumnProfile, TableProfile
from resources.replication import CHANGE_SEQUENCE, COMMIT_TIME, OPERATION

# What delivery adds to a table's own columns is no column of the source.
_ADDED = frozenset({OPERATION, COMMIT_TIME, CHANGE_SEQUENCE})

# Words of SQL that are names of columns as well; of those in quotes, both engines think alike.
_RESERVED = re.compile(
    "all|and|any|as|between|by|case|cast|check|column|cross|current|date|day|distinct|else|end|"
    "fetch|for|from|full|group|having|hour|in|interval|into|is|join|left|like|limit|minute|month|"
    "not|null|offset|on|or|order|right|second|select|set|table|then|time|to|union|unique|user|"
    "using|values|when|where|window|with|year"
)


@dataclass(frozen=True)
class Suggested:
    """What the proposal is of, beside its profile.

    Attributes:
        source: the system's name here.
        table: the table's name here.
        source_name: where the table is at the source, where that is not its name.
        connection: name of the secret that holds the connection; never the connection.
    """

    source: str
    table: str
    kind: SourceKind
    source_name: str | None = None
    connection: str | None = None


def suggestion(suggested: Suggested, profile: TableProfile) -> str:
    """The YAML of a source with the one table that was looked at.

    Raises:
        SourceRejected: nothing there that a contract could declare.
    """
    columns = [column for column in profile.columns if column.name not in _ADDED]
    if not columns:
        raise SourceRejected(
            f"table {suggested.table}",
            found="no column of a plain type",
            expected="one at least",
            next_move="have nested values delivered as columns of their own",
        )
    return "\n".join(
        [*_source_lines(suggested, profile), *_table_lines(suggested, profile, columns)]
    )


def _source_lines(suggested: Suggested, profile: TableProfile) -> Iterator[str]:
    of = "all" if profile.whole else "the first"
    yield f"# Proposed from {of} {profile.rows:,} rows; finish what says TODO. See docs/sources.md."
    yield f"type: {COMPONENT}"
    yield "attributes:"
    yield f"  name: {_scalar(suggested.source)}"
    yield f"  kind: {suggested.kind}"
    yield "  description: TODO what this system is, and who works with it."
    yield "  owners: [team:todo]"
    yield "  # In which its business days begin and end."
    yield "  time_zone: UTC"
    if suggested.connection:
        yield f"  connection: {_scalar(suggested.connection)}"


def _table_lines(
    suggested: Suggested, profile: TableProfile, columns: Sequence[ColumnProfile]
) -> Iterator[str]:
    names = _names(columns)
    yield "  tables:"
    yield f"    - name: {_scalar(suggested.table)}"
    if suggested.source_name and suggested.source_name != suggested.table:
        yield f"      source_name: {_scalar(suggested.source_name)}"
    yield "      description: TODO what one row of this table is."
    yield f"      format: {profile.format}"
    key = [name for name in key_of(profile) if name in names]
    yield from _key_lines(key, names, columns)
    order = order_of(profile)
    if order in names:
        yield f"      order: {_scalar(names[order])}"
    yield "      # TODO how often it comes, and after how many hours it is late."
    yield "      cadence: daily"
    yield "      freshness_hours: 36"
    yield "      drift: strict"
    yield "      unique:"
    yield "        action: quarantine"
    yield "        why: A key names one row."
    yield "      columns:"
    for column in columns:
        yield from _column_lines(
            column, names[column.name], profile.rows, in_key=column.name in key
        )
    for name, kind in profile.left_out.items():
        yield f"        # Left out: {_in_a_comment(name)}, of type {_in_a_comment(kind)}."
    yield from _rule_lines([c for c in columns if c.name not in key], names)


def _key_lines(
    key: Sequence[str], names: Mapping[str, str], columns: Sequence[ColumnProfile]
) -> Iterator[str]:
    if key:
        yield "      # Tells every row of the sample apart."
        yield f"      key: [{', '.join(_scalar(names[name]) for name in key)}]"
    else:
        yield "      # TODO no column or few of them tell the rows apart; this is the first column."
        yield f"      key: [{_scalar(names[columns[0].name])}]"


def _column_lines(column: ColumnProfile, name: str, rows: int, *, in_key: bool) -> Iterator[str]:
    yield f"        - name: {_scalar(name)}"
    if name != column.name:
        yield f"          source_name: {_scalar(column.name)}"
    yield f"          type: {column.type}"
    nullable = column.nulls > 0 if column.declared_nullable is None else column.declared_nullable
    if nullable and not in_key:
        yield f"          nullable: true  # {column.nulls:,} of {rows:,}"
    yield "          description: TODO what it means, and in which unit."
    if found := personal(column):
        yield f"          # Looks like {found.kind}."
        yield f"          sensitivity: {found.sensitivity}"
        # A key has to tell rows apart after the treatment as before it.
        yield f"          treatment: {'hash' if in_key else found.treatment}"
    elif allowed := allowed_of(column, rows):
        yield f"          allowed: [{', '.join(map(_scalar, allowed))}]"


def _rule_lines(columns: Sequence[ColumnProfile], names: Mapping[str, str]) -> Iterator[str]:
    amounts = [names[column.name] for column in columns if is_amount(column)]
    if not amounts:
        return
    yield "      rules:"
    for name in amounts:
        yield f"        - name: {name[:46]}_is_not_negative"
        yield f"          expression: {_scalar(f'{_in_sql(name)} >= 0')}"
        yield "          action: warn"
        yield "          why: No value of the sample is negative."


def _names(columns: Sequence[ColumnProfile]) -> dict[str, str]:
    """Names of ours by delivered name, each once."""
    names: dict[str, str] = {}
    for column in columns:
        names[column.name] = column_name(column.name, set(names.values()))
    return names


def _in_sql(name: str) -> str:
    return f"`{name}`" if _RESERVED.fullmatch(name) else name


def _scalar(text: str) -> str:
    """The text as YAML that reads as text again, on one line."""
    return yaml.safe_dump([text], default_flow_style=True, allow_unicode=True, width=2**30)[1:-2]


def _in_a_comment(text: str) -> str:
    return " ".join(text.split())[:80]
