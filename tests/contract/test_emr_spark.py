"""Jobs of EMR Serverless by spark-submit: what their commits say, and where they land."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from emr import Emr, emr_on_loopback, package_with_jobs, ship
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from resources.audit_branches import begin, head_of, publish
from resources.aws import client
from resources.catalog import GlueCatalogResource, LocalCatalogResource
from resources.errors import JobFailed
from resources.jobs import JobRequest
from resources.local.apache_spark import catalog_settings
from resources.local.bridge import CatalogBridge
from resources.objects import LakeResource
from resources.streams import now

pytestmark = [pytest.mark.aws, pytest.mark.spark]
SOLD, NOT_AUDITED = "curated.sold", "curated.sold_tombstone"
COMMIT_ID = "product360.commit-id"
COMMIT = {COMMIT_ID: "1f3a", "product360.contract-versions": "desk 1, shop 'b' 3"}
JOBS = {
    "sell": """
        session.sql("INSERT INTO lake.curated.sold_tombstone VALUES (9)")
        session.sql(
            f"MERGE INTO {spec['target']} t USING (SELECT {spec['id']}L AS id) s ON t.id = s.id "
            "WHEN NOT MATCHED THEN INSERT *"
        )
        report.results([{
            "dataset": "curated.sold", "batch_id": None, "rows_in": 1, "rows_out": 1,
            "rows_quarantined": 0, "files": 1, "bytes": 2, "location": None, "details": {},
        }])
    """
}


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalogResource:
    """Two tables with a row each; the first takes branches, as those in Glue do."""
    found = LocalCatalogResource(home=str(tmp_path / "home"))
    found.load().create_namespace("curated")
    schema = Schema(NestedField(1, "id", LongType()))
    for name in (SOLD, NOT_AUDITED):
        folder = f"file://{tmp_path}/home/lake/{name}"
        table = found.load().create_table(name, schema, location=folder)
        table.append(pa.table({"id": pa.array([1], pa.int64())}))
    GlueCatalogResource.take_branches(found, SOLD)
    return found


@pytest.fixture
def emr(
    tmp_path: Path, aws: str, catalog: LocalCatalogResource, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emr]:
    ship(package_with_jobs(tmp_path / "package", JOBS), monkeypatch.setattr)
    bridge = CatalogBridge(catalog.load())
    with emr_on_loopback(
        tmp_path, client("s3"), sail=None, catalog=catalog_settings(bridge)
    ) as on_loopback:
        endpoint = on_loopback.server.endpoint
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", endpoint)
        yield on_loopback
    bridge.close()


def ids(catalog: LocalCatalogResource, table: str, **scan: Any) -> list[int]:
    return sorted(catalog.table(table).scan(**scan).to_arrow()["id"].to_pylist())


def told_by(catalog: LocalCatalogResource, snapshot: int) -> dict[str, str]:
    found = catalog.table(SOLD).metadata.snapshot_by_id(snapshot)
    assert found is not None
    assert found.summary is not None
    return found.summary.ser_model()


def test_a_commit_says_what_was_asked_and_waits_on_its_branch(
    emr: Emr, catalog: LocalCatalogResource
) -> None:
    branch = begin(catalog, SOLD, "1f3a")
    request = JobRequest(
        "sell", "sell-test", {"target": f"lake.{SOLD}", "id": 7}, COMMIT, COMMIT_ID, branch
    )
    report = emr.runner().run(request, log=emr.said.append)
    assert (report.results[0].rows_out, emr.runs[0].state) == (1, "SUCCESS")
    # Readers see nothing of it, and of the other table all.
    assert (ids(catalog, SOLD), ids(catalog, NOT_AUDITED)) == ([1], [1, 9])
    landed = head_of(catalog, branch)
    assert landed is not None
    snapshot = catalog.table(SOLD).metadata.snapshot_by_id(landed)
    assert snapshot is not None
    assert snapshot.parent_snapshot_id == branch.base
    said = told_by(catalog, landed)
    assert {name: said[name] for name in COMMIT} == COMMIT
    assert said["spark.app.id"]
    publish(catalog, branch, landed)
    assert ids(catalog, SOLD) == [1, 7]


def test_each_commit_of_a_stream_says_its_own_and_waits_on_its_own_branch(
    emr: Emr, catalog: LocalCatalogResource
) -> None:
    runner = emr.runner()
    with runner.streaming(JobRequest("stream", "sales", {}), log=emr.said.append) as stream:
        for number, told in ((7, {"only": "with the first"}), (8, {}), (9, {})):
            branch = begin(catalog, SOLD, f"commit-{number}")
            commit = {COMMIT_ID: branch.commit, **told}
            spec = {"target": f"lake.{SOLD}", "id": number}
            request = JobRequest("sell", f"sell-{number}", spec, commit, COMMIT_ID, branch)
            assert stream.run(request, log=emr.said.append).results[0].rows_out == 1
            assert number not in ids(catalog, SOLD)
            landed = head_of(catalog, branch)
            assert landed is not None
            said = told_by(catalog, landed)
            assert (said[COMMIT_ID], said.get("only")) == (branch.commit, told.get("only"))
            if number == 8:  # refused by an audit, say: what comes next is made from what stands
                continue
            publish(catalog, branch, landed)
    assert ids(catalog, SOLD) == [1, 7, 9]
    [run] = emr.runs
    assert (run.request["mode"], run.state) == ("STREAMING", "SUCCESS")


def test_what_a_stream_cannot_do_it_says_of_the_offer(
    emr: Emr, catalog: LocalCatalogResource
) -> None:
    lake = LakeResource(uri=f"s3://{emr.lake_prefix}")
    request = JobRequest("sell", "sell-nowhere", {"target": "lake.curated.nowhere", "id": 7})
    with (
        pytest.raises(JobFailed, match="nowhere") as failed,
        emr.runner().streaming(JobRequest("stream", "sales", {}), log=print) as stream,
    ):
        stream.run(request, log=emr.said.append)
    assert "offered to a stream" in failed.value.thing
    assert "in run" in "".join(emr.said)
    assert emr.runs[0].state in {"FAILED", "CANCELLED"}
    assert list(lake.zone("results").list("streams/")) == []


def test_a_stream_that_ends_by_itself_commits_like_any_job(
    emr: Emr, catalog: LocalCatalogResource
) -> None:
    branch = begin(catalog, SOLD, "1f3a")
    spec = {"target": f"lake.{SOLD}", "id": 7}
    runner = now("sales", emr.runner(), LakeResource(uri=f"s3://{emr.lake_prefix}"))
    request = JobRequest("sell", "sell-test", spec, COMMIT, COMMIT_ID, branch)
    assert runner.run(request, log=emr.said.append).results[0].rows_out == 1
    landed = head_of(catalog, branch)
    assert landed is not None
    assert told_by(catalog, landed)[COMMIT_ID] == "1f3a"
    publish(catalog, branch, landed)
    assert ids(catalog, SOLD) == [1, 7]
    assert emr.runs[0].request["mode"] == "BATCH"
