"""The audit reads all of raw again, and finds what changed since it was accepted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from product360_assets.raw.audit import raw_audit
from resources.ledger import Ledger, LedgerResource
from resources.objects import LakeResource


@pytest.fixture
def accepted(contract: SourceContract, ledger: Ledger, lake: LakeResource) -> list[Path]:
    Acceptance(
        contract, contract.table("order"), ledger, lake.zone("landing"), lake.zone("raw")
    ).accept([date(2017, 5, 1), date(2017, 5, 2)])
    raw = lake.zone("raw")
    return [Path(raw.uri_of(info.key).removeprefix("file://")) for info in raw.list("shop/")]


def audited(
    contract: SourceContract, ledger_resource: LedgerResource, lake: LakeResource
) -> dg.AssetCheckEvaluation:
    checks = raw_audit(contract)
    result = dg.materialize(
        [checks],
        resources={"ledger": ledger_resource, "lake": lake},
        selection=dg.AssetSelection.checks(checks),
    )
    [evaluation] = result.get_asset_check_evaluations()
    return evaluation


def test_all_dates_are_read_and_a_rotten_byte_is_named(
    accepted: list[Path],
    contract: SourceContract,
    ledger_resource: LedgerResource,
    lake: LakeResource,
) -> None:
    good = audited(contract, ledger_resource, lake)
    assert (good.passed, good.metadata["objects"].value) == (True, 3)
    content = accepted[0].read_bytes()
    accepted[0].write_bytes(bytes([content[0] ^ 1]) + content[1:])

    bad = audited(contract, ledger_resource, lake)

    assert (bad.passed, bad.severity) == (False, dg.AssetCheckSeverity.ERROR)
    [problem] = bad.metadata["altered"].value
    assert "hashes to" in problem
