"""A refresh runs ordinary runs in this process, in turn, and reports what failed."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import dagster as dg
import pytest

from product360_assets.automation.progress import Finished, Seen, Working
from product360_assets.automation.refresh import (
    Refresh,
    RefreshReport,
    RefreshRun,
    pending_work,
    publish_contracts,
)
from product360_assets.core.contract import known_contracts
from resources.errors import TableMissing
from resources.local.registry import SqliteRegistryResource
from resources.objects import LakeResource


@dg.asset(group_name="curated")
def good() -> None:
    """Works."""


@dg.asset
def bad() -> None:
    """Fails as our steps fail."""
    error = TableMissing("table x", found="nothing", expected="rows", next_move="publish it")
    raise dg.Failure(description=str(error))


@dg.asset
def broken() -> None:
    """Fails as a mistake in the code fails."""
    raise ZeroDivisionError("by zero")


JOBS = dg.Definitions(
    assets=[good, bad, broken],
    jobs=[
        dg.define_asset_job("fine", selection="good"),
        dg.define_asset_job("mixed", selection="*"),
    ],
)


class Story:
    """A refresh over the jobs above, and the lines that it told."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.lines: list[str] = []
        self.refresh = Refresh(instance, JOBS.get_repository_def(), self.lines.append)


@pytest.fixture
def story(instance: dg.DagsterInstance) -> Story:
    return Story(instance)


def test_a_run_is_recorded_where_the_ui_finds_it(story: Story) -> None:
    done = story.refresh.run("fine", {"dagster/partition": "2017-01-09"})
    assert done.failures == ()
    run = story.instance.get_run_by_id(done.run_id)
    assert run is not None
    assert (run.job_name, run.status) == ("fine", dg.DagsterRunStatus.SUCCESS)
    assert run.tags["dagster/partition"] == "2017-01-09"
    assert run.tags[".dagster/repository"] == "__repository__@product360"
    made = story.instance.get_latest_materialization_event(dg.AssetKey("good"))
    assert made is not None
    assert made.run_id == done.run_id


def test_a_run_may_be_of_some_assets_only(story: Story) -> None:
    done = story.refresh.run("mixed", assets=[dg.AssetKey("good")])
    assert done.failures == ()
    assert story.instance.get_latest_materialization_event(dg.AssetKey("good")) is not None


def test_a_part_of_a_job_brings_no_check_in_that_the_job_leaves_out(
    instance: dg.DagsterInstance,
) -> None:
    @dg.asset_check(asset=good)
    def cheap() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset=good)
    def costly() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    left_out = dg.AssetSelection.checks(costly)
    jobs = dg.Definitions(
        assets=[good, bad],
        asset_checks=[cheap, costly],
        jobs=[dg.define_asset_job("quick", selection=dg.AssetSelection.all() - left_out)],
    )
    refresh = Refresh(instance, jobs.get_repository_def(), lambda _line: None)
    done = refresh.run("quick", assets=[dg.AssetKey("good")])
    evaluated = instance.all_logs(done.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    [event] = [entry.dagster_event for entry in evaluated]
    assert event is not None
    assert event.asset_check_evaluation_data.check_name == "cheap"


def test_failures_are_told_with_their_reason_and_stop_nothing_else(story: Story) -> None:
    done = story.refresh.run("mixed")
    told = "\n".join(done.failures)
    assert "table x: found nothing. Expected rows. Next: publish it." in told
    assert "ZeroDivisionError: by zero" in told
    assert story.instance.get_latest_materialization_event(dg.AssetKey("good")) is not None
    assert not RefreshReport((done,), 1.0).succeeded
    assert story.lines[0].startswith("mixed: failed in ")


def test_what_is_under_way_is_told_to_whoever_watches(instance: dg.DagsterInstance) -> None:
    seen: list[Seen] = []
    refresh = Refresh(instance, JOBS.get_repository_def(), print, seen.append)
    done = refresh.run("fine")
    assert seen == [Working("good", "", "good"), *done.finished]
    assert [(one.zone, one.failed) for one in done.finished] == [("good", False)]


@pytest.mark.parametrize(
    ("jobs", "outcome", "nothing_new"),
    [
        (("ingest", "publish"), "unchanged", True),
        (("ingest", "publish"), "published", False),
        (("ingest", "publish"), "recovered", False),
        (("ingest", "accept_shop", "publish"), "unchanged", False),
    ],
)
def test_nothing_is_new_when_nothing_was_pending_and_no_table_changed(
    jobs: tuple[str, ...], outcome: str, nothing_new: bool
) -> None:
    nothing = dict.fromkeys(("files", "batches", "rows_in", "rows_out", "rows_quarantined"))
    table = Finished(
        "curated",
        "x",
        **nothing,
        checks=0,
        checks_passed=0,
        outcome=outcome,
        failed=False,
        reached=True,
        seconds=0.0,
    )
    runs = tuple(RefreshRun(job, "", 0.0, (), (table,)) for job in jobs)
    assert RefreshReport(runs, 0.0).found_nothing_new == nothing_new


def test_a_run_writes_nothing_to_the_terminal(
    story: Story, capfd: pytest.CaptureFixture[str]
) -> None:
    story.refresh.run("fine")
    assert capfd.readouterr() == ("", "")


def test_it_waits_until_another_run_has_ended(story: Story) -> None:
    hold = threading.Event()

    @dg.asset
    def long() -> None:
        hold.wait(30)

    other = threading.Thread(
        target=lambda: dg.materialize([long], instance=story.instance), daemon=True
    )
    other.start()
    running = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    while not story.instance.get_runs_count(running):
        time.sleep(0.02)
    threading.Timer(1.0, hold.set).start()
    story.refresh.run("fine")
    assert story.lines[0] == "waiting for a run that is under way"
    newest, older = story.instance.get_run_records(limit=2)
    assert newest.start_time is not None
    assert older.end_time is not None
    assert newest.start_time >= older.end_time
    other.join()


def test_each_system_with_something_pending_gets_one_run_over_its_days(
    home: Path, instance: dg.DagsterInstance
) -> None:
    assert list(pending_work(instance, print)) == []
    landing = LakeResource(uri=f"file://{home}/lake").zone("landing")
    for day in ("2017-01-09", "2017-01-16"):
        landing.put(f"pricing/price_week/{day}/price_week.csv", b"product_id\n")
    (work,) = pending_work(instance, print)
    assert work == (
        "pricing",
        {
            "dagster/asset_partition_range_start": "2017-01-09",
            "dagster/asset_partition_range_end": "2017-01-16",
        },
    )


def test_a_paused_source_has_its_turn_when_it_is_resumed(
    home: Path, instance: dg.DagsterInstance
) -> None:
    said: list[str] = []
    registry = SqliteRegistryResource(path=str(home / "registry.db")).open()
    registry.set_switch("pricing", paused=True, reason="wrong prices", expected=0, by="Zoë")
    landing = LakeResource(uri=f"file://{home}/lake").zone("landing")
    landing.put("pricing/price_week/2017-01-09/price_week.csv", b"product_id\n")
    assert list(pending_work(instance, said.append)) == []
    (line,) = said
    assert line.startswith("What pricing delivers waits: it is paused since ")
    assert line.endswith("by Zoë: wrong prices.")
    registry.set_switch("pricing", paused=False, reason="", expected=1, by="Zoë")
    (work,) = pending_work(instance, said.append)
    assert work == ("pricing", {"dagster/partition": "2017-01-09"})


def test_what_is_written_down_for_the_sources_comes_into_force(home: Path) -> None:
    said: list[str] = []
    publish_contracts(said.append)
    publish_contracts(said.append)
    registry = SqliteRegistryResource(path=str(home / "registry.db")).open()
    found = {name: registry.versions(name) for name in known_contracts()}
    assert {name: [each.version for each in known] for name, known in found.items()} == {
        name: [1] for name in known_contracts()
    }
    assert {each.note for known in found.values() for each in known} == {
        "published from the working copy"
    }
    assert said == []
