"""The book of alerts: signals become alerts, alerts become notices, notices are delivered.

The receivers of an alert hear when it opens, when it still stands a day later, and when it is over.
What is to be sent is stored with the alert before anything is sent, so a process may die anywhere:
receivers hear at least once, and tell repeats by the alert's id and change.

The hazard: two processes keep one book. Every change is made to the alert as it was read, and made
again when somebody else was faster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from resources.alerts import (
    Alert,
    AlertKind,
    AlertStore,
    Change,
    Notice,
    Signal,
    alert_document,
    alert_of,
)

# Signals that come again after a crash are known by their ids; so many are kept of one subject.
SIGNALS_KEPT = 200
FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
# About a day of trying.
TRIES = 30


@dataclass(frozen=True)
class AlertBook:
    """The alerts of an installation.

    Attributes:
        window: an alert that stands for longer is told again, and one that comes back within it
            is the same alert.
    """

    store: AlertStore
    window: timedelta

    def alerts(self) -> list[Alert]:
        """All of them, open and resolved, by kind and subject."""
        found = (alert_of(document) for document in self.store.all().values())
        return sorted(found, key=lambda alert: (alert.kind, alert.subject))

    def note(self, signal: Signal, receivers: Sequence[str]) -> Alert:
        """Count a signal towards its alert, opening one if there is none; a known signal is not."""
        opened = _opened(signal, tuple(receivers))

        def noted(found: Alert) -> Alert:
            if signal.signal_id in found.signals:
                return found
            return opened if self._is_over(found, signal) else self._counted(found, signal)

        key = _key(signal.kind, signal.subject)
        while (alert := self._amend(key, noted)) is None:
            if self.store.swap(key, alert_document(opened), expected=None):
                return opened
        return alert

    def resolve(self, kind: AlertKind, subject: str, *, at: datetime) -> Alert | None:
        """Close the alert of a subject that is well again; None when there never was one."""

        def resolved(found: Alert) -> Alert:
            if not found.is_open:
                return found
            over = replace(found, resolved_at=_text(at))
            return replace(over, notices=(*found.notices, *_notices("resolved", over, at)))

        return self._amend(_key(kind, subject), resolved)

    def deliver(
        self,
        send: Callable[[str, Alert, Change], None],
        *,
        now: datetime,
        failed: Callable[[str], None],
    ) -> int:
        """Send what is due; how much was delivered.

        A notice is put off before it is sent, so that nobody else sends it meanwhile, and whoever
        dies over it leaves it to be tried again.

        Args:
            send: delivers to the receiver of that name, or raises whatever it likes.
            now: the time.
            failed: is told which receiver could not be reached, and by what kind of error.
        """
        delivered = 0
        for alert in self.alerts():
            for notice in alert.notices:
                if notice.next_try_at > _text(now) or not self._put_off(alert, notice, now):
                    continue
                try:
                    send(notice.receiver, alert, notice.change)
                except Exception as error:  # noqa: BLE001 - no receiver may harm the platform
                    # Its text is not repeated: it may hold an address, and an address a secret.
                    failed(f"{notice.receiver}: {type(error).__name__}")
                    continue
                self._drop(alert, notice)
                delivered += 1
        return delivered

    def _is_over(self, found: Alert, signal: Signal) -> bool:
        """Whether the alert was resolved longer ago than the window."""
        if found.is_open:
            return False
        return datetime.fromisoformat(found.resolved_at) + self.window < signal.at

    def _counted(self, found: Alert, signal: Signal) -> Alert:
        again = replace(
            found,
            severity=signal.severity,
            owners=signal.owners,
            summary=signal.summary,
            facts=signal.facts,
            last_at=_text(signal.at),
            count=found.count + 1,
            resolved_at="",
            signals=(*found.signals, signal.signal_id)[-SIGNALS_KEPT:],
        )
        told_at = datetime.fromisoformat(found.notified_at)
        if found.is_open and told_at + self.window > signal.at:
            return again
        change: Change = "repeated" if found.is_open else "opened"
        told = replace(again, notified_at=_text(signal.at))
        return replace(told, notices=(*found.notices, *_notices(change, told, signal.at)))

    def _put_off(self, alert: Alert, notice: Notice, now: datetime) -> bool:
        """Whether this process is the one to send the notice now."""
        pause = min(FIRST_RETRY * 2**notice.tries, LONGEST_RETRY)
        later = replace(notice, tries=notice.tries + 1, next_try_at=_text(now + pause))
        mine = False

        def put_off(found: Alert) -> Alert:
            nonlocal mine
            mine = notice in found.notices
            left = (later if each == notice else each for each in found.notices)
            return replace(found, notices=tuple(each for each in left if each.tries <= TRIES))

        self._amend(_key(alert.kind, alert.subject), put_off)
        return mine and later.tries <= TRIES

    def _drop(self, alert: Alert, notice: Notice) -> None:
        sent = (notice.change, notice.receiver)

        def dropped(found: Alert) -> Alert:
            left = (each for each in found.notices if (each.change, each.receiver) != sent)
            return replace(found, notices=tuple(left))

        self._amend(_key(alert.kind, alert.subject), dropped)

    def _amend(self, key: str, change: Callable[[Alert], Alert]) -> Alert | None:
        """Change the alert of a key as it is stored; None when there is none."""
        while (stored := self.store.read(key)) is not None:
            before = alert_of(stored)
            after = change(before)
            if after == before or self.store.swap(key, alert_document(after), expected=stored):
                return after
        return None


def _opened(signal: Signal, receivers: tuple[str, ...]) -> Alert:
    at = _text(signal.at)
    alert = Alert(
        alert_id=_digest(signal.kind, signal.subject, signal.signal_id)[:16],
        kind=signal.kind,
        subject=signal.subject,
        severity=signal.severity,
        owners=signal.owners,
        summary=signal.summary,
        facts=signal.facts,
        opened_at=at,
        last_at=at,
        count=1,
        resolved_at="",
        notified_at=at,
        receivers=receivers,
        signals=(signal.signal_id,),
        notices=(),
    )
    return replace(alert, notices=tuple(_notices("opened", alert, signal.at)))


def _notices(change: Change, alert: Alert, at: datetime) -> list[Notice]:
    return [Notice(change, receiver, 0, _text(at)) for receiver in alert.receivers]


def _key(kind: AlertKind, subject: str) -> str:
    return _digest(kind, subject)[:32]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
