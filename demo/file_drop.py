"""How the company hands files over: written to an outbox, put into landing once, and remembered.

A delivery that was complete is never repeated, as a real sender would not; one that was cut short
is continued, because the same rows make the same bytes under the same keys. The hazard: a lake that
was removed while the company's folder stayed would stay empty, so a delivery of which landing holds
nothing at all counts as not made.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resources.errors import ObjectExists, ServiceUnavailable

if TYPE_CHECKING:
    from resources.objects import ObjectStore


@dataclass(frozen=True)
class Delivered:
    """What landing got under one prefix: files, rows in them, and their bytes."""

    prefix: str
    files: int
    rows: int
    size: int


@dataclass(frozen=True)
class Parcel:
    """One file to hand over."""

    key: str
    path: Path
    rows: int


class FileDrop:
    """Puts files into landing, and keeps a record of finished deliveries in the outbox's folder."""

    def __init__(self, landing: ObjectStore, outbox: Path) -> None:
        self.outbox = outbox
        self._landing = landing
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Have deliveries that are under way, in other threads, end after the file at hand."""
        self._cancelled.set()

    def delivered(self, prefix: str) -> Delivered | None:
        """The finished delivery under this prefix, if there was one and landing still shows it."""
        record = self._record(prefix)
        if not record.is_file() or next(self._landing.list(prefix), None) is None:
            return None
        return Delivered(**json.loads(record.read_text(encoding="utf-8")))

    def deliver(self, prefix: str, parcels: Iterable[Parcel]) -> Delivered:
        """Put every parcel under its key, drop the outbox's copy, and record the whole.

        A key that landing already holds is left as it is.

        Raises:
            ServiceUnavailable: the company is being stopped.
        """
        self.outbox.mkdir(parents=True, exist_ok=True)
        files = rows = size = 0
        for parcel in parcels:
            if self._cancelled.is_set():
                raise _cut_short(prefix)
            files, rows = files + 1, rows + parcel.rows
            size += parcel.path.stat().st_size
            with suppress(ObjectExists):
                self._landing.put_file(parcel.key, parcel.path)
            parcel.path.unlink()
        finished = Delivered(prefix, files, rows, size)
        self._record(prefix).write_text(json.dumps(asdict(finished)), encoding="utf-8")
        return finished

    def _record(self, prefix: str) -> Path:
        return self.outbox / f"{prefix.strip('/').replace('/', '.')}.json"


def _cut_short(prefix: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"delivery of {prefix}",
        found="a company that is being stopped",
        expected="time to deliver everything",
        next_move="start the company again; the delivery goes on where it was cut",
    )
