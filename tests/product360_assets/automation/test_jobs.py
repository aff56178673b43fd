"""The jobs cover the graph: each asset belongs to exactly one of them."""

from __future__ import annotations

from collections import Counter

import dagster as dg
import pytest

from product360_assets.core.contract import load_contracts
from product360_assets.definitions import defs


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return defs().get_repository_def()


def named_jobs(repository: dg.RepositoryDefinition) -> list[dg.JobDefinition]:
    return [job for job in repository.get_all_jobs() if not job.name.startswith("__")]


def test_every_asset_that_can_be_made_is_in_exactly_one_job(
    repository: dg.RepositoryDefinition,
) -> None:
    selected = Counter(
        key for job in named_jobs(repository) for key in job.asset_layer.selected_asset_keys
    )
    assert set(selected) == repository.asset_graph.materializable_asset_keys
    assert set(selected.values()) == {1}


def test_there_is_one_accepting_job_for_each_system(repository: dg.RepositoryDefinition) -> None:
    names = {job.name for job in named_jobs(repository)}
    accepting = {f"accept_{system}" for system in load_contracts()}
    looking = {"validate", "watch", "reconcile", "audit"}
    others = {"ingest", "publish", "stream", "maintain"}
    assert names == {*others, *looking, *accepting}


def test_a_job_runs_the_checks_of_its_assets(repository: dg.RepositoryDefinition) -> None:
    checked = {
        key
        for job in named_jobs(repository)
        for key in job.asset_layer.asset_graph.get_all_asset_keys()
    }
    in_jobs = {
        check
        for job in named_jobs(repository)
        for check in job.asset_layer.asset_graph.asset_check_keys
    }
    assert checked
    assert in_jobs == set(repository.asset_graph.asset_check_keys)


def test_every_published_table_follows_its_upstream(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    late = {
        key.to_user_string()
        for key in graph.materializable_asset_keys
        if graph.get(key).group_name in {"clean", "curated", "forecast", "serving"}
        and graph.get(key).automation_condition is None
    }
    assert late == set()
