"""Alerts: one for each thing that is wrong, however often that is seen, and word of it to people.

A signal is one sighting: a failed run, a failed check. Signals of one kind about one subject are
one alert, with a count (`resources.alert_book`). Alerts are kept as documents in a store: SQLite
(`resources.local.alerts`) or DynamoDB (`resources.dynamodb_alerts`), which behave alike.

The hazard: whoever receives alerts is outside. A signal carries names and numbers of the platform's
own, never a value of the data, a text of an error or a secret.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import dagster as dg

AlertKind = Literal["failed_run", "failed_check", "stale_source", "ageing_quarantine"]
Severity = Literal["warning", "error"]
Change = Literal["opened", "repeated", "resolved"]


@dataclass(frozen=True)
class Signal:
    """One sighting of something wrong.

    Attributes:
        signal_id: the same for the same sighting, however often it is reported.
        subject: what is wrong, by a name of the platform's own.
        facts: names and numbers; see the hazard above.
    """

    signal_id: str
    kind: AlertKind
    subject: str
    severity: Severity
    owners: tuple[str, ...]
    at: datetime
    summary: str
    facts: Mapping[str, str | int]


@dataclass(frozen=True)
class Notice:
    """Word of an alert's change to one receiver, not delivered yet; times are ISO, in UTC."""

    change: Change
    receiver: str
    tries: int
    next_try_at: str


@dataclass(frozen=True)
class Alert:
    """What is wrong with one subject, or was; times are ISO, in UTC.

    Attributes:
        count: how many signals there were of it.
        resolved_at: when it was seen to be well again; "" while it is open.
        notified_at: when receivers were told last that it stands.
        signals: ids of the last signals.
        notices: what is still to be delivered.
    """

    alert_id: str
    kind: AlertKind
    subject: str
    severity: Severity
    owners: tuple[str, ...]
    summary: str
    facts: Mapping[str, str | int]
    opened_at: str
    last_at: str
    count: int
    resolved_at: str
    notified_at: str
    receivers: tuple[str, ...]
    signals: tuple[str, ...]
    notices: tuple[Notice, ...]

    @property
    def is_open(self) -> bool:
        """Whether the subject is still wrong, as far as anybody knows."""
        return not self.resolved_at


class AlertStore(Protocol):
    """Documents by key, each replaced only by whoever knows what it replaces."""

    def read(self, key: str) -> str | None:
        """The document of a key."""

    def swap(self, key: str, document: str, *, expected: str | None) -> bool:
        """Replace the document if it still is `expected`; whether that was done."""

    def all(self) -> dict[str, str]:
        """Every document by key."""


class AlertStoreResource(dg.ConfigurableResource[Any], ABC):
    """Opens the store of alerts of the chosen environment."""

    @abstractmethod
    def open(self) -> AlertStore:
        """The store, ready to use."""


def alert_of(document: str) -> Alert:
    """The alert that a stored document holds."""
    said = json.loads(document)
    for name in ("owners", "receivers", "signals"):
        said[name] = tuple(said[name])
    said["notices"] = tuple(Notice(**notice) for notice in said["notices"])
    return Alert(**said)


def alert_document(alert: Alert) -> str:
    """The alert as it is stored; the same alert, the same text."""
    return json.dumps(asdict(alert), sort_keys=True)
