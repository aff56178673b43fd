"""F20: the disk is full, out of inodes or read-only at each single write of acceptance and clean.

A real disk in memory is filled to its last byte just before the n-th durable call, for every n
there is. The error names the disk and what was needed; what was there before is there afterwards
and nothing else; and with room again the next run ends as if nothing had happened.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest

from product360_assets.clean.work import Cleaned, Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from resources.errors import StorageFull, StorageReadOnly
from resources.jobs import JobReport, JobRequest, JobRunner
from resources.local import engines
from resources.local.ledger import SqliteLedger
from resources.local.runner import LocalJobRunner
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource
from resources.storage import writing_to

Disk = Callable[[int], Path]
DAYS = [date(2017, 5, 1), date(2017, 5, 2)]
OBJECT_BYTES = 40_000
DURABLE = {"put", "accept", "open_batch", "accept_objects", "record_zone"}

CONTRACT = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "files",
        "description": "A shop.",
        "owners": ["team:shop"],
        "tables": [
            {
                "name": "order",
                "description": "Orders.",
                "format": "csv",
                "key": ["order_id"],
                "cadence": "daily",
                "freshness_hours": 24,
                "columns": [
                    {"name": "order_id", "type": "bigint", "description": "Order."},
                    {
                        "name": "member",
                        "type": "string",
                        "description": "Who.",
                        "treatment": "hash",
                    },
                ],
            }
        ],
    }
)
ORDER = CONTRACT.table("order")


def fill(folder: Path, *, but: int = 0) -> None:
    """Take all room of the disk but so many bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\1" * 4096)
    if but:
        os.truncate(ballast, max(0, ballast.stat().st_size - but))


def free(folder: Path) -> None:
    (folder / "ballast").unlink(missing_ok=True)


@dataclass
class Trap:
    """Springs at the n-th durable call of whatever goes through it."""

    at: int
    spring: Callable[[str], None]
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def around(self, port: Any) -> Any:
        return _Trapped(port, self)

    def step(self, name: str) -> None:
        with self.lock:
            self.calls.append(name)
            if len(self.calls) == self.at:
                self.spring(name)


class _Trapped:
    """A port, whose durable calls pass the trap first."""

    def __init__(self, port: Any, trap: Trap) -> None:
        self._port, self._trap = port, trap

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in DURABLE:
            return found

        def call(*arguments: Any, **more: Any) -> Any:
            self._trap.step(name)
            return found(*arguments, **more)

        return call


class Home:
    """A home on a small disk, with two days of deliveries in landing, which is elsewhere."""

    def __init__(self, disk: Path, landing: Path) -> None:
        self.disk = disk
        self.path = disk / "home"
        self.path.mkdir()
        self.landing = LakeResource(uri=f"file://{landing}").zone("landing")
        self.lake = LakeResource(uri=f"file://{self.path}/lake")
        self.ledger = SqliteLedger(self.path / "ledger.db")

    def deliver(self) -> None:
        for day in DAYS:
            for name in ("a", "b"):
                first = 1000 * (10 * day.day + (name == "b"))
                rows = [f"{first + n},{'member' * 6}{n}\n" for n in range(OBJECT_BYTES // 45)]
                text = "order_id,member\n" + "".join(rows)
                self.landing.put(f"shop/order/{day}/{name}.csv", text.encode())

    def accept(self, trap: Trap | None = None) -> None:
        trap = trap or Trap(0, lambda _: None)
        ledger, raw = trap.around(self.ledger), trap.around(self.lake.zone("raw"))
        # Day by day: while one batch is recorded, the next one's copies would be under way.
        for day in DAYS:
            Acceptance(CONTRACT, ORDER, ledger, self.landing, raw).accept([day])

    def state(self) -> dict[str, object]:
        """Everything that acceptance leaves: objects with their bytes, and the ledger's rows."""
        raw = self.lake.zone("raw")
        batches = self.ledger.batches("shop", "order")
        return {
            "raw": {info.key: raw.read(info.key) for info in raw.list()},
            "batches": batches,
            "accepted": [self.ledger.accepted_objects(batch.batch_id) for batch in batches],
            "states": self.ledger.zone_states("shop", "order", "raw"),
            "staging": sorted((self.path / "lake/raw/.staging").glob("*")),
        }

    def expect_all_accepted_once(self) -> None:
        raw = self.lake.zone("raw")
        delivered = {info.key.rsplit("/")[-2:][0] + info.key[-6:]: self.landing.read(info.key)
                     for info in self.landing.list()}  # fmt: skip
        copies = sorted(raw.read(info.key) for info in raw.list() if info.key.endswith(".csv"))
        assert copies == sorted(delivered.values())
        assert len(self.ledger.zone_states("shop", "order", "raw")) == len(DAYS)
        assert self.state()["staging"] == []


@pytest.fixture
def home(disk: Disk, tmp_path: Path) -> Callable[[], Home]:
    """Homes on one small disk, each in place of the last."""
    folder = disk(6)
    made: list[Home] = []

    def new() -> Home:
        if made:
            made[-1].ledger.close()
            shutil.rmtree(made[-1].path)
        made.append(Home(folder, tmp_path / f"landing-{len(made)}"))
        made[-1].deliver()
        return made[-1]

    return new


@pytest.fixture(autouse=True)
def one_copy_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # So that the state before a call is the state that it must leave.
    monkeypatch.setattr("product360_assets.raw.acceptance.COPIES_AT_ONCE", 1)


def writes_of(home: Home) -> list[str]:
    trap = Trap(0, lambda _: None)
    home.accept(trap)
    return trap.calls


def fails_for_want_of_room(home: Home, at: int) -> tuple[str, StorageFull] | None:
    """Run out of room at that write: which one failed, and what was said; None where none did.

    A small write may fit into a page that its file has already; then a later one fails.
    """
    before: dict[str, object] = {}

    def no_room(_: str) -> None:
        before.update(home.state())
        fill(home.disk)

    trap = Trap(at, no_room)
    try:
        home.accept(trap)
    except StorageFull as full:
        free(home.disk)
        # What was confirmed before is there, and nothing of what failed. A copy that waited for
        # the failed one may have been tried too, and fails alike.
        if set(trap.calls[at:]) <= {"accept"}:
            assert home.state() == before
        return trap.calls[-1], full
    free(home.disk)
    return None


def test_f20_a_full_disk_at_any_write_of_acceptance_changes_nothing_and_is_named(
    home: Callable[[], Home],
) -> None:
    writes = writes_of(home())
    assert {"put", "accept", "open_batch", "accept_objects", "record_zone"} == set(writes)
    met: list[str] = []
    for at in range(1, len(writes) + 1):
        mine = home()
        if failed := fails_for_want_of_room(mine, at):
            name, full = failed
            met.append(name)
            assert str(mine.disk) in full.thing
            assert "no room for" in full.found
            if "/lake/" in full.thing:
                assert "bytes being written" in full.found
        mine.accept()
        mine.expect_all_accepted_once()
    assert len(met) >= len(writes) / 2
    assert len(set(met)) > 2, met


def test_f20_a_disk_without_inodes_is_a_full_disk(home: Callable[[], Home]) -> None:
    mine = home()
    files = mine.disk / "files"
    subprocess.run(["mount", "-o", "remount,nr_inodes=64", str(mine.disk)], check=True)
    files.mkdir()
    with suppress(OSError):
        for number in range(100):
            (files / str(number)).touch()
    with pytest.raises(StorageFull) as full:
        mine.accept()
    assert str(mine.disk) in full.value.thing
    shutil.rmtree(files)
    mine.accept()
    mine.expect_all_accepted_once()


@pytest.mark.parametrize("zone", ["raw", "ledger"])
def test_f20_a_read_only_folder_is_named_and_nothing_is_half_done(
    zone: str, disk: Disk, tmp_path: Path
) -> None:
    shut, landing = disk(2), LakeResource(uri=f"file://{tmp_path}").zone("landing")
    landing.put(f"shop/order/{DAYS[0]}/a.csv", b"order_id,member\n1,ann\n")
    places = {"raw": tmp_path / "lake", "ledger": tmp_path / "ledger", zone: shut}

    def accept() -> None:
        ledger = SqliteLedger(places["ledger"] / "ledger.db")
        raw = LakeResource(uri=f"file://{places['raw']}").zone("raw")
        Acceptance(CONTRACT, ORDER, ledger, landing, raw).accept(DAYS)

    subprocess.run(["mount", "-o", "remount,ro", str(shut)], check=True)
    with pytest.raises(StorageReadOnly) as refused:
        accept()
    assert str(shut) in refused.value.thing
    assert "read-only file system" in refused.value.found
    subprocess.run(["mount", "-o", "remount,rw", str(shut)], check=True)
    accept()
    raw = LakeResource(uri=f"file://{places['raw']}").zone("raw")
    assert [raw.read(info.key) for info in raw.list() if info.key.endswith(".csv")] == [
        b"order_id,member\n1,ann\n"
    ]


def test_f20_without_the_translation_nobody_learns_which_disk(home: Callable[[], Home]) -> None:
    at = writes_of(home()).index("accept") + 1
    mine = home()
    with (
        patch("resources.storage.refusal_in", lambda *_, **__: None),
        pytest.raises(OSError, match="No space left") as bare,
    ):
        fails_for_want_of_room(mine, at)
    free(mine.disk)
    assert not isinstance(bare.value, StorageFull)


def test_f20_without_its_clearing_a_half_written_file_stays(home: Callable[[], Home]) -> None:
    at = writes_of(home()).index("accept") + 1
    mine = home()
    with (
        patch.object(Path, "unlink", lambda *_, **__: None),
        pytest.raises(AssertionError),
    ):
        fails_for_want_of_room(mine, at)
    (mine.disk / "ballast").unlink()


class FillingRunner(JobRunner):
    """The real runner on a disk that is filled, but so many bytes, before each job."""

    runner: Any
    disk: str
    but: int

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        fill(Path(self.disk), but=self.but)
        report: JobReport = self.runner.run(request, log=log)
        return report

    def code_version(self) -> str:
        version: str = self.runner.code_version()
        return version


@pytest.fixture
def cleaning(disk: Disk, tmp_path: Path) -> Iterator[Callable[..., tuple[Home, Cleaned]]]:
    """Clean both days on a disk with so many bytes left, or on a free one."""
    mine = Home(disk(24), tmp_path / "landing")
    mine.deliver()
    mine.accept()
    secrets = LocalSecrets(path=str(mine.path / "secrets.json"))
    plain = LocalJobRunner(home=str(mine.path))

    def clean(but: int | None = None, trap: Trap | None = None) -> tuple[Home, Cleaned]:
        ledger = (trap or Trap(0, lambda _: None)).around(mine.ledger)
        runner: JobRunner = plain
        if but is not None:
            runner = FillingRunner(runner=plain, disk=str(mine.disk), but=but)
        try:
            # As a step of Dagster's says it: `core.failures`.
            with writing_to(mine.path):
                return mine, Cleaning(
                    CONTRACT, ORDER, ledger, mine.lake, runner, lambda _: None, secrets=secrets
                ).clean(DAYS)
        finally:
            free(mine.disk)

    yield clean
    engines.stop_engine()


def rows_of(cleaned: Cleaned) -> Sequence[tuple[object, ...]]:
    tables = [
        pq.ParquetFile(file).read(columns=["order_id", "member", "_landing_date"]).to_pylist()
        for batch in cleaned.batches
        for file in Path(batch.state.location.removeprefix("file://")).glob("*.parquet")
    ]
    return sorted(tuple(row.values()) for table in tables for row in table)


def test_f20_a_full_disk_at_any_point_of_a_clean_job_is_named_and_the_next_run_is_whole(
    cleaning: Callable[..., tuple[Home, Cleaned]],
) -> None:
    met: list[StorageFull] = []
    # The spec, the first event, staging, the rows, quarantine, the last event: each needs more.
    for but in (0, 8_192, 24_576, 49_152, 98_304, 147_456, 196_608, 262_144):
        try:
            cleaning(but)
        except StorageFull as full:
            met.append(full)
            continue
        # It had room enough: so will every later one.
        break
    assert len(met) >= 3
    assert [full for full in met if "product360-disk" not in full.thing] == []
    assert [full for full in met if "no room for" not in full.found] == []
    home, cleaned = cleaning()
    assert cleaned.unaccounted == {}
    rows = rows_of(cleaned)
    delivered = [
        line for info in home.landing.list() for line in home.landing.read(info.key).split()[1:]
    ]
    assert len(rows) == len(delivered) == len(set(rows))
    assert len(home.ledger.zone_states("shop", "order", "clean")) == len(DAYS)
    assert cleaning()[1].reports == ()


def test_f20_a_ledger_without_room_for_what_was_cleaned_leaves_the_batch_to_do(
    cleaning: Callable[..., tuple[Home, Cleaned]], tmp_path: Path
) -> None:
    states: dict[str, object] = {}

    def no_room(_: str) -> None:
        raise StorageFull("the disk of the ledger", found="no room", expected="e", next_move="n")

    with pytest.raises(StorageFull):
        cleaning(trap=Trap(1, no_room))
    home, cleaned = cleaning()
    states.update(home.ledger.zone_states("shop", "order", "clean"))
    assert len(states) == len(DAYS)
    assert [batch.made for batch in cleaned.batches] == [True, True]
