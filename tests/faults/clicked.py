"""A shop whose clicks are taken in by a real stream, with a real ledger and a real catalog."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from product360_assets.curated.click_event import EVENTS
from product360_assets.curated.click_event import PUBLICATION as BATCH
from product360_assets.curated.click_session import VISITS
from product360_assets.curated.click_stream import NAME, StreamedClicks
from product360_assets.curated.derive import Deriver
from product360_assets.curated.job_tables import JobWriter
from product360_assets.curated.publish import Published, Publisher
from resources.environments import Settings, platform_resources
from resources.jobs import JobReport, JobRequest
from resources.ledger import Batch, LandedObject, ZoneState, batch_id_of
from resources.local.runner import LocalJobRunner
from resources.streams import NOW, STREAM_JOB, Offers, now
from spark.tables.curated import CLICK_EVENT, CLICK_SESSION

ZONE = "America/New_York"
# 23:40 on Sunday the 4th in New York.
EVENING = datetime(2017, 6, 5, 3, 40, tzinfo=UTC)
CLEAN = pa.schema(
    [
        ("event_id", pa.string()),
        ("session_id", pa.string()),
        ("visitor_id", pa.string()),
        ("household_id", pa.int64()),
        ("event_type", pa.string()),
        ("event_time", pa.timestamp("us", "UTC")),
        ("product_id", pa.int64()),
        ("quantity", pa.int64()),
        ("basket_id", pa.int64()),
        ("synthetic", pa.bool_()),
        ("generator", pa.string()),
        ("seed", pa.int64()),
        ("_batch_id", pa.string()),
        ("_epoch", pa.string()),
        ("_committed_at", pa.timestamp("us", "UTC")),
        ("_change_sequence", pa.string()),
        ("_operation", pa.string()),
    ]
)


@dataclass(frozen=True)
class Click:
    """One step of a visitor; `at` in UTC."""

    id: str
    visitor: str
    at: datetime
    kind: str = "view"
    product: int = 1

    def clean(self, batch: str) -> dict[str, Any]:
        """The row of clean, but for what is null."""
        return {
            "event_id": self.id,
            "session_id": "s",
            "visitor_id": self.visitor,
            "event_type": self.kind,
            "event_time": self.at,
            "product_id": self.product,
            "basket_id": 100 if self.kind == "purchase" else None,
            "synthetic": True,
            "generator": "model/1",
            "seed": 7,
            "_batch_id": batch,
            "_epoch": "0",
            "_committed_at": self.at,
            "_operation": "I",
        }


class Shop:
    """One home; deliveries are clean at once."""

    def __init__(self, home: Path) -> None:
        settings = Settings("local", home, "spark", lake_prefix=None, ledger_table=None)
        self.resources: dict[str, Any] = dict(platform_resources(settings))
        resources = self.resources
        self.home = home
        self.ledger = resources["ledger"].open()
        self.catalog = resources["catalog"]
        self.lake = resources["lake"]
        self.warehouse = resources["warehouse"]
        self.runner = LocalJobRunner(home=str(home), engine="spark")
        self.offers = Offers(self.lake.zone("results"), NAME, NOW)
        self.said: list[str] = []

    def deliver(self, day: date, clicks: Iterable[Click]) -> None:
        """One delivery of the day, which is clean at once."""
        number = len(self.ledger.batches(EVENTS.source, EVENTS.table))
        landed = LandedObject("landing", f"clicks/{number}", "v1", 1)
        batch_id = batch_id_of(day, [landed])
        rows = [click.clean(batch_id) for click in clicks]
        content = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=CLEAN), content)
        clean = self.lake.zone("clean")
        clean.put(f"clicks/{batch_id}/part-0.parquet", content.getvalue())
        batch = Batch(batch_id, EVENTS.source, EVENTS.table, day, "stream", "0", (landed,))
        self.ledger.open_batch(batch)
        state = ZoneState(
            batch_id=batch_id,
            zone="clean",
            rows_in=len(rows),
            rows_out=len(rows),
            rows_quarantined=0,
            location=clean.uri_of(f"clicks/{batch_id}/").removesuffix("/"),
            unit="1",
            code_version="1",
            config_version="1",
            snapshot_id=None,
            recorded_at=datetime(2017, 6, 5, tzinfo=UTC),
            details={},
        )
        self.ledger.record_zone(state, replacing=None)

    def stream(self) -> StreamedClicks:
        """The stream that ends when nothing is left."""
        return StreamedClicks(
            self.ledger,
            self.catalog,
            self.warehouse,
            self.lake,
            now(NAME, self.runner, self.lake),
            ZONE,
            self.said.append,
            "run",
        )

    def overtaken_stream(self, *, knows_its_own: bool = True) -> StreamedClicks:
        """The stream that ends, in a run that sleeps until another has its offer in our place."""
        stream = self.stream()
        stream.runner._runner = _Sleeping(self, knows_its_own=knows_its_own)
        return stream

    def publish_batch(self) -> tuple[Published, str]:
        """What the two batch assets do, each night."""
        publisher = Publisher(self.ledger, self.catalog, self.runner, self.said.append, "night")
        published = publisher.publish(BATCH, {"time_zone": ZONE})
        derivation = VISITS.derivation(self.warehouse, self.ledger, self.runner)
        write = JobWriter(VISITS, derivation, self.catalog, self.runner, self.said.append)
        return published, Deriver(self.catalog, self.said.append, "night").derive(derivation, write)

    def restart(self, *, knows_its_own: bool = True) -> None:
        """The job as it starts after a crash: whatever its checkpoint and the offers show it."""
        spec = self.offers.spec(continuous=False)
        if knows_its_own:
            spec["only"] = "an offer that was taken away"
        request = JobRequest(STREAM_JOB, "again", spec, streams=True)
        self.runner.run(request, log=self.said.append)

    @property
    def checkpoint(self) -> Path:
        """Spark's own folder."""
        return Path(self.offers.spec(continuous=False)["checkpoint"].removeprefix("file://"))

    def roll_back_the_checkpoint(self) -> None:
        """Forget that the last micro-batch was done, as a crash just before would have."""
        numbers = [path for path in (self.checkpoint / "commits").iterdir() if path.name.isdigit()]
        last = max(numbers, key=lambda path: int(path.name))
        last.unlink()
        (last.parent / f".{last.name}.crc").unlink(missing_ok=True)

    def expire_snapshots(self) -> None:
        """Forget every snapshot but the current one of both tables."""
        for name in (CLICK_EVENT.identifier, CLICK_SESSION.identifier):
            table = self.catalog.table(name)
            now_ = table.current_snapshot().snapshot_id
            old = [each.snapshot_id for each in table.snapshots() if each.snapshot_id != now_]
            table.maintenance.expire_snapshots().by_ids(old).commit()

    def forget_what_was_taken_in(self) -> None:
        """The ledger as if nothing had been published."""
        with closing(sqlite3.connect(self.home / "ledger.db")) as connection, connection:
            connection.execute("DELETE FROM zone_state WHERE zone = ?", [CLICK_EVENT.identifier])

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a published table."""
        found: list[dict[str, Any]] = self.catalog.table(table).scan().to_arrow().to_pylist()
        return found

    def state(self) -> dict[str, tuple[str, int]]:
        """Content and number of commits of both tables."""
        names = (CLICK_EVENT.identifier, CLICK_SESSION.identifier)
        return {
            name: (self.catalog.digest(name), len(self.catalog.snapshot_summaries(name)))
            for name in names
        }

    def contents(self) -> dict[str, str]:
        """Content of both tables."""
        return {name: digest for name, (digest, _) in self.state().items()}


class _Sleeping:
    """Runs a job only after another run has taken the stream's place, with an offer of its own."""

    def __init__(self, shop: Shop, *, knows_its_own: bool) -> None:
        self._shop, self._knows_its_own = shop, knows_its_own

    def code_version(self) -> str:
        return self._shop.runner.code_version()

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        offers = self._shop.offers
        (ours,) = (
            json.loads(offers.results.read(info.key))
            for info in offers.results.list(f"{offers.folder}offers/")
            if info.key.endswith(".json")
        )
        offers.clear()
        offers.put(ours)
        spec = dict(request.spec)
        if not self._knows_its_own:
            del spec["only"]
        return self._shop.runner.run(replace(request, spec=spec), log=log)


def visits_of(
    clicks: Sequence[Click], until: date
) -> set[tuple[str, datetime, datetime, int, bool]]:
    """Visitor, first and last time, steps, whether a bot: found by walking through the clicks.

    `until` is the last day that counts, in the shop's zone; of a click that came twice the later
    time stands.
    """
    from zoneinfo import ZoneInfo

    newest: dict[str, Click] = {}
    for click in clicks:
        if click.id not in newest or newest[click.id].at < click.at:
            newest[click.id] = click
    counted = [
        click for click in newest.values() if click.at.astimezone(ZoneInfo(ZONE)).date() <= until
    ]
    found: list[list[Click]] = []
    for click in sorted(counted, key=lambda each: (each.visitor, each.at)):
        same = found and found[-1][-1].visitor == click.visitor
        if same and (click.at - found[-1][-1].at).total_seconds() <= 1800:
            found[-1].append(click)
        else:
            found.append([click])
    return {(v[0].visitor, v[0].at, v[-1].at, len(v), is_bot(v)) for v in found}


def is_bot(visit: Sequence[Click]) -> bool:
    """Whether nobody can click so fast."""
    steps = [click for click in visit if click.kind != "purchase"]
    if len(steps) < 30:
        return False
    return (steps[-1].at - steps[0].at).total_seconds() < len(steps) - 1 or len(steps) >= 1000
