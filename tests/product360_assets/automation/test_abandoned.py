"""A run whose process is gone is ended, and gives back what it held; a living one is left alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import dagster as dg
import psutil
import pytest

from product360_assets.automation import abandoned
from product360_assets.automation.abandoned import end_abandoned_runs


def sleep_in_a_run(home: Path) -> None:
    """Body of a process that runs an asset which never ends."""

    @dg.asset(pool="publishers")
    def endless() -> None:
        (home / "started").touch()
        time.sleep(600)

    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        dg.materialize([endless], instance=instance)


@pytest.fixture
def killed_run(home: Path, instance: dg.DagsterInstance) -> str:
    """Id of a run whose process was killed in the middle of a step."""
    process = multiprocessing.get_context("spawn").Process(target=sleep_in_a_run, args=(home,))
    process.start()
    deadline = time.monotonic() + 60
    while not (home / "started").exists():
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.STARTED
    return run.run_id


def test_a_killed_run_is_ended_and_frees_its_place(
    killed_run: str, instance: dg.DagsterInstance
) -> None:
    pool = instance.event_log_storage.get_concurrency_info("publishers")
    assert pool.active_run_ids == {killed_run}
    said: list[str] = []
    assert end_abandoned_runs(instance, said.append) == [killed_run]
    run = instance.get_run_by_id(killed_run)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert said[0].startswith("A run of __ephemeral_asset_job__ ")
    assert said[0].endswith("was killed, or the machine went down; its work is taken up.")
    assert instance.event_log_storage.get_concurrency_info("publishers").active_run_ids == set()
    assert end_abandoned_runs(instance, said.append) == []


def test_a_run_of_a_living_process_is_left_alone(instance: dg.DagsterInstance) -> None:
    seen: list[list[str]] = []

    @dg.asset
    def looks_around() -> None:
        seen.append(end_abandoned_runs(instance, print))

    assert dg.materialize([looks_around], instance=instance).success
    assert seen == [[]]


def test_a_younger_process_with_the_same_id_is_another_one(
    killed_run: str, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Newcomer:
        def __init__(self, _: int) -> None: ...

        def create_time(self) -> float:
            return time.time()

    monkeypatch.setattr(psutil, "Process", Newcomer)
    assert end_abandoned_runs(instance, print) == [killed_run]


def test_a_run_that_has_not_said_its_process_yet_is_given_time(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.asset
    def quick() -> None: ...

    job = dg.Definitions([quick]).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job)
    instance.handle_run_event(
        run.run_id,
        dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name=run.job_name),
    )
    assert end_abandoned_runs(instance, print) == []
    monkeypatch.setattr(abandoned, "SILENCE", timedelta(0))
    assert end_abandoned_runs(instance, print) == [run.run_id]


def test_elsewhere_the_launcher_watches_runs(
    killed_run: str, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODUCT360_ENV", "aws")
    assert end_abandoned_runs(instance, print) == []
    run = instance.get_run_by_id(killed_run)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.STARTED
