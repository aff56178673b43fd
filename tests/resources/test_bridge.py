"""The catalog bridge, spoken to by PyIceberg's REST client and, to be rude, by plain HTTP."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
import requests
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitStateUnknownException,
    NoSuchTableError,
    ServiceUnavailableError,
)
from pyiceberg.schema import Schema
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.types import LongType, NestedField

from resources.catalog import LocalCatalogResource
from resources.local.bridge import CatalogBridge
from resources.local.bridge_errors import CommitFault

TABLE = "curated.product"
SCHEMA = Schema(NestedField(1, "product_id", LongType()))


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    found = LocalCatalogResource(home=str(tmp_path)).load()
    found.create_namespace("curated")
    found.create_table(TABLE, SCHEMA, location=f"file://{tmp_path}/lake/curated/product")
    return found


@pytest.fixture
def bridge(catalog: Catalog) -> Iterator[CatalogBridge]:
    served = CatalogBridge(catalog)
    yield served
    served.close()


def client(bridge: CatalogBridge) -> RestCatalog:
    return RestCatalog("lake", uri=bridge.uri, token=bridge.token)


def add(bridge: CatalogBridge, product_id: int) -> None:
    rows = pa.table({"product_id": pa.array([product_id], pa.int64())})
    client(bridge).load_table(TABLE).append(rows)


def product_ids(catalog: Catalog) -> list[int]:
    found: list[int] = catalog.load_table(TABLE).scan().to_arrow()["product_id"].to_pylist()
    return sorted(found)


def call(
    bridge: CatalogBridge, method: str, path: str, body: object = None, token: str | None = None
) -> tuple[int, dict[str, Any]]:
    """One request as an engine would send it: status and document."""
    request = urllib.request.Request(
        bridge.uri + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token or bridge.token}"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}")


def property_commit(name: str, value: str, table: Table | None = None) -> dict[str, Any]:
    uuid = str(table.metadata.table_uuid) if table else "00000000-0000-0000-0000-000000000000"
    return {
        "requirements": [{"type": "assert-table-uuid", "uuid": uuid}],
        "updates": [{"action": "set-properties", "updates": {name: value}}],
    }


COMMIT = "/v1/namespaces/curated/tables/product"


def test_a_client_finds_namespaces_and_tables(bridge: CatalogBridge) -> None:
    rest = client(bridge)
    assert rest.list_namespaces() == [("curated",)]
    assert rest.list_tables("curated") == [("curated", "product")]
    assert rest.load_table(TABLE).schema().column_names == ["product_id"]
    assert rest.table_exists(TABLE)


def test_what_is_committed_through_the_bridge_is_in_the_catalog(
    bridge: CatalogBridge, catalog: Catalog
) -> None:
    add(bridge, 1)
    assert product_ids(catalog) == [1]


def test_stamps_stand_in_every_snapshot_committed_meanwhile_and_in_no_other(
    bridge: CatalogBridge, catalog: Catalog
) -> None:
    with bridge.stamp({"product360.batch-ids": "a,b"}):
        add(bridge, 1)
    add(bridge, 2)
    stamped, plain = (s.summary for s in catalog.load_table(TABLE).metadata.snapshots)
    assert stamped is not None
    assert plain is not None
    assert stamped["product360.batch-ids"] == "a,b"
    assert stamped["added-records"] == "1"
    assert plain["product360.batch-ids"] is None


def test_what_may_be_committed_once_is_refused_a_second_time(
    bridge: CatalogBridge, catalog: Catalog
) -> None:
    def commit(product_id: int, work: str) -> None:
        with bridge.stamp({"work": work}, once="work"):
            add(bridge, product_id)

    commit(1, "a")
    with pytest.raises(Exception, match="work a is in the table, by snapshot"):
        commit(2, "a")
    commit(3, "b")
    with bridge.stamp({"work": "b"}):
        add(bridge, 4)
    assert product_ids(catalog) == [1, 3, 4]


def test_what_was_rolled_back_may_be_committed_again(
    bridge: CatalogBridge, catalog: Catalog
) -> None:
    add(bridge, 1)
    before = catalog.load_table(TABLE).metadata.current_snapshot_id
    assert before is not None
    for _ in range(2):
        with bridge.stamp({"work": "a"}, once="work"):
            add(bridge, 2)
        with catalog.load_table(TABLE).manage_snapshots() as manage:
            manage.rollback_to_snapshot(before)
    assert product_ids(catalog) == [1]


def test_who_has_no_token_gets_nothing(bridge: CatalogBridge) -> None:
    for path in ("/v1/config", "/v1/namespaces", COMMIT):
        assert call(bridge, "GET", path, token="guess")[0] == 401
    assert call(bridge, "POST", COMMIT, property_commit("a", "b"), token="guess")[0] == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/namespaces"),
        ("POST", "/v1/namespaces/curated/tables"),
        ("DELETE", "/v1/namespaces/curated/tables/product"),
        ("POST", "/v1/tables/rename"),
        ("DELETE", "/v1/namespaces/curated"),
    ],
)
def test_creating_and_dropping_is_refused_by_name(
    bridge: CatalogBridge, method: str, path: str
) -> None:
    status, document = call(bridge, method, path, {"name": "other", "stage-create": True})
    assert status == 406
    assert f"{method} {path}" in document["error"]["message"]


def test_what_is_missing_is_answered_with_404(bridge: CatalogBridge) -> None:
    with pytest.raises(NoSuchTableError):
        client(bridge).load_table("curated.nothing")
    # Engines look for a view where they find no table.
    status, document = call(bridge, "GET", "/v1/namespaces/curated/views/nothing")
    assert (status, document["error"]["type"]) == (404, "NoSuchViewException")
    assert call(bridge, "GET", "/v1/namespaces/nothing")[0] == 404
    assert call(bridge, "POST", "/v1/namespaces/curated/tables/no", property_commit("a", "b"))[
        0
    ] == (404)


def test_a_commit_that_finds_another_table_is_a_conflict(
    bridge: CatalogBridge, catalog: Catalog
) -> None:
    status, document = call(bridge, "POST", COMMIT, property_commit("a", "b"))
    assert (status, document["error"]["type"]) == (409, "CommitFailedException")
    assert "a" not in catalog.load_table(TABLE).properties


def test_what_is_no_commit_is_a_bad_request(bridge: CatalogBridge) -> None:
    nonsense = {"requirements": [], "updates": [{"action": "burn-down"}]}
    assert call(bridge, "POST", COMMIT, nonsense)[0] == 400


def test_a_locked_file_is_a_conflict_that_engines_retry(tmp_path: Path, catalog: Catalog) -> None:
    database = tmp_path / "catalog.db"
    impatient = SqlCatalog("lake", uri=f"sqlite:///{database}?timeout=0.1")
    bridge = CatalogBridge(impatient)
    table = catalog.load_table(TABLE)
    with sqlite3.connect(database) as other:
        other.execute("BEGIN IMMEDIATE")
        status, document = call(bridge, "POST", COMMIT, property_commit("a", "b", table))
    assert (status, document["error"]["type"]) == (409, "CommitFailedException")
    assert call(bridge, "POST", COMMIT, property_commit("a", "b", table))[0] == 200
    bridge.close()


class LosesItsWay(SqlCatalog):
    """A catalog that fails after it has committed, and then perhaps cannot be asked."""

    reachable = True

    def load_table(self, identifier: Any) -> Table:
        if not self.reachable:
            raise OSError("the disk is gone")
        return super().load_table(identifier)

    def commit_table(self, *arguments: Any) -> CommitTableResponse:
        super().commit_table(*arguments)
        self.reachable = self.properties["afterwards"] == "reachable"
        raise OSError("the disk went away")


@pytest.mark.parametrize(("afterwards", "status"), [("reachable", 200), ("unreachable", 500)])
def test_a_failure_after_the_swap_is_success_or_unknown_and_never_failure(
    tmp_path: Path, catalog: Catalog, afterwards: str, status: int
) -> None:
    uri = f"sqlite:///{tmp_path}/catalog.db"
    bridge = CatalogBridge(LosesItsWay("lake", uri=uri, afterwards=afterwards))
    if status == 200:
        add(bridge, 1)
    else:
        with pytest.raises(CommitStateUnknownException, match="the disk is gone"):
            add(bridge, 1)
    bridge.close()
    assert product_ids(catalog) == [1]


class Remembering(CatalogBridge):
    """A bridge that keeps what was sent to it."""

    sent: ClassVar[list[tuple[Any, ...]]] = []

    def commit(self, *commit: Any) -> CommitTableResponse:
        self.sent.append(commit)
        return super().commit(*commit)


def test_a_commit_that_is_sent_twice_is_applied_once(catalog: Catalog) -> None:
    bridge = Remembering(catalog)
    add(bridge, 1)
    again = bridge.commit(*bridge.sent[0])
    bridge.close()
    assert again.metadata == catalog.load_table(TABLE).metadata
    assert len(again.metadata.snapshots) == 1


def test_a_fault_before_the_swap_leaves_no_row(bridge: CatalogBridge, catalog: Catalog) -> None:
    bridge.faults.append(CommitFault("before", 503))
    with pytest.raises(Exception, match="injected"):
        add(bridge, 1)
    assert product_ids(catalog) == []
    add(bridge, 2)
    assert product_ids(catalog) == [2]


@pytest.mark.parametrize("status", [503, None])
def test_a_fault_after_the_swap_leaves_the_row(
    bridge: CatalogBridge, catalog: Catalog, status: int | None
) -> None:
    bridge.faults.append(CommitFault("after", status))
    with pytest.raises((ServiceUnavailableError, requests.ConnectionError)):
        add(bridge, 1)
    assert product_ids(catalog) == [1]


def test_a_fault_that_would_break_the_table_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="delete files"):
        CommitFault("after", 409)


def test_processes_with_a_bridge_each_lose_and_repeat_no_commit(
    tmp_path: Path, catalog: Catalog
) -> None:
    with catalog.load_table(TABLE).transaction() as transaction:
        transaction.set_properties({"commit.retry.num-retries": "20"})
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_bridge import CatalogBridge, LocalCatalogResource, add
bridge = CatalogBridge(LocalCatalogResource(home={str(tmp_path)!r}).load())
sys.stdin.readline()
for number in range(8):
    add(bridge, int(sys.argv[1]) + number)
bridge.close()
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(start)], stdin=subprocess.PIPE)
        for start in (100, 200)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert product_ids(catalog) == [*range(100, 108), *range(200, 208)]
