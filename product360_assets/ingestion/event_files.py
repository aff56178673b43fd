"""The landing files that a stream's records are written to, and what their names say.

    shop/click/2017/05/01/09/web-clicks/shardId-000000000000/<first>-<last>-<records>.json.gz

The folder is the UTC hour in which the first record arrived, by the stream's own clock; a file
holds records of one shard and one day. So the same records make the same file, whoever writes it
and however often. The name tells how far a shard was read even if nobody else remembers.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.ingestion.event_lines import line_of
from product360_assets.ingestion.executions import PURPOSE
from resources.errors import ObjectExists
from resources.event_streams import Record
from resources.ledger import Delivery
from resources.objects import ObjectInfo, ObjectStore

STREAM_NAME, SHARD, LAST = "stream", "shard", "last sequence"
_ENDING = ".json.gz"


@dataclass(frozen=True)
class ShardFiles:
    """The files of one table that come from one shard of a stream."""

    contract: SourceContract
    table: TableContract
    stream: str
    shard: str
    landing: ObjectStore

    def write(self, records: Sequence[Record]) -> Delivery:
        """Land these records, unless a file that begins with the first of them is there already.

        Whoever wrote that died before it was recorded. It begins as these do, and may end sooner
        or later.
        """
        begins = self._folder(records[0]) + f"{records[0].sequence}-"
        found = next(self.landing.list(begins), None)
        return self._delivery(found or self._put(begins, records), records[0])

    def _folder(self, first: Record) -> str:
        below = f"{self.contract.name}/{self.table.delivered_name}/{first.arrived_at:%Y/%m/%d/%H}"
        return f"{below}/{self.stream}/{self.shard}/"

    def _put(self, begins: str, records: Sequence[Record]) -> ObjectInfo:
        key = f"{begins}{records[-1].sequence}-{len(records)}{_ENDING}"
        lines = b"".join(line_of(record.data) for record in records)
        with suppress(ObjectExists):
            # Another has just written the same. Without a time in its header, the same bytes.
            return self.landing.put(key, gzip.compress(lines, 3, mtime=0))
        return self.landing.head(key)

    def _delivery(self, file: ObjectInfo, first: Record) -> Delivery:
        """The file as an execution that delivered it; the same for everybody who finds it."""
        name = file.key.rpartition("/")[2]
        begins, last, count = name.removesuffix(_ENDING).split("-")
        return Delivery(
            source=self.contract.name,
            table=self.table.name,
            delivery_id=f"{self.stream}/{self.shard}/{begins}-{last}",
            landing_date=first.arrived_at.date(),
            prefix=file.key,
            status="successful",
            started_at=first.arrived_at,
            finished_at=first.arrived_at,
            rows=int(count),
            bytes=file.size,
            details={
                PURPOSE: "records",
                STREAM_NAME: self.stream,
                SHARD: self.shard,
                LAST: last,
            },
        )


def read_up_to(deliveries: Sequence[Delivery], stream: str) -> dict[str, str]:
    """The sequence of the last record that has landed, of each shard that any has landed of."""
    found: dict[str, str] = {}
    for delivery in deliveries:
        if delivery.details.get(STREAM_NAME) == stream:
            shard, last = delivery.details[SHARD], delivery.details[LAST]
            found[shard] = max(found.get(shard, "0"), last, key=int)
    return found
