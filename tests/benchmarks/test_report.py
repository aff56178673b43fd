"""The page says what the recorded runs say, and nothing that was not measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.attribution import ORCHESTRATION, StepCost
from benchmarks.bandwidth import Bandwidth
from benchmarks.comparison import comparisons
from benchmarks.machine import Machine, this_machine
from benchmarks.reach import judged, reached
from benchmarks.report import render
from benchmarks.results import (
    AGAIN,
    DEMO,
    DUCKDB,
    PLATFORM,
    PYSPARK,
    Results,
    Run,
    read_results,
)
from benchmarks.transfers import (
    ACCEPTANCE,
    BANDWIDTH,
    CHANGES,
    COPY,
    DISK,
    LOAD,
    OURS,
    PSQL,
    SHA256,
    Fidelity,
    Transfer,
)

RECORDED = Path(__file__).with_name("recorded.json")
MACHINE = Machine(2, "Intel(R) Xeon(R) CPU @ 2.80GHz", 8 * 10**9, "6.1", "3.11.7", {"duckdb": "2"})


def run(what: str, scale: str = "smoke", *, cpu: float = 10.0, **rest: object) -> Run:
    plain = Run(what, scale, "sail", 1, 0.1, 20.0, cpu, 10**9, 10**9, 0, 0, 0, 0)
    return replace(plain, **rest)  # type: ignore[arg-type]


def platform(scale: str, rows: int, *, cpu: float, engine: str = "sail") -> Run:
    costs = {
        "raw": StepCost(2.0, 1.0, 0.0),
        "clean": StepCost(3.0, 1.0, cpu - 6.0),
        "curated": StepCost(1.0, 0.5, 0.5),
        "forecast": StepCost(1.0, 1.0, 1.0),
        ORCHESTRATION: StepCost(2.0, 1.0, 0.0),
    }
    tables = {
        "clean shop.order": costs["clean"],
        "curated order": StepCost(0.5, 0.25, 0.25),
        "curated shop": StepCost(0.5, 0.25, 0.25),
        "forecast demand": costs["forecast"],
    }
    counts = {"clean rows in": rows, "raw bytes": 200_000_000, "raw files": 2}
    return run(PLATFORM, scale, cpu=cpu, engine=engine, zones=costs, tables=tables, counts=counts)


def script(what: str, scale: str, *, cpu: float, engine: str = "") -> Run:
    counts = {"clean rows in": 1000, "curated.order rows": 7}
    return run(what, scale, cpu=cpu, engine=engine, counts=counts)


def results(*runs: Run) -> Results:
    return Results(
        MACHINE,
        "abc1234",
        "2017-01-01T00:00+00:00",
        bandwidth=Bandwidth(disk=150e6, hashing=500e6),
        runs=list(runs),
    )


def test_only_what_both_sides_do_is_compared() -> None:
    ours, theirs = platform("smoke", 1000, cpu=10.0), script(DUCKDB, "smoke", cpu=3.25)
    (found,) = comparisons(results(ours, theirs))
    assert found.tables == ("curated.order",)
    # Clean 5, order 0.5, orchestration 1; not raw, not shop, not the forecast.
    assert found.compared(ours).cpu == pytest.approx(6.5)
    assert found.whole.values == pytest.approx((2.0,))
    assert found.without_orchestration.values == pytest.approx((5.5 / 3.25,))
    assert set(found.apart(ours)) == {"raw", "curated shop", "forecast demand"}


def test_a_script_is_paired_with_the_platform_s_run_before_it_on_its_engine() -> None:
    runs = []
    for turn in (1, 2, 4):
        runs += [
            platform("smoke", 1000, cpu=10.0 * turn),
            script(DUCKDB, "smoke", cpu=5.0),
            script(PYSPARK, "smoke", cpu=1.0 * turn, engine="sail"),
            platform("smoke", 1000, cpu=100.0, engine="spark"),
            script(PYSPARK, "smoke", cpu=50.0, engine="spark"),
        ]
    found = {(each.script, each.engine): each for each in comparisons(results(*runs))}
    assert set(found) == {(DUCKDB, "sail"), (PYSPARK, "sail"), (PYSPARK, "spark")}
    assert [ours.cpu for ours, _ in found[DUCKDB, "sail"].pairs] == [10, 20, 40]
    assert [theirs.cpu for _, theirs in found[PYSPARK, "spark"].pairs] == [50, 50, 50]
    assert str(found[DUCKDB, "sail"].whole) == "3.30 (1.30 to 7.30, 3 pairs)"


def test_what_was_not_measured_is_said_to_be_so() -> None:
    rows = {row.what: row for row in reached(results(run(DEMO, wall=50.0)))}
    assert rows["`make demo`, smoke: time"].found == "50.0 s"
    assert rows["`make demo`, smoke: time"].verdict == "missed by 11%"
    assert rows["`make demo`, demo: time"].found == "not measured in this run"
    assert rows["`make demo`, demo: time"].verdict == ""


def test_a_second_run_that_wrote_something_is_a_miss_however_fast_it_was() -> None:
    again = run(AGAIN, wall=5.0, counts={"new snapshots": 1})
    rows = {row.what: row for row in reached(results(again))}
    assert rows["`make demo` again, smoke"].verdict == "met, 25% of it; snapshots: missed"


def test_acceptance_is_compared_with_the_slower_of_disk_and_hash() -> None:
    rows = [row for row in reached(results(platform("demo", 10, cpu=9.0))) if "accept" in row.what]
    # 200 MB in 2 s, of 150 MB/s.
    assert [row.found for row in rows if row.what.startswith("raw")] == ["67%: 100 of 150 MB/s"]


def moved(kind: str, who: str, turn: int, *, seconds: float, **rest: int) -> Transfer:
    plain = Transfer(kind, who, turn, 0.1, 1_000_000, 2 * 10**8, seconds, 1.0, 3 * 10**8)
    return replace(plain, **rest)


def test_a_load_is_compared_with_the_copy_of_its_own_round() -> None:
    found = results()
    found.transfers = [
        *(moved(COPY, PSQL, turn, seconds=turn) for turn in (1, 2, 3)),
        moved(LOAD, OURS, 1, seconds=4.0),
        moved(LOAD, OURS, 2, seconds=4.0),
        moved(LOAD, OURS, 3, seconds=5.0),
        moved(LOAD, "other", 1, seconds=0.5),
    ]
    [row] = [row for row in reached(found) if row.what.startswith("load of a table")]
    assert (row.found, row.verdict) == ("50% (25% to 60%, rounds: 3)", "met, 100% of it")
    assert "| other | 2,000,000 (2,000,000 to 2,000,000) | 200% (200% to 200%) |" in render(found)


def test_a_stream_has_a_rate_to_reach_and_memory_to_stay_within() -> None:
    found = results()
    found.transfers = [moved(CHANGES, OURS, 1, seconds=100.0, peak=600 * 10**6)]
    rows = {row.what: row.verdict for row in reached(found)}
    assert rows["stream of 1,000,000 changes"] == "missed by 50%"
    assert rows["stream of 1,000,000 changes: memory"] == "missed by 20%"


def test_large_files_are_compared_with_the_slower_of_disk_and_hash_of_their_round() -> None:
    found = results()
    found.transfers = [
        moved(ACCEPTANCE, OURS, 1, seconds=2.0),
        moved(BANDWIDTH, DISK, 1, seconds=1.0),
        moved(BANDWIDTH, SHA256, 1, seconds=0.1),
    ]
    [row] = [row for row in reached(found) if "large files" in row.what]
    assert (row.found, row.verdict) == ("50% (50% to 50%, rounds: 1)", "missed by 17%")


def test_what_became_of_a_value_stands_beside_each_side() -> None:
    found = results()
    found.transfers = [moved(LOAD, OURS, 1, seconds=1.0)]
    found.fidelity = [
        Fidelity(OURS, "date", "exact"),
        Fidelity("other", "date", "changed: a|b"),
    ]
    page = render(found)
    assert "| date | exact | **changed: a/b** |" in page
    assert "| **changed** | 0 | 1 |" in page


def test_a_verdict_says_by_how_much() -> None:
    assert judged(30, 60) == "met, 50% of it"
    assert judged(90, 60) == "missed by 50%"


def test_fits_go_through_every_scale_and_say_so() -> None:
    runs = [
        platform(scale, rows, cpu=8 + rows / 100_000)
        for scale, rows in (("smoke", 100_000), ("demo", 1_000_000), ("full", 10_000_000))
    ]
    page = render(results(*runs))
    assert "| platform on sail | 8.00 | 10.00 | 0% |" in page
    assert "| platform on sail | 8.00 | 10.00 | two points |" in render(results(*runs[:2]))


def test_a_busy_machine_is_not_hidden() -> None:
    quiet, busy = results(), results()
    busy.load_before = 7.5
    assert "not idle" not in render(quiet)
    assert "not idle" in render(busy)


def test_what_was_left_out_is_on_the_page() -> None:
    found = results()
    found.left_out.append("full: make demo: the budget of 18 minutes was used")
    assert "- full: make demo: the budget of 18 minutes was used" in render(found)


def test_a_side_that_failed_is_on_top_of_the_page() -> None:
    found = results()
    found.failed.append("full duckdb script: exit status 1\nand many lines of a log")
    page = render(found)
    assert page.index("**Failed:** full duckdb script: exit status 1\n") < page.index("## Against")
    assert "many lines" not in page


def test_results_survive_the_file(tmp_path: Path) -> None:
    found = results(platform("smoke", 1000, cpu=10.0), script(DUCKDB, "smoke", cpu=3.25))
    found.transfers = [moved(LOAD, OURS, 1, seconds=1.0)]
    found.fidelity = [Fidelity(OURS, "date", "exact")]
    found.write(tmp_path / "results.json")
    assert read_results(tmp_path / "results.json") == found


def test_the_page_of_a_recorded_bench_has_every_part() -> None:
    page = render(read_results(RECORDED))
    heads = [line for line in page.splitlines() if line.startswith("## ")]
    assert [head.split(",")[0] for head in heads] == [
        "## Against what we want to reach",
        "## Platform against plain scripts",
        "## CPU by zone",
        "## Fixed and marginal cost",
        "## What costs the most",
        "## Every run",
    ]
    assert "nan" not in page.lower().replace("finance", "")


def test_a_machine_is_described_without_being_named() -> None:
    import platform as machine_of_python

    described = repr(this_machine())
    assert machine_of_python.node() not in described.split("'")
    assert "/" not in this_machine().short_name
    assert MACHINE.short_name == "2x-intel-xeon"
