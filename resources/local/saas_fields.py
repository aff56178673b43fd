"""Which fields the records of an execution have, and of which JSON types their values are.

Records of one object are mostly alike, so their shapes are counted and not their values: a look at
a record costs about as much as reading it. Types are all that is kept of a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_TYPES: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
}


class FieldsSeen:
    """The fields seen so far."""

    def __init__(self) -> None:
        self._types: dict[str, set[str]] = {}

    def add(self, records: Iterable[Mapping[str, Any]]) -> None:
        """See the records of one page."""
        shapes = {(tuple(record), tuple(map(type, record.values()))) for record in records}
        for names, kinds in shapes:
            for name, kind in zip(names, kinds, strict=True):
                # A field that is null has shown that it is there, and nothing of its type.
                types = self._types.setdefault(name, set())
                if kind in _TYPES:
                    types.add(_TYPES[kind])

    def types(self) -> dict[str, tuple[str, ...]]:
        """JSON types by field, both in the order of the alphabet."""
        return {name: tuple(sorted(types)) for name, types in sorted(self._types.items())}
