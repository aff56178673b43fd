"""The request that starts a job on EMR Serverless, held against the service's own model."""

from __future__ import annotations

import copy
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_model import request_refusals

from resources.audit_branches import AuditBranch
from resources.emr_requests import (
    JobPlaces,
    client_token,
    spark_submit_parameters,
    start_job_run,
)
from resources.emr_settings import SIZES, WORKERS, EmrSettings, JobSize, Worker, read_settings
from resources.errors import SettingInvalid
from resources.jobs import JobRequest

ROLE = "arn:aws:iam::111122223333:role/product360-jobs"
SETTINGS = EmrSettings(application="00fexample0a1b2c3", role=ROLE)
PLACES = JobPlaces(
    entry="s3://acme-results/job-code/entry.py",
    code="s3://acme-results/job-code/spark.zip",
    spec="s3://acme-results/job-specs/a.json",
    report="s3://acme-results/job-reports/a",
    logs="s3://acme-results/job-logs",
    warehouse="s3://acme-curated",
    region="eu-west-3",
)
REQUEST = JobRequest(
    "sales_line",
    "curated.sales_line-1f3a",
    {"inputs": {}},
    commit={"product360.commit-id": "1f3a", "product360.contract-versions": "desk 1, shop 3"},
    once="product360.commit-id",
    branch=AuditBranch("curated.sales_line", "1f3a", None),
)


def started(settings: EmrSettings = SETTINGS, request: JobRequest = REQUEST) -> dict[str, Any]:
    return start_job_run(settings, request, PLACES, attempt="a/000001")


def confs(parameters: dict[str, Any]) -> dict[str, str]:
    """Spark's settings as a shell, and the service, would split them."""
    words = shlex.split(parameters["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"])
    assert words[0::2] == ["--conf"] * (len(words) // 2)
    return dict(word.split("=", 1) for word in words[1::2])


@pytest.mark.parametrize("endless", [False, True], ids=["batch", "stream"])
@pytest.mark.parametrize("size", [*SIZES, "own"])
@pytest.mark.parametrize("release", ["emr-7.13.0", "emr-spark-8.1.0"])
@pytest.mark.parametrize(
    "name", ["curated.sales_line-1f3a", "clean-läden.preise (neu)-✓", "n" * 700]
)
def test_the_service_takes_every_request_that_can_be_made(
    size: str, release: str, name: str, *, endless: bool
) -> None:
    worker = Worker(vcpus=16, memory_gb=120, disk_gb=200)
    own = JobSize(driver=worker, executor=worker, executors=400, timeout_minutes=43_200)
    settings = EmrSettings(
        application="00fexample0a1b2c3",
        role=ROLE,
        release=release,
        log_key="arn:aws:kms:eu-west-1:111122223333:key/0a1b",
        sizes={"own": own},
        jobs={"sales_line": size},
    )
    request = replace(REQUEST, name=name, endless=endless)
    parameters = started(settings, request)
    assert request_refusals("emr-serverless", "StartJobRun", parameters) == []
    assert parameters["mode"] == ("STREAMING" if endless else "BATCH")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("mode", "SOMETIMES"),
        ("clientToken", "with blank"),
        ("clientToken", "t" * 65),
        ("executionRoleArn", "product360-jobs"),
        ("name", "n" * 257),
        ("tags", {"product360:job": "ä"}),
        ("executionTimeoutMinutes", 1_000_001),
    ],
)
def test_the_oracle_sees_what_the_sdk_lets_pass(path: str, value: object) -> None:
    parameters = copy.deepcopy(started())
    parameters[path] = value
    assert request_refusals("emr-serverless", "StartJobRun", parameters)


def test_equal_work_is_an_equal_request_and_another_attempt_another_token() -> None:
    assert started() == started()
    other = start_job_run(SETTINGS, REQUEST, PLACES, attempt="a/000002")
    assert other["clientToken"] != started()["clientToken"]
    assert client_token("app1", "a") != client_token("app2", "a")


def test_the_properties_of_a_commit_survive_whatever_they_hold() -> None:
    arguments = started()["jobDriver"]["sparkSubmit"]["entryPointArguments"]
    assert arguments[:5] == ["sales_line", "--spec", PLACES.spec, "--report", PLACES.report]
    assert json.loads(arguments[arguments.index("--commit") + 1]) == REQUEST.commit


def test_a_commit_to_be_audited_lands_on_its_branch_and_no_other_job_names_one() -> None:
    assert confs(started())["spark.wap.branch"] == "audit-1f3a"
    plain = JobRequest("clean", "clean-shop.order-1", {})
    assert "spark.wap.branch" not in confs(started(request=plain))


def test_a_commit_that_may_come_once_needs_a_branch() -> None:
    with pytest.raises(ValueError, match="no branch"):
        started(request=JobRequest("sales_line", "n", {}, {"id": "1"}, once="id"))


def test_jobs_find_glue_under_the_name_that_all_engines_know() -> None:
    said = confs(started())
    assert said["spark.sql.catalog.lake"] == "org.apache.iceberg.spark.SparkCatalog"
    assert said["spark.sql.catalog.lake.catalog-impl"].endswith(".GlueCatalog")
    assert said["spark.sql.catalog.lake.warehouse"] == "s3://acme-curated"
    assert said["spark.submit.pyFiles"] == PLACES.code


def test_driver_and_workers_know_the_region_as_the_sdk_for_python_does() -> None:
    said = confs(started())
    assert said["spark.emr-serverless.driverEnv.AWS_DEFAULT_REGION"] == "eu-west-3"
    assert said["spark.executorEnv.AWS_DEFAULT_REGION"] == "eu-west-3"


@pytest.mark.parametrize(
    ("release", "jar"), [("emr-7.13.0", "spark3"), ("emr-spark-8.1.0", "spark4")]
)
def test_the_release_says_which_iceberg_runtime_there_is(release: str, jar: str) -> None:
    settings = EmrSettings(application="a", role=ROLE, release=release)
    assert jar in confs(started(settings))["spark.jars"]


def test_a_process_fills_the_worker_that_is_paid_for() -> None:
    for vcpus, (least, most, step) in WORKERS.items():
        for memory in range(least, most + 1, step):
            worker = Worker(vcpus=vcpus, memory_gb=memory)
            size = JobSize(driver=worker, executor=worker, executors=1)
            settings = EmrSettings(
                application="a", role=ROLE, sizes={"s": size}, jobs={"sales_line": "s"}
            )
            heap = int(confs(started(settings))["spark.driver.memory"].removesuffix("m"))
            with_overhead = (heap + max(384, heap * 0.1)) / 1024
            assert memory - 1 < with_overhead <= memory, (vcpus, memory)


@pytest.mark.parametrize("value", ["", "a b", "a\nb", "it's", 'a"b', "a\\b"])
def test_a_setting_that_would_be_split_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"spark\.x"):
        spark_submit_parameters({"spark.x": value})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("application: UPPER\nrole: " + ROLE, "application"),
        ("role: " + ROLE, "application: Field required"),
        ("application: a\nrole: me", "role"),
        (f"application: a\nrole: {ROLE}\nrelease: emr-6.9.0", "release"),
        (f"application: a\nrole: {ROLE}\njobs: {{x: huge}}", "size 'huge'"),
        (f"application: a\nrole: {ROLE}\nbudget: {{vcpu_hours_a_day: 0}}", "vcpu_hours_a_day"),
        (f"application: a\nrole: {ROLE}\ntypo: 1", "typo"),
        (
            f"application: a\nrole: {ROLE}\nsizes: {{s: {{driver: {{vcpus: 4, memory_gb: 31}}}}}}",
            "8 to 30 GB",
        ),
        ("a: [", "expected"),
    ],
)
def test_settings_that_mean_nothing_are_refused_by_name(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "emr.yaml"
    file.write_text(text)
    with pytest.raises(SettingInvalid, match=said) as refused:
        read_settings(file)
    assert refused.value.next_move


def test_settings_say_the_size_of_each_job(tmp_path: Path) -> None:
    file = tmp_path / "emr.yaml"
    file.write_text(f"application: a\nrole: {ROLE}\njobs: {{sales_line: large}}\n")
    settings = read_settings(file)
    product = replace(REQUEST, job="product")
    assert settings.size_of(REQUEST) == SIZES["large"]
    assert settings.size_of(product) == SIZES["medium"]
    assert settings.size_of(replace(product, endless=True)) == SIZES["stream"]
    assert SIZES["medium"].most_vcpu_hours == 18


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"nowhere\.yaml"):
        read_settings(tmp_path / "nowhere.yaml")


def test_what_was_deployed_needs_no_file_and_a_file_goes_before_it(tmp_path: Path) -> None:
    deployed = {"application": "00f1", "role": ROLE, "release": "emr-spark-8.0.0"}
    settings = read_settings(None, deployed)
    assert (settings.application, settings.role, settings.release) == (
        "00f1",
        ROLE,
        "emr-spark-8.0.0",
    )
    file = tmp_path / "emr.yaml"
    file.write_text("release: emr-7.13.0\njobs: {sales_line: large}\n")
    settings = read_settings(file, deployed)
    assert (settings.application, settings.release) == ("00f1", "emr-7.13.0")
    assert settings.size_of(REQUEST) == SIZES["large"]
    with pytest.raises(SettingInvalid, match="outputs of the deployment"):
        read_settings(None, {"application": "00f1"})
