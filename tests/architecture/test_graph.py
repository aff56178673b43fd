"""The asset graph is the one that was reviewed, in every environment, and loads from nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from product360_assets.core.contract import load_contracts
from spark.tables import TABLES

REPOSITORY = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("graph.json")
UPDATE = ".venv/bin/python tests/architecture/graph.py > tests/architecture/graph.json"

# Loading must reach nothing: neither a network nor a database nor a secret.
NO_NETWORK = """
import socket, sys, runpy
def refuse(*_, **__):
    raise AssertionError("definitions reached for the network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

Described = dict[str, Any]


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Described]:
    """Describes the graph in a process that has neither variables, credentials nor a network."""
    nowhere = tmp_path_factory.mktemp("nowhere")

    def describe(environment: str | None, *arguments: str) -> Described:
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(nowhere),
            "PYTHONPATH": str(REPOSITORY),
        }
        if environment is not None:
            variables["PRODUCT360_ENV"] = environment
        script = str(REPOSITORY / "tests/architecture/graph.py")
        done = subprocess.run(
            [sys.executable, "-c", NO_NETWORK, script, *arguments],
            cwd=nowhere,
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert list(nowhere.iterdir()) == [], "loading definitions left files behind"
        described: Described = json.loads(done.stdout)
        return described

    return describe


@pytest.fixture(scope="module")
def graph(graphs: Callable[..., Described]) -> Described:
    return graphs(None)


def test_the_graph_is_the_one_that_was_reviewed(graph: Described) -> None:
    assert graph == json.loads(SNAPSHOT.read_text()), f"Reviewed and meant? Then: {UPDATE}"


@pytest.mark.parametrize("environment", ["local", "aws"])
def test_every_environment_has_the_same_graph(
    graphs: Callable[..., Described], graph: Described, environment: str
) -> None:
    assert graphs(environment) == graph


def test_loading_imports_nothing_that_only_running_needs(
    graphs: Callable[..., Described], record_property: Callable[[str, object], None]
) -> None:
    loading = graphs(None, "--loading")
    assert loading.pop("heavy") == []
    # Reported, not asserted: a busy machine is not a slow graph. The budget is 8 s, of them 1 ours.
    for name, seconds in loading.items():
        record_property(name, seconds)
    sys.stdout.write(f"{loading}\n")


def test_every_declared_table_is_one_asset(graph: Described) -> None:
    keys = set(graph["assets"])
    for system, contract in load_contracts().items():
        for table in contract.tables:
            zones = ("source", "landing", "raw", "clean")
            assert {f"{zone}/{system}/{table.name}" for zone in zones} <= keys
    assert {identifier.replace(".", "/") for identifier in TABLES} <= keys


def test_every_upstream_key_exists_and_only_sources_come_from_outside(graph: Described) -> None:
    assets = graph["assets"]
    named = {key for facts in assets.values() for key in facts.get("from", [])}
    assert named - set(assets) == set()
    outside = {key for key, facts in assets.items() if not facts["made here"]}
    assert {key.split("/")[0] for key in outside} == {"source"}
    assert all(facts.get("from") for key, facts in assets.items() if key not in outside)


def test_every_asset_has_a_group_an_owner_and_a_kind(graph: Described) -> None:
    zones = {"sources", "ingestion", "raw", "clean", "curated", "streaming", "forecast"}
    zones |= {"serving", "catalog", "governance", "maintenance"}
    for key, facts in graph["assets"].items():
        assert facts["group"] in zones, key
        assert facts.get("owners"), key
        assert facts.get("kinds"), key


def test_every_zone_that_holds_rows_has_a_blocking_check(graph: Described) -> None:
    unguarded = [
        key
        for key in graph["assets"]
        if key.split("/")[0] in {"raw", "clean", "curated", "forecast"}
        and "blocks" not in graph["checks"].get(key, {}).values()
    ]
    assert unguarded == []


def test_every_asset_check_job_schedule_and_sensor_is_documented() -> None:
    from product360_assets.definitions import defs

    repository = defs().get_repository_def()
    graph = repository.asset_graph
    silent = [
        key.to_user_string() for key in graph.get_all_asset_keys() if not graph.get(key).description
    ]
    silent += [str(key) for key in graph.asset_check_keys if not graph.get(key).description]
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    named: list[Any] = [*jobs, *repository.schedule_defs, *repository.sensor_defs]
    silent += [each.name for each in named if not each.description]
    assert silent == []
