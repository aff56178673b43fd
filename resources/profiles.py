"""What data looks like: the facts from which a source contract can be proposed.

A profile is of a sample, and says so. It holds few values and only of columns with few of them, so
that it can be shown; what may be personal is decided from shares of patterns, never by quoting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class ColumnProfile:
    """One column of a sample.

    Attributes:
        name: as it is delivered.
        type: the type in which every value could be declared.
        nulls: rows without a value.
        distinct: different values.
        minimum: of numbers; None for all else.
        values: all values as text, sorted, where they are few; else empty.
        patterns: share of the values that look like an email address, a phone number …, by name.
        declared_nullable: whether the source says that it may be null; None where nobody says.
    """

    name: str
    type: str
    nulls: int
    distinct: int
    minimum: Decimal | None = None
    values: tuple[str, ...] = ()
    patterns: Mapping[str, float] = field(default_factory=dict)
    declared_nullable: bool | None = None


@dataclass(frozen=True)
class TableProfile:
    """A sample of one table.

    Attributes:
        format: how it is delivered: parquet, csv or json.
        rows: rows of the sample.
        whole: whether the sample is all there is.
        columns: in their order.
        keys: sets of columns that tell every row of the sample apart, the likeliest first.
        left_out: columns of values that no contract can declare, with their type.
    """

    format: str
    rows: int
    whole: bool
    columns: tuple[ColumnProfile, ...]
    keys: tuple[tuple[str, ...], ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
