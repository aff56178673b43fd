"""The proof that raw is what was accepted finds whatever is not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from product360_assets.raw.integrity import alterations
from resources.ledger import Ledger
from resources.objects import LakeResource, ObjectStore


@pytest.fixture
def paths(contract: SourceContract, ledger: Ledger, lake: LakeResource) -> list[Path]:
    """The accepted objects as files."""
    Acceptance(
        contract, contract.table("order"), ledger, lake.zone("landing"), lake.zone("raw")
    ).accept([date(2017, 5, 1), date(2017, 5, 2)])
    raw = lake.zone("raw")
    return [Path(raw.uri_of(info.key).removeprefix("file://")) for info in raw.list("shop/")]


def found(ledger: Ledger, raw: ObjectStore) -> list[str]:
    return alterations(ledger.batches("shop", "order"), ledger=ledger, raw=raw)


def test_an_untouched_zone_has_no_alterations(
    paths: list[Path], ledger: Ledger, raw: ObjectStore
) -> None:
    assert len(paths) == 3
    assert found(ledger, raw) == []


def test_other_bytes_of_the_same_size_are_found(
    paths: list[Path], ledger: Ledger, raw: ObjectStore
) -> None:
    paths[0].write_bytes(b"id\n9\n")

    [problem] = found(ledger, raw)
    assert "till-1.csv hashes to" in problem


def test_another_size_is_found(paths: list[Path], ledger: Ledger, raw: ObjectStore) -> None:
    paths[1].write_bytes(b"id\n22\n")

    [problem] = found(ledger, raw)
    assert problem.endswith("till-2.csv has 6 bytes, not 5")


def test_a_missing_object_is_found(paths: list[Path], ledger: Ledger, raw: ObjectStore) -> None:
    paths[2].unlink()

    [problem] = found(ledger, raw)
    assert problem.endswith("till-1.csv is gone")


def test_an_object_that_nobody_accepted_is_found(
    paths: list[Path], ledger: Ledger, raw: ObjectStore
) -> None:
    (paths[0].parent / "smuggled.csv").write_bytes(b"id\n9\n")

    [problem] = found(ledger, raw)
    assert problem.endswith("smuggled.csv was never accepted")
