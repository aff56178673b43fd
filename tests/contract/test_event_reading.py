"""A stream lands and counts alike: from SQLite in folders, and from Kinesis in S3 and DynamoDB."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from product360_assets.core.contract import SourceContract
from product360_assets.core.states import RAW
from product360_assets.ingestion.arrivals import arrivals
from product360_assets.ingestion.event_reading import StreamReading
from product360_assets.raw.acceptance import DELIVERED_ROWS, Acceptance
from resources.aws import client
from resources.event_streams import EventStream
from resources.kinesis import KinesisStreams
from resources.ledger import Ledger
from resources.local.event_streams import LocalStream, LocalStreams
from resources.local.ledger import SqliteLedger
from resources.objects import LakeResource

WEB = SourceContract.model_validate(
    {
        "name": "web",
        "kind": "stream",
        "description": "A web shop.",
        "owners": ["team:web"],
        "tables": [
            {
                "name": "click",
                "stream": "clicks",
                "description": "Clicks.",
                "format": "json",
                "key": ["id"],
                "cadence": "continuous",
                "freshness_hours": 1,
                "columns": [{"name": "id", "type": "bigint", "description": "The click."}],
            }
        ],
    }
)
[CLICK] = WEB.tables


@pytest.fixture
def is_local(open_ledger: Callable[[], Ledger]) -> bool:
    """Whether the ledger, and so everything else, is on this machine."""
    return isinstance(open_ledger(), SqliteLedger)


@pytest.fixture
def lake(is_local: bool, request: pytest.FixtureRequest, tmp_path: Path) -> LakeResource:
    if is_local:
        return LakeResource(uri=f"file://{tmp_path}/lake")
    return LakeResource(uri=f"s3://{request.getfixturevalue('lake_prefix')}")


@pytest.fixture
def open_stream(is_local: bool, tmp_path: Path) -> Callable[[], EventStream]:
    """Opens one stream of two shards, each time as another process would."""
    if is_local:
        LocalStream(tmp_path / "streams.db", "clicks").create(2)
        return lambda: LocalStreams(path=str(tmp_path / "streams.db")).open("clicks")
    name = f"clicks-{tmp_path.name[-30:]}".replace("_", "-")
    client("kinesis").create_stream(StreamName=name, ShardCount=2)
    return lambda: KinesisStreams().open(name)


def test_who_follows_a_death_lands_every_record_once_and_raw_counts_them(
    open_ledger: Callable[[], Ledger],
    open_stream: Callable[[], EventStream],
    lake: LakeResource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    landing, put = lake.zone("landing"), []

    def clicks(count: int) -> None:
        stream = open_stream()
        for _ in range(count):
            put.append(b'{"id": %d}' % len(put))
            stream.put(f"visitor {len(put) % 7}", put[-1])

    def read(ledger: Ledger) -> int:
        reading = StreamReading(WEB, ledger, landing, lambda _: None)
        return reading.read(CLICK, open_stream()).records

    clicks(20)
    dying = open_ledger()
    monkeypatch.setattr(dying, "record_delivery", _dies)
    with pytest.raises(KeyboardInterrupt):
        read(dying)
    clicks(10)
    assert read(open_ledger()) == 30
    assert read(open_ledger()) == 0
    clicks(5)
    assert read(open_ledger()) == 5

    ledger, raw = open_ledger(), lake.zone("raw")
    days = arrivals(WEB, CLICK, ledger=ledger, landing=landing).landing_dates
    Acceptance(WEB, CLICK, ledger, landing, raw).accept(days)
    lines = [
        line
        for info in raw.list("web/")
        for line in gzip.decompress(raw.read(info.key)).splitlines()
    ]
    assert Counter(lines) == Counter(put)
    states = ledger.zone_states("web", "click", RAW).values()
    assert sum(int(state.details[DELIVERED_ROWS]) for state in states) == len(put)


def _dies(_: Any) -> None:
    raise KeyboardInterrupt
