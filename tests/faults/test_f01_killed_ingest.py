"""F1: kill -9 before any durable call of acceptance, then again: the same raw zone and ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from deaths import told_of


def test_f01_whatever_call_it_dies_before_raw_and_ledger_end_the_same(tmp_path: Path) -> None:
    told = told_of(tmp_path, "accept")

    assert told.wrong == []
    assert told.ended
    # Before and after each temporary write, sync, link and record, and inside of transactions.
    assert told.places == {
        *("raw.accept", "raw.put", "disk.open", "disk.write", "disk.fsync", "disk.link"),
        *("ledger.open_batch", "ledger.accept_objects", "ledger.record_zone"),
        *("sqlite.BEGIN", "sqlite.INSERT", "sqlite.UPDATE", "sqlite.REPLACE", "sqlite.COMMIT"),
    }


@pytest.mark.parametrize(
    ("protection", "fault"),
    [
        ("whole-objects", "is listed with"),
        ("finishing-what-was-opened", "other in the end: ['accepted', 'raw', 'states']"),
        ("the-state-last", "counts as accepted, and is not all there"),
    ],
)
def test_f01_without_a_protection_the_fault_is_caught(
    protection: str, fault: str, tmp_path: Path
) -> None:
    told = told_of(tmp_path, "accept", "--without", protection, "--until-wrong")

    [death] = told.wrong
    assert fault in str(death.wrong)
