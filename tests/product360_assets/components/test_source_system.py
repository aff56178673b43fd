"""One YAML file becomes a system's assets; a mistake in it becomes a line number."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import dagster as dg
import pytest
import yaml
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.testing import create_defs_folder_sandbox
from dagster.components.testing.utils import DefsFolderSandbox

from product360_assets.components import SourceSystem
from product360_assets.components.starter import starter
from product360_assets.core.contract import SourceContract, SourceKind, read_contract
from product360_assets.core.keys import clean_key, landing_key, raw_key, source_key
from resources.environments import platform_resources, settings

REPOSITORY = Path(__file__).parents[3]
TYPE = "product360_assets.components.SourceSystem"


@pytest.fixture
def sandbox() -> Iterator[DefsFolderSandbox]:
    with create_defs_folder_sandbox() as sandbox:
        yield sandbox


def complete(loaded: dg.Definitions) -> dg.Definitions:
    """With the platform's resources, which the components do not bring."""
    resources = platform_resources(settings({}))
    return dg.Definitions.merge(loaded, dg.Definitions(resources=resources))


@pytest.mark.parametrize("kind", get_args(SourceKind))
def test_a_scaffolded_system_of_any_kind_loads_at_once(
    sandbox: DefsFolderSandbox, kind: SourceKind
) -> None:
    folder = sandbox.scaffold_component(
        SourceSystem, defs_path="loyalty", scaffold_params={"kind": kind}
    )

    with sandbox.load_component_and_build_defs(defs_path=folder) as (component, loaded):
        assert isinstance(component, SourceSystem)
        assert (component.contract.name, component.contract.kind) == ("loyalty", kind)
        keys = complete(loaded).resolve_asset_graph().get_all_asset_keys()
    assert keys == {
        source_key("loyalty", "item"),
        landing_key("loyalty", "item"),
        raw_key("loyalty", "item"),
        clean_key("loyalty", "item"),
    }


@pytest.mark.parametrize("kind", get_args(SourceKind))
def test_the_starter_explains_itself(kind: SourceKind, tmp_path: Path) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(starter("loyalty", kind, type_name=TYPE))

    contract = read_contract(path)

    assert contract.kind == kind
    assert (contract.connection is not None) == (kind in ("database", "saas"))
    comments = [line for line in path.read_text().splitlines() if "#" in line]
    assert len(comments) >= 12
    assert max(map(len, path.read_text().splitlines())) <= 100


def test_tables_flow_from_the_source_to_clean(sandbox: DefsFolderSandbox) -> None:
    folder = sandbox.scaffold_component(SourceSystem, defs_path="loyalty")

    with sandbox.load_component_and_build_defs(defs_path=folder) as (_, loaded):
        graph = complete(loaded).resolve_asset_graph()
        upstream = {
            key.path[0]: {parent.path[0] for parent in graph.get(key).parent_keys}
            for key in graph.get_all_asset_keys()
        }
        checks = {(key.asset_key.path[0], key.name) for key in graph.asset_check_keys}
    assert upstream == {
        "source": set(),
        "landing": {"source"},
        "raw": {"landing"},
        "clean": {"raw"},
    }
    assert checks == {
        ("landing", "rows_are_those_of_the_source"),
        ("raw", "objects_are_unchanged"),
        ("raw", "nothing_accepted_was_rewritten"),
        ("raw", "everything_accepted_is_there"),
        ("clean", "rows_are_accounted_for"),
        ("clean", "layout_is_as_declared"),
        ("clean", "no_rows_are_quarantined"),
        ("clean", "no_rejected_row_is_forgotten"),
        ("clean", "is_delivered_in_time"),
        ("clean", "volume_is_usual"),
        ("clean", "nulls_are_usual"),
    }


def test_raw_and_clean_take_many_landing_dates_in_one_run(sandbox: DefsFolderSandbox) -> None:
    folder = sandbox.scaffold_component(SourceSystem, defs_path="loyalty")

    with sandbox.load_component_and_build_defs(defs_path=folder) as (_, loaded):
        for key in (raw_key("loyalty", "item"), clean_key("loyalty", "item")):
            asset = complete(loaded).resolve_assets_def(key)
            assert isinstance(asset.partitions_def, dg.DynamicPartitionsDefinition)
            assert asset.partitions_def.name == "landing_date_loyalty"
            assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_loading_names_the_line_of_a_contradiction(sandbox: DefsFolderSandbox) -> None:
    folder = sandbox.scaffold_component(SourceSystem, defs_path="loyalty")
    path = folder / "defs.yaml"
    path.write_text(path.read_text().replace("key: [item_id]", "key: [id]"))
    line = line_of(path, "- name: item")

    with (
        pytest.raises(ComponentTreeException) as caught,
        sandbox.load_component_and_build_defs(defs_path=folder),
    ):
        pass
    shown = "".join(traceback.format_exception(caught.value))
    assert f"defs.yaml:{line}`" in shown
    assert "key names 'id', which is not a column" in shown


def line_of(path: Path, text: str) -> int:
    return next(
        number for number, line in enumerate(path.read_text().splitlines(), start=1) if text in line
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project with no source systems, for the real `dg` command."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    for package in ("product360_assets", "resources", "spark"):
        shutil.copytree(
            REPOSITORY / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for system in (root / "product360_assets" / "sources").glob("*/"):
        shutil.rmtree(system)
    return root


def dg_command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [Path(sys.executable).with_name("dg"), *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project), "DAGSTER_HOME": str(project)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, re.sub(r"\x1b\[\d*m", "", done.stdout + done.stderr), ""
    )


def test_dg_scaffolds_a_system_and_finds_a_mistake_by_file_and_line(project: Path) -> None:
    scaffolded = dg_command(project, "scaffold", "defs", TYPE, "loyalty", "--kind", "saas")
    assert scaffolded.returncode == 0, scaffolded.stdout
    path = project / "product360_assets" / "sources" / "loyalty" / "defs.yaml"
    document = yaml.safe_load(path.read_text())
    assert document["type"] == TYPE
    assert SourceContract.model_validate(document["attributes"]).kind == "saas"

    path.write_text(path.read_text().replace("type: timestamp", "type: datetime"))
    checked = dg_command(project, "check", "yaml", "product360_assets/sources/loyalty")

    assert checked.returncode == 1
    assert f"defs.yaml:{line_of(path, 'datetime')}" in checked.stdout
    assert "'datetime' does not match" in checked.stdout
