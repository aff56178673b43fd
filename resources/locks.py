"""Locks in the ledger: one worker at a time on one thing, and none for ever.

    holding(ledger, "clean.shop.order", work=run_id, log=log)

Whoever finds a lock held waits, and says for whom. A holder that is surely gone (a process of this
machine that has ended) holds nothing. Any other shows that it lives by a beat that rises; one that
does not rise for a whole lease, by the watcher's own clock, is over. So no two machines' clocks are
ever compared.

The hazard is a holder that slept through its lease and wakes up: it believes that it still holds.
Every change of hands raises the lock's token, and the ledger that a holder is given refuses to
record anything once another token stands: the sleeper learns it at its next word.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from resources.errors import LockHeld, LockLost, Product360Error
from resources.owners import Owner, is_gone, this_process

if TYPE_CHECKING:
    from resources.ledger import Ledger

# A laptop's full disk or a slow network may keep a beat back for a while.
LEASE_SECONDS = 120.0
BEATS_IN_A_LEASE = 6
# As long as the longest step that anybody may be waiting for.
PATIENCE_SECONDS = 30 * 60.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Lock:
    """A lock that somebody holds.

    Attributes:
        name: what is locked, such as `clean.shop.order`.
        token: rises whenever the lock changes hands.
        beat: rises while its holder lives.
        since: when it was taken, by the taker's clock.
    """

    name: str
    token: int
    beat: int
    owner: Owner
    since: datetime


@contextmanager
def holding(
    ledger: Ledger,
    name: str,
    *,
    work: str,
    log: Callable[[str], None],
    patience_seconds: float = PATIENCE_SECONDS,
    lease_seconds: float = LEASE_SECONDS,
) -> Iterator[Ledger]:
    """Hold a lock, and give the ledger that records only while it is held.

    Args:
        ledger: where the lock stands.
        name: what is locked.
        work: who wants it, such as a run's id; others are told.
        log: is told who is waited for, and whose lock was recovered.
        patience_seconds: how long to wait for a living holder.
        lease_seconds: how long a holder may be silent.

    Raises:
        LockHeld: somebody held it all the time.
        LockLost: by the ledger given, when the lock has changed hands meanwhile.
    """
    lock = _take(ledger, name, this_process(work), log, patience_seconds, lease_seconds)
    over = threading.Event()
    beating = threading.Thread(
        target=_beat,
        args=(ledger, lock, over, lease_seconds / BEATS_IN_A_LEASE),
        name=f"lock {name}",
        daemon=True,
    )
    beating.start()
    try:
        yield ledger.under(lock)
    finally:
        over.set()
        beating.join()
        # What cannot be released beats no more; and no error of the work may be hidden by this one.
        with suppress(Product360Error):
            ledger.release_lock(lock)


def _take(
    ledger: Ledger,
    name: str,
    owner: Owner,
    log: Callable[[str], None],
    patience_seconds: float,
    lease_seconds: float,
) -> Lock:
    began, watched = time.monotonic(), _Watched(lease_seconds)
    while True:
        held = ledger.lock(name)
        over = None if held is None else watched.why_over(held)
        if held is None or over:
            # Another that waits may be faster; then it holds the lock, and the waiting goes on.
            with suppress(LockHeld):
                taken = ledger.take_lock(name, owner, over=held)
                if held is not None:
                    log(f"the lock of {name} is recovered: {held.owner} {over}")
                return taken
        elif time.monotonic() - began >= patience_seconds:
            raise lock_held(held)
        elif watched.is_new:
            log(f"waiting for {name}: {held.owner} holds it since {held.since:%H:%M:%S} UTC")
        time.sleep(min(_LOOK_SECONDS, lease_seconds / BEATS_IN_A_LEASE))


class _Watched:
    """Who is waited for, and since when nothing was heard of them."""

    def __init__(self, lease_seconds: float) -> None:
        self.is_new = False
        self._lease_seconds = lease_seconds
        self._heard: Lock | None = None
        self._heard_at = 0.0

    def why_over(self, held: Lock) -> str | None:
        """Why the lock is not held any more, in words; None while it may be."""
        self.is_new = self._heard is None or self._heard.token != held.token
        if held != self._heard:
            self._heard, self._heard_at = held, time.monotonic()
        if is_gone(held.owner):
            return "has ended"
        if time.monotonic() - self._heard_at >= self._lease_seconds:
            return f"was silent for {self._lease_seconds:g} s"
        return None


def _beat(ledger: Ledger, lock: Lock, over: threading.Event, every_seconds: float) -> None:
    while not over.wait(every_seconds):
        try:
            lock = ledger.renew_lock(lock)
        except LockLost:
            return
        except Product360Error:
            # A busy or full disk: the next beat may come through. If none does, the lease is over,
            # as it should be.
            continue


def lock_held(held: Lock) -> LockHeld:
    """The error for a lock that somebody else holds."""
    return LockHeld(
        f"the lock of {held.name}",
        found=f"it held by {held.owner} since {held.since:%Y-%m-%d %H:%M:%S} UTC",
        expected="it free: two at once would do the same work twice",
        next_move="wait until that has ended, or end it; a lock whose holder is gone is recovered "
        "by itself",
    )


def lock_lost(lock: Lock, now: Lock | None) -> LockLost:
    """The error for recording under a lock that has changed hands."""
    return LockLost(
        f"the lock of {lock.name}",
        found=f"it held by {now.owner}" if now is not None else "it held by nobody",
        expected=f"it still held by {lock.owner}: it was silent for too long, and was given up",
        next_move="run it again: it looks first at what was done meanwhile",
    )
