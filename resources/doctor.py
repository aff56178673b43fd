"""What `product360 doctor` does: small checks of one thing each, and what they found, with its fix.

    ok        as it should be
    warning   it works, with less than was promised
    failed    something that needs it will fail
    skipped   not looked at, and why: an earlier check failed, or we may not look

A check only looks: nothing is made, written, sent or started that outlives it. The hazard is a
check that says "ok" of what it could not see; what was not looked at is skipped, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from resources.errors import Product360Error

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What was found of one thing; all but an `ok` say what was expected and what to do."""

    thing: str
    state: State
    found: str
    expected: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Check:
    """One question about an environment.

    Attributes:
        name: known to other checks, and to readers.
        look: answers it; an error of ours is a finding too.
        needs: names of earlier checks without which this one means nothing.
    """

    name: str
    look: Callable[[], Iterable[Finding]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What the definitions ask of an environment.

    Attributes:
        secrets: references of connections.
        databases: those of them that lead to a database.
        namespaces: the databases of the catalog.
        streams: those that are read directly.
        keyed: whether a table is made clean with the ring of keys.
    """

    secrets: Sequence[str] = ()
    databases: Collection[str] = ()
    namespaces: Sequence[str] = ()
    streams: Sequence[str] = ()
    keyed: bool = False


def examine(checks: Iterable[Check]) -> Iterator[tuple[str, Finding]]:
    """Every finding with the name of its check, in their order."""
    unwell: dict[str, str] = {}
    for check in checks:
        found = _findings(check, unwell)
        if any(finding.state == "failed" for finding in found):
            unwell[check.name] = "failed"
        elif found and all(finding.state == "skipped" for finding in found):
            unwell[check.name] = "was skipped"
        yield from ((check.name, finding) for finding in found)


def _findings(check: Check, unwell: dict[str, str]) -> list[Finding]:
    for need in check.needs:
        if need in unwell:
            reason = f"not looked at, because the check {need!r} {unwell[need]}"
            return [Finding(check.name, "skipped", reason, "", f"see {need!r} first")]
    try:
        return list(check.look())
    except Product360Error as error:
        return [failure(error)]


def check(name: str, look: Callable[[], Iterable[Finding]], *needs: str) -> Check:
    """A check that needs others."""
    return Check(name, look, needs)


def ok(thing: str, found: str) -> Finding:
    """Something that is as it should be."""
    return Finding(thing, "ok", found)


def failure(error: Product360Error, state: State = "failed") -> Finding:
    """An error of ours as a finding."""
    return Finding(error.thing, state, error.found, error.expected, error.next_move)
