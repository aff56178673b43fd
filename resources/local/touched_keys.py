"""The rows that changed at the source while nothing has delivered that yet, by the source's log.

A busy source is always ahead of what was delivered. Its log says of which rows: they are pending,
and all others are the same at both moments.

The hazard: too few. Everything that was committed by the moment of the comparison must be read, and
a change that does not name its row makes the whole table pending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from resources.local.pgoutput import (
    Commit,
    Delete,
    Insert,
    Relation,
    Row,
    Truncate,
    Update,
    event_of,
)

_KEYS_AT_ONCE: Final = 10_000

Key = tuple[str, ...]


class TouchedKeys:
    """The touched keys of one table, handed on as texts, some thousands at a time."""

    def __init__(self, key: tuple[str, ...], hand_on: Callable[[list[Key]], None]) -> None:
        #: Whether any row may have changed.
        self.everything = False
        self._key = key
        self._hand_on = hand_on
        self._keys: list[Key] = []
        self._places: list[int] = []

    def describe(self, relation: Relation) -> None:
        """The table looks like this from here on."""
        names = [column.name for column in relation.columns]
        if any(name not in names for name in self._key):
            self.everything = True
        self._places = [names.index(name) for name in self._key if name in names]

    def touch(self, *rows: Row | None) -> None:
        """These are the rows of one change."""
        for row in rows:
            if row is None:
                continue
            values = [row[place] for place in self._places]
            key = tuple(value.decode() for value in values if isinstance(value, bytes))
            if len(key) == len(self._key):
                self._keys.append(key)
            else:
                self.everything = True
        if len(self._keys) >= _KEYS_AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Hand on what is left."""
        if self._keys:
            self._hand_on(self._keys)
            self._keys = []


def read_touched(
    messages: Iterator[bytes], tables: Mapping[int, TouchedKeys], *, until: int
) -> None:
    """Read messages up to that place of the log, and tell the tables, by object id."""
    for data in messages:
        event = event_of(data)
        if isinstance(event, Commit):
            if event.end_lsn >= until:
                break
        elif isinstance(event, Truncate):
            for oid in event.oids:
                if oid in tables:
                    tables[oid].everything = True
        elif isinstance(event, Relation | Insert | Update | Delete) and event.oid in tables:
            _tell(tables[event.oid], event)
    for table in tables.values():
        table.finish()


def _tell(table: TouchedKeys, event: Relation | Insert | Update | Delete) -> None:
    if isinstance(event, Relation):
        table.describe(event)
    elif isinstance(event, Insert):
        table.touch(event.new)
    elif isinstance(event, Delete):
        table.touch(event.old)
    else:
        table.touch(event.old, event.new)
