"""Fields of a service's records from execution to execution: what appeared, vanished or changed.

A service adds a field in a release and tells nobody. Every execution therefore says which fields it
saw, of which JSON types, and carries on what the ones before had seen. The base line is the last
pull of everything; asking for a reload draws a new one.

The hazard: an execution without records shows no field, and says nothing about any.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal

Change = Literal["appeared", "vanished", "changed type"]


@dataclass(frozen=True)
class FieldSeen:
    """One field. Executions are named by their ids.

    Attributes:
        first: the execution that showed it first.
        types: each JSON type that it ever had, with the execution that showed it first.
        now: the types of the last execution that showed it.
        gone: the first execution with records that lacked it; None while it is there.
    """

    first: str
    types: Mapping[str, str]
    now: tuple[str, ...]
    gone: str | None = None


@dataclass(frozen=True)
class FieldChange:
    """One change of one field, since an execution; `types` are those that are new, or were."""

    field: str
    change: Change
    execution: str
    types: tuple[str, ...]

    def __str__(self) -> str:
        known = " or ".join(self.types) or "always null"
        return f"{self.field} {self.change} with execution {self.execution} ({known})"


@dataclass(frozen=True)
class FieldHistory:
    """What the executions since the base line showed of each field."""

    base_line: str
    fields: Mapping[str, FieldSeen]

    def document(self) -> str:
        """The history as text; equal histories, equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def changes(self) -> Iterator[FieldChange]:
        """Every change since the base line that still stands, field by field."""
        for name, seen in sorted(self.fields.items()):
            if seen.gone is not None:
                yield FieldChange(name, "vanished", seen.gone, seen.now)
            elif seen.first != self.base_line:
                yield FieldChange(name, "appeared", seen.first, seen.now)
            elif changed := _new_types(seen):
                yield FieldChange(name, "changed type", seen.types[changed[0]], changed)


def history_of(document: str | None) -> FieldHistory | None:
    """The history that a text states; None for none."""
    if document is None:
        return None
    stated = json.loads(document)
    fields = {
        name: FieldSeen(**{**seen, "now": tuple(seen["now"])})
        for name, seen in stated["fields"].items()
    }
    return FieldHistory(stated["base_line"], fields)


def continued(
    earlier: FieldHistory | None, execution: str, seen: Mapping[str, tuple[str, ...]]
) -> FieldHistory | None:
    """The history with one more execution, which showed these fields with these types.

    Args:
        earlier: None for the first execution, or to draw a new base line.
        execution: its id.
        seen: JSON types by field; nothing when there were no records.
    """
    if not seen:
        return earlier
    if earlier is None:
        return FieldHistory(execution, {name: _new(execution, seen[name]) for name in seen})
    fields = dict(earlier.fields)
    for name, before in earlier.fields.items():
        if name not in seen and before.gone is None:
            fields[name] = replace(before, gone=execution)
    for name, types in seen.items():
        fields[name] = _again(fields.get(name), execution, types)
    return FieldHistory(earlier.base_line, fields)


def unexplained(history: FieldHistory | None, declared: Collection[str]) -> list[FieldChange]:
    """Changes that a contract of these columns does not account for.

    What appeared may be declared by now; what vanished or changed matters only if it is declared.
    """
    if history is None:
        return []
    return [
        found
        for found in history.changes()
        if (found.field in declared) == (found.change != "appeared")
    ]


def _new(execution: str, types: tuple[str, ...]) -> FieldSeen:
    return FieldSeen(execution, dict.fromkeys(types, execution), types)


def _again(before: FieldSeen | None, execution: str, types: tuple[str, ...]) -> FieldSeen:
    if before is None:
        return _new(execution, types)
    known = {**dict.fromkeys(types, execution), **before.types}
    # A field that is always null shows no type, and keeps the one that it had.
    return FieldSeen(before.first, known, types or before.now)


def _new_types(seen: FieldSeen) -> tuple[str, ...]:
    """The types of now that the field did not have when it first had any."""
    at_first = min(seen.types.values(), default="")
    return tuple(kind for kind in seen.now if seen.types[kind] != at_first)
