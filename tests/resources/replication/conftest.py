"""A real PostgreSQL, and a database of its own for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import psycopg
import pytest
from following import Source, Task
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from demo.postgres import HOST, SUPERUSER, Postgres
from resources.local.replication import LocalReplication
from resources.objects import LakeResource, ObjectStore
from resources.replication import SourceTable

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Mapping[str, str]]:
    """The connection to a server whose log is fit for logical replication, as its superuser."""
    # As root, PostgreSQL runs as another user, who must be able to reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    postgres = Postgres(folder / "server")
    postgres.initialise()
    port = postgres.start()
    try:
        yield {
            "host": HOST,
            "port": str(port),
            "dbname": "postgres",
            "user": SUPERUSER,
            "password": postgres.password,
        }
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def source(server: Mapping[str, str]) -> Iterator[Source]:
    """An empty database with a schema `shop`."""
    name = f"shop_{next(_NUMBERS)}"
    with psycopg.connect(make_conninfo(**server), autocommit=True) as session:
        session.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    found = Source({**server, "dbname": name})
    found.sql("CREATE SCHEMA shop")
    yield found
    with psycopg.connect(make_conninfo(**server), autocommit=True) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        session.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE database = %s",
            (name,),
        )
        session.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def landing(tmp_path: Path) -> ObjectStore:
    return LakeResource(uri=f"file://{tmp_path}").zone("landing")


@pytest.fixture
def task(source: Source, landing: ObjectStore) -> Callable[..., Task]:
    """A task for some tables of the database."""

    def made(
        *tables: SourceTable, replication: LocalReplication | None = None, **connection: str
    ) -> Task:
        return Task(
            {**source.connection, **connection},
            landing,
            tables,
            replication or LocalReplication(),
        )

    return made
