"""What the driver of a job run prints, from where the service leaves it in S3.

    <logs>/applications/<application>/jobs/<job run>/…/SPARK_DRIVER/stdout.gz, stderr.gz

The service replaces the objects as they grow, so each look tells only the lines that are new.

The hazard is an exception's message, which may quote a value of a row, and these lines end in a
log that many may read. Messages are withheld, as in the log of the local engine; the job's report
says what may be said, and who may see the rest reads it in the bucket.
"""

from __future__ import annotations

import gzip
import io
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice

from resources.errors import ObjectChanged, ObjectMissing
from resources.objects import ObjectStore
from resources.withheld import without_values

DRIVER = "/SPARK_DRIVER/"
# Of one log; a job that prints more is read where its logs are.
MOST_LINES = 500


class DriverLogs:
    """The lines of one job run that were not told yet."""

    def __init__(self, store: ObjectStore, prefix: str, log: Callable[[str], None]) -> None:
        self._store = store
        self._prefix = prefix
        self._log = log
        self._seen: dict[str, str] = {}
        self._told: dict[str, int] = {}

    def look(self) -> None:
        """Tell what is new."""
        for info in self._store.list(self._prefix):
            is_told = self._told.get(info.key, 0) > MOST_LINES
            if DRIVER in info.key and not is_told and self._seen.get(info.key) != info.etag:
                # It may be replaced between listing and reading; the next look finds it.
                with suppress(ObjectMissing, ObjectChanged, EOFError, OSError, zlib.error):
                    self._tell(info.key, self._first_lines(info.key))
                    self._seen[info.key] = info.etag

    def look_until(self, ended: threading.Event, every_seconds: float) -> None:
        """Look again and again, whatever goes wrong: the next look may go well."""
        while not ended.wait(every_seconds):
            with suppress(Exception):
                self.look()

    def _first_lines(self, key: str) -> list[str]:
        """As many lines as may be told, and one more, with their ends."""
        packed = io.BytesIO(self._store.read(key))
        # Only this ends a line: a message may hold what Python takes for an end as well.
        with gzip.open(packed, "rt", encoding="utf-8", errors="replace", newline="\n") as text:
            return list(islice(text, MOST_LINES + 1))

    def _tell(self, key: str, lines: list[str]) -> None:
        name = key.rpartition("/")[2].removesuffix(".gz")
        told = self._told.get(key, 0)
        for line in lines[told:MOST_LINES]:
            self._log(f"{name}: {without_values(line.rstrip())}")
        if told <= MOST_LINES < len(lines):
            self._log(
                f"{name}: more than {MOST_LINES} lines; the rest is in {self._store.uri}/{key}"
            )
        # One without its end was still being written: it is told again, as a whole.
        whole = sum(line.endswith("\n") for line in lines)
        self._told[key] = len(lines) if len(lines) > MOST_LINES else max(told, whole)


@contextmanager
def driver_logs(
    store: ObjectStore, prefix: str, log: Callable[[str], None], every_seconds: float
) -> Iterator[None]:
    """Tell the driver's lines while the block runs, and what is left of them after it.

    Args:
        store: the bucket of the logs.
        prefix: where the service leaves those of the job run.
        log: is told every line, while the job runs, from another thread.
        every_seconds: the pause between two looks, each of which is a listing.
    """
    logs, ended = DriverLogs(store, prefix, log), threading.Event()
    follower = threading.Thread(
        target=logs.look_until, args=(ended, every_seconds), name="job-logs", daemon=True
    )
    follower.start()
    try:
        yield
    finally:
        ended.set()
        follower.join()
        # A job that failed is told of whatever the state of its logs.
        with suppress(Exception):
            logs.look()
