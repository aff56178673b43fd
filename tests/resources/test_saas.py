"""Pulls from a real HTTP service: pages, windows, tokens that expire, limits, failures."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from resources.errors import ObjectExists, SourceRejected, SourceUnreachable
from resources.local.saas import LocalSaas
from resources.objects import LakeResource, ObjectStore
from resources.saas import PullRequest

UNTIL = dt.datetime(2017, 5, 1, 12, tzinfo=dt.UTC)
CONTACTS: list[dict[str, Any]] = [
    {"contact_id": 1, "name": "Åse", "modified_at": "2017-01-01T00:00:00Z"},
    {"contact_id": 2, "name": None, "modified_at": "2017-02-01T00:00:00Z"},
    {"contact_id": 3, "name": "", "modified_at": "2017-03-01T00:00:00Z"},
    {"contact_id": 4, "name": "line\nbreak", "modified_at": "2017-06-01T00:00:00Z"},
]


@dataclass
class Service:
    """What the service was asked, and how it shall misbehave."""

    asked: list[dict[str, str]] = field(default_factory=list)
    tokens: int = 0
    requests_per_token: int = 1_000
    limited_times: int = 0
    broken_times: int = 0
    cursor_repeats: bool = False
    used: int = 0


class Handler(BaseHTTPRequestHandler):
    service: Service

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form["client_secret"] != ["right"]:
            return self.answer(401, {"error": "invalid_client"})
        self.service.tokens, self.service.used = self.service.tokens + 1, 0
        token = f"token-{self.service.tokens}"
        return self.answer(200, {"access_token": token, "token_type": "bearer", "expires_in": 60})

    def do_GET(self) -> None:
        service = self.service
        if service.broken_times:
            service.broken_times -= 1
            return self.answer(503, {})
        if service.limited_times:
            service.limited_times -= 1
            return self.answer(429, {}, {"Retry-After": "0.01"})
        good = f"Bearer token-{service.tokens}"
        if self.headers["Authorization"] != good or service.used >= service.requests_per_token:
            return self.answer(401, {"error": "invalid_token"})
        service.used += 1
        parts = urlsplit(self.path)
        if parts.path != "/v1/objects/Contact":
            return self.answer(404, {"error": "not_found", "detail": "no such object"})
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        service.asked.append(asked)
        return self.answer(200, self.page(asked))

    def page(self, asked: Mapping[str, str]) -> dict[str, Any]:
        found = [
            contact
            for contact in CONTACTS
            if asked.get("modified_since", "")
            <= str(contact["modified_at"])
            < asked["modified_until"]
        ]
        start, size = int(asked.get("cursor", 0)), int(asked["page_size"])
        following = start + size if start + size < len(found) else None
        cursor = "0" if self.service.cursor_repeats else following and str(following)
        return {"records": found[start : start + size], "next_cursor": cursor, "total": len(found)}

    def answer(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def connection(service: Service) -> Iterator[Mapping[str, str]]:
    handler = type("ThisHandler", (Handler,), {"service": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield {
            "base_url": f"http://127.0.0.1:{server.server_port}",
            "client_id": "me",
            "client_secret": "right",
        }
        server.shutdown()
        thread.join()


@pytest.fixture
def landing(tmp_path: Path) -> ObjectStore:
    return LakeResource(uri=f"file://{tmp_path}").zone("landing")


def pull(
    connection: Mapping[str, str],
    landing: ObjectStore,
    saas: LocalSaas,
    *,
    object_name: str = "Contact",
    since: dt.datetime | None = None,
) -> Any:
    request = PullRequest(
        source="desk",
        table="contact",
        object_name=object_name,
        execution_id="20170501T120000Z-0001",
        modified_since=since,
        modified_until=UNTIL,
    )
    return saas.pull(request, connection=connection, landing=landing, log=lambda _message: None)


def landed(landing: ObjectStore) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for info in landing.list("desk/")
        for line in landing.read(info.key).decode().splitlines()
    ]


def test_a_pull_lands_every_record_of_the_window_under_its_execution(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    report = pull(connection, landing, LocalSaas(page_size=2))

    assert landed(landing) == CONTACTS[:3]
    assert [info.key for info in landing.list("desk/")] == [
        "desk/Contact/20170501T120000Z-0001/Contact-2017-05-01T120000Z-1.json"
    ]
    size = sum(info.size for info in landing.list("desk/"))
    assert (report.prefix, report.rows, report.files, report.bytes) == (
        "desk/Contact/20170501T120000Z-0001/", 3, 1, size
    )  # fmt: skip


def test_a_later_pull_asks_only_for_what_changed_since(
    service: Service, connection: Mapping[str, str], landing: ObjectStore
) -> None:
    report = pull(connection, landing, LocalSaas(), since=dt.datetime(2017, 2, 1, tzinfo=dt.UTC))

    assert report.rows == 2
    assert service.asked == [
        {
            "modified_since": "2017-02-01T00:00:00+00:00",
            "modified_until": "2017-05-01T12:00:00+00:00",
            "page_size": "5000",
        }
    ]


def test_a_window_without_changes_leaves_no_file(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    report = pull(connection, landing, LocalSaas(), since=UNTIL)

    assert (report.rows, report.files) == (0, 0)
    assert landed(landing) == []


def test_files_hold_so_many_records_and_no_more(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    report = pull(connection, landing, LocalSaas(page_size=3, records_per_file=2))

    assert report.files == 2
    assert [len(landing.read(info.key).splitlines()) for info in landing.list("desk/")] == [2, 1]


def test_a_token_that_expires_between_pages_is_renewed(
    service: Service, connection: Mapping[str, str], landing: ObjectStore
) -> None:
    service.requests_per_token = 1

    report = pull(connection, landing, LocalSaas(page_size=1))

    assert report.rows == 3
    assert service.tokens == 3


def test_a_limit_is_waited_for(
    service: Service, connection: Mapping[str, str], landing: ObjectStore
) -> None:
    service.limited_times = 3

    report = pull(connection, landing, LocalSaas())

    assert (report.rows, report.waits) == (3, 3)


def test_a_service_that_stays_broken_is_worth_another_try_later(
    service: Service, connection: Mapping[str, str], landing: ObjectStore
) -> None:
    service.broken_times = 1_000

    with pytest.raises(SourceUnreachable, match="HTTP 503") as caught:
        pull(connection, landing, LocalSaas(patience_seconds=0.5))

    assert caught.value.retryable
    assert landed(landing) == []


def test_wrong_credentials_are_said_and_not_shown(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    with pytest.raises(SourceRejected, match="invalid_client") as caught:
        pull({**connection, "client_secret": "secret-word"}, landing, LocalSaas())
    assert "secret-word" not in str(caught.value)


def test_an_object_that_is_not_there_is_named(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    with pytest.raises(SourceRejected, match=r"/v1/objects/Kontakt.*source_name"):
        pull(connection, landing, LocalSaas(), object_name="Kontakt")


def test_pages_that_never_end_are_refused(
    service: Service, connection: Mapping[str, str], landing: ObjectStore
) -> None:
    service.cursor_repeats = True

    with pytest.raises(SourceRejected, match="a second time"):
        pull(connection, landing, LocalSaas(page_size=2))


def test_of_two_executions_with_one_id_only_the_first_goes_on(
    connection: Mapping[str, str], landing: ObjectStore
) -> None:
    pull(connection, landing, LocalSaas())
    with pytest.raises(ObjectExists):
        pull(connection, landing, LocalSaas())


def test_the_clock_is_the_declared_one_or_the_service_s(connection: Mapping[str, str]) -> None:
    declared = {**connection, "clock": "2018-01-01T08:00:00Z"}
    assert LocalSaas().clock(declared) == dt.datetime(2018, 1, 1, 8, tzinfo=dt.UTC)
    assert abs(LocalSaas().clock(connection) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
