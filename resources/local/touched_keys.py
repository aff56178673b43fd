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
    Begin,
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
    """The touched keys of one table, handed on as texts, some thousands at a time.

    Args:
        key: the columns of the key.
        loaded: where in the log the table was loaded; earlier changes are in its load.
        hand_on: what takes the keys.
    """

    def __init__(
        self, key: tuple[str, ...], *, loaded: int, hand_on: Callable[[list[Key]], None]
    ) -> None:
        self.loaded = loaded
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

    def take(self, event: Truncate | Insert | Update | Delete) -> None:
        """One change."""
        if isinstance(event, Truncate):
            self.everything = True
        elif isinstance(event, Insert):
            self._touch(event.new)
        elif isinstance(event, Delete):
            self._touch(event.old)
        else:
            self._touch(event.new)
            if event.old is not None:
                self._touch(event.old)
        if len(self._keys) >= _KEYS_AT_ONCE:
            self.finish()

    def _touch(self, row: Row) -> None:
        values = [row[place] for place in self._places]
        key = tuple(value.decode() for value in values if isinstance(value, bytes))
        if len(key) == len(self._key):
            self._keys.append(key)
        else:
            self.everything = True

    def finish(self) -> None:
        """Hand on what is left."""
        if self._keys:
            self._hand_on(self._keys)
            self._keys = []


def read_touched(
    messages: Iterator[bytes], tables: Mapping[int, TouchedKeys], *, until: int
) -> None:
    """Read messages up to that place of the log, and tell the tables, by object id."""
    committed = 0
    for data in messages:
        event = event_of(data)
        if isinstance(event, Begin):
            committed = event.commit_lsn
        elif isinstance(event, Commit):
            if event.end_lsn >= until:
                break
        elif isinstance(event, Relation):
            if event.oid in tables:
                tables[event.oid].describe(event)
        elif isinstance(event, Truncate | Insert | Update | Delete):
            for oid in event.oids if isinstance(event, Truncate) else (event.oid,):
                if oid in tables and tables[oid].loaded <= committed:
                    tables[oid].take(event)
    for table in tables.values():
        table.finish()
