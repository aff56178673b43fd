"""The registry: which contract of each source is in force, every one before it, and its switches.

Git is where a contract is written; the registry is where a run finds it. Versions are numbered from
1, without gaps, and never change. Switches are what an operator turns while everything runs. Two
implementations behave alike: SQLite (`resources.local.registry`) and DynamoDB
(`resources.dynamodb_registry`); one behaviour suite holds for both.

The hazard: two people publish at once, and the second never saw what the first did. So a writer
says which version it has seen; one that was overtaken gets an error and never a silent overwrite.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import dagster as dg

from resources.errors import RegistryConflict


@dataclass(frozen=True)
class Published:
    """One version of one source's contract.

    Attributes:
        version: from 1.
        document: the contract as JSON can say it.
        digest: of the document; equal contracts have equal digests.
        published_at: UTC.
        published_by: who, or which part of the platform.
        note: why.
    """

    source: str
    version: int
    document: Mapping[str, Any]
    digest: str
    published_at: datetime
    published_by: str
    note: str


@dataclass(frozen=True)
class Switches:
    """What an operator has switched for a source; `version` 0 is a source nobody ever switched."""

    paused: bool
    reason: str
    version: int
    changed_at: datetime | None = None
    changed_by: str = ""


NEVER_SWITCHED = Switches(paused=False, reason="", version=0)


class Registry(Protocol):
    """What every registry does. All methods are safe to call from several processes at once."""

    def latest(self, source: str) -> Published | None:
        """The version in force; None when none was ever published."""

    def version(self, source: str, number: int) -> Published | None:
        """One version; None when there is no such number."""

    def versions(self, source: str) -> list[Published]:
        """Every version of a source, from the first."""

    def publish(
        self, source: str, document: Mapping[str, Any], *, expected: int | None, note: str, by: str
    ) -> Published:
        """Make a document the next version, if `expected` is the latest (None: there is none).

        Publishing what the latest version says already, to the letter, changes nothing.

        Raises:
            RegistryConflict: another version is the latest.
        """

    def switches(self, source: str) -> Switches:
        """How the source is switched now."""

    def set_switch(
        self, source: str, *, paused: bool, reason: str, expected: int, by: str
    ) -> Switches:
        """Switch a source, if its switches still are at version `expected`.

        Raises:
            RegistryConflict: somebody switched it meanwhile.
        """


class RegistryResource(dg.ConfigurableResource[Any], ABC):
    """Opens the registry of the chosen environment."""

    @abstractmethod
    def open(self) -> Registry:
        """The registry, ready to use. Costs a file handle or an SDK client."""


def document_digest(document: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits that are equal exactly when the documents are."""
    return hashlib.sha256(_canonical(document).encode()).hexdigest()[:16]


def following(
    latest: Published | None, source: str, document: Mapping[str, Any], *, note: str, by: str
) -> Published:
    """The version that comes after `latest`, published now."""
    return Published(
        source=source,
        version=1 if latest is None else latest.version + 1,
        document=document,
        digest=document_digest(document),
        published_at=datetime.now(UTC),
        published_by=by,
        note=note,
    )


def published_record(published: Published) -> str:
    """A version as canonical JSON."""
    return _canonical({**vars(published), "published_at": published.published_at.isoformat()})


def published_of(record: str) -> Published:
    """The version that a record states."""
    fields = json.loads(record)
    return Published(**{**fields, "published_at": datetime.fromisoformat(fields["published_at"])})


def switches_record(switches: Switches) -> str:
    """Switches as canonical JSON."""
    at = switches.changed_at
    return _canonical({**vars(switches), "changed_at": None if at is None else at.isoformat()})


def switches_of(record: str | None) -> Switches:
    """The switches that a record states; without one, nothing was ever switched."""
    if record is None:
        return NEVER_SWITCHED
    fields = json.loads(record)
    at = fields["changed_at"]
    return Switches(**{**fields, "changed_at": None if at is None else datetime.fromisoformat(at)})


def overtaken(source: str, *, expected: int | None, latest: Published | None) -> RegistryConflict:
    """The error for publishing after a version that is not the latest."""
    return RegistryConflict(
        f"contract of source {source}",
        found=(
            "no version at all"
            if latest is None
            else f"version {latest.version}, published {latest.published_at:%Y-%m-%d %H:%M} UTC "
            f"by {latest.published_by}"
        ),
        expected="no version yet" if expected is None else f"version {expected} as the latest",
        next_move=f"see what it says (product360 registry diff {source}), then publish again",
    )


def no_version(source: str, number: int | None, known: Sequence[Published]) -> RegistryConflict:
    """The error for a version that there is not; without a number, for a source without any."""
    return RegistryConflict(
        f"contract of source {source}",
        found=f"versions 1 to {known[-1].version}" if known else "no version at all",
        expected="a published version" if number is None else f"a version {number}",
        next_move="product360 registry show lists the sources and what is in force",
    )


def switched_meanwhile(source: str, *, expected: int, found: Switches) -> RegistryConflict:
    """The error for switching what somebody else has switched."""
    return RegistryConflict(
        f"switches of source {source}",
        found=f"version {found.version} of them, by {found.changed_by or 'nobody'}",
        expected=f"version {expected}",
        next_move=f"see how it is switched now (product360 registry show {source}), then decide",
    )


def _canonical(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
