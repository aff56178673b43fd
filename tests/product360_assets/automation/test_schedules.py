"""Every morning what is new, every Monday what is old; and none of it is done twice."""

from __future__ import annotations

import dagster as dg
import pytest

from product360_assets.automation.schedules import schedules
from product360_assets.automation.streaming import stream_schedule
from product360_assets.definitions import defs


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return defs().get_repository_def()


def test_schedules_run_from_the_start_in_utc_and_say_what_for() -> None:
    assert {each.name: (each.job_name, each.cron_schedule) for each in schedules()} == {
        "daily_ingestion": ("ingest", "0 9 * * *"),
        "daily_publication": ("publish", "0 10 * * *"),
        "daily_watch": ("watch", "0 11 * * *"),
        "daily_validation": ("validate", "30 10 * * *"),
        "daily_reconciliation": ("reconcile", "30 11 * * *"),
        "weekly_audit": ("audit", "0 12 * * 1"),
        "nightly_maintenance": ("maintain", "0 3 * * *"),
    }
    for schedule in schedules():
        assert schedule.execution_timezone == "UTC"
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
        assert len(schedule.description or "") > 80


def test_every_schedule_is_registered(repository: dg.RepositoryDefinition) -> None:
    declared = [*schedules(), stream_schedule()]
    assert {each.name for each in repository.schedule_defs} == {each.name for each in declared}


def test_looking_makes_nothing(repository: dg.RepositoryDefinition) -> None:
    for name in ("watch", "audit"):
        job = repository.get_job(name)
        assert not job.asset_layer.selected_asset_keys
        assert job.asset_layer.asset_graph.asset_check_keys


def test_accepting_does_not_hash_all_of_raw_again(repository: dg.RepositoryDefinition) -> None:
    for job in repository.get_all_jobs():
        checks = {key.name for key in job.asset_layer.asset_graph.asset_check_keys}
        if job.name.startswith("accept_"):
            assert "everything_accepted_is_there" not in checks
            assert "is_delivered_in_time" in checks
