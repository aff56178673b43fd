"""Acceptance and accounting behave alike on a folder and on S3."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from product360_assets.clean.accounting import discrepancies
from product360_assets.clean.request import RawBatch, units
from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from product360_assets.raw.integrity import alterations
from resources.jobs import JobResult
from resources.ledger import Ledger
from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource

MONDAY = date(2017, 5, 1)
SHOP = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "files",
        "description": "A shop.",
        "owners": ["team:shop"],
        "tables": [
            {
                "name": "order",
                "description": "Orders.",
                "format": "csv",
                "key": ["id"],
                "cadence": "daily",
                "freshness_hours": 24,
                "columns": [{"name": "id", "type": "bigint", "description": "Order."}],
            }
        ],
    }
)


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.aws)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> LakeResource:
    if request.param == "folder":
        return LakeResource(uri=f"file://{tmp_path}/lake")
    return LakeResource(uri=f"s3://{request.getfixturevalue('lake_prefix')}")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return SqliteLedgerResource(path=str(tmp_path / "ledger.db")).open()


@pytest.fixture
def batch(lake: LakeResource, ledger: Ledger) -> RawBatch:
    """One delivered file, accepted twice."""
    lake.zone("landing").put("shop/order/2017-05-01/a.csv", b"id\n1\n2\n")
    for _ in range(2):
        Acceptance(
            SHOP, SHOP.table("order"), ledger, lake.zone("landing"), lake.zone("raw")
        ).accept([MONDAY])
    [opened] = ledger.batches("shop", "order")
    accepted = tuple(ledger.accepted_objects(opened.batch_id))
    return RawBatch(opened, ledger.zone_states("shop", "order", "raw")[opened.batch_id], accepted)


def test_raw_is_what_was_delivered(lake: LakeResource, ledger: Ledger, batch: RawBatch) -> None:
    [accepted] = batch.objects

    assert lake.zone("raw").read(accepted.raw_key) == b"id\n1\n2\n"
    assert alterations([batch.batch], ledger=ledger, raw=lake.zone("raw")) == []


def test_written_rows_are_counted_where_they_lie(lake: LakeResource, batch: RawBatch) -> None:
    [unit] = units(SHOP, SHOP.table("order"), [batch], code_version="code")
    batch_id = batch.batch.batch_id
    clean = lake.zone("clean")
    clean.put(f"{unit.prefix}/batch={batch_id}/part-0.parquet", parquet([batch_id]))
    clean.put(f"{unit.quarantine_prefix}/part-0.parquet", parquet([batch_id]))

    def said(kept: int, rejected: int) -> list[JobResult]:
        return [JobResult(unit.dataset, batch_id, kept + rejected, kept, rejected, 2, 0, None, {})]

    assert discrepancies(unit, said(1, 1), clean=clean) == {}
    assert "1 in the files" in discrepancies(unit, said(2, 0), clean=clean)[batch_id]


def parquet(batch_ids: list[str]) -> bytes:
    buffer = io.BytesIO()
    corrections = pa.nulls(len(batch_ids), pa.string())
    rows = pa.table({"_batch_id": batch_ids, "_correction_id": corrections})
    pq.write_table(rows, buffer)
    return buffer.getvalue()
