"""The warehouse reads tables and files where they lie in S3, and there only what it may."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

from resources import digests
from resources.aws import client
from resources.catalog import GlueCatalogResource
from resources.environments import platform_resources, settings
from resources.errors import QueryRejected, ServiceUnavailable
from resources.local.warehouse import LocalWarehouse
from resources.s3_files import s3_files

pytestmark = pytest.mark.aws
ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "region": ["a/b", "a/b", "ü %"]})


@pytest.fixture
def warehouse(lake_prefix: str) -> LocalWarehouse:
    """That of the aws environment, over one table in two partitions whose names S3 takes as is."""
    catalog = GlueCatalogResource(lake_prefix=lake_prefix)
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "region", StringType()))
    catalog.load().create_namespace_if_not_exists("curated")
    name = f"curated.sold_{lake_prefix.replace('-', '_')}"
    place = catalog.location("curated", "sold")
    table = catalog.load().create_table(name, schema, location=place)
    with table.update_spec() as spec:
        spec.add_identity("region")
    table.append(ROWS)
    chosen = settings({"PRODUCT360_ENV": "aws", "PRODUCT360_LAKE_PREFIX": lake_prefix})
    found = platform_resources(chosen)["warehouse"]
    assert isinstance(found, LocalWarehouse)
    return found


def table_of(warehouse: LocalWarehouse) -> str:
    [name] = [
        ".".join(each)
        for each in warehouse.catalog.load().list_tables("curated")
        if warehouse.catalog.lake_prefix.replace("-", "_") in each[1]  # type: ignore[attr-defined]
    ]
    return name


def test_a_table_in_s3_answers(warehouse: LocalWarehouse) -> None:
    name = table_of(warehouse)
    answer = warehouse.query(f"SELECT region, count(*) AS rows FROM {name} GROUP BY ALL ORDER BY 2")
    assert answer.rows == (("ü %", 1), ("a/b", 2))


def test_a_table_with_deletes_answers_with_what_is_left(warehouse: LocalWarehouse) -> None:
    name = table_of(warehouse)
    warehouse.catalog.table(name).delete("id = 2")
    assert warehouse.query(f"SELECT id FROM {name} ORDER BY id").rows == ((1,), (3,))


def test_files_in_s3_answer_beside_the_table_and_have_a_digest(
    warehouse: LocalWarehouse, lake_prefix: str, tmp_path: Path
) -> None:
    pq.write_table(ROWS, tmp_path / "here.parquet")
    uris = []
    for number in range(2):
        part = io.BytesIO()
        pq.write_table(ROWS.slice(number * 2, 2), part)
        key = f"shop/batch={number}/part.parquet"
        client("s3").put_object(Bucket=f"{lake_prefix}-clean", Key=key, Body=part.getvalue())
        uris.append(f"s3://{lake_prefix}-clean/{key}")
    name = table_of(warehouse)
    sql = f"SELECT count(*) AS n FROM {name} JOIN delivered USING (id, region)"
    assert warehouse.query(sql, files={"delivered": uris}).single() == {"n": 3}
    assert digests.files_digest(uris) == digests.files_digest([str(tmp_path / "here.parquet")])


def test_nothing_else_of_s3_can_be_opened(warehouse: LocalWarehouse, lake_prefix: str) -> None:
    secret = f"s3://{lake_prefix}-raw/secret.parquet"
    part = io.BytesIO()
    pq.write_table(ROWS, part)
    bucket, _, key = secret.removeprefix("s3://").partition("/")
    client("s3").put_object(Bucket=bucket, Key=key, Body=part.getvalue())
    name = table_of(warehouse)
    with pytest.raises(QueryRejected, match="disabled by configuration"):
        warehouse.query(f"SELECT id FROM {name} UNION ALL SELECT id FROM read_parquet('{secret}')")


def test_without_credentials_it_is_said(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(ServiceUnavailable, match="no AWS credentials"):
        s3_files()
