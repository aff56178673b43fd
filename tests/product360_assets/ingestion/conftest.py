"""A shop that delivers in all four ways, a lake and a ledger to deliver into."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from demo.postgres import HOST, SUPERUSER, Postgres
from product360_assets.core.contract import SourceContract, SourceKind
from resources.errors import SourceUnreachable
from resources.ledger import Ledger, LedgerResource
from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource, ObjectStore
from resources.saas import PullReport, PullRequest, SaasResource

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
