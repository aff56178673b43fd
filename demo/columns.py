"""Tables as frozen dataclasses of equally long numpy columns, and groups in sorted columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Columns = TypeVar("Columns", bound=DataclassInstance)

Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]


def taken(columns: Columns, chosen: Flags | Integers | slice) -> Columns:
    """The chosen rows of every column, in the order chosen."""
    return type(columns)(*(getattr(columns, field.name)[chosen] for field in fields(columns)))


def joined(parts: Sequence[Columns]) -> Columns:
    """The rows of all parts, one part after the other."""
    names = [field.name for field in fields(parts[0])]
    return type(parts[0])(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
    )


def starts(sorted_ids: Integers) -> Integers:
    """Where each run of equal ids begins."""
    changed = np.append(True, sorted_ids[1:] != sorted_ids[:-1])
    return np.flatnonzero(changed[: sorted_ids.size])


def run_lengths(run_starts: Integers, size: int) -> Integers:
    """How long each run is, of a column of that size."""
    return np.diff(np.append(run_starts, size))


def spread(counts: Integers) -> tuple[Integers, Integers]:
    """One row per counted thing: for [2, 0, 1] its owner [0, 0, 2] and its number [0, 1, 0]."""
    owner = np.repeat(np.arange(counts.size), counts)
    return owner, np.arange(owner.size) - np.repeat(np.cumsum(counts) - counts, counts)
