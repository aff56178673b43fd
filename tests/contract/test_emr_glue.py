"""A job of EMR Serverless that reaches S3 and Glue by itself, with the settings that are sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from emr import Emr, emr_on_loopback, package_with_jobs, ship
from maven import AWS_SDK, jars_from_maven
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from resources.audit_branches import begin, head_of, publish
from resources.aws import client
from resources.catalog import TAKES_BRANCHES, GlueCatalogResource
from resources.jobs import JobRequest

pytestmark = [pytest.mark.aws, pytest.mark.spark, pytest.mark.long]
SOLD = "curated.sold"
COMMIT = {"product360.commit-id": "1f3a"}
JOBS = {
    "sell": """
        session.sql(
            f"MERGE INTO {spec['target']} t USING (SELECT 7L AS id) s ON t.id = s.id "
            "WHEN NOT MATCHED THEN INSERT *"
        )
        report.results([{
            "dataset": "curated.sold", "batch_id": None, "rows_in": 1, "rows_out": 1,
            "rows_quarantined": 0, "files": 1, "bytes": 2, "location": None, "details": {},
        }])
    """
}


@pytest.fixture(scope="module")
def aws_jars(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return jars_from_maven(tmp_path_factory.mktemp("jars"), AWS_SDK)


@pytest.fixture
def emr(
    tmp_path: Path, aws: str, aws_jars: list[Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emr]:
    ship(package_with_jobs(tmp_path / "package", JOBS), monkeypatch.setattr)
    s3, lake = client("s3"), "spark.sql.catalog.lake"
    loopback = {
        f"{lake}.glue.endpoint": aws,
        f"{lake}.s3.endpoint": aws,
        f"{lake}.s3.path-style-access": "true",
    }
    with emr_on_loopback(
        tmp_path, s3, sail=None, catalog=loopback, aws_jars=aws_jars
    ) as on_loopback:
        s3.create_bucket(
            Bucket=f"{on_loopback.lake_prefix}-curated",
            CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name},
        )
        endpoint = on_loopback.server.endpoint
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", endpoint)
        yield on_loopback


def test_a_job_commits_to_glue_on_its_branch_and_pyiceberg_publishes_it(emr: Emr) -> None:
    catalog = GlueCatalogResource(lake_prefix=emr.lake_prefix)
    catalog.load().create_namespace("curated")
    location = catalog.location("curated", "sold")
    table = catalog.load().create_table(
        SOLD, Schema(NestedField(1, "id", LongType())), location=location
    )
    table.append(pa.table({"id": pa.array([1], pa.int64())}))
    branch = begin(catalog, SOLD, "1f3a")
    assert catalog.table(SOLD).properties[TAKES_BRANCHES] == "true"
    request = JobRequest(
        "sell", "sell-test", {"target": f"lake.{SOLD}"}, COMMIT, "product360.commit-id", branch
    )
    emr.runner().run(request, log=emr.said.append)
    assert catalog.row_count(SOLD) == 1
    landed = head_of(catalog, branch)
    assert landed is not None
    publish(catalog, branch, landed)
    assert catalog.row_count(SOLD) == 2
    assert catalog.snapshot_summaries(SOLD)[0]["product360.commit-id"] == "1f3a"
    files = catalog.table(SOLD).inspect.files()["file_path"].to_pylist()
    assert all(path.startswith(f"{location}/") for path in files)
