"""What the clean job is asked, and how the work is cut into jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from product360_assets.clean import request
from product360_assets.clean.request import RawBatch, units
from product360_assets.core.contract import SourceContract, SourceKind
from resources.ledger import AcceptedObject, Batch, LandedObject, ZoneState
from resources.objects import LakeResource

Shop = Callable[..., SourceContract]


def raw_batch(day: int, size: int = 10) -> RawBatch:
    batch_id = f"2017-05-{day:02}-b"
    landed = LandedObject("landing", f"shop/order/2017-05-{day:02}/a.csv", "v", size)
    batch = Batch(batch_id, "shop", "order", date(2017, 5, day), "file", "0", (landed,))
    state = ZoneState(
        batch_id, "raw", 0, 0, 0, "m", batch_id, "1", "", None, datetime(2017, 5, 3, tzinfo=UTC), {}
    )  # fmt: skip
    accepted = AcceptedObject(landed, f"shop/order/batch={batch_id}/a.csv", "hash")
    return RawBatch(batch, state, (accepted,))


def spec(contract: SourceContract, lake: LakeResource) -> dict[str, Any]:
    [unit] = units(contract, contract.tables[0], [raw_batch(1)], code_version="code")
    return dict(unit.request(raw=lake.zone("raw"), clean=lake.zone("clean")).spec)


def test_the_spec_is_the_contract_and_the_batches(shop: Shop, lake: LakeResource) -> None:
    asked = spec(shop(drift="freeze"), lake)

    assert asked["drift"] == "freeze"
    assert asked["columns"][1] == {
        "name": "member", "source_name": "Member", "type": "string", "nullable": True,
        "allowed": None, "treatment": None,
    }  # fmt: skip
    assert asked["batches"] == [
        {
            "batch_id": "2017-05-01-b",
            "landing_date": "2017-05-01",
            "epoch": "0",
            "kind": "file",
            "ingested_at": "2017-05-03T00:00:00+00:00",
            "files": [
                {
                    "uri": f"{lake.uri}/raw/shop/order/batch=2017-05-01-b/a.csv",
                    "name": "shop/order/batch=2017-05-01-b/a.csv",
                }
            ],
        }
    ]
    assert asked["output"].startswith(f"{lake.uri}/clean/shop/order/unit=")
    assert asked["quarantine"].startswith(f"{lake.uri}/clean/quarantine/shop/order/unit=")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("database", ("Op", "dms_timestamp", "ar_h_change_seq")),
        ("saas", ("_operation", "Member", None)),
        ("stream", (None, "Member", None)),
    ],
)
def test_order_comes_from_the_delivery_or_from_the_declared_column(
    shop: Shop, lake: LakeResource, kind: SourceKind, expected: tuple[str | None, ...]
) -> None:
    declared = shop(order="member").model_copy(update={"kind": kind})

    asked = spec(declared, lake)

    names = ("operation_column", "commit_time_column", "change_sequence_column")
    assert tuple(asked[name] for name in names) == expected


def test_a_unit_is_named_by_its_batches_its_code_and_its_contract(shop: Shop) -> None:
    def unit_id(*days: int, code: str = "code", contract: SourceContract | None = None) -> str:
        chosen = contract or shop()
        batches = [raw_batch(day) for day in days]
        [unit] = units(chosen, chosen.tables[0], batches, code_version=code)
        return unit.id

    assert unit_id(1, 2) == unit_id(2, 1)
    different = {unit_id(1), unit_id(1, 2), unit_id(1, code="new"),
                 unit_id(1, contract=shop(rules=[]))}  # fmt: skip
    assert len(different) == 4


def test_a_job_reads_no_more_than_its_share_but_always_a_batch(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "BYTES_PER_JOB", 25)
    batches = [raw_batch(1), raw_batch(2), raw_batch(3), raw_batch(4, size=99), raw_batch(5)]
    contract = shop()

    cut = units(contract, contract.tables[0], batches, code_version="code")

    assert [[raw.batch.landing_date.day for raw in unit.batches] for unit in cut] == [
        [1, 2], [3], [4], [5]
    ]  # fmt: skip
