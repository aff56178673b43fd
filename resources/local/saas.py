"""Pulls from HTTP APIs into files shaped as AWS AppFlow writes them: JSON lines by execution.

Records go to disk page by page; memory holds one page, whatever the pull's length.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from resources.local.saas_api import SaasApi
from resources.saas import PullReport, PullRequest, SaasResource

if TYPE_CHECKING:
    from resources.objects import ObjectStore


class LocalSaas(SaasResource):
    """Reads any service that speaks the protocol of `resources.local.saas_api`.

    Attributes:
        page_size: records to ask for in one request.
        records_per_file: records in a file at most.
        timeout_seconds: how long one request may take.
        patience_seconds: how long to wait in all, for one page, when the service says "wait".
    """

    page_size: int = 5_000
    records_per_file: int = 100_000
    timeout_seconds: float = 30.0
    patience_seconds: float = 120.0

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
        """Write the records changed in the window and return what was written."""
        prefix = f"{request.source}/{request.object_name}/{request.execution_id}/"
        rows = files = size = 0
        with self._api(connection) as api, TemporaryDirectory(prefix="pull-") as scratch:
            records = chain.from_iterable(
                api.pages(
                    request.object_name,
                    modified_since=request.modified_since,
                    modified_until=request.modified_until,
                    page_size=self.page_size,
                )
            )
            path = Path(scratch) / "part.json"
            for count in _files(records, path, records_per_file=self.records_per_file):
                files, rows = files + 1, rows + count
                name = f"{request.object_name}-{request.modified_until:%Y-%m-%dT%H%M%SZ}-{files}"
                size += landing.put_file(f"{prefix}{name}.json", path).size
            log(f"{request.object_name}: {rows} records in {api.requests} requests")
            return PullReport(
                prefix, rows=rows, files=files, bytes=size, requests=api.requests, waits=api.waits
            )

    def _api(self, connection: Mapping[str, str]) -> SaasApi:
        return SaasApi(
            connection,
            timeout_seconds=self.timeout_seconds,
            patience_seconds=self.patience_seconds,
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
