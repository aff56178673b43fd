"""The click stream as files: gzipped JSON lines under the keys that a delivery stream gives them.

History comes as one flush a week, on the Monday after it; the last local day, which nobody has
asked for yet, by flushes of 15 minutes. The hazard: a key names the minute of its flush in UTC,
not the time of its events.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from demo.clicks import EVENT_TYPES, Clicks, generate
from demo.clickstream import GENERATOR
from demo.columns import Integers, joined, starts, taken
from demo.file_drop import Delivered, FileDrop, Parcel
from demo.settings import SEED

if TYPE_CHECKING:
    import pyarrow as pa

    from demo.settings import Scale

CLICK_EVENT: Final = "clickstream/click_event/"
EVENTS_A_FILE: Final = 50_000

_LOCAL: Final = ZoneInfo("America/New_York")
_FIRST_MONDAY: Final = datetime(2017, 1, 2, tzinfo=_LOCAL)
LAST_DAY: Final = datetime(2017, 12, 31, tzinfo=_LOCAL)
_WEEKLY_FLUSH_HOUR: Final = timedelta(hours=8)  # of the Monday, in UTC
_FLUSH_MS: Final = 15 * 60 * 1000

_AS_JSON = f"""
SELECT format('{{:016x}}-{{:04d}}', session, position) AS event_id,
       format('{{:016x}}', session) AS session_id,
       format('{{:016x}}', visitor) AS visitor_id,
       nullif(household, 0) AS household_id,
       {list(EVENT_TYPES)}[event_type + 1] AS event_type,
       strftime(make_timestamp_ms(time_ms), '%Y-%m-%dT%H:%M:%S.%gZ') AS event_time,
       product AS product_id,
       nullif(quantity, 0) AS quantity,
       nullif(basket, 0) AS basket_id,
       true AS synthetic,
       '{GENERATOR}' AS generator,
       {SEED} AS seed
FROM events
"""


@dataclass(frozen=True)
class Flush:
    """The events of one file, and when the stream wrote it."""

    at: datetime
    part: int
    clicks: Clicks

    @property
    def key(self) -> str:
        """The landing key; its last part is a hash, as a delivery stream's is random."""
        unique = f"{SEED}/{self.at.isoformat()}/{self.part}"
        name = hashlib.sha256(unique.encode()).hexdigest()[:32]
        stamp = f"{self.at:%Y-%m-%d-%H-%M-%S}"
        return f"{CLICK_EVENT}{self.at:%Y/%m/%d/%H}/click_event-1-{stamp}-{name}.json.gz"


def deliver_events(scale: Scale, drop: FileDrop) -> Delivered:
    """All click events of this scale."""
    if finished := drop.delivered(CLICK_EVENT):
        return finished
    return drop.deliver(CLICK_EVENT, _written(flushes(joined(list(generate(scale)))), drop))


def flushes(clicks: Clicks) -> Iterator[Flush]:
    """The events by the file that they arrive in, in order of arrival and of event time."""
    flushed_ms = _flushed_ms(clicks.time_ms)
    order = np.lexsort((clicks.position, clicks.session, clicks.time_ms, flushed_ms))
    arrived, flushed_ms = taken(clicks, order), flushed_ms[order]
    first = starts(flushed_ms)
    for start, end in zip(first, np.append(first[1:], flushed_ms.size), strict=True):
        at = datetime.fromtimestamp(int(flushed_ms[start]) / 1000, tz=UTC)
        for part, cut in enumerate(range(int(start), int(end), EVENTS_A_FILE)):
            yield Flush(at, part, taken(arrived, slice(cut, min(cut + EVENTS_A_FILE, int(end)))))


def _flushed_ms(time_ms: Integers) -> Integers:
    mondays = [_FIRST_MONDAY + timedelta(weeks=week) for week in range(52)]
    # The week of the last day is flushed when that day begins.
    ends = np.array([_ms(monday) for monday in mondays] + [_ms(LAST_DAY)])
    flushes = [datetime.combine(monday, datetime.min.time(), UTC) for monday in mondays]
    weekly = np.array([_ms(flush + _WEEKLY_FLUSH_HOUR) for flush in flushes] + [_ms(LAST_DAY)])
    within = np.searchsorted(ends, time_ms, side="right")
    last_day = (time_ms // _FLUSH_MS + 1) * _FLUSH_MS
    return np.where(within == ends.size, last_day, weekly[np.minimum(within, ends.size - 1)])


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _written(arriving: Iterator[Flush], drop: FileDrop) -> Iterator[Parcel]:
    import duckdb

    lines, packed = drop.outbox / "click_event.json", drop.outbox / "click_event.json.gz"
    file = str(lines).replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for flush in arriving:
            connection.register("events", _arrow(flush.clicks))
            connection.execute(f"COPY ({_AS_JSON}) TO '{file}' (FORMAT json)")
            # Level 3 is twice as fast as the default for a tenth more bytes; without a time in
            # its header the same events are the same bytes.
            packed.write_bytes(gzip.compress(lines.read_bytes(), 3, mtime=0))
            yield Parcel(flush.key, packed, rows=flush.clicks.session.size)
    lines.unlink(missing_ok=True)


def _arrow(clicks: Clicks) -> pa.Table:
    import pyarrow as pa

    return pa.table(vars(clicks))
