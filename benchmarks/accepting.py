"""Acceptance of delivered files into raw: the platform's own, with its ledger and manifest.

Beside it the disk and SHA-256 are measured, as acceptance can be no faster than the slower of them.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from benchmarks.bandwidth import BLOCK, BLOCKS, Bandwidth, measure_bandwidth
from benchmarks.machine import load
from benchmarks.transfers import ACCEPTANCE, BANDWIDTH, DISK, OURS, SHA256, Transfer
from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource

FILES, FILE_BYTES = 16, 32 * 1024 * 1024
DAY = date(2017, 5, 1)
CONTRACT = SourceContract.model_validate(
    {
        "name": "bench",
        "kind": "files",
        "description": "Files that are only copied.",
        "owners": ["team:bench"],
        "tables": [
            {
                "name": "line",
                "description": "Bytes.",
                "format": "csv",
                "key": ["id"],
                "cadence": "daily",
                "freshness_hours": 24,
                "columns": [{"name": "id", "type": "bigint", "description": "A number."}],
            }
        ],
    }
)


def accept(folder: Path, turn: int, say: Callable[[str], None]) -> list[Transfer]:
    """Half a gibibyte of files; `folder` is made and removed."""
    shutil.rmtree(folder, ignore_errors=True)
    lake = LakeResource(uri=f"file://{folder.absolute()}/lake")
    for number in range(FILES):
        lake.zone("landing").put(f"bench/line/{DAY}/{number}.csv", os.urandom(FILE_BYTES))
    acceptance = Acceptance(
        CONTRACT,
        CONTRACT.table("line"),
        SqliteLedgerResource(path=str(folder / "ledger.db")).open(),
        lake.zone("landing"),
        lake.zone("raw"),
    )
    first = measure_bandwidth(folder)
    before, began, spent = load()[0], time.monotonic(), time.process_time()
    accepted = acceptance.accept([DAY])
    seconds, cpu = time.monotonic() - began, time.process_time() - spent
    if len(accepted.copied) != FILES:
        raise ValueError(f"{len(accepted.copied)} of {FILES} files were accepted")
    size = FILES * FILE_BYTES
    second = measure_bandwidth(folder)
    # The disk is others' too; it can do what it did in the better of two moments.
    bandwidth = Bandwidth(max(first.disk, second.disk), max(first.hashing, second.hashing))
    shutil.rmtree(folder)
    say(f"{turn}  acceptance  {size / seconds / 1e6:6.0f} of {bandwidth.limit / 1e6:.0f} MB/s")
    written = len(BLOCK) * BLOCKS
    return [
        Transfer(ACCEPTANCE, OURS, turn, before, 0, size, seconds, cpu, 0),
        Transfer(BANDWIDTH, DISK, turn, before, 0, written, written / bandwidth.disk, 0.0, 0),
        Transfer(BANDWIDTH, SHA256, turn, before, 0, written, written / bandwidth.hashing, 0.0, 0),
    ]
