"""The platform's own job `clean` makes the same on EMR Serverless on loopback as on a laptop."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from emr import Emr, emr_on_loopback, sail_server
from orders import shop

from product360_assets.clean.work import Cleaned, Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from resources.aws import client
from resources.jobs import JobRunner
from resources.local import engines
from resources.local.ledger import SqliteLedgerResource
from resources.local.runner import LocalJobRunner
from resources.objects import LakeResource

__all__ = ["shop"]
pytestmark = [pytest.mark.aws, pytest.mark.long]
SAID = {"order_id", "member", "total", "column", "rule", "reason", "raw_text"}
DAY = date(2017, 5, 1)
ORDERS = "order_id,Member,total\n1,ann,9.50\n2,,120.00\n3,bob,-1.00\nx,eve,1.00\n1,ann,9.50\n"


@pytest.fixture
def emr(tmp_path: Path, aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emr]:
    s3 = client("s3")
    with sail_server() as sail, emr_on_loopback(tmp_path, s3, sail=sail) as on_loopback:
        where: Any = {"LocationConstraint": s3.meta.region_name}
        for zone in ("landing", "raw", "clean"):
            bucket = f"{on_loopback.lake_prefix}-{zone}"
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        endpoint = on_loopback.server.endpoint
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", endpoint)
        yield on_loopback


def cleaned(
    contract: SourceContract, lake: LakeResource, ledger: SqliteLedgerResource, runner: JobRunner
) -> Cleaned:
    """The orders, delivered into a lake, accepted and made clean."""
    table = contract.table("order")
    lake.zone("landing").put(f"shop/order/{DAY}/orders.csv", ORDERS.encode())
    opened = ledger.open()
    Acceptance(contract, table, opened, lake.zone("landing"), lake.zone("raw")).accept([DAY])
    return Cleaning(contract, table, opened, lake, runner, lambda _: None).clean([DAY])


def rows(lake: LakeResource) -> list[str]:
    """Clean rows and quarantined ones, without what names the store's version of the file."""
    clean, found = lake.zone("clean"), []
    for info in clean.list():
        if info.key.endswith(".parquet"):
            table = pq.read_table(io.BytesIO(clean.read(info.key)))
            kept = [name for name in table.column_names if name in SAID]
            kind = "rejected" if info.key.startswith("quarantine/") else "clean"
            found += [f"{kind} {row}" for row in table.select(kept).to_pylist()]
    return sorted(found)


def test_what_is_made_clean_on_emr_is_what_is_made_clean_here(
    emr: Emr, shop: Callable[..., SourceContract], tmp_path: Path
) -> None:
    there, here = (
        LakeResource(uri=f"s3://{emr.lake_prefix}"),
        LakeResource(uri=f"file://{tmp_path}/home/lake"),
    )
    ledgers = [SqliteLedgerResource(path=str(tmp_path / name)) for name in ("a.db", "b.db")]
    on_emr = cleaned(shop(), there, ledgers[0], emr.runner())
    local = cleaned(shop(), here, ledgers[1], LocalJobRunner(home=str(tmp_path / "home")))
    engines.stop_engine()
    assert on_emr.unaccounted == {}
    (state,) = [each.state for each in on_emr.batches]
    (expected,) = [each.state for each in local.batches]
    counted = (state.rows_in, state.rows_out, state.rows_quarantined)
    assert counted == (expected.rows_in, expected.rows_out, expected.rows_quarantined) == (5, 2, 3)
    assert rows(there) == rows(here)
    assert len(rows(there)) == 5
    assert [run.state for run in emr.runs] == ["SUCCESS"]
    assert on_emr.reports[0].facts["job run"] == emr.runs[0].id
