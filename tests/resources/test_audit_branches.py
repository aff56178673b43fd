"""Commits that land on a branch, made from the state it names, and are published from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from resources.audit_branches import (
    AuditBranch,
    begin,
    head_of,
    publish,
    published_and_expired,
    unpublished_snapshot,
    waiting,
)
from resources.audit_commits import branch_table
from resources.catalog import LocalCatalogResource
from resources.errors import TableMissing, TableMoved
from resources.local import engines
from resources.local.bridge import CatalogBridge
from spark.session import open_session

TABLE, OTHER = "curated.product", "curated.product_tombstone"
SCHEMA = Schema(NestedField(1, "product_id", LongType()))
Add = Callable[..., None]


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalogResource:
    found = LocalCatalogResource(home=str(tmp_path))
    found.load().create_namespace("curated")
    for name in (TABLE, OTHER):
        found.load().create_table(name, SCHEMA, location=f"file://{tmp_path}/lake/{name}")
    return found


@pytest.fixture
def bridge(catalog: LocalCatalogResource) -> Iterator[CatalogBridge]:
    served = CatalogBridge(catalog.load())
    yield served
    served.close()


def rows(number: int) -> pa.Table:
    return pa.table({"product_id": pa.array([number], pa.int64())})


@pytest.fixture(params=["an engine, through the bridge", "this process"])
def add(request: pytest.FixtureRequest, catalog: LocalCatalogResource) -> Add:
    """Commits one row where a branch says, by either way in."""
    if request.param == "this process":
        return lambda at, number: branch_table(catalog, at).append(rows(number)) and None
    bridge: CatalogBridge = request.getfixturevalue("bridge")

    def through_the_bridge(at: AuditBranch, number: int) -> None:
        client = RestCatalog("lake", uri=bridge.uri, token=bridge.token)
        with bridge.stamp({"work": str(number)}, branch=at):
            client.load_table(TABLE).append(rows(number))

    return through_the_bridge


def product_ids(catalog: LocalCatalogResource, snapshot: int | None = None) -> list[int]:
    scan = catalog.table(TABLE).scan(snapshot_id=snapshot)
    found: list[int] = scan.to_arrow()["product_id"].to_pylist()
    return sorted(found)


def put(catalog: LocalCatalogResource, at: AuditBranch) -> None:
    snapshot = head_of(catalog, at)
    assert snapshot is not None
    publish(catalog, at, snapshot)


def test_what_lands_is_read_when_it_is_published_and_not_before(
    catalog: LocalCatalogResource, add: Add
) -> None:
    catalog.table(TABLE).append(rows(1))
    at = begin(catalog, TABLE, "c1")
    assert head_of(catalog, at) is None
    add(at, 2)
    assert product_ids(catalog) == [1]
    assert product_ids(catalog, unpublished_snapshot(catalog, TABLE)) == [1, 2]
    put(catalog, at)
    assert product_ids(catalog) == [1, 2]
    assert waiting(catalog, TABLE) == {}
    assert len(catalog.snapshot_summaries(TABLE)) == 2


def test_the_first_commit_of_a_table_lands_as_well(catalog: LocalCatalogResource, add: Add) -> None:
    at = begin(catalog, TABLE, "c1")
    add(at, 1)
    assert product_ids(catalog) == []
    put(catalog, at)
    assert product_ids(catalog) == [1]


def test_a_table_that_has_moved_takes_no_commit_made_from_its_former_state(
    catalog: LocalCatalogResource, add: Add
) -> None:
    at = begin(catalog, TABLE, "c1")
    catalog.table(TABLE).append(rows(1))
    with pytest.raises(Exception, match="somebody else has committed"):
        add(at, 2)
    assert (product_ids(catalog), waiting(catalog, TABLE)) == ([1], {})


def test_a_table_that_has_moved_since_the_commit_landed_is_left_as_it_is(
    catalog: LocalCatalogResource, add: Add
) -> None:
    at = begin(catalog, TABLE, "c1")
    add(at, 1)
    catalog.table(TABLE).append(rows(2))
    with pytest.raises(TableMoved, match="make it again"):
        put(catalog, at)
    assert product_ids(catalog) == [2]


def test_a_branch_that_holds_another_commit_is_not_published(
    catalog: LocalCatalogResource, add: Add
) -> None:
    at = begin(catalog, TABLE, "c1")
    add(at, 1)
    audited = head_of(catalog, at)
    assert audited is not None
    again = begin(catalog, TABLE, "c1")
    with pytest.raises(TableMoved, match="no such branch"):
        publish(catalog, at, audited)
    add(again, 2)
    with pytest.raises(TableMoved, match="which was audited"):
        publish(catalog, at, audited)
    put(catalog, again)
    assert product_ids(catalog) == [2]


def test_the_next_publication_ends_what_waits_and_the_newest_of_it_is_shown(
    catalog: LocalCatalogResource, add: Add
) -> None:
    for number, commit in enumerate(("c2", "c1"), start=1):
        add(begin(catalog, TABLE, commit), number)
    assert list(waiting(catalog, TABLE)) == ["audit-c2", "audit-c1"]
    assert product_ids(catalog, unpublished_snapshot(catalog, TABLE)) == [2]
    at = begin(catalog, TABLE, "c3")
    add(at, 3)
    put(catalog, at)
    assert product_ids(catalog) == [3]
    with pytest.raises(TableMissing, match="unpublished rows of"):
        unpublished_snapshot(catalog, TABLE)


def test_publishing_twice_is_publishing_once(catalog: LocalCatalogResource, add: Add) -> None:
    at = begin(catalog, TABLE, "c1")
    add(at, 1)
    snapshot = head_of(catalog, at)
    assert snapshot is not None
    publish(catalog, at, snapshot)
    publish(catalog, at, snapshot)
    assert len(catalog.snapshot_summaries(TABLE)) == 1


def test_a_publication_is_known_after_its_snapshot_has_expired_and_not_after_a_rollback(
    catalog: LocalCatalogResource, add: Add
) -> None:
    at = begin(catalog, TABLE, "c1")
    add(at, 1)
    put(catalog, at)
    assert published_and_expired(catalog, TABLE, "c1") is None
    published = catalog.table(TABLE).metadata.current_snapshot_id
    assert published is not None
    catalog.table(TABLE).append(rows(2))
    catalog.table(TABLE).maintenance.expire_snapshots().by_id(published).commit()
    assert published_and_expired(catalog, TABLE, "c1") == published
    assert published_and_expired(catalog, TABLE, "c2") is None


def test_the_bridge_lets_one_commit_land_and_others_tables_commits_pass(
    catalog: LocalCatalogResource, bridge: CatalogBridge
) -> None:
    client = RestCatalog("lake", uri=bridge.uri, token=bridge.token)
    at = begin(catalog, TABLE, "c1")
    with bridge.stamp({"work": "a"}, once="work", branch=at):
        client.load_table(OTHER).append(rows(7))
        client.load_table(OTHER).append(rows(8))
        client.load_table(TABLE).append(rows(1))
        with pytest.raises(Exception, match="takes one commit"):
            client.load_table(TABLE).append(rows(2))
    assert catalog.row_count(OTHER) == 2
    assert product_ids(catalog, unpublished_snapshot(catalog, TABLE)) == [1]


@pytest.mark.long
@pytest.mark.spark
def test_apache_spark_lands_on_the_branch_by_its_own_setting(catalog: LocalCatalogResource) -> None:
    catalog.table(TABLE).append(rows(1))
    with catalog.table(TABLE).transaction() as changed:
        changed.set_properties({"write.wap.enabled": "true"})
    at = begin(catalog, TABLE, "c1")
    with engines.lease_engine("spark", home=Path(catalog.home)):
        session = open_session()
        session.conf.set("spark.wap.branch", at.name)
        session.sql(
            f"MERGE INTO lake.{TABLE} t USING (SELECT 2L AS product_id) s "
            "ON t.product_id = s.product_id WHEN NOT MATCHED THEN INSERT *"
        ).collect()
    engines.stop_engine()
    assert product_ids(catalog) == [1]
    put(catalog, at)
    assert product_ids(catalog) == [1, 2]
