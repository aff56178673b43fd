"""The local runner, with real jobs on the real engines: what it believes, and what it says."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import DecimalType, LongType, NestedField, StringType, TimestamptzType

from resources.catalog import LocalCatalogResource
from resources.errors import JobFailed, ReportMissing
from resources.jobs import JobReport, JobRequest
from resources.local import engines
from resources.local.bridge_errors import CommitFault
from resources.local.runner import LocalJobRunner
from resources.objects import LakeResource

TABLE = "curated.product"
ENGINES = ["sail", pytest.param("spark", marks=pytest.mark.spark)]

JOBS = {
    "sell": """
        report.progress("half-way")
        rows = ", ".join(
            f"({number}, 'x', TIMESTAMP'2017-03-12 07:30:00', {number}.10BD)"
            for number in spec["ids"]
        )
        session.sql(f"INSERT INTO lake.curated.product VALUES {rows}")
        report.results([{
            "dataset": "curated.product", "batch_id": spec["batch"], "rows_in": len(spec["ids"]),
            "rows_out": len(spec["ids"]), "rows_quarantined": 0, "files": 1, "bytes": 2,
            "location": None, "details": {"warned": 3},
        }])
    """,
    "take_its_time": """
        import time
        report.progress("half-way")
        time.sleep(3)
        report.results([])
    """,
    "say_nothing": "pass",
    "divide": "session.sql('SELECT 1 / (id - id) AS x FROM range(3)').collect()",
    "break_the_contract": """
        session.sql(
            "INSERT INTO lake.curated.product "
            "SELECT CAST(nullif(x, 7) AS BIGINT), 'a', NULL, NULL FROM VALUES (7) AS t(x)"
        )
    """,
    "trip": "spec['no such key']",
    "send_a_function": """
        def fail(batches):
            from spark.errors import reason_of  # a module of ours, where the function runs
            for batch in batches:
                raise ValueError(reason_of(KeyError("record 7 of prices.csv")))
        session.range(3).mapInArrow(fail, "id bigint").collect()
    """,
    "work_for_ever": """
        session.sql(
            "SELECT count(*) FROM range(10000000) AS a CROSS JOIN range(10000000) AS b "
            "WHERE a.id * b.id % 7 = 3"
        ).collect()
    """,
    "be_interrupted": "raise KeyboardInterrupt",
}


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Real modules below `spark.jobs`, found by name like every other job."""
    import spark.jobs

    for name, body in JOBS.items():
        lines = [line.removeprefix("        ") for line in body.strip().splitlines()]
        source = "\n    ".join(["def run(session, spec, report):", *lines])
        (tmp_path / f"{name}.py").write_text(source + "\n")
    monkeypatch.setattr(spark.jobs, "__path__", [*spark.jobs.__path__, str(tmp_path)])
    yield
    for name in JOBS:
        sys.modules.pop(f"spark.jobs.{name}", None)


def in_silence(message: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Platform:
    home: Path
    runner: LocalJobRunner
    catalog: LocalCatalogResource

    def run(self, job: str, log: Callable[[str], None] = in_silence, **spec: Any) -> JobReport:
        request = JobRequest(job, f"{job}-test", spec, commit={"product360.batch-ids": "b1"})
        return self.runner.run(request, log=log)

    def sell(self, *ids: int, log: Callable[[str], None] = in_silence) -> JobReport:
        return self.run("sell", ids=list(ids), batch="b1", log=log)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param
    engines.stop_engine()


@pytest.fixture(scope="module")
def home(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all tests of an engine, so that they share its session."""
    return tmp_path_factory.mktemp(engine)


@pytest.fixture
def platform(engine: Literal["sail", "spark"], home: Path) -> Platform:
    catalog = LocalCatalogResource(home=str(home))
    loaded = catalog.load()
    loaded.create_namespace_if_not_exists("curated")
    if loaded.table_exists(TABLE):
        loaded.drop_table(TABLE)
    schema = Schema(
        NestedField(1, "product_id", LongType(), required=True),
        NestedField(2, "name", StringType()),
        NestedField(3, "sold_at", TimestamptzType()),
        NestedField(4, "price", DecimalType(12, 2)),
    )
    folder = f"file://{home}/lake/curated/{os.urandom(4).hex()}"
    loaded.create_table(TABLE, schema, location=folder)
    return Platform(home, LocalJobRunner(home=str(home), engine=engine), catalog)


def running_pid() -> int:
    assert engines._running is not None
    engine: Any = engines._running.engine
    if engines._running.name == "sail":
        return int(engine._process.pid)
    return int(engine._session.sparkContext._gateway.proc.pid)


def test_a_job_is_reported_as_it_said(platform: Platform) -> None:
    said: list[str] = []
    report = platform.sell(1, 2, log=said.append)
    (result,) = report.results
    assert (result.dataset, result.batch_id, result.location) == ("curated.product", "b1", None)
    assert (result.rows_in, result.rows_out, result.rows_quarantined) == (2, 2, 0)
    assert result.details == {"warned": "3"}
    assert report.seconds > 0
    assert "half-way" in said
    assert platform.catalog.row_count(TABLE) == 2


def test_progress_is_told_while_the_job_runs(platform: Platform) -> None:
    platform.sell(1)  # The engine's start is not the job's.
    said: list[tuple[str, float]] = []
    platform.run("take_its_time", log=lambda line: said.append((line, time.monotonic())))
    ended = time.monotonic()
    (told_at,) = [moment for line, moment in said if line == "half-way"]
    assert ended - told_at > 1.5


def test_the_commit_carries_the_properties_of_the_request(platform: Platform) -> None:
    platform.sell(1)
    (summary,) = platform.catalog.snapshot_summaries(TABLE)
    assert summary["product360.batch-ids"] == "b1"


def test_jobs_of_one_process_share_one_engine(platform: Platform) -> None:
    platform.sell(1)
    first = running_pid()
    platform.sell(2)
    assert running_pid() == first


def test_instants_are_utc(platform: Platform) -> None:
    platform.sell(1)
    sold_at = platform.catalog.table(TABLE).scan().to_arrow()["sold_at"].to_pylist()
    assert [moment.isoformat() for moment in sold_at] == ["2017-03-12T07:30:00+00:00"]


def test_every_engine_leaves_the_same_digest(platform: Platform) -> None:
    platform.sell(1, 2)
    platform.sell(3)
    # The oracle is the same number for both engines, noted once.
    assert platform.catalog.digest(TABLE) == "36250a69238e69f33db80d4cf55547a5"


def test_an_engine_sees_at_once_what_another_writer_committed(platform: Platform) -> None:
    platform.sell(1)
    table = platform.catalog.table(TABLE)
    table.append(table.scan().to_arrow())
    platform.sell(2)
    assert platform.catalog.row_count(TABLE) == 3


def test_a_silent_job_has_failed(platform: Platform) -> None:
    with pytest.raises(ReportMissing, match="job say_nothing"):
        platform.run("say_nothing")


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("divide", "(?i)divi"),
        ("break_the_contract", "(?i)null"),
        ("trip", "KeyError: 'no such key'"),
        ("send_a_function", "ValueError: KeyError: 'record 7 of prices.csv'"),
    ],
)
def test_a_failed_job_says_why_in_a_few_words(platform: Platform, job: str, reason: str) -> None:
    said: list[str] = []
    with pytest.raises(JobFailed, match=reason) as failed:
        platform.run(job, log=said.append)
    message = str(failed.value)
    assert message.startswith(f"job {job} ")
    assert len(message) < 1200
    assert "\tat " not in message
    assert failed.value.__cause__ is None
    # Where in our own code it happened, without the engine's frames.
    assert f"{job}.py" in said[-1]
    assert "pyspark" not in said[-1]


def test_an_unknown_job_is_answered_with_the_known_ones(platform: Platform) -> None:
    with pytest.raises(JobFailed, match=r"no such job; there are: .*sell"):
        platform.run("sel")


def test_the_engine_works_on_after_a_failed_job(platform: Platform) -> None:
    with pytest.raises(JobFailed):
        platform.run("divide")
    before = running_pid()
    platform.sell(1)
    assert running_pid() == before


def test_a_commit_known_to_have_failed_leaves_no_row(platform: Platform) -> None:
    platform.sell(1)
    assert engines._running is not None
    engines._running.bridge.faults.append(CommitFault("before", 400))
    with pytest.raises(JobFailed):
        platform.sell(2)
    assert platform.catalog.row_count(TABLE) == 1


def test_a_conflict_is_retried_and_committed_once(platform: Platform) -> None:
    platform.sell(1)
    assert engines._running is not None
    engines._running.bridge.faults.append(CommitFault("before", 409))
    platform.sell(2)
    assert platform.catalog.row_count(TABLE) == 2


@pytest.mark.parametrize("status", [503, None])
def test_a_commit_whose_answer_was_lost_can_be_found_by_its_stamp(
    platform: Platform, status: int | None
) -> None:
    platform.sell(1)
    assert engines._running is not None
    engines._running.bridge.faults.append(CommitFault("after", status))
    with pytest.raises(JobFailed):
        platform.sell(2)
    assert platform.catalog.row_count(TABLE) == 2
    newest = platform.catalog.snapshot_summaries(TABLE)[0]
    assert newest["product360.batch-ids"] == "b1"


def test_the_spec_and_every_attempt_are_kept(platform: Platform) -> None:
    first, second = platform.sell(1), platform.sell(1)
    assert first.report_uri != second.report_uri
    results = LakeResource(uri=f"file://{platform.home}/lake").zone("results")
    request = JobRequest("sell", "sell-test", {"ids": [1], "batch": "b1"})
    assert results.read(f"job-specs/sell-test-{request.digest}.json") == request.document


def test_the_code_version_is_that_of_the_bundle(platform: Platform) -> None:
    from spark.bundle import code_version

    assert platform.runner.code_version() == code_version()


def test_an_engine_that_dies_in_the_middle_fails_its_job_and_not_the_next(
    platform: Platform,
) -> None:
    platform.sell(1)
    killer = threading.Timer(1.5, os.kill, (running_pid(), signal.SIGKILL))
    killer.start()
    with pytest.raises(JobFailed, match="the engine ended in the middle of the job"):
        platform.run("work_for_ever")
    platform.sell(2)
    assert platform.catalog.row_count(TABLE) == 2


def test_an_interrupted_job_takes_its_engine_with_it(platform: Platform) -> None:
    platform.sell(1)
    with pytest.raises(KeyboardInterrupt):
        platform.run("be_interrupted")
    assert engines._running is None
