"""That the platform's role may do what its code does: all that the doctor says the platform needs,
what only the doctor asks, and the calls of an adapter that the doctor does not look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest
from synthesised import ROOT, Template, listed, resources, statements, text

from resources import doctor_aws
from resources.deployment import variable_name
from resources.doctor import Wanted
from resources.doctor_bucket_settings import SETTINGS
from resources.doctor_calls import Clients
from resources.doctor_rights import Right
from resources.environments import settings
from resources.secrets import SecretsManagerSecrets
from spark.tables import TABLES

pytestmark = pytest.mark.usefixtures("templates")
Templates = Mapping[str, Template]

OPEN = {"partition": "aws", "region": "eu-west-1", "account": "111122223333"}
PSEUDO = {
    "<AWS::Partition>": OPEN["partition"],
    "<AWS::Region>": OPEN["region"],
    "<AWS::AccountId>": OPEN["account"],
}
# What a reference to a resource stands for: the property that names it, and its ARN.
NAMED = {
    "AWS::DynamoDB::Table": (
        "TableName",
        "arn:{partition}:dynamodb:{region}:{account}:table/{name}",
    ),
    "AWS::SQS::Queue": ("QueueName", "arn:{partition}:sqs:{region}:{account}:{name}"),
    "AWS::IAM::Role": ("RoleName", "arn:{partition}:iam::{account}:role/{name}"),
    # Its id is made with it; here it is called by its name.
    "AWS::EMRServerless::Application": (
        "Name",
        "arn:{partition}:emr-serverless:{region}:{account}:/applications/{name}",
    ),
}
BUCKET = "arn:{partition}:s3:::product360-{account}-{region}-"


@dataclass(frozen=True)
class Granted:
    """One statement of the platform's role."""

    actions: list[str]
    on: list[str]
    condition: Mapping[str, object]

    def permits(self, action: str, on: str, passed_to: str | None) -> bool:
        """As IAM would decide, if there were no other statement."""
        passed = {"StringEquals": {"iam:PassedToService": passed_to}} if passed_to else {}
        return (
            action in self.actions
            and any(fnmatchcase(on, pattern) for pattern in self.on)
            and self.condition == passed
        )


def meanings(templates: Templates) -> dict[str, str]:
    """What references stand for, by how they are written."""
    found = dict(PSEUDO)
    for template in templates.values():
        for kind, (field, arn) in NAMED.items():
            for logical, resource in resources(template, kind).items():
                name = text(resource["Properties"][field])
                found[f"<{logical}>"] = found[f"<{logical}.ApplicationId>"] = name
                found[f"<{logical}.Arn>"] = arn.format_map({**OPEN, "name": name})
        for output in template.get("Outputs", {}).values():
            if "Export" in output:
                found[f"<{text(output['Export']['Name'])}>"] = text(output["Value"])
    return found


def told(known: Mapping[str, str], value: object) -> str:
    """A value as it will be in the account; through an export, in two steps."""
    said = text(value)
    for _ in range(2):
        said = re.sub(r"<[^<>]+>", lambda match: known.get(match[0], match[0]), said)
    return said


@pytest.fixture(scope="module")
def granted(templates: Templates) -> list[Granted]:
    known = meanings(templates)
    return [
        Granted(
            listed(statement["Action"]),
            [told(known, resource) for resource in listed(statement["Resource"])],
            statement.get("Condition", {}),
        )
        for statement in statements(templates, "Platform")
    ]


def denied(granted: list[Granted], right: Right) -> Iterator[str]:
    """What the role lacks of a right."""
    for action in right.actions:
        for on in (pattern.format_map(OPEN) for pattern in right.on):
            if not any(each.permits(action, on, right.passed_to) for each in granted):
                yield f"{action} on {on}"


def doctors_rights(templates: Templates, monkeypatch: pytest.MonkeyPatch) -> list[Right]:
    """The rights that the doctor would ask IAM for in this deployment."""
    asked: list[Right] = []

    def note(_aws: Clients, right: Right) -> tuple[()]:
        asked.append(right)
        return ()

    monkeypatch.setattr(doctor_aws, "look_at_right", note)
    known = meanings(templates)
    outputs = {
        variable_name(name): told(known, output["Value"])
        for template in templates.values()
        for name, output in template.get("Outputs", {}).items()
        if "Export" not in output
    }
    chosen = settings({**outputs, "PRODUCT360_ENV": "aws", "PRODUCT360_MAINTENANCE": "glue"})
    wanted = Wanted(namespaces=sorted({table.zone for table in TABLES.values()}))
    for check in doctor_aws.aws_checks(chosen, wanted, SecretsManagerSecrets(), Clients()):
        if check.name.endswith("permissions"):
            list(check.look())
    return asked


def test_the_role_may_do_all_that_the_doctor_says_the_platform_needs(
    templates: Templates, granted: list[Granted], monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = doctors_rights(templates, monkeypatch)
    services = {action.partition(":")[0] for right in needed for action in right.actions}
    assert services == {"s3", "sqs", "dynamodb", "glue", "iam", "emr-serverless"}
    assert [what for right in needed for what in denied(granted, right)] == []
    # What no role may do is missed, and so is a role that is passed to another service.
    table, role = "arn:aws:dynamodb:eu-west-1:111122223333:table/product360-ledger", needed[-1].on
    assert list(denied(granted, Right("", ("dynamodb:DeleteTable",), (table,))))
    assert list(denied(granted, Right("", ("iam:PassRole",), role, "lambda.amazonaws.com")))


def test_the_role_may_take_the_looks_that_only_the_doctor_takes(granted: list[Granted]) -> None:
    looks = [
        Right(setting.what, (setting.action,), (BUCKET + zone,))
        for setting in SETTINGS
        for zone in setting.zones or doctor_aws.ZONES
    ]
    looks += [
        Right("announcing", ("s3:GetBucketNotification",), (f"{BUCKET}landing",)),
        Right(
            "ledger",
            ("dynamodb:DescribeTable",),
            ("arn:{partition}:dynamodb:{region}:{account}:table/product360-ledger",),
        ),
        Right(
            "itself",
            ("iam:SimulatePrincipalPolicy",),
            ("arn:{partition}:iam::{account}:role/product360-platform",),
        ),
    ]
    assert [what for look in looks for what in denied(granted, look)] == []


def test_the_role_may_ask_dms_what_the_adapter_asks_and_nothing_else(
    granted: list[Granted],
) -> None:
    calls = re.findall(r"\bdms\.(describe_\w+)", (ROOT / "resources" / "dms.py").read_text())
    given = {
        action: on.removeprefix("arn:aws:dms:eu-west-1:111122223333:")
        for each in granted
        for action in each.actions
        for on in each.on
        if action.startswith("dms:")
    }
    assert given.keys() == {f"dms:{call.title().replace('_', '')}" for call in calls}
    assert given == {
        "dms:DescribeTableStatistics": "task:*",
        "dms:DescribeReplicationTableStatistics": "replication-config:*",
    }
