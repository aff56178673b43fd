"""Reads a stream directly: records into landing files, as a delivery stream would write them.

    read      what follows the last record that has landed, up to the size of a file
    write     one landing file, create-only, under a name that follows from its records
    record    in the ledger, as a delivery with its count: it is the position, too

Whoever dies between two of these is followed by somebody who reads from the same place, finds the
file by the sequence of its first record, and records it. Two who read at once, because one slept
through its lock, write the same records twice: events merge by their key, so that changes nothing.

The hazard is a stream that forgets: it keeps records for a time, read or not. So every pass says
how far it is behind, and one that came too late says what may be gone (`event_looks`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.ingestion.event_files import LAST, ShardFiles, read_up_to
from product360_assets.ingestion.event_lines import is_aggregated
from product360_assets.ingestion.event_looks import Looks, missed
from resources.errors import ChangesLost, SourceRejected
from resources.event_streams import EventStream, Page, Record, Shard
from resources.ledger import Delivery, Ledger
from resources.objects import ObjectStore

# A file is written when it has so much of either; it may have one answer's records more.
FILE_RECORDS = 50_000
FILE_BYTES = 32 * 1024 * 1024
# What is left then is read by the next pass.
PASS_SECONDS = 300.0


@dataclass
class Pass:
    """What one reading of a stream came to.

    Attributes:
        behind: how far the reader is behind the newest record, by shard.
        read_until: up to when each shard was read.
        aggregated: sequences of the records that hold several events in a form of their own.
        missed: what may have arrived and been forgotten since the pass before.
    """

    stream: str
    files: int = 0
    records: int = 0
    bytes: int = 0
    behind: dict[str, timedelta] = field(default_factory=dict)
    read_until: dict[str, datetime] = field(default_factory=dict)
    aggregated: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def looked_at(self, shard: str, page: Page, now: datetime) -> None:
        """Note how far a shard was read, by the page that it was read to."""
        self.behind[shard] = page.behind
        self.read_until[shard] = now - page.behind

    def add(self, landed: Delivery, records: Sequence[Record]) -> None:
        """Count a file that holds these records."""
        self.files += 1
        self.records += landed.rows
        self.bytes += landed.bytes
        self.aggregated += [each.sequence for each in records if is_aggregated(each.data)]

    def shown(self) -> dict[str, Any]:
        """The figures for people."""
        seconds = max(self.behind.values(), default=timedelta(0)).total_seconds()
        return {
            "stream": self.stream,
            "shards": len(self.behind),
            "records read": self.records,
            "files written": self.files,
            "bytes written": self.bytes,
            "behind the newest record (s)": seconds,
        }

    def complain(self) -> None:
        """Say loudly what is not as it should be; what could be read has landed all the same.

        Raises:
            ChangesLost: records may have been forgotten before they were read.
            SourceRejected: records hold several events, which nobody takes apart.
        """
        if self.missed:
            raise ChangesLost(
                f"stream {self.stream}",
                found=f"a stream that may have forgotten {'; '.join(self.missed)}",
                expected="a stream that is read more often than it forgets",
                next_move="have what is missing sent again, if anything was; keep records longer, "
                "or turn on the sensor event_streams. This is said once",
            )
        if self.aggregated:
            raise SourceRejected(
                f"stream {self.stream}",
                found=f"{len(self.aggregated)} records that the Kinesis Producer Library "
                f"aggregated, the first {self.aggregated[0]}",
                expected="one event in each record",
                next_move="set AggregationEnabled to false in the producer; these records are "
                "whole in raw, and in quarantine in Base64",
            )


@dataclass(frozen=True)
class StreamReading:
    """Reads one source's streams.

    Attributes:
        clock: seconds that never go back.
        now: the time of day, for what is kept for how long.
    """

    contract: SourceContract
    ledger: Ledger
    landing: ObjectStore
    log: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def read(self, table: TableContract, stream: EventStream) -> Pass:
        """Land what the stream holds, for as long as a pass may last.

        Raises:
            SourceRejected: there is no such stream.
            ServiceUnavailable: it does not answer; what has landed stays landed.
        """
        looks = Looks(self.contract, table, stream.name, self.ledger)
        done, before = Pass(stream.name), looks.read_until()
        done.missed += missed(before, kept=stream.kept(), now=self.now())
        shards = stream.shards()
        deliveries = self.ledger.deliveries(self.contract.name, table.name)
        positions = read_up_to(deliveries, stream.name)
        self._read_shards(table, stream, shards, positions, done)
        known = {shard.shard_id for shard in shards}
        unread = {shard: at for shard, at in before.items() if shard in known}
        looks.record({**unread, **done.read_until}, now=self.now())
        self.log(f"{table.name}: {done.records} records of {stream.name} in {done.files} files")
        return done

    def _read_shards(
        self,
        table: TableContract,
        stream: EventStream,
        shards: Sequence[Shard],
        positions: dict[str, str],
        done: Pass,
    ) -> None:
        """Read every shard to its end, or until the pass is over."""
        over = self.clock() + PASS_SECONDS
        parents = {shard.shard_id: shard.parents for shard in shards}
        closed = {parent for shard in shards for parent in shard.parents}
        waiting = list(parents)
        # One file of each in turn, so that none has to wait for another's backlog.
        while waiting and self.clock() < over:
            for shard in list(waiting):
                # A child's records are younger than all of its parents'.
                if not any(parent in waiting for parent in parents[shard]):
                    files = ShardFiles(self.contract, table, stream.name, shard, self.landing)
                    page = self._read_file(stream, files, positions, done, over)
                    if page.ended or (page.is_last and shard not in closed):
                        waiting.remove(shard)

    def _read_file(
        self,
        stream: EventStream,
        files: ShardFiles,
        positions: dict[str, str],
        done: Pass,
        over: float,
    ) -> Page:
        """Land one file of a shard, if there is anything; the page that it ended with."""
        records, page = self._gather(stream, files.shard, positions.get(files.shard), over)
        if records:
            landed = files.write(records)
            self.ledger.record_delivery(landed)
            last = positions[files.shard] = landed.details[LAST]
            done.add(landed, [each for each in records if int(each.sequence) <= int(last)])
            if last != records[-1].sequence:
                # Who died had read less, or more.
                page = _with_more_behind(page, records[0])
        done.looked_at(files.shard, page, self.now())
        return page

    def _gather(
        self, stream: EventStream, shard: str, after: str | None, over: float
    ) -> tuple[list[Record], Page]:
        """The records of one file, and the page that it ended with."""
        records: list[Record] = []
        size = 0
        while True:
            page = stream.read(shard, after=records[-1].sequence if records else after)
            for record in page.records:
                if records and record.arrived_at.date() != records[0].arrived_at.date():
                    return records, _with_more_behind(page, records[-1])
                records.append(record)
                size += len(record.data)
            is_full = len(records) >= FILE_RECORDS or size >= FILE_BYTES
            if page.is_last or is_full or self.clock() >= over:
                return records, page


def _with_more_behind(page: Page, read: Record) -> Page:
    """The page as one that was read up to that record only."""
    newest = page.records[-1].arrived_at if page.records else read.arrived_at
    left = max(newest - read.arrived_at, timedelta(0)) + timedelta(milliseconds=1)
    return replace(page, behind=page.behind + left, ended=False)
