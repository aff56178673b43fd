"""How a job tells its runner what it did: small JSON files under one URI.

They are written with the session's own writer, so that `file://` and `s3://` are one code and a
cluster needs nothing but Spark. Each event is its own folder: events of one attempt sort by name
in the order in which they were reported. A job that reports no results counts as failed, so an
empty list must be reported as such.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from spark.errors import frames_of, reason_of
from spark.failures import JobError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RESULT_FIELDS = (
    "dataset",
    "batch_id",
    "rows_in",
    "rows_out",
    "rows_quarantined",
    "files",
    "bytes",
    "location",
    "details",
)
COUNTERS = ("rows_in", "rows_out", "rows_quarantined", "files", "bytes")


class Report:
    """The events of one attempt of one job, written under `uri` as `<number>-<kind>/part-*`."""

    def __init__(self, session: SparkSession, uri: str) -> None:
        self._session = session
        self._uri = uri.rstrip("/")
        self._count = 0

    def started(self, job: str) -> None:
        """Say that the job has a session and begins."""
        self._write("started", {"job": job})

    def progress(self, message: str) -> None:
        """Say one sentence about where the job is; shown in the run's log."""
        self._write("progress", {"message": message})

    def results(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Report what was done, once, at the end.

        Each result has exactly the keys of `RESULT_FIELDS`; counters are integers of any kind (an
        engine may count in numpy integers), `details` maps strings to anything that reads well as
        a string.
        """
        self._write("results", {"results": [_plain(result) for result in results]})

    def failed(self, message: str, *, frames: str = "", retryable: bool = False) -> None:
        """Report the reason of a failure in a sentence, and the Python frames that led to it.

        `retryable` says that the same job may succeed later without anybody acting.
        """
        self._write("failed", {"message": message, "frames": frames, "retryable": retryable})

    @contextmanager
    def of_failures(self) -> Iterator[None]:
        """Report what the block raises, and raise it."""
        try:
            yield
        except Exception as error:
            # The engine itself may be what failed; then only the exception tells.
            with suppress(Exception):
                self.failed(
                    reason_of(error),
                    frames=frames_of(error),
                    retryable=isinstance(error, JobError) and error.retryable,
                )
            raise

    def _write(self, kind: str, payload: Mapping[str, Any]) -> None:
        self._count += 1
        line = json.dumps({"event": kind, **payload}, ensure_ascii=True, sort_keys=True)
        folder = f"{self._uri}/{self._count:06d}-{kind}"
        event = self._session.sql("SELECT :line AS value", args={"line": line})
        event.write.mode("overwrite").text(folder)


def _plain(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result as JSON can hold it; complains about a key too many or too few."""
    if set(result) != set(RESULT_FIELDS):
        raise ValueError(
            f"a result has the fields {sorted(result)}; expected exactly {sorted(RESULT_FIELDS)}"
        )
    plain = dict(result)
    plain.update({name: int(result[name]) for name in COUNTERS})
    plain["details"] = {str(key): str(value) for key, value in result["details"].items()}
    return plain
