"""What the templates promise, read from what is synthesised and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from synthesised import Template, allowed, listed, resources, statements, text

from product360_assets.core.contract import load_contracts
from resources import environments
from resources.deployment import variable_name
from resources.objects import DELETABLE, ERASABLE
from spark.tables import TABLES, VIEWS

pytestmark = pytest.mark.usefixtures("templates")
Templates = Mapping[str, Template]

BUCKETS = {"landing", "raw", "clean", "curated", "forecast", "results", "access-logs"}
# Holds what nobody could make again, or what others have written down.
KEPT = {
    "AWS::S3::Bucket",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
}


def buckets(templates: Templates) -> dict[str, tuple[str, dict[str, Any]]]:
    """Logical id and properties, by the end of the name."""
    found = {}
    for name, resource in resources(templates["Storage"], "AWS::S3::Bucket").items():
        properties = resource["Properties"]
        end = text(properties["BucketName"]).removeprefix(
            "product360-<AWS::AccountId>-<AWS::Region>-"
        )
        found[end] = (name, properties)
    return found


def zones_for(templates: Templates, role: str, action: str) -> set[str]:
    return {
        resource.split("-<AWS::Region>-")[1].removesuffix("/*")
        for found, resource in allowed(templates, role)
        if found == action
    }


def test_there_is_a_bucket_for_every_zone_and_one_for_access_logs(templates: Templates) -> None:
    assert buckets(templates).keys() == BUCKETS


def test_all_data_is_encrypted_with_our_key(templates: Templates) -> None:
    for zone, (_, properties) in buckets(templates).items():
        [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        by_default = rule["ServerSideEncryptionByDefault"]
        if zone == "access-logs":
            assert by_default == {"SSEAlgorithm": "AES256"}
        else:
            assert by_default["SSEAlgorithm"] == "aws:kms"
            assert re.fullmatch(r"<Key\w+\.Arn>", text(by_default["KMSMasterKeyID"]))
    [table] = resources(templates["Registry"], "AWS::DynamoDB::Table").values()
    assert table["Properties"]["SSESpecification"]["SSEType"] == "KMS"
    for secret in resources(templates["Secrets"], "AWS::SecretsManager::Secret").values():
        assert ":ExportsOutputFnGetAttKey" in text(secret["Properties"]["KmsKeyId"])
    for queue in resources(templates["Eventing"], "AWS::SQS::Queue").values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
    [topic] = resources(templates["Alarms"], "AWS::SNS::Topic").values()
    assert topic["Properties"]["KmsMasterKeyId"]
    for template in templates.values():
        for key in resources(template, "AWS::KMS::Key").values():
            assert key["Properties"]["EnableKeyRotation"] is True


def test_nothing_is_public(templates: Templates) -> None:
    for _, properties in buckets(templates).values():
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        [rule] = properties["OwnershipControls"]["Rules"]
        assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}
        assert "AccessControl" not in properties
    for document in resource_policies(templates):
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                principal = statement["Principal"]
                assert principal != "*"
                assert principal.get("AWS") != "*"


def resource_policies(templates: Templates) -> Iterator[dict[str, Any]]:
    for template in templates.values():
        for kind in ("S3::Bucket", "SQS::Queue", "SNS::Topic"):
            for policy in resources(template, f"AWS::{kind}Policy").values():
                yield policy["Properties"]["PolicyDocument"]


def test_what_is_not_sent_by_tls_is_refused(templates: Templates) -> None:
    guarded = set()
    for template in templates.values():
        for kind, field in (("S3::Bucket", "Bucket"), ("SQS::Queue", "Queues")):
            for policy in resources(template, f"AWS::{kind}Policy").values():
                assert any(map(is_tls_only, policy["Properties"]["PolicyDocument"]["Statement"]))
                guarded |= {text(each) for each in listed(policy["Properties"][field])}
    wanted = {f"<{name}>" for name, _ in buckets(templates).values()}
    wanted |= {f"<{name}>" for name in resources(templates["Eventing"], "AWS::SQS::Queue")}
    assert guarded == wanted
    [topic] = resources(templates["Alarms"], "AWS::SNS::TopicPolicy").values()
    assert any(map(is_tls_only, topic["Properties"]["PolicyDocument"]["Statement"]))


def is_tls_only(statement: dict[str, Any]) -> bool:
    return (
        statement["Effect"] == "Deny"
        and statement["Principal"] in ("*", {"AWS": "*"})
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Action"] in ("s3:*", "sqs:*", "sns:Publish")
    )


def test_raw_alone_is_versioned_and_locked(templates: Templates) -> None:
    for zone, (_, properties) in buckets(templates).items():
        if zone == "raw":
            assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
            assert properties["ObjectLockEnabled"] is True
            rule = properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
            assert rule == {"Mode": "GOVERNANCE", "Days": 3650}
        else:
            assert "VersioningConfiguration" not in properties
            assert "ObjectLockConfiguration" not in properties


def test_every_access_to_the_lake_is_logged(templates: Templates) -> None:
    logs, _ = buckets(templates)["access-logs"]
    for zone, (_, properties) in buckets(templates).items():
        if zone != "access-logs":
            assert properties["LoggingConfiguration"] == {
                "DestinationBucketName": {"Ref": logs},
                "LogFilePrefix": f"{zone}/",
            }


def test_what_cannot_be_made_again_stays_when_its_stack_goes(templates: Templates) -> None:
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] in KEPT:
                assert resource["DeletionPolicy"] == "Retain"
                assert resource["UpdateReplacePolicy"] == "Retain"
    [table] = resources(templates["Registry"], "AWS::DynamoDB::Table").values()
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    recovery = table["Properties"]["PointInTimeRecoverySpecification"]
    assert recovery["PointInTimeRecoveryEnabled"] is True


def test_secrets_are_places_without_values_for_every_reference(templates: Templates) -> None:
    made = [
        secret["Properties"]
        for secret in resources(templates["Secrets"], "AWS::SecretsManager::Secret").values()
    ]
    connections = {each.connection for each in load_contracts().values() if each.connection}
    assert {each["Name"] for each in made} == {
        f"product360/{name}" for name in connections | {"treatment_keys"}
    }
    for each in made:
        assert each.keys() == {"Name", "Description", "KmsKeyId", "Tags"}


def test_there_is_a_database_for_every_published_table_and_view_and_for_files(
    templates: Templates,
) -> None:
    made = resources(templates["Catalog"], "AWS::Glue::Database").values()
    inputs = {each["Properties"]["DatabaseInput"]["Name"]: each["Properties"] for each in made}
    assert inputs.keys() == {
        *(table.zone for table in (*TABLES.values(), *VIEWS.values())),
        *("raw", "clean", "quarantine"),
    }
    told = {name: each["DatabaseInput"] for name, each in inputs.items()}
    assert text(told["quarantine"]["LocationUri"]).endswith("-clean/quarantine")
    assert text(told["raw"]["LocationUri"]).endswith("-raw/")
    assert "LocationUri" not in told["serving"]
    for each in told.values():
        assert each["Parameters"] == {"product360:deployment": "product360"}


def test_only_the_platform_writes_entries_of_files_and_nobody_removes_one(
    templates: Templates,
) -> None:
    of_files = re.compile(r".*:(database/(raw|clean|quarantine)|table/(raw|clean|quarantine)/\*)")
    given = {
        role: {action for action, on in allowed(templates, role) if of_files.fullmatch(on)}
        for role in ("Platform", "Jobs", "Optimizers")
    }
    assert given == {
        "Platform": {
            *("glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"),
            *("glue:CreateTable", "glue:UpdateTable"),
            *("glue:BatchCreatePartition", "glue:BatchUpdatePartition"),
            "glue:BatchDeletePartition",
        },
        "Jobs": set(),
        "Optimizers": set(),
    }


def test_no_role_has_an_action_or_a_resource_without_an_end(templates: Templates) -> None:
    for template in templates.values():
        for policy in resources(template, "AWS::IAM::Policy").values():
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                for action in listed(statement["Action"]):
                    assert "*" not in action
                for resource in map(text, listed(statement["Resource"])):
                    # What belongs to a bucket, a database, an application or a log group, and what
                    # DMS replicates.
                    assert re.fullmatch(
                        r"[^*]+|arn:[^*]+-(\w+)/\*|arn:[^*]+:table/\w+/\*|<Application.Arn>/jobruns/\*"
                        r"|arn:[^*]+:log-group:/aws-glue/iceberg-[\w-]+/logs:\*"
                        r"|arn:[^*]+:dms:[^*]+:(task|replication-config):\*",
                        resource,
                    ), resource
        assert resources(template, "AWS::IAM::User") == {}
        for role in resources(template, "AWS::IAM::Role").values():
            assert "ManagedPolicyArns" not in role["Properties"]
            assert "Policies" not in role["Properties"]


def test_nobody_deletes_from_raw_or_breaks_its_lock(templates: Templates) -> None:
    for role in ("Platform", "Jobs", "Optimizers"):
        actions = {action for action, _ in allowed(templates, role)}
        assert "s3:BypassGovernanceRetention" not in actions
        assert "raw" not in zones_for(templates, role, "s3:DeleteObject")
    assert "raw" not in zones_for(templates, "Jobs", "s3:PutObject")


def test_each_role_reaches_the_zones_that_its_component_works_in(templates: Templates) -> None:
    everything = BUCKETS - {"access-logs"}
    made, tables = {"clean", "curated", "forecast", "results"}, {"curated", "forecast"}
    for action, by_role in {
        "s3:GetObject": {"Platform": everything, "Jobs": made | {"raw"}, "Optimizers": tables},
        "s3:ListBucket": {"Platform": everything, "Jobs": made | {"raw"}, "Optimizers": tables},
        "s3:PutObject": {"Platform": everything, "Jobs": made, "Optimizers": tables},
        "s3:DeleteObject": {
            "Platform": DELETABLE | ERASABLE | tables,
            "Jobs": made,
            "Optimizers": tables,
        },
    }.items():
        for role, zones in by_role.items():
            assert zones_for(templates, role, action) == zones, (role, action)


def test_of_the_secrets_a_job_reads_the_ring_of_keys_and_nothing_else(
    templates: Templates,
) -> None:
    read = {"Jobs": set[str](), "Platform": set[str](), "Optimizers": set[str]()}
    for role, secrets in read.items():
        for action, resource in allowed(templates, role):
            if action.startswith("secretsmanager:"):
                assert action == "secretsmanager:GetSecretValue"
                secrets.add(resource)
    [ring] = read["Jobs"]
    assert "TreatmentKeys" in ring
    assert read["Platform"] > read["Jobs"]
    assert read["Optimizers"] == set()
    # It is encrypted with the key of the zones, with which jobs may decrypt.
    [key] = {each for action, each in allowed(templates, "Jobs") if action == "kms:Decrypt"}
    for secret in resources(templates["Secrets"], "AWS::SecretsManager::Secret").values():
        assert text(secret["Properties"]["KmsKeyId"]) == key


def test_only_the_services_that_work_for_us_may_be_our_roles(templates: Templates) -> None:
    trusted = {}
    for role in resources(templates["Roles"], "AWS::IAM::Role").values():
        [statement] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        trusted[role["Properties"]["RoleName"]] = statement["Principal"]["Service"]
    assert trusted == {
        "product360-platform": "ecs-tasks.amazonaws.com",
        "product360-jobs": "emr-serverless.amazonaws.com",
        "product360-optimizers": "glue.amazonaws.com",
    }
    passed = [
        each for each in statements(templates, "Platform") if each["Action"] == "iam:PassRole"
    ]
    assert len(passed) == 2
    assert all(each["Condition"]["StringEquals"]["iam:PassedToService"] for each in passed)


def test_jobs_start_by_themselves_stop_when_idle_and_have_an_end(templates: Templates) -> None:
    [application] = resources(templates["Jobs"], "AWS::EMRServerless::Application").values()
    properties = application["Properties"]
    assert properties["AutoStartConfiguration"] == {"Enabled": True}
    assert properties["AutoStopConfiguration"] == {"Enabled": True, "IdleTimeoutMinutes": 15}
    assert properties["MaximumCapacity"] == {
        "Cpu": "128 vCPU",
        "Memory": "1024 GB",
        "Disk": "2000 GB",
    }


def test_every_output_fills_a_variable_that_the_environment_reads(templates: Templates) -> None:
    said = {
        variable_name(name)
        for template in templates.values()
        for name, output in template.get("Outputs", {}).items()
        if "Export" not in output
    }
    read = set(re.findall(r"PRODUCT360_\w+", str(environments.__doc__)))
    told = {"PRODUCT360_NOTICES_TOPIC", "PRODUCT360_PLATFORM_ROLE"}
    emr = {f"PRODUCT360_EMR_{part}" for part in ("APPLICATION", "ROLE", "RELEASE")}
    assert said - told - emr <= read
    assert said >= told | emr | {
        "PRODUCT360_LAKE_PREFIX",
        "PRODUCT360_LEDGER_TABLE",
        "PRODUCT360_EVENT_QUEUE",
        "PRODUCT360_OPTIMIZER_ROLE",
        "PRODUCT360_SECRETS_PREFIX",
    }


def test_a_template_names_no_account_and_no_region(templates: Templates) -> None:
    for template in templates.values():
        assert not re.search(r"\b\d{12}\b|\b(eu|us|ap)-\w+-\d\b", str(template["Resources"]))
