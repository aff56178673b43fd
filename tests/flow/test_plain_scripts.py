"""What the platform is measured against does the same work; a bench whose sides differ fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lineage import Lineage

from benchmarks.agreement import expect_agreement
from benchmarks.homes import BenchmarkFailed, Home

pytestmark = pytest.mark.flow

SCRIPTS = ("duckdb_script", "polars_script", "pyspark_script")


@pytest.fixture(scope="module")
def outputs(sail: Lineage, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("plain")
    raw = str(sail.home / "lake" / "raw")
    for script in SCRIPTS:
        module, out = f"benchmarks.plain.{script}", str(folder / script)
        done = sail.python("-m", module, "--raw", raw, "--out", out)
        assert done.returncode == 0, done.stderr[-3000:]
    return {script: folder / script for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_plain_script_makes_what_the_platform_makes(
    sail: Lineage, outputs: dict[str, Path], script: str
) -> None:
    expect_agreement(Home(sail.home, "smoke"), script, outputs[script])
    counts = json.loads((outputs[script] / "counts.json").read_text())
    assert len(counts["clean"]) == 13
    assert counts["clean"]["marketing.coupon"]["quarantined"] == 4_872
    assert counts["curated"]["curated.sales_line"] == 15_370


def test_a_script_that_lost_a_row_is_found_out(sail: Lineage, outputs: dict[str, Path]) -> None:
    counts = outputs["duckdb_script"] / "counts.json"
    told = json.loads(counts.read_text())
    before = counts.read_text()
    told["clean"]["pos.basket"]["out"] -= 1
    counts.write_text(json.dumps(told))
    try:
        with pytest.raises(BenchmarkFailed, match=r"clean pos\.basket"):
            expect_agreement(Home(sail.home, "smoke"), "duckdb script", outputs["duckdb_script"])
    finally:
        counts.write_text(before)


def test_a_script_whose_rows_differ_is_found_out(sail: Lineage, outputs: dict[str, Path]) -> None:
    import pyarrow.parquet as pq

    (file, *_) = sorted((outputs["polars_script"] / "clean" / "pos.sales_line").rglob("*.parquet"))
    before = file.read_bytes()
    rows = pq.read_table(file, partitioning=None)
    pq.write_table(rows.slice(1), file)
    try:
        with pytest.raises(BenchmarkFailed, match="sums over clean sales_line"):
            expect_agreement(Home(sail.home, "smoke"), "polars script", outputs["polars_script"])
    finally:
        file.write_bytes(before)


def test_the_scripts_run_by_themselves(sail: Lineage) -> None:
    done = sail.python("-c", "import benchmarks.plain.duckdb_script, sys; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert not {"dagster", "product360_assets"} & set(done.stdout.split())
