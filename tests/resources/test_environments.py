"""Local and aws: the same names, chosen in one place, needing nothing before they are used."""

import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from resources.environments import Settings, platform_resources, settings
from resources.errors import ServiceUnavailable, SettingInvalid
from resources.jobs import JobRunner
from resources.ledger import LedgerResource
from resources.maintenance import MaintenanceResource
from resources.objects import LakeResource
from resources.registry import RegistryResource
from resources.unavailable import UnavailableService

ROOT = Path(__file__).parents[2]
NAMES = {
    "lake",
    "events",
    "announcements",
    "alerts",
    "ledger",
    "registry",
    "secrets",
    "catalog",
    "entries",
    "runner",
    "replication",
    "saas",
    "event_streams",
    "forecaster",
    "warehouse",
    "maintenance",
}


def test_without_variables_everything_is_local_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings({}) == Settings(
        environment="local",
        home=tmp_path / ".product360",
        engine="sail",
        lake_prefix=None,
        ledger_table=None,
    )


def test_variables_say_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings(
        {
            "PRODUCT360_ENV": "aws",
            "PRODUCT360_HOME": "elsewhere",
            "PRODUCT360_ENGINE": "spark",
            "PRODUCT360_LAKE_PREFIX": "acme",
            "PRODUCT360_LEDGER_TABLE": "acme-ledger",
            "PRODUCT360_EVENT_QUEUE": "https://sqs.eu-west-1.amazonaws.com/1/acme-landing",
        }
    ) == Settings(
        "aws",
        tmp_path / "elsewhere",
        "spark",
        "acme",
        "acme-ledger",
        "https://sqs.eu-west-1.amazonaws.com/1/acme-landing",
    )


def test_an_empty_variable_is_no_variable() -> None:
    assert settings({"PRODUCT360_ENV": "", "PRODUCT360_LAKE_PREFIX": ""}) == settings({})


@pytest.mark.parametrize("variable", ["PRODUCT360_ENV", "PRODUCT360_ENGINE"])
def test_a_value_that_means_nothing_is_refused_by_name(variable: str) -> None:
    with pytest.raises(SettingInvalid, match=f"{variable}: found 'production'"):
        settings({variable: "production"})


def test_both_environments_have_the_same_resources(tmp_path: Path) -> None:
    for environment in ("local", "aws"):
        chosen = settings({"PRODUCT360_ENV": environment, "PRODUCT360_HOME": str(tmp_path / "h")})
        made = platform_resources(chosen)
        assert set(made) == NAMES
        assert all(isinstance(one, dg.ConfigurableResource) for one in made.values())
    assert not (tmp_path / "h").exists()


def test_a_deployment_is_named_by_two_variables() -> None:
    made = platform_resources(Settings("aws", Path("/h"), "sail", "acme", "acme-ledger"))
    lake, ledger, registry = made["lake"], made["ledger"], made["registry"]
    assert isinstance(lake, LakeResource)
    assert lake.zone("raw").uri == "s3://acme-raw"
    assert isinstance(ledger, LedgerResource)
    assert isinstance(registry, RegistryResource)


@pytest.mark.parametrize(
    ("prefix", "file", "missing"),
    [(None, Path("/emr.yaml"), "LAKE_PREFIX"), ("acme", None, "PRODUCT360_EMR")],
)
def test_jobs_on_emr_need_a_lake_and_a_file_that_names_the_application(
    prefix: str | None, file: Path | None, missing: str
) -> None:
    made = platform_resources(Settings("aws", Path("/h"), "sail", prefix, None, emr=file))
    with pytest.raises(ServiceUnavailable, match=missing):
        made["runner"].run  # type: ignore[attr-defined]  # noqa: B018
    whole = platform_resources(
        Settings("aws", Path("/h"), "sail", "acme", None, emr=Path("/emr.yaml"))
    )
    assert isinstance(whole["runner"], JobRunner)


def test_one_variable_hands_upkeep_to_glue_where_there_is_glue() -> None:
    role = "arn:aws:iam::123456789012:role/optimizers"
    switch = {"PRODUCT360_MAINTENANCE": "glue", "PRODUCT360_OPTIMIZER_ROLE": role}
    made = platform_resources(settings({"PRODUCT360_ENV": "aws", **switch}))["maintenance"]
    assert isinstance(made, MaintenanceResource)
    assert (made.keeper, made.has_optimizers, made.optimizer_role) == ("glue", True, role)
    with pytest.raises(SettingInvalid, match="PRODUCT360_MAINTENANCE"):
        platform_resources(settings(switch))


def test_jobs_on_emr_need_no_file_where_the_deployment_names_application_and_role() -> None:
    given = {
        "PRODUCT360_ENV": "aws",
        "PRODUCT360_LAKE_PREFIX": "acme",
        "PRODUCT360_EMR_APPLICATION": "00f1",
        "PRODUCT360_EMR_ROLE": "arn:aws:iam::111122223333:role/jobs",
    }
    chosen = settings(given)
    assert chosen.emr_deployed == {
        "application": "00f1",
        "role": "arn:aws:iam::111122223333:role/jobs",
    }
    assert isinstance(platform_resources(chosen)["runner"], JobRunner)


def test_what_has_no_adapter_loads_and_says_so_when_it_is_used() -> None:
    @dg.asset
    def uses_the_lake(lake: LakeResource) -> None:
        lake.zone("raw")

    made = platform_resources(Settings("aws", Path("/h"), "sail", None, None))
    assert isinstance(made["lake"], UnavailableService)
    definitions = dg.Definitions(assets=[uses_the_lake], resources={"lake": made["lake"]})
    dg.Definitions.validate_loadable(definitions)
    job = definitions.resolve_implicit_global_asset_job_def()
    with pytest.raises(ServiceUnavailable, match="PRODUCT360_LAKE_PREFIX"):
        job.execute_in_process(instance=dg.DagsterInstance.ephemeral())


def test_a_missing_service_raises_whatever_is_asked_of_it() -> None:
    service = UnavailableService(service="Amazon EMR", arrives_with="its runner")
    for name in ("run", "code_version", "anything"):
        with pytest.raises(ServiceUnavailable, match=rf"Amazon EMR.*'{name}'.*its runner"):
            getattr(service, name)
    assert not hasattr(service, "_private")


CONNECTS_NOWHERE = """
import socket, sys
def refuse(*args): raise AssertionError(f"the network was asked for {args}")
socket.socket.connect = refuse
from resources.environments import platform_resources
print(sorted(platform_resources()))
heavy = {"boto3", "botocore", "obstore", "pyspark", "pyiceberg", "duckdb", "pandas", "psycopg"}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("environment", ["local", "aws"])
def test_resources_are_made_without_network_credentials_or_heavy_imports(
    tmp_path: Path, environment: str
) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", CONNECTS_NOWHERE],
        env={"PRODUCT360_ENV": environment, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    names, heavy = answer.stdout.splitlines()
    assert names == str(sorted(NAMES))
    assert heavy == "[]"
    assert os.listdir(tmp_path) == []


def test_the_process_environment_is_read_in_one_place_only() -> None:
    reads = re.compile(r"\bos\.(environ|getenv|putenv)\b|from os import .*\b(environ|getenv)\b")
    readers = {
        str(path.relative_to(ROOT))
        for room in ("resources", "product360_assets")
        for path in (ROOT / room).rglob("*.py")
        if reads.search(path.read_text(encoding="utf-8"))
    }
    assert readers <= {"resources/environments.py"}
