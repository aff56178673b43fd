"""Reading a stream, as work that dies: what has landed of it in the end, and in what accounts."""

from __future__ import annotations

import gzip
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mortal_work import SHOP, Delivered, Stage
from mortality import Mortality, Port

from product360_assets.core.contract import SourceContract
from product360_assets.ingestion.event_reading import StreamReading
from resources.local.event_streams import LocalStream
from resources.local.ledger import SqliteLedger
from resources.objects import LakeResource

EVENING = datetime(2017, 5, 1, 23, 30, tzinfo=UTC)


def _as_stream() -> SourceContract:
    document = SHOP.model_dump(mode="json", exclude_defaults=True)
    document["kind"] = "stream"
    document["tables"][0] |= {"format": "json", "stream": "orders"}
    return SourceContract.model_validate(document)


def fill(home: Path, _: Delivered, __: Mortality) -> None:
    """Put two days' orders into a stream, beside the home, that was split in between."""
    (home / "lake").mkdir()
    now = [EVENING.timestamp()]
    stream = LocalStream(home.parent / "streams.db", "orders", clock=lambda: now[0])
    for number in range(12):
        if number == 6:
            stream.split("shardId-000000000000")
            now[0] += timedelta(hours=1).total_seconds()
        order = f'{{"order_id": {number}, "total": "{number}.10"}}'
        stream.put(f"customer {number}", order.encode())


def read(home: Path, delivered: Delivered, mortality: Mortality) -> None:
    """Read it, half an hour later."""
    now = EVENING + timedelta(hours=2)
    stream = LocalStream(home.parent / "streams.db", "orders", clock=now.timestamp)
    ledger: Any = Port(SqliteLedger(home / "ledger.db"), "ledger", {"record_delivery"}, mortality)
    watched: Any = Port(stream, "stream", {"read", "shards"}, mortality)
    landing = LakeResource(uri=f"file://{home}/lake").zone("landing")
    reading = StreamReading(delivered.contract, ledger, landing, lambda _: None, now=lambda: now)
    reading.read(delivered.contract.table(delivered.table), watched)


def left(home: Path, delivered: Delivered) -> dict[str, Any]:
    """Every line of landing by its file, and what the ledger says of it."""
    landing = LakeResource(uri=f"file://{home}/lake").zone("landing")
    with closing(SqliteLedger(home / "ledger.db")) as ledger:
        return {
            "landed": {
                info.key: gzip.decompress(landing.read(info.key)) for info in landing.list()
            },
            "deliveries": [str(each) for each in ledger.deliveries(*delivered.name)],
            "read until": [str(each) for each in ledger.deliveries("shop", f"*{delivered.table}")],
        }


def seen(home: Path, delivered: Delivered) -> str | None:
    """What the ledger counts is in landing."""
    landing = LakeResource(uri=f"file://{home}/lake").zone("landing")
    there = {each.key: each.size for each in landing.list()}
    with closing(SqliteLedger(home / "ledger.db")) as ledger:
        for delivery in ledger.deliveries(*delivered.name):
            if there.get(delivery.prefix) != delivery.bytes:
                return f"{delivery.prefix} is counted, and is not there"
    return None


_STREAMED = Delivered(_as_stream(), "order", {})
READING = {"read": Stage(read, _STREAMED, after=(fill,), left=left, seen=seen)}
