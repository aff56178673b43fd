"""What a soak would say: of a leak, of noise, and of deliveries that went wrong."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.homes import BenchmarkFailed
from benchmarks.soak import running
from benchmarks.soak.flatness import trend
from benchmarks.soak.running import LIMITS, Soak
from benchmarks.soak.samples import Samples
from benchmarks.soak.shop import LIVING_LINES, OPENING, Shop
from resources.catalog import LocalCatalogResource
from resources.local.ledger import SqliteLedger
from resources.objects import LakeResource
from spark.tables.curated import SALES_LINE

ROOT = Path(__file__).parents[2]
# Half an hour, a sample every ten seconds.
SAMPLES = 180


def series(shape: Callable[[int], float]) -> list[float]:
    noise = random.Random(7)
    return [shape(number) * noise.uniform(0.97, 1.03) for number in range(SAMPLES)]


def test_what_warms_up_and_stays_is_flat_whatever_the_noise() -> None:
    warm = series(lambda number: 600.0 if number > 40 else 200.0 + 10 * number)
    assert trend("memory", "MB", warm, floor=24.0).is_flat
    teeth = series(lambda number: float(number % 12))
    assert trend("left-over bytes", "MB", teeth, floor=2.0).is_flat


def test_a_leak_of_five_megabytes_a_minute_and_one_of_a_file_a_minute_grow() -> None:
    leak = series(lambda number: 100.0 + 5.0 * number / 6)
    assert not trend("memory", "MB", leak, floor=24.0).is_flat
    files = [40.0 + number / 6 for number in range(SAMPLES)]
    assert not trend("open files", "files", files, floor=8.0).is_flat


def test_memory_that_is_given_back_is_flat_and_a_leak_below_it_is_not() -> None:
    heap = series(lambda number: 2000.0 + 90.0 * (number % 13) + 2.0 * number)
    given_back = [value - 2.0 * number for number, value in enumerate(heap)]
    assert trend("memory", "MB", given_back, floor=24.0, lows=True).is_flat
    leak = [value + 4.0 * number for number, value in enumerate(heap)]
    assert not trend("memory", "MB", leak, floor=24.0, lows=True).is_flat


def test_of_too_few_samples_nothing_is_flat() -> None:
    assert not trend("memory", "MB", [1.0] * 8, floor=24.0).is_flat


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(SqliteLedger(tmp_path / "ledger.db"), LakeResource(uri=f"file://{tmp_path}/lake"))


def test_each_delivery_of_sales_leaves_as_many_lines_all_of_the_last_batch(shop: Shop) -> None:
    for number in range(4):
        shop.deliver_sales()
        assert len(shop.lines) == LIVING_LINES
        assert set(shop.lines.values()) == {number}
    assert min(shop.lines) == 31


def test_visits_are_cut_at_pauses_and_end_before_the_newest_delivery(shop: Shop) -> None:
    for _ in range(26):
        shop.deliver_clicks()
    visits = shop.visits()
    assert sum(steps for *_, steps in visits) < len(shop.events)
    assert max(last for _, _, last, _ in visits) < OPENING + timedelta(hours=14)
    assert any(steps > 1 for *_, steps in visits)


def test_a_file_that_no_state_names_is_left_over_once_it_is_old(tmp_path: Path, shop: Shop) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    catalog.ensure_table(SALES_LINE)
    samples = Samples(catalog, shop.ledger, shop.lake, timedelta(minutes=3))
    # One of the table's folder, one of no table.
    for place in ("sales_line/data/lost.parquet", "dropped/data/lost.parquet"):
        file = tmp_path / "lake/curated" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(500_000))
    samples.look({"this": os.getpid()})
    old = datetime.now(UTC).timestamp() - 600
    for file in (tmp_path / "lake/curated").rglob("*"):
        os.utime(file, (old, old))
    samples.look({"this": os.getpid()})
    assert samples.series["warehouse: left-over bytes"] == [0.0, 1.0]
    assert samples.series["this: open files"][0] > 2


@pytest.fixture
def soak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Soak:
    """One without workers of its own."""
    # Put back afterwards, whatever the soak sets them to.
    for name in ("PRODUCT360_ENV", "PRODUCT360_HOME", *LIMITS):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(running, "WORKERS", {})
    return Soak(tmp_path, lambda _: None)


def employ(soak: Soak, script: str) -> None:
    """Let the soak have a worker that does what the script says, as `Soak._start` starts one."""
    log = soak.home / "logs" / "soak-keep.err"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as errors:
        soak._workers["keep"] = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stderr=errors
        )


def die_while_all_is_taken_in(soak: Soak) -> None:
    with soak._at_work():
        employ(soak, "raise SystemExit('no room')")
        soak._workers["keep"].wait(60)
        soak._wait_until_taken_in()
        pytest.fail("nobody noticed")


def end_by_itself(soak: Soak) -> None:
    with soak._at_work():
        employ(soak, "")
        soak._workers["keep"].wait(60)


def test_a_worker_that_died_while_all_was_taken_in_ends_the_soak(soak: Soak) -> None:
    with pytest.raises(BenchmarkFailed, match="keep ended with 1: no room"):
        die_while_all_is_taken_in(soak)


def test_a_worker_that_fails_in_its_last_turn_ends_the_soak(soak: Soak) -> None:
    with pytest.raises(BenchmarkFailed, match="keep ended with 1: half a commit"), soak._at_work():
        employ(soak, "import sys; sys.stdin.read(); raise SystemExit('half a commit')")


def test_a_worker_that_ends_by_itself_is_none_that_ended_well(soak: Soak) -> None:
    with pytest.raises(BenchmarkFailed, match="keep ended with 0"):
        end_by_itself(soak)


def test_workers_that_end_when_nobody_listens_any_more_end_well(soak: Soak) -> None:
    with soak._at_work():
        employ(soak, "import sys; sys.stdin.read()")
    assert soak._workers["keep"].returncode == 0


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.timeout(4 * 3600)
def test_half_an_hour_of_deliveries_leaves_memory_files_and_orphans_flat(tmp_path: Path) -> None:
    minutes = os.environ.get("SOAK_MINUTES", "30")
    result = tmp_path / "soak.json"
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", minutes]
    # Its JVM lives for half an hour, and is looked at: it is the one that users get.
    users = {name: value for name, value in os.environ.items() if name != "SPARK_SUBMIT_OPTS"}
    done = subprocess.run([*command, "--into", result], cwd=ROOT, env=users, check=False)
    assert result.exists(), "the soak ended before its time; see above"
    found = json.loads(result.read_text())
    assert found["wrong"] == []
    assert [each for each in found["trends"] if not each["flat"]] == []
    assert found["lives of the stream"] == 1
    assert found["readings"] > 0
    assert done.returncode == 0
