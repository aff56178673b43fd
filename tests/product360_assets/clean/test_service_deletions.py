"""Deletions that a comparison of keys delivered, made clean by the real engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow.dataset as pads

from product360_assets.clean.work import Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from resources.jobs import JobRunner
from resources.ledger import Delivery, Ledger
from resources.objects import LakeResource

NOON = datetime(2017, 5, 1, 12, tzinfo=UTC)
ORDERS = b'{"order_id":1,"Member":"a","total":"1.10"}\n{"order_id":2,"Member":"b","total":"2.20"}\n'
DELETED = b'{"order_id":2,"_operation":"D"}\n'


def test_a_delivered_deletion_needs_its_key_only_and_is_clean_as_operation_d(
    shop: Callable[..., SourceContract], lake: LakeResource, ledger: Ledger, runner: JobRunner
) -> None:
    document: dict[str, Any] = shop(format="json").model_dump()
    contract = SourceContract.model_validate({**document, "kind": "saas", "connection": "api"})
    [table] = contract.tables
    for number, content in enumerate((ORDERS, DELETED)):
        prefix = f"shop/order/e{number}/"
        lake.zone("landing").put(f"{prefix}part.json", content)
        rows = content.count(b"\n")
        told = ("successful", NOON, NOON, rows, len(content), {})
        ledger.record_delivery(Delivery("shop", "order", f"e{number}", NOON.date(), prefix, *told))
    Acceptance(contract, table, ledger, lake.zone("landing"), lake.zone("raw")).accept(
        [NOON.date()]
    )

    cleaned = Cleaning(contract, table, ledger, lake, runner, lambda _: None).clean([NOON.date()])

    assert cleaned.unaccounted == {}
    files = [key for batch in cleaned.batches for key in [batch.state.location]]
    rows = [
        row
        for location in files
        for row in pads.dataset(location.removeprefix("file://"), format="parquet")
        .to_table(columns=["order_id", "_operation"])
        .to_pylist()
    ]
    assert sorted((row["order_id"], row["_operation"]) for row in rows) == [
        (1, "I"), (2, "D"), (2, "I")
    ]  # fmt: skip
