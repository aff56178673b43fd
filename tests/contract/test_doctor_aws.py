"""The doctor on a deployment that is whole, and on the same with one thing broken at a time."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from emr import ROLE
from emr_job_runs import Application
from emr_server import EmrServer
from gate import SESSION, TOKEN, Gate

from resources.doctor import Finding, Wanted, examine
from resources.doctor_aws import aws_checks
from resources.doctor_calls import Clients
from resources.doctor_iam import principal_of
from resources.dynamodb_items import create_table
from resources.environments import Settings, settings
from resources.external_tables import DESCRIBED
from resources.secrets import SecretsManagerSecrets
from resources.treatment_keys import REFERENCE, rotate_key

pytestmark = pytest.mark.aws

PASSWORD = "never-to-be-told"
PUBLIC = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass
class Deployment:
    """What the doctor is asked about."""

    prefix: str
    table: str
    queue: str
    secret: str
    database: str
    emr: Path
    gate: Gate
    aws: Clients
    streams: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        return settings(
            {
                "PRODUCT360_ENV": "aws",
                "PRODUCT360_LAKE_PREFIX": self.prefix,
                "PRODUCT360_LEDGER_TABLE": self.table,
                "PRODUCT360_EVENT_QUEUE": self.queue,
                "PRODUCT360_EMR": str(self.emr),
            }
        )

    def findings(self, chosen: Settings | None = None) -> list[tuple[str, Finding]]:
        wanted = Wanted([self.secret], namespaces=[self.database], streams=self.streams)
        checks = aws_checks(chosen or self.settings, wanted, SecretsManagerSecrets(), self.aws)
        found = list(examine(checks))
        assert PASSWORD not in repr(found)
        assert TOKEN not in repr(found)
        return found

    def unwell(self, chosen: Settings | None = None) -> dict[str, Finding]:
        found = [(check, each) for check, each in self.findings(chosen) if each.state != "ok"]
        assert all(each.fix for _, each in found)
        return dict(found)


@dataclass
class Stage:
    """What all tests share: servers, clients, and a deployment that nobody breaks."""

    gate: Gate
    emr: EmrServer
    aws: Clients
    whole: Deployment | None = None


@pytest.fixture(scope="module")
def stage(aws_endpoint: str) -> Iterator[Stage]:
    application = Application("emr-7.13.0", lambda *_: pytest.fail("no job is run"))
    server, gate = EmrServer(application), Gate(aws_endpoint)
    try:
        yield Stage(gate, server, Clients())
    finally:
        gate.close()
        server.close()


@pytest.fixture
def fresh(
    stage: Stage, aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Deployment]:
    """Makes a deployment of its own for a test."""
    assert aws
    monkeypatch.setenv("AWS_ENDPOINT_URL", stage.gate.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", stage.emr.endpoint)
    stage.gate.denied, stage.gate.denied_actions = set(), set()
    stage.gate.caller = SESSION
    emr = tmp_path / "emr.yaml"
    emr.write_text(yaml.safe_dump({"application": stage.emr.application.id, "role": ROLE}))
    return lambda: _deploy(stage, emr)


@pytest.fixture
def deployment(fresh: Callable[[], Deployment], stage: Stage, tmp_path: Path) -> Deployment:
    """The deployment that is whole; what a test changes of its names is that test's own."""
    stage.whole = stage.whole or fresh()
    stage.gate.asked.clear()
    return replace(stage.whole, emr=tmp_path / "emr.yaml")


def test_of_a_whole_deployment_every_check_is_well_and_nothing_was_changed(
    deployment: Deployment,
) -> None:
    assert deployment.unwell() == {}
    found = deployment.findings()
    said = {check: each.found for check, each in found}
    assert (said["credentials"], said["region"]) == (SESSION, "eu-west-1")
    assert said["EMR application"] == "STARTED, release emr-7.13.0"
    assert said["bucket raw settings"] == "governance by default"
    assert "iam:PassRole" in said["EMR permissions"]
    # Only what reads was asked of any service.
    words = ("GET ", "HEAD ", ".Get", ".Describe", ".List", "=Get", "=List", "=Simulate")
    assert [each for each in deployment.gate.asked if not any(w in each for w in words)] == []


def test_a_missing_bucket_is_named_and_what_needs_it_is_skipped(
    fresh: Callable[[], Deployment],
) -> None:
    deployment = fresh()
    deployment.aws("s3").delete_bucket(Bucket=f"{deployment.prefix}-landing")
    found = deployment.unwell()
    assert set(found) == {"bucket landing", "bucket landing settings", "announcing"}
    assert found["bucket landing"].state == "failed"
    assert f"aws s3 mb s3://{deployment.prefix}-landing" in found["bucket landing"].fix
    assert found["announcing"].state == "skipped"
    assert "'bucket landing' failed" in found["announcing"].found


def test_a_bucket_without_its_settings_is_told_with_the_command_for_each(
    fresh: Callable[[], Deployment],
) -> None:
    deployment = fresh()
    s3, bucket = deployment.aws("s3"), f"{deployment.prefix}-raw"
    s3.delete_public_access_block(Bucket=bucket)
    s3.delete_bucket_lifecycle(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    found = [each for check, each in deployment.findings() if each.state != "ok"]
    assert {each.thing.partition(", ")[2]: each.state for each in found} == {
        "public access": "failed",
        "unfinished uploads": "warning",
        "versions": "warning",
    }
    assert all(f"--bucket {bucket} --" in each.fix for each in found)
    # What stands in quotes is a document that the command line takes.
    document = next(each.fix for each in found if "lifecycle" in each.fix).split("'")[1]
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration=json.loads(document)
    )
    assert [e for _, e in deployment.findings() if e.thing.endswith("uploads") and e.fix] == []


def test_a_queue_without_dead_letters_and_a_bucket_without_events_are_warned_of(
    fresh: Callable[[], Deployment],
) -> None:
    deployment = fresh()
    sqs = deployment.aws("sqs")
    deployment.queue = sqs.create_queue(QueueName=f"alone-{deployment.table}")["QueueUrl"]
    name = deployment.table.replace("ledger-", "alone-")
    _announce(deployment.aws, deployment.prefix, deployment.queue, name)
    deployment.aws("events").disable_rule(Name=f"landing-{name}")
    deployment.aws("s3").put_bucket_notification_configuration(
        Bucket=f"{deployment.prefix}-landing", NotificationConfiguration={}
    )
    found = deployment.unwell()
    assert {check: each.state for check, each in found.items()} == dict.fromkeys(
        ("dead letters", "announcing", "rule"), "warning"
    )
    assert "RedrivePolicy" in found["dead letters"].fix
    assert "EventBridgeConfiguration" in found["announcing"].fix
    assert found["rule"].fix == f"aws events enable-rule --name landing-{name}"


def test_messages_that_died_are_counted(
    fresh: Callable[[], Deployment],
) -> None:
    deployment = fresh()
    dead = deployment.queue.replace("landing-", "dead-")
    deployment.aws("sqs").send_message(QueueUrl=dead, MessageBody="{}")
    found = deployment.unwell()
    assert set(found) == {"dead letters"}
    assert found["dead letters"].found.startswith("about 1 messages in dead-")
    assert "start-message-move-task" in found["dead letters"].fix


def test_a_queue_and_a_table_that_are_not_there_fail(deployment: Deployment) -> None:
    deployment.table, deployment.queue = "no-table", deployment.queue.replace("landing-", "no-")
    found = deployment.unwell()
    assert found["queue"].state == found["ledger and registry"].state == "failed"
    assert "PRODUCT360_EVENT_QUEUE" in found["queue"].fix
    assert "PRODUCT360_LEDGER_TABLE" in found["ledger and registry"].fix
    assert found["dead letters"].state == "skipped"


def test_a_table_with_other_keys_fails(deployment: Deployment) -> None:
    deployment.table = f"other-{secrets.token_hex(4)}"
    deployment.aws("dynamodb").create_table(
        TableName=deployment.table,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    found = deployment.unwell()
    assert found["ledger and registry"].found == "id (HASH, S)"
    assert found["ledger and registry"].expected == "pk (HASH, S) and sk (RANGE, S)"
    assert "deploy another one" in found["ledger and registry"].fix


@pytest.mark.parametrize(
    ("asked", "check", "state", "action"),
    [
        ("DynamoDB_20120810.GetItem", "ledger items", "failed", "dynamodb:GetItem"),
        ("AWSGlue.GetTables", "catalog {database}", "failed", "glue:GetTables"),
        ("secretsmanager.GetSecretValue", "secret {secret}", "failed", "secretsmanager:Get"),
        ("AmazonSQS.GetQueueAttributes", "queue", "failed", "sqs:GetQueueAttributes"),
        ("HEAD /{prefix}-curated", "bucket curated", "failed", "s3:ListBucket"),
        # What only the doctor asks is no failure of the platform.
        ("DescribeTable", "ledger and registry", "skipped", "dynamodb:DescribeTable"),
        ("{prefix}-raw?versioning", "bucket raw settings", "skipped", "s3:GetBucketVersioning"),
        ("ListRuleNamesByTarget", "rule", "skipped", "events:ListRuleNamesByTarget"),
    ],
)
def test_a_denied_call_names_the_right_that_is_missing(
    asked: str, check: str, state: str, action: str, deployment: Deployment
) -> None:
    named = vars(deployment)
    deployment.gate.denied = {asked.format_map(named)}
    found = deployment.unwell()[check.format_map(named)]
    assert (found.state, action in found.found + found.fix) == (state, True)
    assert "AccessDenied" in found.found or "403" in found.found
    assert action in found.fix or action in found.expected


def test_what_iam_would_deny_is_named_action_by_action(deployment: Deployment) -> None:
    deployment.gate.denied_actions = {"s3:PutObject", "iam:PassRole"}
    found = [each for _, each in deployment.findings() if each.state != "ok"]
    assert {each.state for each in found} == {"failed"}
    passed = [each for each in found if "iam:PassRole" in each.found]
    assert [each.thing for each in passed] == ["permissions on role product360-jobs of jobs"]
    assert "iam:PassedToService is emr-serverless.amazonaws.com" in passed[0].fix
    assert len([each for each in found if "s3:PutObject would be denied" in each.found]) == 6


def test_where_iam_may_not_be_asked_the_actions_are_named_as_not_checked(
    deployment: Deployment,
) -> None:
    deployment.gate.denied = {"SimulatePrincipalPolicy"}
    found = deployment.unwell()
    assert {each.state for each in found.values()} == {"skipped"}
    assert "not checked, as iam:SimulatePrincipalPolicy is denied" in found["EMR permissions"].found
    assert "iam:PassRole" in found["EMR permissions"].found
    deployment.gate.denied = set()
    deployment.gate.caller = "arn:aws:iam::111122223333:root"
    assert "is no user and no role" in deployment.unwell()["queue permissions"].found


def test_without_credentials_everything_else_is_skipped_for_that_reason(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    deployment.aws = Clients()
    found = deployment.unwell()
    assert found["credentials"].found == "NoCredentialsError"
    assert "AWS_PROFILE" in found["credentials"].fix
    others = {each.state for check, each in found.items() if check != "credentials"}
    assert others == {"skipped"}


@pytest.mark.parametrize(
    ("variable", "value", "check", "fix"),
    [
        ("AWS_DEFAULT_REGION", "", "region", "export AWS_DEFAULT_REGION"),
        ("AWS_PROFILE", "nobody", "region", "correct AWS_PROFILE"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "credentials", "let this machine reach it"),
        ("AWS_ENDPOINT_URL", "no address", "credentials", "correct AWS_ENDPOINT_URL"),
    ],
)
def test_settings_of_the_sdk_that_lead_nowhere_are_told(
    variable: str,
    value: str,
    check: str,
    fix: str,
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("resources.aws.ATTEMPTS", 1)
    deployment.aws = Clients()
    found = deployment.unwell()
    assert [name for name, each in found.items() if each.state == "failed"] == [check]
    assert fix in found[check].fix


def test_a_setting_that_is_missing_is_one_failure(deployment: Deployment) -> None:
    found = deployment.unwell(settings({"PRODUCT360_ENV": "aws"}))
    failed = [check for check, each in found.items() if each.state == "failed"]
    assert failed == [
        "PRODUCT360_LAKE_PREFIX",
        "PRODUCT360_LEDGER_TABLE",
        "PRODUCT360_EVENT_QUEUE",
        "PRODUCT360_EMR",
    ]
    assert "'PRODUCT360_EMR' failed" in found["EMR settings"].found


def test_an_application_of_another_release_or_none_is_told_apart(deployment: Deployment) -> None:
    said: dict[str, Any] = yaml.safe_load(deployment.emr.read_text())
    deployment.emr.write_text(yaml.safe_dump({**said, "release": "emr-7.9.0"}))
    assert "release: emr-7.13.0" in deployment.unwell()["EMR application"].fix
    deployment.emr.write_text(yaml.safe_dump({**said, "application": "00fnobody"}))
    found = deployment.unwell()["EMR application"]
    assert (found.state, found.found[:19]) == ("failed", "no such application")
    deployment.emr.write_text("role: nobody")
    assert "PRODUCT360_EMR" in deployment.unwell()["EMR settings"].fix


def test_a_secret_and_a_database_that_are_not_there_come_with_the_command_that_makes_them(
    deployment: Deployment,
) -> None:
    deployment.secret, deployment.database = "nobodys", "nowhere"
    found = deployment.unwell()
    assert "create-secret --name nobodys" in found["secret nobodys"].fix
    assert found["catalog nowhere"].state == "warning"
    assert "aws glue create-database" in found["catalog nowhere"].fix


def test_a_stream_is_told_with_how_long_it_keeps_records_and_one_that_is_not_there_fails(
    deployment: Deployment,
) -> None:
    deployment.aws("kinesis").create_stream(StreamName="read-here", ShardCount=2)
    found = dict(replace(deployment, streams=("read-here",)).findings())
    kept = "ACTIVE, 2 open shards, records are kept for 24 hours"
    assert (found["stream read-here"].state, found["stream read-here"].found) == ("ok", kept)
    assert "kinesis:GetRecords" in found["stream permissions"].found
    [(name, missing)] = replace(deployment, streams=("elsewhere",)).unwell().items()
    assert (name, missing.state) == ("stream elsewhere", "failed")
    assert missing.found == "no such stream"


def test_jobs_that_the_deployment_names_need_no_file(deployment: Deployment, stage: Stage) -> None:
    told = {"application": stage.emr.application.id, "role": ROLE}
    chosen = replace(deployment.settings, emr=None, emr_deployed=told)
    assert deployment.unwell(chosen) == {}


def test_where_glue_keeps_the_tables_its_role_may_be_passed(deployment: Deployment) -> None:
    deployment.gate.denied_actions = {"iam:PassRole"}
    role = "arn:aws:iam::111122223333:role/optimizers"
    kept = replace(deployment.settings, keeper="glue", optimizer_role=role)
    found = deployment.unwell(kept)["optimizer permissions"]
    assert (found.state, "iam:PassRole" in found.found) == ("failed", True)


def test_a_ring_of_keys_that_nobody_made_is_told_where_a_table_is_treated(
    deployment: Deployment,
) -> None:
    def found(prefix: str) -> Finding:
        ring = SecretsManagerSecrets(prefix=prefix)
        checks = aws_checks(deployment.settings, Wanted(keyed=True), ring, deployment.aws)
        [finding] = [each for check, each in examine(checks) if check == f"secret {REFERENCE}"]
        return finding

    prefix = f"{deployment.prefix}/"
    missing = found(prefix)
    assert (missing.state, "product360 keys rotate" in missing.fix) == ("failed", True)
    rotate_key(SecretsManagerSecrets(prefix=prefix))
    made = found(prefix)
    assert (made.state, made.found) == ("ok", "readable, version 1 is current")
    deployment.gate.denied = {"secretsmanager.GetSecretValue"}
    assert "secretsmanager:GetSecretValue" in found(prefix).fix


def test_a_session_is_asked_about_as_its_role() -> None:
    assert principal_of(SESSION) == "arn:aws:iam::111122223333:role/product360-platform"
    user = "arn:aws-cn:iam::111122223333:user/ops/jo"
    assert principal_of(user) == user
    assert principal_of("arn:aws:sts::111122223333:federated-user/jo") is None


def _deploy(stage: Stage, emr: Path) -> Deployment:
    name, aws = secrets.token_hex(4), stage.aws
    prefix, queue = f"test-{name}", _make_queues(aws, name)
    _make_buckets(aws, prefix)
    _announce(aws, prefix, queue, name)
    create_table(aws("dynamodb"), f"ledger-{name}")
    for database in (f"curated_{name}", *DESCRIBED):
        with suppress(aws("glue").exceptions.AlreadyExistsException):
            aws("glue").create_database(DatabaseInput={"Name": database})
    SecretsManagerSecrets().publish(f"pos-{name}", {"host": "db", "password": PASSWORD})
    database = f"curated_{name}"
    return Deployment(
        prefix, f"ledger-{name}", queue, f"pos-{name}", database, emr, stage.gate, aws
    )


def _make_queues(aws: Clients, name: str) -> str:
    sqs = aws("sqs")
    dead = sqs.create_queue(QueueName=f"dead-{name}")["QueueUrl"]
    said = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": said["Attributes"]["QueueArn"], "maxReceiveCount": 5}
    made = sqs.create_queue(
        QueueName=f"landing-{name}", Attributes={"RedrivePolicy": json.dumps(policy)}
    )
    return str(made["QueueUrl"])


def _make_buckets(aws: Clients, prefix: str) -> None:
    s3 = aws("s3")
    rule = {"ID": "uploads", "Status": "Enabled", "Filter": {}}
    kept = {"Mode": "GOVERNANCE", "Days": 1}
    for zone in ("landing", "raw", "clean", "curated", "forecast", "results"):
        bucket = f"{prefix}-{zone}"
        s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name}
        )
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration=dict.fromkeys(PUBLIC, True),  # type: ignore[arg-type]
        )
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
            },
        )
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={
                "Rules": [{**rule, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}]  # type: ignore[list-item]
            },
        )
    raw = f"{prefix}-raw"
    s3.put_bucket_versioning(Bucket=raw, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(
        Bucket=raw,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": kept},  # type: ignore[typeddict-item]
        },
    )


def _announce(aws: Clients, prefix: str, queue: str, name: str) -> None:
    bucket = f"{prefix}-landing"
    aws("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    said = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}},
    }
    events = aws("events")
    events.put_rule(Name=f"landing-{name}", EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": said["Attributes"]["QueueArn"]}
    events.put_targets(Rule=f"landing-{name}", Targets=[target])
