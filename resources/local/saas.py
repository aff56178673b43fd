"""Pulls from HTTP APIs into files shaped as AWS AppFlow writes them: JSON lines by execution.

Records go to disk page by page; memory holds one page, whatever the pull's length. The execution's
record is begun before the first request and ended after the last file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from resources.local.saas_api import SaasApi
from resources.local.saas_executions import ExecutionRecord, execution_record
from resources.local.saas_fields import FieldsSeen
from resources.saas import Execution, PullReport, PullRequest, SaasResource

if TYPE_CHECKING:
    from resources.objects import ObjectStore


@dataclass
class _Progress:
    """What a pull has done so far; `rows` are in finished files, `records` were read."""

    records: int = 0
    rows: int = 0
    files: int = 0
    bytes: int = 0
    fields: FieldsSeen = field(default_factory=FieldsSeen)

    def seen(self, pages: Iterable[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
        """The records of the pages, each looked at."""
        for page in pages:
            self.fields.add(page)
            self.records += len(page)
            yield from page


class LocalSaas(SaasResource):
    """Reads any service that speaks the protocol of `resources.local.saas_api`.

    Attributes:
        page_size: records to ask for in one request.
        records_per_file: records in a file at most.
        timeout_seconds: how long a service may be silent within one answer.
        patience_seconds: how long to wait in all, for one page, while the service fails or says
            "wait".
        deadline_seconds: how long one execution may take in all.
    """

    page_size: int = 5_000
    records_per_file: int = 100_000
    timeout_seconds: float = 30.0
    patience_seconds: float = 120.0
    deadline_seconds: float = 4 * 3_600.0

    def clock(self, connection: Mapping[str, str]) -> datetime:
        """The source's declared clock, or its own time."""
        if declared := connection.get("clock"):
            return datetime.fromisoformat(declared).astimezone(UTC)
        with self._api(connection) as api:
            return api.clock()

    def pull(
        self,
        request: PullRequest,
        *,
        connection: Mapping[str, str],
        landing: ObjectStore,
        log: Callable[[str], None],
    ) -> PullReport:
        """Write the records that are asked for and return what was written."""
        record = ExecutionRecord(request, landing)
        done = _Progress()
        try:
            report = self._pull(request, done, connection, landing)
        except Exception as error:
            record.fail(str(error), records=done.records)
            raise
        record.succeed(report)
        log(f"{request.object_name}: {report.rows} records in {report.requests} requests")
        return report

    def execution(self, request: PullRequest, *, landing: ObjectStore) -> Execution | None:
        """The record of the request's execution; None for one that never began."""
        return execution_record(request, landing)

    def _pull(
        self,
        request: PullRequest,
        done: _Progress,
        connection: Mapping[str, str],
        landing: ObjectStore,
    ) -> PullReport:
        with self._api(connection) as api, TemporaryDirectory(prefix="pull-") as scratch:
            records = done.seen(api.pages(request, page_size=self.page_size))
            path = Path(scratch) / "part.json"
            for count in _files(records, path, records_per_file=self.records_per_file):
                done.files, done.rows = done.files + 1, done.rows + count
                name = f"{request.object_name}-{request.modified_until:%Y-%m-%dT%H%M%SZ}"
                key = f"{request.prefix}{name}-{done.files}.json"
                done.bytes += landing.put_file(key, path).size
            return PullReport(
                request.prefix,
                rows=done.rows,
                files=done.files,
                bytes=done.bytes,
                requests=api.requests,
                waits=api.waits,
                fields=done.fields.types(),
            )

    def _api(self, connection: Mapping[str, str]) -> SaasApi:
        return SaasApi(
            connection,
            timeout_seconds=self.timeout_seconds,
            patience_seconds=self.patience_seconds,
            deadline_seconds=self.deadline_seconds,
        )


def _files(
    records: Iterable[dict[str, Any]], path: Path, *, records_per_file: int
) -> Iterator[int]:
    """Write the records to `path`, one file after the other; yield the records in each."""
    remaining = iter(records)
    while True:
        count = 0
        with path.open("w", encoding="utf-8") as file:
            for record in islice(remaining, records_per_file):
                file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
                count += 1
        if count == 0:
            return
        yield count
