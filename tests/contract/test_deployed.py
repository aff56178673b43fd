"""The stacks that ministack has resources for, really deployed there, and used by the platform.

The catalog, the application of EMR Serverless and the budget are not among its resources; it
refuses them by name. That they synthesise, and what they promise, the tests of templates say.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from synthesised import STACKS, Template, resources

from resources.aws import client, session
from resources.deployment import VARIABLE
from resources.dynamodb_items import create_table
from resources.environments import platform_resources, settings
from resources.errors import SecretMissing
from resources.events import RECEIVES, EventQueueResource, ObjectCreated, event_of
from resources.ledger import Batch, LandedObject, LedgerResource, batch_id_of
from resources.objects import LakeResource
from resources.registry import RegistryResource
from resources.secrets import SecretsResource

pytestmark = pytest.mark.aws
REFUSED = ("Catalog", "Jobs", "Budget")
PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `cdk deploy --outputs-file` would write; it is there when the stacks are."""
    return tmp_path_factory.mktemp("outputs") / "outputs.json"


def deploy(folder: Path, name: str) -> dict[str, str]:
    """Create the stack; its outputs without those that only other stacks import."""
    formation: Any = session().client("cloudformation")
    stack = f"product360-{name.lower()}"
    body = (folder / f"{name}.template.json").read_text()
    formation.create_stack(
        StackName=stack, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    formation.get_waiter("stack_create_complete").wait(
        StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    [made] = formation.describe_stacks(StackName=stack)["Stacks"]
    return {
        each["OutputKey"]: each["OutputValue"]
        for each in made.get("Outputs", [])
        if "ExportName" not in each
    }


@pytest.fixture
def deployed(aws: str, synthesised: Path, outputs: Path) -> Mapping[str, object]:
    """The platform's resources; of this deployment nothing is said but where its outputs are."""
    if not outputs.exists():
        said = {name: deploy(synthesised, name) for name in STACKS if name not in REFUSED}
        outputs.write_text(json.dumps(said))
    return platform_resources(settings({"PRODUCT360_ENV": "aws", VARIABLE: str(outputs)}))


def test_an_object_in_landing_is_announced_and_others_are_not(
    deployed: Mapping[str, object],
) -> None:
    lake = cast(LakeResource, deployed["lake"])
    lake.zone("raw").put("shop/price/a.csv", b"id\n1\n")
    info = lake.zone("landing").put("shop/price/2017-01-09/price.csv", b"id\n1\n")
    event = first_event(cast(EventQueueResource, deployed["events"]))
    assert (event.bucket, event.key, event.size, event.etag) == (
        lake.zone("landing").bucket,
        info.key,
        5,
        info.etag,
    )


def first_event(events: EventQueueResource) -> ObjectCreated:
    queue, deadline = events.open(), time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if messages := queue.receive(1):
            queue.acknowledge(messages)
            event = event_of(messages[0].body)
            assert event is not None
            return event
    raise AssertionError("no event came")


def test_the_queue_buries_what_was_handed_out_too_often(
    deployed: Mapping[str, object], templates: Mapping[str, Template]
) -> None:
    queues = resources(templates["Eventing"], "AWS::SQS::Queue").values()
    [policy] = [q["Properties"]["RedrivePolicy"] for q in queues if "Redrive" in str(q)]
    dead = templates["Eventing"]["Resources"][policy["deadLetterTargetArn"]["Fn::GetAtt"][0]]
    sqs: Any = client("sqs")
    landing, graves = (
        sqs.get_queue_url(QueueName=name)["QueueUrl"]
        for name in ("product360-landing", dead["Properties"]["QueueName"])
    )
    # The endpoint leaves it out when it makes a stack; so it is said again, as the template says.
    arn = sqs.get_queue_attributes(QueueUrl=graves, AttributeNames=["QueueArn"])["Attributes"]
    said = {**policy, "deadLetterTargetArn": arn["QueueArn"]}
    sqs.set_queue_attributes(QueueUrl=landing, Attributes={"RedrivePolicy": json.dumps(said)})
    sqs.send_message(QueueUrl=landing, MessageBody="unreadable")
    handed = [
        len(sqs.receive_message(QueueUrl=landing, VisibilityTimeout=0).get("Messages", []))
        for _ in range(RECEIVES + 1)
    ]
    assert handed == [1] * RECEIVES + [0]
    assert cast(EventQueueResource, deployed["events"]).open().depth().dead == 1


def test_the_table_is_as_the_adapters_make_it(deployed: Mapping[str, object]) -> None:
    dynamodb = client("dynamodb")
    create_table(dynamodb, "made-by-the-adapter")
    [ours, theirs] = [
        dynamodb.describe_table(TableName=name)["Table"]
        for name in ("made-by-the-adapter", "product360-ledger")
    ]
    for said in ("KeySchema", "AttributeDefinitions", "BillingModeSummary"):
        assert sorted(map(str, ours[said])) == sorted(map(str, theirs[said])), said
    assert not theirs.get("GlobalSecondaryIndexes")


def test_ledger_and_registry_work_on_the_deployed_table(deployed: Mapping[str, object]) -> None:
    landed = LandedObject("landing", "shop/price/b.csv", "v1", 5)
    day = date(2017, 1, 9)
    batch = Batch(batch_id_of(day, [landed]), "shop", "price", day, "file", "0", (landed,))
    ledger = cast(LedgerResource, deployed["ledger"])
    assert ledger.open().open_batch(batch) == batch
    assert ledger.open().batches("shop", "price") == [batch]
    registry = cast(RegistryResource, deployed["registry"])
    published = registry.open().publish("shop", {"a": 1}, expected=None, note="first", by="me")
    assert registry.open().latest("shop") == published
    assert published.published_at <= datetime.now(UTC)


def test_a_secret_is_a_place_until_somebody_publishes_what_is_in_it(
    deployed: Mapping[str, object],
) -> None:
    secrets = cast(SecretsResource, deployed["secrets"])
    listed = client("secretsmanager").list_secrets()["SecretList"]
    reference = next(
        each["Name"].removeprefix("product360/")
        for each in listed
        if each["Name"].startswith("product360/") and "treatment" not in each["Name"]
    )
    with pytest.raises(SecretMissing, match=reference):
        secrets.get(reference)
    secrets.publish(reference, {"host": "db.example.com"})
    assert secrets.get(reference) == {"host": "db.example.com"}


def test_the_roles_are_there_with_their_rights(deployed: Mapping[str, object]) -> None:
    # Which rights, the tests of templates say: the endpoint does not read back those of a stack.
    iam: Any = session().client("iam")
    policies = iam.list_policies(Scope="Local")["Policies"]
    for part in ("platform", "jobs", "optimizers"):
        role = iam.get_role(RoleName=f"product360-{part}")["Role"]
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        assert any(each["PolicyName"].startswith(part.capitalize()) for each in policies)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_endpoint_has_no_resource_for_it_refuses(
    deployed: Mapping[str, object], synthesised: Path, name: str
) -> None:
    # After the others: what it imports of them is there, so nothing else is the reason.
    formation: Any = session().client("cloudformation")
    stack = f"refused-{name.lower()}"
    formation.create_stack(
        StackName=stack,
        TemplateBody=(synthesised / f"{name}.template.json").read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        [made] = formation.describe_stacks(StackName=stack)["Stacks"]
        if made["StackStatus"] != "CREATE_IN_PROGRESS":
            break
        time.sleep(0.2)
    assert made["StackStatus"] != "CREATE_COMPLETE"
    events = formation.describe_stack_events(StackName=stack)["StackEvents"]
    reasons = [
        each["ResourceStatusReason"] for each in events if each["ResourceStatus"] == "CREATE_FAILED"
    ]
    assert len(reasons) == 1
    assert "Unsupported resource type" in reasons[0]
