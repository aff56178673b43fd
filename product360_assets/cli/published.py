"""Published tables as people name them: with their zone, or without it."""

from __future__ import annotations

from collections.abc import Sequence

from resources.errors import TableMissing


def identifiers_of(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """The tables of these names, as `zone.table`; all that are known where none is named.

    Raises:
        TableMissing: no table, or several, of that name.
    """
    return [_identifier(name, known) for name in names] or list(known)


def _identifier(name: str, known: Sequence[str]) -> str:
    found = [each for each in known if name in (each, each.rpartition(".")[2])]
    if len(found) == 1:
        return found[0]
    raise TableMissing(
        f"table {name}",
        found=f"{len(found)} of that name in the catalog",
        expected=f"one of {', '.join(known) or 'no table: none is published yet'}",
        next_move="correct the name, or put the zone before it",
    )
