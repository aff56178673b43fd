"""The process in which a stream goes on: it works while somebody wants it, and not a minute longer.

    python -m product360_assets.automation.stream_process

The sensor that starts it renews a wish, a small file, at every look. The process ends when the wish
was not renewed for a while, whatever became of the sensor: turned off, its daemon killed, the
machine asleep. It also ends by itself after some hours, so that nothing grows for ever; the next
look starts another.

The hazard is two of them. Each holds the stream's lock in the ledger for its whole life; a second
one is refused, and one that was killed is found to be gone by its process id on this
machine, and by its silence on another.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from product360_assets.curated.click_stream import NAME, StreamedClicks, time_zone
from resources.errors import AuditFailed
from resources.jobs import JobRequest
from resources.locks import LEASE_SECONDS as LOCK_LEASE_SECONDS
from resources.locks import holding
from resources.streams import STREAM_JOB

if TYPE_CHECKING:
    from resources.catalog import CatalogResource
    from resources.jobs import JobRunner
    from resources.ledger import LedgerResource
    from resources.objects import LakeResource
    from resources.registry import RegistryResource
    from resources.warehouse import WarehouseResource

LOCK = f"stream.{NAME}"
LOOK_SECONDS = 1.0
# Three looks of the sensor, and one more for a busy laptop.
LEASE_SECONDS = 120.0
LONGEST_LIFE_SECONDS = 6 * 3600.0
# Long enough to see that a holder of another machine has been silent for its lease.
PATIENCE_SECONDS = 1.25 * LOCK_LEASE_SECONDS


class Wish:
    """Whether somebody still wants the stream, by a file that is renewed.

    Compared by the reader's own clock: what counts is how long the file has not changed.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / "streams" / f"{NAME}.wanted"
        self._seen = ""
        self._seen_at = time.monotonic()

    def renew(self) -> None:
        """Want the stream for another lease."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(f"{time.time_ns()}\n")

    def withdraw(self) -> None:
        """Want it no more, from now on."""
        self.path.unlink(missing_ok=True)

    def holds(self, lease_seconds: float) -> bool:
        """Whether it was renewed within the lease."""
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return False
        if text != self._seen:
            self._seen, self._seen_at = text, time.monotonic()
        # It is empty while somebody renews it.
        return time.monotonic() - self._seen_at < lease_seconds


def serve(
    *, lease_seconds: float = LEASE_SECONDS, life_seconds: float = LONGEST_LIFE_SECONDS
) -> None:
    """Take in what becomes clean, until nobody wants it any more.

    Raises:
        LockHeld: another process does so already.
        JobFailed: the stream's job ended; nothing is lost, and the next start goes on.
    """
    from resources.environments import platform_resources, settings

    chosen = settings()
    resources = platform_resources(chosen)
    ledger = cast("LedgerResource", resources["ledger"]).open()
    runner = cast("JobRunner", resources["runner"])
    wish = Wish(chosen.home)
    ends_at = time.monotonic() + life_seconds
    request = JobRequest(STREAM_JOB, NAME, spec={}, streams=True)
    with (
        holding(ledger, LOCK, work="a stream", log=_say, patience_seconds=PATIENCE_SECONDS),
        runner.streaming(request, log=_say) as listening,
    ):
        stream = StreamedClicks(
            ledger,
            cast("CatalogResource", resources["catalog"]),
            cast("WarehouseResource", resources["warehouse"]),
            cast("LakeResource", resources["lake"]),
            listening,
            time_zone(cast("RegistryResource", resources["registry"])),
            _say,
            "stream",
        )
        follow(stream, lambda: wish.holds(lease_seconds) and time.monotonic() < ends_at)
    _say("the stream has ended")


def follow(stream: StreamedClicks, is_wanted: Callable[[], bool]) -> None:
    """Take in whatever waits, again and again, while it is wanted.

    What an audit has refused is not tried again before anything else has changed.
    """
    tried: tuple[object, ...] = ()
    while is_wanted():
        # As it is before the attempt: what becomes clean meanwhile is something else again.
        if stream.is_behind() and (found := stream.state()) != tried:
            tried = found
            try:
                taken = stream.take_in()
                _say(f"{taken.outcome}: {len(taken.batch_ids)} batches, {taken.rows} rows")
            except AuditFailed as refusal:
                _say(str(refusal))
        time.sleep(LOOK_SECONDS)


def _say(message: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {message}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    # Ended in good order, so that its engine ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    serve()
