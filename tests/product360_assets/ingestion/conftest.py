"""A shop that delivers in all four ways, a lake and a ledger to deliver into."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from psycopg.conninfo import make_conninfo

from demo.postgres import HOST, SUPERUSER, Postgres
from demo.saas import Client, Limits, services
from demo.saas_faults import Faults
from demo.saas_objects import ServiceObject
from product360_assets.core.contract import SourceContract, SourceKind, TableContract
from resources.errors import SourceUnreachable
from resources.ledger import Ledger, LedgerResource
from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource, ObjectStore
from resources.saas import Execution, PullReport, PullRequest, SaasResource

TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, total numeric(12,2));
INSERT INTO shop.orders VALUES (1, 1.10), (2, 2.20), (3, NULL);
CREATE TABLE shop.members (member_id bigint PRIMARY KEY);
INSERT INTO shop.members VALUES (7);
"""


def shop_of(kind: SourceKind) -> SourceContract:
    """Two tables, `order` and `member`, that come in this way."""
    return SourceContract.model_validate(
        {
            "name": "shop",
            "kind": kind,
            "description": "A shop.",
            "owners": ["team:shop"],
            "connection": "shop_connection",
            "tables": [
                {
                    "name": name,
                    "source_name": f"shop.{name}s" if kind == "database" else None,
                    "description": f"All {name}s.",
                    "format": "parquet" if kind == "database" else "json",
                    "key": [f"{name}_id"],
                    "cadence": "daily",
                    "freshness_hours": 24,
                    "columns": [
                        {"name": f"{name}_id", "type": "bigint", "description": f"The {name}."}
                    ],
                }
                for name in ("order", "member")
            ],
        }
    )


class ListedSaas(SaasResource):
    """A service whose records are times of change: `{object: [ISO time, ...]}`; `now` is ISO.

    `breaks` makes it fail ("error") or its caller die ("kill") when it has delivered.
    """

    now: str
    records: dict[str, list[str]]
    breaks: str = ""

    def clock(self, connection: Mapping[str, str]) -> dt.datetime:
        return dt.datetime.fromisoformat(self.now)

    def pull(
        self,
        request: PullRequest,
        *,
        connection: Mapping[str, str],
        landing: ObjectStore,
        log: Callable[[str], None],
    ) -> PullReport:
        since = request.modified_since or dt.datetime.min.replace(tzinfo=dt.UTC)
        found = [
            text
            for text in self.records[request.object_name]
            if since <= dt.datetime.fromisoformat(text) < request.modified_until
        ]
        prefix = f"{request.source}/{request.object_name}/{request.execution_id}/"
        data = "\n".join(json.dumps({"at": text}) for text in found).encode()
        if found:
            landing.put(f"{prefix}part.json", data)
        if self.breaks == "kill":
            raise KeyboardInterrupt
        if self.breaks == "error":
            raise SourceUnreachable("service", found="silence", expected="pages", next_move="wait")
        files = 1 if found else 0
        return PullReport(
            prefix, rows=len(found), files=files, bytes=len(data), requests=1, waits=0
        )

    def execution(self, request: PullRequest, *, landing: ObjectStore) -> Execution | None:
        return None


@pytest.fixture
def shop() -> Callable[[SourceKind], SourceContract]:
    return shop_of


@pytest.fixture
def listed_saas() -> type[ListedSaas]:
    return ListedSaas


@pytest.fixture
def lake(tmp_path: Path) -> LakeResource:
    return LakeResource(uri=f"file://{tmp_path}/lake")


@pytest.fixture
def landing(lake: LakeResource) -> ObjectStore:
    return lake.zone("landing")


@pytest.fixture
def ledger_resource(tmp_path: Path) -> LedgerResource:
    return SqliteLedgerResource(path=str(tmp_path / "ledger.db"))


@pytest.fixture
def ledger(ledger_resource: LedgerResource) -> Ledger:
    return ledger_resource.open()


@pytest.fixture(scope="module")
def database() -> Iterator[Mapping[str, str]]:
    """The connection of a real PostgreSQL whose clock stands at noon."""
    import psycopg

    # As root, PostgreSQL runs as another user, who must be able to reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = Postgres(folder / "server")
    server.initialise()
    connection = {
        "host": HOST,
        "port": str(server.start()),
        "dbname": "postgres",
        "user": SUPERUSER,
        "password": server.password,
    }
    try:
        with psycopg.connect(make_conninfo(**connection), autocommit=True) as session:
            session.execute(TABLES)
        yield {**connection, "clock": "2017-05-01T12:00:00Z"}
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Desk:
    """A help desk's service: the demo company's own server, with its switches in reach."""

    tickets: ServiceObject
    faults: Faults
    connection: Mapping[str, str]
    contract: SourceContract

    @property
    def table(self) -> TableContract:
        return self.contract.table("ticket")

    def add(self, ticket_id: int, at: str, **values: object) -> None:
        """Add or change a ticket, as of a time that may have passed."""
        record = {"ticket_id": ticket_id, "subject": "?", "modified_at": at, **values}
        moment = dt.datetime.fromisoformat(at)
        self.tickets.put(record, modified_ms=int(moment.timestamp() * 1000), key=["ticket_id"])

    def remove(self, ticket_id: int) -> None:
        self.tickets.remove({"ticket_id": ticket_id})


def desk_contract(**pull: Any) -> SourceContract:
    return SourceContract.model_validate(
        {
            "name": "desk",
            "kind": "saas",
            "description": "A help desk.",
            "owners": ["team:desk"],
            "connection": "desk_api",
            "tables": [
                {
                    "name": "ticket",
                    "description": "Tickets.",
                    "format": "json",
                    "key": ["ticket_id"],
                    "order": "modified_at",
                    "cadence": "daily",
                    "freshness_hours": 24,
                    "pull": {"compare_keys": "daily", **pull},
                    "columns": [
                        {"name": "ticket_id", "type": "bigint", "description": "Ticket."},
                        {
                            "name": "subject",
                            "type": "string",
                            "nullable": True,
                            "description": "What it is about.",
                        },
                        {"name": "modified_at", "type": "timestamp", "description": "When."},
                    ],
                }
            ],
        }
    )


@pytest.fixture
def desk() -> Iterator[Desk]:
    """The service with nine tickets of 1 May 2017, one an hour from midnight."""
    hours = range(9)
    start = int(dt.datetime(2017, 5, 1, tzinfo=dt.UTC).timestamp() * 1000)
    tickets = ServiceObject(
        system="desk",
        name="ticket",
        fields=(("ticket_id", "bigint"), ("subject", "varchar"), ("modified_at", "timestamp")),
        modified_ms=[start + hour * 3_600_000 for hour in hours],
        records=[(hour, f"s{hour}", f"2017-05-01T{hour:02d}:00:00Z") for hour in hours],
    )
    faults = Faults()
    application = services(
        [tickets],
        {"desk": Client("me", "secret")},
        limits=Limits(requests=1_000),
        faults={"desk": faults},
    )
    server = uvicorn.Server(uvicorn.Config(application, log_level="critical", date_header=False))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    connection = {
        "base_url": f"http://127.0.0.1:{listener.getsockname()[1]}/desk",
        "client_id": "me",
        "client_secret": "secret",
    }
    yield Desk(tickets, faults, connection, desk_contract())
    server.should_exit = True
    thread.join()
