"""One source, from its files in S3 to its table in Glue: announced, taken in, published."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deployment import Deployment, deployment_on_loopback
from places import Place, deliver, home_with

from demo.pricing import deliver_prices
from resources.aws import client

pytestmark = [pytest.mark.aws, pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(1_800)]
CLEAN, PUBLISHED = "clean.pricing.price_week", "curated.price_week"
# Each is a batch of its own, and costs a job of Spark seconds.
WEEKS = 6


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A home in which the prices of some weeks were delivered."""
    folder = tmp_path_factory.mktemp("prices")
    return home_with(folder, lambda drop: deliver_prices("smoke", drop), WEEKS)


@pytest.fixture(scope="module")
def deployment(
    local: Place, tmp_path_factory: pytest.TempPathFactory, aws_jars: list[Path] | str
) -> Iterator[Deployment]:
    """A deployment that was delivered the same."""
    jars = aws_jars if isinstance(aws_jars, list) else []
    with deployment_on_loopback(tmp_path_factory.mktemp("aws") / "prices", jars) as made:
        made.place.agree()
        assert deliver(local, made.place) == WEEKS
        yield made


@pytest.fixture(scope="module")
def taken_in(local: Place, deployment: Deployment) -> None:
    """What was delivered is clean in both."""
    for place in (local, deployment.place):
        [run] = place.take_in()
        assert run.failures == ()


def test_what_lands_is_announced_through_eventbridge_to_the_queue(deployment: Deployment) -> None:
    with deployment.place.entered() as resources:
        assert resources["events"].open().depth().waiting == WEEKS


@pytest.mark.usefixtures("taken_in")
def test_jobs_on_emr_make_the_same_rows_clean(local: Place, deployment: Deployment) -> None:
    place = deployment.place
    assert place.digests()[CLEAN] == local.digests()[CLEAN]
    with place.entered() as resources:
        assert resources["events"].open().depth().waiting == 0
    assert {run.state for run in deployment.emr.runs} == {"SUCCESS"}


@pytest.mark.usefixtures("taken_in")
def test_raw_and_clean_are_tables_in_glue_with_a_partition_for_each_batch(
    local: Place, deployment: Deployment
) -> None:
    for place in (local, deployment.place):
        assert place.describe().failures == ()
    assert deployment.place.entries() == local.entries()
    with deployment.place.entered() as resources:
        states = resources["ledger"].open().zone_states("pricing", "price_week", "clean")
        for zone in ("raw", "clean"):
            where = {"DatabaseName": zone, "TableName": "pricing_price_week"}
            found = client("glue").get_partitions(**where)["Partitions"]
            assert len(found) == WEEKS
            for each in found:
                rows = rows_at(each["StorageDescriptor"]["Location"])
                assert rows == states[each["Values"][1]].rows_out
    # Nothing is new, so nothing is written.
    assert [each.outcome for each in deployment.place.describe().finished] == ["unchanged"]


@pytest.mark.usefixtures("taken_in")
def test_jobs_on_emr_publish_the_same_table_in_glue(
    local: Place, deployment: Deployment, aws_jars: list[Path] | str
) -> None:
    if isinstance(aws_jars, str):
        pytest.skip(aws_jars)
    told = []
    for place in (local, deployment.place):
        published = place.publish([PUBLISHED])
        assert published.failures == ()
        [table] = published.finished
        assert table.outcome == "published"
        told.append((table.batches, table.rows_in, table.checks, table.checks_passed))
    assert told[0] == told[1]
    assert deployment.place.digests()[PUBLISHED] == local.digests()[PUBLISHED]
    with deployment.place.entered() as resources:
        assert resources["catalog"].row_count(PUBLISHED) > 0


@pytest.mark.usefixtures("taken_in")
def test_what_was_published_is_not_published_again(
    deployment: Deployment, aws_jars: list[Path] | str
) -> None:
    if isinstance(aws_jars, str):
        pytest.skip(aws_jars)
    before = len(deployment.emr.runs)
    assert deployment.place.take_in() == []
    again = deployment.place.publish([PUBLISHED])
    assert [table.outcome for table in again.finished] == ["unchanged"]
    assert len(deployment.emr.runs) == before


def rows_at(location: str) -> int:
    """Rows of a partition's folder in S3, as whoever is told only that folder reads them."""
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    s3 = client("s3")
    files = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
    rows = 0
    for key in files:
        data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        if key.endswith(".parquet"):
            rows += pq.read_metadata(BytesIO(data)).num_rows
        elif key.endswith(".csv"):
            rows += len(data.splitlines()) - 1
    return rows
