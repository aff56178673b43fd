"""The platform's own job `clean` makes the same on EMR Serverless on loopback as on a laptop."""

from __future__ import annotations

import gzip
import io
import secrets as random_text
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from aws_endpoints import aws_variables
from emr import Emr, emr_on_loopback, sail_server
from orders import shop

from product360_assets.clean.work import Cleaned, Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.core.erasures import record_request
from product360_assets.raw.acceptance import Acceptance
from resources.aws import client
from resources.jobs import JobRunner
from resources.local import engines
from resources.local.ledger import SqliteLedgerResource
from resources.local.runner import LocalJobRunner
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource
from resources.secrets import SecretsManagerSecrets, SecretsResource
from resources.treatment_keys import REFERENCE, key_of, rotate_key
from spark.tokens import subject_hash

__all__ = ["shop"]
pytestmark = pytest.mark.aws
SAID = {"order_id", "member", "phone", "card", "total", "column", "rule", "reason", "raw_text"}
DAY = date(2017, 5, 1)
ORDERS = "order_id,Member,total\n1,ann,9.50\n2,,120.00\n3,bob,-1.00\nx,eve,1.00\n1,ann,9.50\n"
ERASED_CARD = "4711"
TREATED_ORDERS = f"""order_id,Member,phone,card,total
1,ann,555-1,{ERASED_CARD},9.50
2,bob,,0815,120.00
3,eve,555-3,{ERASED_CARD},-1.00
x,cyd,555-4,9,1.00
4,dan,555-5,47110,2.00
5,dan,555-6,47110,-2.00
"""
TREATED = {
    "columns": [
        {"name": "order_id", "type": "bigint", "description": "Order."},
        {
            "name": "member",
            "source_name": "Member",
            "type": "string",
            "description": "Who ordered.",
            "sensitivity": "personal",
            "treatment": "hash",
        },
        {
            "name": "phone",
            "type": "string",
            "nullable": True,
            "description": "Their number.",
            "sensitivity": "personal",
            "treatment": "tokenise",
        },
        {"name": "card", "type": "string", "description": "Their card.", "subject": "member"},
        {"name": "total", "type": "decimal(12,2)", "description": "Euros."},
    ]
}


@pytest.fixture
def emr(
    request: pytest.FixtureRequest, tmp_path: Path, aws: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emr]:
    """An application whose jobs run on the engine that is asked for, and a lake's buckets."""
    s3 = client("s3")
    told = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": f"file://{tmp_path}"}
    with ExitStack() as stack:
        sail = None
        if request.param == "sail":
            sail = stack.enter_context(sail_server(aws_variables(aws)))
        made = stack.enter_context(emr_on_loopback(tmp_path, s3, sail=sail, catalog=told))
        where: Any = {"LocationConstraint": s3.meta.region_name}
        for zone in ("landing", "raw", "clean"):
            bucket = f"{made.lake_prefix}-{zone}"
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", made.server.endpoint)
        yield made


@dataclass(frozen=True)
class Place:
    """Somewhere orders are made clean."""

    lake: LakeResource
    ledger: Path
    runner: JobRunner
    secrets: SecretsResource

    def cleaned(self, contract: SourceContract, orders: str) -> Cleaned:
        """The orders, delivered, accepted and made clean."""
        table, lake = contract.table("order"), self.lake
        lake.zone("landing").put(f"shop/order/{DAY}/orders.csv", orders.encode())
        ledger = SqliteLedgerResource(path=str(self.ledger)).open()
        Acceptance(contract, table, ledger, lake.zone("landing"), lake.zone("raw")).accept([DAY])
        work = Cleaning(
            contract, table, ledger, lake, self.runner, lambda _: None, secrets=self.secrets
        )
        return work.clean([DAY])

    def rows(self) -> list[str]:
        """Clean rows and quarantined ones, without what names the store's version of the file."""
        clean, found = self.lake.zone("clean"), []
        for info in clean.list():
            if info.key.endswith(".parquet"):
                table = pq.read_table(io.BytesIO(clean.read(info.key)))
                kept = [name for name in table.column_names if name in SAID]
                kind = "rejected" if info.key.startswith("quarantine/") else "clean"
                found += [f"{kind} {row}" for row in table.select(kept).to_pylist()]
        return sorted(found)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    home = tmp_path / "home"
    yield Place(
        LakeResource(uri=f"file://{home}/lake"),
        tmp_path / "here.db",
        LocalJobRunner(home=str(home)),
        LocalSecrets(path=str(home / "secrets.json")),
    )
    engines.stop_engine()


@pytest.fixture
def there(emr: Emr, tmp_path: Path) -> Place:
    return Place(
        LakeResource(uri=f"s3://{emr.lake_prefix}"),
        tmp_path / "there.db",
        emr.runner(),
        SecretsManagerSecrets(prefix=f"test-{random_text.token_hex(4)}/"),
    )


def counted(cleaned: Cleaned) -> tuple[int, int, int]:
    assert cleaned.unaccounted == {}
    [state] = [each.state for each in cleaned.batches]
    return state.rows_in, state.rows_out, state.rows_quarantined


@pytest.mark.long
@pytest.mark.parametrize("emr", ["sail"], indirect=True)
def test_what_is_made_clean_on_emr_is_what_is_made_clean_here(
    emr: Emr, there: Place, here: Place, shop: Callable[..., SourceContract]
) -> None:
    on_emr, local = there.cleaned(shop(), ORDERS), here.cleaned(shop(), ORDERS)
    assert counted(on_emr) == counted(local) == (5, 2, 3)
    assert there.rows() == here.rows()
    assert len(there.rows()) == 5
    assert [run.state for run in emr.runs] == ["SUCCESS"]
    assert on_emr.reports[0].facts["job run"] == emr.runs[0].id


@pytest.mark.parametrize(
    "emr",
    ["sail", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.long])],
    indirect=True,
)
def test_a_job_on_emr_reads_the_keys_of_treatments_and_of_the_erased_by_itself(
    emr: Emr,
    there: Place,
    here: Place,
    shop: Callable[..., SourceContract],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    # The erased one was hashed with the first version, rows are treated with the second.
    assert [rotate_key(here.secrets), rotate_key(here.secrets)] == ["1", "2"]
    there.secrets.publish(REFERENCE, here.secrets.get(REFERENCE))
    gone = subject_hash(key_of(here.secrets, "1"), "1", "member")(ERASED_CARD)
    for place in (there, here):
        record_request(place.lake.zone("clean"), "member", gone, at="2017-05-02T00:00:00+00:00")
    contract = shop(**TREATED)
    on_emr, local = there.cleaned(contract, TREATED_ORDERS), here.cleaned(contract, TREATED_ORDERS)
    assert counted(on_emr) == counted(local) == (6, 2, 4)
    assert there.rows() == here.rows()
    assert sum("'rule': 'erased'" in each for each in there.rows()) == 2
    said = "".join(there.rows())
    assert "h2-" in said
    assert "t2-" in said
    assert "dan" not in said
    # What Spark's own pages show, too.
    events = [path.read_bytes() for path in tmp_path.glob("local-*")]
    assert bool(events) == ("[spark]" in request.node.name)
    keys = [there.secrets.get(REFERENCE)[version] for version in ("1", "2")]
    for text in (*left_in(emr), *events):
        assert not any(key.encode() in text or bytes.fromhex(key) in text for key in keys)


def left_in(emr: Emr) -> Iterator[bytes]:
    """All that jobs and service leave in S3: documents, requests, reports, logs, rows."""
    s3 = client("s3")
    for zone in ("results", "clean"):
        bucket = f"{emr.lake_prefix}-{zone}"
        for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
            data = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
            yield gzip.decompress(data) if found["Key"].endswith(".gz") else data
