"""A real daemon that is killed in the middle of a tick, and one that takes its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from resources.ledger import Ledger
from resources.local.announcements import SqliteAnnouncementsResource
from resources.local.events import FolderQueue
from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
PATIENCE_SECONDS = 400

# A code location of one source. Its queue waits before it acknowledges, as long as `halt` exists,
# and what makes raw clean only says so.
LOCATION = """
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from product360_assets.automation.jobs import accept_job
from product360_assets.automation.sensors import landing_arrivals
from product360_assets.core.contract import SourceContract
from product360_assets.core.partitions import landing_dates
from product360_assets.raw.assets import raw_asset
from product360_assets.raw.audit import raw_audit
from resources.events import EventQueue, EventQueueResource
from resources.ledger import LedgerResource, ZoneState
from resources.local.announcements import SqliteAnnouncementsResource
from resources.local.events import FolderQueue
from resources.local.ledger import SqliteLedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.objects import LakeResource

HOME = Path("{home}")
SHOP = SourceContract.model_validate({{
    "name": "shop", "kind": "files", "description": "A shop.", "owners": ["team:shop"],
    "tables": [{{
        "name": "price", "description": "Prices.", "format": "csv", "key": ["id"],
        "cadence": "weekly", "freshness_hours": 24,
        "columns": [{{"name": "id", "type": "bigint", "description": "Article."}}],
    }}],
}})


class Halting(FolderQueue):
    def acknowledge(self, messages):
        (HOME / "about-to-acknowledge").touch()
        while (HOME / "halt").exists():
            time.sleep(0.05)
        super().acknowledge(messages)


class HaltingQueue(EventQueueResource):
    def open(self) -> EventQueue:
        return Halting(HOME / "events", visibility_seconds=5)


@dg.asset(
    key=["clean", "shop", "price"], deps=[["raw", "shop", "price"]],
    partitions_def=landing_dates("shop"), backfill_policy=dg.BackfillPolicy.single_run(),
)
def clean(ledger: LedgerResource) -> None:
    opened = ledger.open()
    for batch in opened.batches("shop", "price"):
        if opened.zone_state(batch.batch_id, "clean") is None:
            opened.record_zone(ZoneState(
                batch.batch_id, "clean", 1, 1, 0, "", "", "", "", None, datetime.now(UTC), {{}}
            ), replacing=None)


accept = accept_job(SHOP)
defs = dg.Definitions(
    assets=[raw_asset(SHOP, SHOP.tables[0]), clean],
    asset_checks=[raw_audit(SHOP)],
    jobs=[accept],
    sensors=[landing_arrivals([SHOP], [accept])],
    resources={{
        "lake": LakeResource(uri=f"file://{{HOME}}/lake", events=str(HOME / "events")),
        "ledger": SqliteLedgerResource(path=str(HOME / "ledger.db")),
        "events": HaltingQueue(),
        "announcements": SqliteAnnouncementsResource(path=str(HOME / "announcements.db")),
        "registry": SqliteRegistryResource(path=str(HOME / "registry.db")),
    }},
    executor=dg.in_process_executor,
)
"""


class Home:
    """A home with a daemon of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "dagster").mkdir(parents=True)
        settings = (REPOSITORY / "dagster.yaml").read_text()
        (folder / "dagster" / "dagster.yaml").write_text(settings)
        (folder / "location.py").write_text(LOCATION.format(home=folder))
        self.lake = LakeResource(uri=f"file://{folder}/lake", events=str(folder / "events"))
        self.instance = dg.DagsterInstance.from_config(str(folder / "dagster"))

    @property
    def ledger(self) -> Ledger:
        return SqliteLedgerResource(path=str(self.folder / "ledger.db")).open()

    def succeeded(self) -> int:
        done = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
        return self.instance.get_runs_count(done)

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                str(Path(sys.executable).with_name("dagster-daemon")),
                *("run", "-f", str(self.folder / "location.py"), "-d", str(REPOSITORY)),
            ],
            # Not in the repository: its `.env` would lead to another home.
            cwd=self.folder,
            env={
                **os.environ,
                "PRODUCT360_HOME": str(self.folder),
                "DAGSTER_HOME": str(self.folder / "dagster"),
            },
            stdout=(self.folder / "daemon.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def until(self, holds: Callable[[], bool], daemon: subprocess.Popen[bytes]) -> None:
        """Wait until something holds, while the daemon runs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        log = self.folder / "daemon.log"
        while not holds():
            assert daemon.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.2)


def kill(daemon: subprocess.Popen[bytes]) -> None:
    """The daemon and everything that it started, at once."""
    if daemon.poll() is None:
        os.killpg(daemon.pid, signal.SIGKILL)
    daemon.wait()


def test_f24_a_daemon_killed_in_a_tick_is_replaced_and_each_batch_processed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    home = Home(tmp_path / "home")
    queue = FolderQueue(home.folder / "events")
    kept = SqliteAnnouncementsResource(path=str(home.folder / "announcements.db")).open()
    for number in range(3):
        key = f"shop/price/2017-01-0{number + 1}/price.csv"
        home.lake.zone("landing").put(key, f"id\n{number}\n".encode())
    (home.folder / "halt").touch()
    daemon = home.start()
    try:
        home.until((home.folder / "about-to-acknowledge").exists, daemon)
        kill(daemon)
        assert queue.depth().handed_out == 3
        (home.folder / "halt").unlink()
        daemon = home.start()
        home.until(lambda: home.succeeded() == 1, daemon)
        # The messages have come again, and ticks have seen that there is nothing left to do.
        home.until(lambda: queue.depth().waiting == 0, daemon)
        home.until(lambda: not kept.waiting() and not queue.depth().handed_out, daemon)
    finally:
        kill(daemon)
    assert home.instance.get_runs_count() == 1
    batches = home.ledger.batches("shop", "price")
    assert [len(batch.objects) for batch in batches] == [1, 1, 1]
    raw = home.lake.zone("raw")
    assert sorted(raw.read(info.key) for info in raw.list("shop/")) == [
        f"id\n{number}\n".encode() for number in range(3)
    ]
