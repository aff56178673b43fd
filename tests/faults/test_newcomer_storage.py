"""A disk that is full or read-only: real ones, met by everything that writes.

Each message says which folder, what was found, what was expected and what to do; nothing is half
written, and with room again the same call goes on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest

from demo.company import Company
from demo.preflight import NEEDED_MEGABYTES, expect_room, expect_writable
from product360_assets.core.failures import explained_failures
from resources.catalog import LocalCatalogResource
from resources.errors import Product360Error, StorageFull, StorageReadOnly
from resources.jobs import JobRequest
from resources.local import engines
from resources.local.runner import LocalJobRunner
from resources.local.sqlite import Database
from resources.objects import LakeResource
from resources.storage import refusal_in
from spark.tables import TABLES

Run = Callable[..., subprocess.CompletedProcess[str]]
Disk = Callable[[int], Path]
REPOSITORY = Path(__file__).parents[2]


def fill(folder: Path, *, but: int = 0) -> Path:
    """Take all room of the disk, but so many bytes; returns the file that takes it."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        except OSError:
            pass
    if but:
        os.truncate(ballast, ballast.stat().st_size - but)
    return ballast


def expect_four_parts(error: Product360Error, folder: Path) -> None:
    assert str(folder) in error.thing
    assert "no room" in error.found
    assert "MB are free now" in error.found
    assert error.expected == "a disk that holds everything the platform writes"
    assert "make room there, or choose a folder on another disk" in error.next_move


def test_the_demo_does_not_begin_without_room_for_its_scale(disk: Disk, run: Run) -> None:
    home = disk(20) / "home"
    done = run(sys.executable, "-m", "demo", PRODUCT360_HOME=str(home), SCALE="smoke")
    assert done.returncode == 1
    assert f"StorageFull: the disk of {home}: found 21 MB free." in done.stderr
    needed = NEEDED_MEGABYTES["smoke"]
    assert f"Expected {needed} MB for the demo at scale smoke." in done.stderr
    assert "Next: make room there, choose a folder on another disk" in done.stderr
    assert not (home / "company").exists()
    assert done.stdout == ""


def test_what_a_home_holds_already_needs_no_room_again(disk: Disk) -> None:
    home = disk(NEEDED_MEGABYTES["smoke"])
    expect_room(home, "smoke")
    fill(home, but=1_000_000)
    expect_room(home, "smoke")
    with pytest.raises(StorageFull):
        expect_room(home, "demo")


def test_an_object_without_room_leaves_nothing_and_can_be_put_again(disk: Disk) -> None:
    home = disk(8)
    raw = LakeResource(uri=f"file://{home}/lake").zone("raw")
    ballast = fill(home, but=200_000)
    with pytest.raises(StorageFull) as full:
        raw.put("pos/basket/one.parquet", b"1" * 1_000_000)
    expect_four_parts(full.value, home)
    assert list(raw.list()) == []
    assert list((home / "lake" / "raw" / ".staging").iterdir()) == []
    ballast.unlink()
    raw.put("pos/basket/one.parquet", b"1" * 1_000_000)
    assert raw.read("pos/basket/one.parquet") == b"1" * 1_000_000


def test_the_ledgers_file_says_so_and_goes_on_with_room(disk: Disk) -> None:
    home = disk(4)
    database = Database(home / "ledger.db", "CREATE TABLE note (text TEXT)")
    ballast = fill(home, but=65536)
    with pytest.raises(StorageFull) as full:
        database.many("INSERT INTO note VALUES (?)", [("x" * 20_000,)] * 100)
    expect_four_parts(full.value, home)
    confirmed = database.value("SELECT count(*) FROM note")
    ballast.unlink()
    database.rows("INSERT INTO note VALUES ('last')")
    assert database.value("SELECT count(*) FROM note") == confirmed + 1
    database.close()


def test_a_step_that_publishes_says_so_in_the_run(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = disk(4)
    monkeypatch.setenv("PRODUCT360_HOME", str(home))
    catalog = LocalCatalogResource(home=str(home))
    catalog.load()
    fill(home)
    with pytest.raises(dg.Failure) as failed, explained_failures():
        catalog.ensure_table(TABLES["curated.product"])
    assert failed.value.metadata["thing"].value.startswith("the disk of ")
    assert "no room" in str(failed.value.metadata["found"].value)
    assert failed.value.metadata["expected"].value
    assert "goes on where it stopped" in str(failed.value.metadata["next move"].value)
    assert not failed.value.allow_retries


def test_dagsters_own_history_without_room_is_the_disks_fault(disk: Disk) -> None:
    home = disk(4)
    (home / "dagster").mkdir()
    (home / "dagster" / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())

    def look() -> int:
        with (
            patch.dict(os.environ, {"DAGSTER_HOME": str(home / "dagster")}),
            dg.DagsterInstance.from_config(str(home / "dagster")) as instance,
        ):
            return len(instance.get_runs())

    assert look() == 0
    ballast = fill(home)
    # Not even reading works then: SQLite's shared memory has no room, which is an I/O error to it.
    with pytest.raises(Exception, match=r"disk I/O error|disk is full") as met:
        look()
    refused = refusal_in(met.value, home)
    assert isinstance(refused, StorageFull)
    expect_four_parts(refused, home)
    ballast.unlink()
    assert look() == 0
    assert refusal_in(met.value, home) is None


@pytest.fixture
def wide_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A job that writes some 80 MB beside its spec."""
    import spark.jobs

    body = (
        "def run(session, spec, report):\n"
        "    rows = session.sql('SELECT id, uuid() AS text FROM range(2000000)')\n"
        "    rows.write.mode('overwrite').parquet(spec['uri'])\n"
        "    report.results([])\n"
    )
    (tmp_path / "wide.py").write_text(body)
    monkeypatch.setattr(spark.jobs, "__path__", [*spark.jobs.__path__, str(tmp_path)])
    yield "wide"
    sys.modules.pop("spark.jobs.wide", None)
    engines.stop_engine()


@pytest.mark.parametrize("engine", ["sail", pytest.param("spark", marks=pytest.mark.spark)])
def test_an_engines_write_says_so_and_the_engine_works_on(
    engine: str, wide_job: str, disk: Disk
) -> None:
    home = disk(24)
    runner = LocalJobRunner(home=str(home), engine=engine)
    spec = {"uri": f"file://{home}/lake/clean/wide"}
    with pytest.raises(StorageFull) as full:
        runner.run(JobRequest(wide_job, "wide", spec), log=lambda _: None)
    expect_four_parts(full.value, home)
    subprocess.run(["mount", "-o", "remount,size=300m", str(home)], check=True)
    report = runner.run(JobRequest(wide_job, "wide", spec), log=lambda _: None)
    assert report.results == ()


@pytest.mark.parametrize("megabytes", [16, 60])
def test_the_database_says_so_whether_it_is_made_or_loaded(megabytes: int, disk: Disk) -> None:
    home = disk(megabytes)
    company = Company(home)
    with pytest.raises(StorageFull) as full:
        company.start("smoke", owned=True)
    expect_four_parts(full.value, home)
    assert company.files.read() is None


@pytest.mark.parametrize("setting", ["PRODUCT360_HOME", "DAGSTER_HOME"])
def test_a_read_only_folder_is_found_before_anything_starts(
    setting: str, disk: Disk, run: Run, tmp_path: Path
) -> None:
    folder = disk(1)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    homes = {"PRODUCT360_HOME": str(tmp_path / "home"), setting: str(folder / "inside")}
    done = run(sys.executable, "-m", "demo", SCALE="smoke", **homes)
    assert done.returncode == 1
    assert f"StorageReadOnly: the folder {folder}/inside: found read-only file s" in done.stderr
    assert "Expected a folder that this user may write to." in done.stderr
    assert f"or choose another one with {setting}." in done.stderr
    assert not (tmp_path / "home" / "company").exists()


def test_make_says_so_too_before_there_is_a_python(disk: Disk, run: Run, checkout: Path) -> None:
    folder = disk(1)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    (checkout / ".venv").symlink_to(Path(sys.prefix))
    made = run(
        *("make", "-o", ".venv/.run", "demo"), cwd=checkout, PRODUCT360_HOME=f"{folder}/inside"
    )
    assert made.returncode != 0
    assert f"make: {folder}/inside/dagster: found that it cannot be written" in made.stderr
    assert "Read-only file system" in made.stderr
    assert "Expected: a folder that this user may write to" in made.stderr
    assert "Next: choose another folder with PRODUCT360_HOME or DAGSTER_HOME" in made.stderr


def test_a_folder_of_somebody_else_is_named_with_the_user(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    child = os.fork()
    if child == 0:
        os.seteuid(65534)
        try:
            expect_writable(closed / "home", setting="PRODUCT360_HOME")
        except StorageReadOnly as refused:
            said = str(refused)
            os._exit(0 if "permission denied, as user number 65534" in said else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_in_the_place_of_the_home_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageReadOnly, match="file exists") as refused:
        expect_writable(tmp_path / "home", setting="PRODUCT360_HOME")
    assert "PRODUCT360_HOME" in refused.value.next_move
