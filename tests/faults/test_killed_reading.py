"""kill -9 before any durable call of reading a stream, then again: the same files and accounts."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deaths import told_of
from mortal_reading import READING

from product360_assets.clean.work import Cleaning
from product360_assets.core.states import CLEAN, RAW
from product360_assets.ingestion.event_lines import AGGREGATED
from product360_assets.ingestion.event_reading import StreamReading
from product360_assets.raw.acceptance import DELIVERED_ROWS, Acceptance
from resources.local import engines
from resources.local.event_streams import LocalStream
from resources.local.ledger import SqliteLedger
from resources.local.runner import LocalJobRunner
from resources.objects import LakeResource

NOON = datetime(2017, 5, 1, 12, tzinfo=UTC)
DAY = date(2017, 5, 1)
GOOD = [b'{"order_id": %d, "total": "1.10"}' % number for number in range(1, 7)]
# What a producer may send by mistake, and the rule that it breaks.
BAD = {
    b'{"order_id": "x", "total": "1.10"}': "type",
    b'{"order_id": 8,\n "total": "1.10"}': "structure",
    b'{"order_id": 9}\n{"order_id": 10}': "structure",
    b"\xff\xfe{}": "structure",
    b'{"order_id": 12, "total": "1\xff"}': "encoding",
    b"": "structure",
    b"\xef\xbb\xbf{}": "structure",
    b"[1, 2]": "structure",
    b'{"order_id": 11, "total": "-1"}': "total_is_positive",
    GOOD[0]: "unique",
    AGGREGATED + b"\x0a\x01a": "structure",
}


def test_whatever_call_it_dies_before_landing_and_ledger_end_the_same(tmp_path: Path) -> None:
    told = told_of(tmp_path, "read")

    assert told.wrong == []
    assert told.ended
    assert told.places == {
        *("stream.shards", "stream.read", "landing.put", "ledger.record_delivery"),
        *("disk.open", "disk.write", "disk.fsync", "disk.link"),
        *("sqlite.BEGIN", "sqlite.REPLACE", "sqlite.COMMIT"),
    }


def test_without_the_file_before_its_record_the_fault_is_caught(tmp_path: Path) -> None:
    told = told_of(tmp_path, "read", "--without", "files-before-records", "--until-wrong")

    [death] = told.wrong
    assert "is counted, and is not there" in str(death.wrong)


@pytest.fixture
def stopped_engine() -> Any:
    yield
    engines.stop_engine()


@pytest.mark.usefixtures("stopped_engine")
def test_every_record_is_published_or_in_quarantine_whoever_died(tmp_path: Path) -> None:
    """Read by one who died behind the first file, and by another; accepted; made clean on Sail."""
    contract = READING["read"].delivered.contract
    [table] = contract.tables
    stream = LocalStream(tmp_path / "streams.db", "orders", clock=NOON.timestamp)
    stream.create(2)
    lake, ledger = LakeResource(uri=f"file://{tmp_path}/lake"), SqliteLedger(tmp_path / "l.db")
    landing = lake.zone("landing")
    put = [*GOOD[:3], *BAD, *GOOD[3:]]
    for number, data in enumerate(put):
        # All orders of one key in one shard, so that a second is in the batch of the first.
        stream.put("a" if number % 3 else "b", data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "record_delivery", _dies)
        with pytest.raises(KeyboardInterrupt):
            StreamReading(contract, ledger, landing, print, now=lambda: NOON).read(table, stream)
    done = StreamReading(contract, ledger, landing, print, now=lambda: NOON).read(table, stream)
    assert done.records == len(put)

    raw = lake.zone("raw")
    Acceptance(contract, table, ledger, landing, raw).accept([DAY])
    work = Cleaning(contract, table, ledger, lake, LocalJobRunner(home=str(tmp_path)), print)
    assert work.clean([DAY]).unaccounted == {}

    lines = [
        line
        for info in raw.list("shop/")
        for line in gzip.decompress(raw.read(info.key)).splitlines()
    ]
    assert len(lines) == len(put)
    [accepted] = ledger.zone_states("shop", "order", RAW).values()
    [clean] = ledger.zone_states("shop", "order", CLEAN).values()
    assert int(accepted.details[DELIVERED_ROWS]) == len(put) == clean.rows_in
    assert (clean.rows_out, clean.rows_quarantined) == (len(GOOD), len(BAD))
    assert quarantined(lake) == Counter(BAD.values())


def _dies(_: object) -> None:
    raise KeyboardInterrupt


def quarantined(lake: LakeResource) -> Counter[str]:
    """Rows in quarantine by the first rule that each breaks."""
    folder = Path(lake.uri.removeprefix("file://")) / "clean" / "quarantine"
    rows = [
        row for file in folder.rglob("*.parquet") for row in pq.ParquetFile(file).read().to_pylist()
    ]
    assert all(json.dumps(row["raw_text"]) for row in rows)
    return Counter(row["rule"] for row in rows)
