"""`python -m spark`: the one entry, as a runner in this process and as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import spark.jobs
from spark.cli import job_names, main

JOBS = {
    "greet": "def run(session, spec, report):\n    report.progress(spec['greeting'])\n"
    "    report.results([])\n",
    "stumble": "def run(session, spec, report):\n    session.sql('SELECT nothing').collect()\n",
    "cannot_load": "import a_module_that_is_not_there\n",
    "_part": "",
}


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Real modules below `spark.jobs`."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    for name, source in JOBS.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.setattr(spark.jobs, "__path__", [*spark.jobs.__path__, str(folder)])
    yield folder
    for name in JOBS:
        sys.modules.pop(f"spark.jobs.{name}", None)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    spec = tmp_path / "a spec.json"
    spec.write_text(json.dumps({"greeting": "grüß 'Gott'"}, indent=2))
    return ["--spec", f"file://{spec}", "--report", f"file://{tmp_path}/report"]


def reported(tmp_path: Path) -> list[dict[str, Any]]:
    files = sorted((tmp_path / "report").glob("*/[!_.]*"))
    return [json.loads(file.read_text()) for file in files]


def test_a_job_gets_its_spec_and_reports(
    session: SparkSession, tmp_path: Path, arguments: list[str]
) -> None:
    main(["greet", *arguments])
    assert reported(tmp_path) == [
        {"event": "started", "job": "greet"},
        {"event": "progress", "message": "grüß 'Gott'"},
        {"event": "results", "results": []},
    ]


def test_a_failure_is_reported_and_raised(
    session: SparkSession, tmp_path: Path, arguments: list[str]
) -> None:
    with pytest.raises(Exception, match="nothing") as raised:
        main(["stumble", *arguments])
    started, failed = reported(tmp_path)
    assert started["event"] == "started"
    assert failed["message"].startswith(type(raised.value).__name__)
    assert "stumble.py" in failed["frames"]


def test_a_job_that_cannot_be_loaded_is_reported_too(
    session: SparkSession, tmp_path: Path, arguments: list[str]
) -> None:
    with pytest.raises(ModuleNotFoundError):
        main(["cannot_load", *arguments])
    assert "a_module_that_is_not_there" in reported(tmp_path)[-1]["message"]


def test_a_spec_that_is_not_there_is_a_failure(session: SparkSession, tmp_path: Path) -> None:
    report = f"file://{tmp_path}/report"
    with pytest.raises(Exception, match="absent"):
        main(["greet", "--spec", f"file://{tmp_path}/absent.json", "--report", report])
    assert reported(tmp_path)[-1]["event"] == "failed"


def test_jobs_are_found_by_looking_and_parts_of_jobs_are_not() -> None:
    assert {"cannot_load", "greet", "stumble"} <= set(job_names())
    assert "_part" not in job_names()


def run_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_wrong_name_is_wrong_usage_and_lists_the_right_ones(arguments: list[str]) -> None:
    done = run_process("-m", "spark", "gret", *arguments)
    assert done.returncode == 2
    assert "invalid choice: 'gret'" in done.stderr


@pytest.mark.parametrize("job", ["greet", "stumble"])
def test_as_a_process_it_ends_with_the_job_s_status(
    session: SparkSession, tmp_path: Path, jobs: Path, arguments: list[str], job: str
) -> None:
    code = f"""
import spark.jobs
spark.jobs.__path__.append({str(jobs)!r})
from spark.cli import main
main()
"""
    done = run_process("-c", code, job, *arguments)
    assert done.returncode == (0 if job == "greet" else 1), done.stderr
    assert reported(tmp_path)[-1]["event"] == ("results" if job == "greet" else "failed")
