"""A new table and a new source of each kind, by YAML alone: proposed, checked, and made clean.

Everything is real: a PostgreSQL, an HTTP service, files; the `product360` and `dg` commands; the
composition as it stands, in a copy of this project to which nothing but YAML is added.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import uvicorn

from demo.postgres import HOST, SUPERUSER, Postgres
from demo.saas import Client, services
from demo.saas_objects import ServiceObject
from product360_assets.core.contract import read_contract
from resources.local.secrets import LocalSecrets

REPOSITORY = Path(__file__).parents[2]
DAY_MS = 86_400_000

LOYALTY = """\
type: product360_assets.components.SourceSystem
attributes:
  name: loyalty
  kind: saas
  description: Members and their points.
  owners: [team:loyalty]
  connection: loyalty_api
  tables:
    - name: member
      description: Members.
      format: json
      key: [member_id]
      order: modified_at
      cadence: daily
      freshness_hours: 36
      columns:
        - {name: member_id, type: bigint, description: Member.}
        - {name: email, type: string, nullable: true, description: Address., sensitivity: personal}
        - {name: modified_at, type: timestamp, description: Last change.}
"""
A_TABLE_MORE = """
    - name: margin_week
      description: What a product earned in a week.
      format: csv
      key: [product_id, week]
      cadence: weekly
      freshness_hours: 192
      columns:
        - {name: product_id, type: bigint, description: Product.}
        - {name: week, type: int, description: Week.}
        - {name: margin, type: "decimal(12,2)", description: Margin.}
      rules:
        - {name: margin_is_not_negative, expression: margin >= 0, action: quarantine, why: It is.}
"""
DATABASE = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
    order_id bigint PRIMARY KEY, customer_email text, amount numeric(10,2) NOT NULL,
    updated_at timestamptz NOT NULL, note text
);
INSERT INTO shop.orders
SELECT n, 'someone' || n || '@example.com', n + 0.25, '2017-05-01', nullif('', '')
FROM generate_series(1, 60) AS n;
"""
RUN = """
import json, sys
import dagster as dg
from product360_assets.automation.refresh import Refresh, pending_work
from product360_assets.definitions import defs

tables = json.loads(sys.argv[1])
repository = defs().get_repository_def()
with dg.DagsterInstance.ephemeral() as instance:
    ingested = repository.get_job("ingest").execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(["landing", *table.split(".")]) for table in tables],
    )
    work = Refresh(instance, repository, print)
    runs = [work.run(f"accept_{system}", tags) for system, tags in pending_work(instance, print)]
    checks = {}
    for table in tables:
        key = dg.AssetKey(["clean", *table.split(".")])
        known = [each for each in repository.asset_graph.asset_check_keys if each.asset_key == key]
        evaluated = instance.event_log_storage.get_latest_asset_check_execution_by_key(known)
        checks[table] = {each.name: str(record.status.value) for each, record in evaluated.items()}
    print("RESULT" + json.dumps({
        "ingested": ingested.success,
        "failures": [failure for run in runs for failure in run.failures],
        "systems": sorted(run.job for run in runs),
        "checks": checks,
    }))
"""


@dataclass(frozen=True)
class Project:
    """A copy of this project with a home of its own."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def sources(self) -> Path:
        return self.root / "product360_assets" / "sources"

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.root,
            env={
                **os.environ,
                "PYTHONPATH": str(self.root),
                "PRODUCT360_ENV": "local",
                "PRODUCT360_ENGINE": "sail",
                "PRODUCT360_HOME": str(self.home),
                "DAGSTER_HOME": str(self.root),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def product360(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "product360_assets.cli", *arguments)

    def declare(self, name: str, text: str) -> Path:
        path = self.sources / name / "defs.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def deliver(self, key: str, content: str | bytes) -> None:
        path = self.home / "lake" / "landing" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        files = f"{self.home}/lake/clean/{table.replace('.', '/')}/unit=*/batch=*/*.parquet"
        query = f"SELECT {columns} FROM read_parquet('{files}', hive_partitioning = false)"
        return duckdb.sql(f"{query} ORDER BY ALL").fetchall()


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    # Not below pytest's own folder: PostgreSQL's user must be able to walk to it.
    with tempfile.TemporaryDirectory(prefix="product360-onboarding-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        shutil.copy(REPOSITORY / "pyproject.toml", root)
        for package in ("product360_assets", "resources", "spark"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(REPOSITORY / package, root / package, ignore=ignored)
        yield Project(root)


@pytest.fixture(scope="module")
def secrets(project: Project) -> LocalSecrets:
    return LocalSecrets(path=str(project.home / "secrets.json"))


@pytest.fixture(scope="module")
def database(secrets: LocalSecrets) -> Iterator[str]:
    """The name of the connection of a database with one table."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        Path(folder).chmod(0o755)
        server = Postgres(Path(folder) / "server")
        server.initialise()
        connection = {
            "host": HOST,
            "port": str(server.start()),
            "dbname": "postgres",
            "user": SUPERUSER,
            "password": server.password,
        }
        try:
            with psycopg.connect(**connection, autocommit=True) as session:  # type: ignore[arg-type]
                session.execute(DATABASE)
            secrets.publish("shop_database", connection)
            yield "shop_database"
        finally:
            server.stop()


@pytest.fixture
def service(secrets: LocalSecrets) -> Iterator[None]:
    """An HTTP service with tokens and pages, whose members are ours."""
    members = ServiceObject(
        system="loyalty",
        name="member",
        fields=(("member_id", "bigint"), ("email", "string"), ("modified_at", "timestamp")),
        modified_ms=[DAY_MS, 2 * DAY_MS],
        records=[(1, "a@example.com", "1970-01-02T00:00:00Z"), (2, None, "1970-01-03T00:00:00Z")],
    )
    application = services([members], {"loyalty": Client("me", "secret")})
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
    listener = socket.create_server((HOST, 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    secrets.publish(
        "loyalty_api",
        {
            "base_url": f"http://{HOST}:{listener.getsockname()[1]}/loyalty",
            "client_id": "me",
            "client_secret": "secret",
        },
    )
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def deliver_files(project: Project) -> None:
    stock = ["sku,warehouse,pieces", *(f"S{n},{'NS'[n % 2]},{n}" for n in range(1, 61))]
    project.deliver("suppliers/stock/2017-05-01/stock.csv", "\n".join(stock) + "\n")
    visits = [
        {"visit_id": f"v{n}", "occurred_at": f"2017-05-01T08:00:{n:02d}Z", "pages": n}
        for n in range(60)
    ]
    lines = "".join(json.dumps(each) + "\n" for each in visits).encode()
    project.deliver("web/visit/2017/05/01/08/visits.json.gz", gzip.compress(lines))
    project.deliver(
        "pricing/margin_week/2017-05-01/m.csv", "product_id,week,margin\n1,1,2.5\n2,1,-1\n"
    )


def declare_sources(project: Project, database: str) -> None:
    """By `source suggest`, where there is something to look at already."""
    landing = project.home / "lake" / "landing"
    suggest = ("source", "suggest")
    project.declare("shop", project.product360(*suggest, "shop.orders", "--connection", database))
    project.declare("suppliers", project.product360(*suggest, str(landing / "suppliers" / "stock")))
    web = project.product360(*suggest, str(landing / "web" / "visit"), "--kind", "stream")
    project.declare("web", web)
    project.declare("loyalty", LOYALTY)
    pricing = project.sources / "pricing" / "defs.yaml"
    pricing.write_text(pricing.read_text() + A_TABLE_MORE)


TABLES = ["shop.orders", "suppliers.stock", "web.visit", "loyalty.member", "pricing.margin_week"]


@pytest.mark.usefixtures("service")
def test_a_new_table_and_a_new_source_of_each_kind_need_nothing_but_yaml(
    project: Project, database: str
) -> None:
    deliver_files(project)
    declare_sources(project, database)

    assert "10 files, 0 mistakes" in project.product360("source", "validate", str(project.sources))
    project.run(
        str(Path(sys.executable).with_name("dg")), "check", "yaml", "product360_assets/sources"
    )
    said = project.run(sys.executable, "-c", RUN, json.dumps(TABLES))
    result = json.loads(said.split("RESULT", 1)[1])

    assert result["ingested"]
    assert result["failures"] == []
    systems = ("loyalty", "pricing", "shop", "suppliers", "web")
    assert result["systems"] == [f"accept_{system}" for system in systems]
    assert {table: len(project.rows(table, "1")) for table in TABLES} == {
        "shop.orders": 60,
        "suppliers.stock": 60,
        "web.visit": 60,
        "loyalty.member": 2,
        "pricing.margin_week": 1,
    }
    assert project.rows("loyalty.member", "member_id, email, _operation") == [
        (1, "a@example.com", "I"),
        (2, None, "I"),
    ]
    for table, checks in result["checks"].items():
        assert checks["rows_are_accounted_for"] == "SUCCEEDED", table
        assert checks["layout_is_as_declared"] == "SUCCEEDED", table
        expected = "FAILED" if table == "pricing.margin_week" else "SUCCEEDED"
        assert checks["no_rows_are_quarantined"] == expected, table


def test_what_is_proposed_of_a_database_is_what_its_catalog_says(
    project: Project, database: str, tmp_path: Path
) -> None:
    text = project.product360("source", "suggest", "shop.orders", "--connection", database)

    path = tmp_path / "defs.yaml"
    path.write_text(text)
    table = read_contract(path).table("orders")
    assert (table.source_name, table.key, table.order) == (
        "shop.orders",
        ("order_id",),
        "updated_at",
    )
    found = {column.name: (column.type, column.nullable) for column in table.columns}
    assert found == {
        "order_id": ("bigint", False),
        "customer_email": ("string", True),
        "amount": ("decimal(10,2)", False),
        "updated_at": ("timestamp", False),
        "note": ("string", True),
    }
    [email] = [column for column in table.columns if column.sensitivity == "personal"]
    assert (email.name, email.treatment) == ("customer_email", "hash")
    assert "example.com" not in text
