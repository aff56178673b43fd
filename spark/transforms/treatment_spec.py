"""What is done to a column before it is written, as the `clean` job is told it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TREATMENTS = ("hash", "redact", "tokenise", "generalise", "drop")
KEYED = ("hash", "tokenise")


@dataclass(frozen=True)
class Treatment:
    """What is done to a column before it is written.

    Attributes:
        how: one of `TREATMENTS`.
        domain: hash and tokenise: what the key is derived for.
        replacement: redact: a text instead of null.
        period, bands, prefix, groups: generalise: exactly one of them. Bands are numbers as text.
    """

    how: str
    domain: str = ""
    replacement: str | None = None
    period: str | None = None
    bands: tuple[str, ...] = ()
    prefix: int | None = None
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class KeyReference:
    """Where the key of hashes and tokens is found, and which version of it; never the key."""

    uri: str
    version: str


def treatment_of(document: Mapping[str, Any] | None) -> Treatment | None:
    """The treatment that a column's document states; None for one that is kept."""
    if document is None:
        return None
    groups = document.get("groups") or {}
    return Treatment(
        how=document["how"],
        domain=document.get("domain") or "",
        replacement=document.get("replacement"),
        period=document.get("period"),
        bands=tuple(document.get("bands") or ()),
        prefix=document.get("prefix"),
        groups=tuple((name, tuple(values)) for name, values in groups.items()),
    )
