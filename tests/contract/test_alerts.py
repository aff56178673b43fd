"""What every store of alerts does, and that a topic hears of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from resources.alert_receivers import SnsReceiver
from resources.alerts import AlertStore
from resources.aws import client
from resources.dynamodb_alerts import DynamoAlertStoreResource
from resources.dynamodb_items import create_table
from resources.local.alerts import SqliteAlertStoreResource
from resources.sqs import SqsQueue


@pytest.fixture(params=["sqlite", pytest.param("dynamodb", marks=pytest.mark.aws)])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], AlertStore]:
    if request.param == "sqlite":
        return SqliteAlertStoreResource(path=str(tmp_path / "home" / "alerts.db")).open
    request.getfixturevalue("aws")
    table = f"ledger-{secrets.token_hex(4)}"
    create_table(client("dynamodb"), table)
    return DynamoAlertStoreResource(table=table).open


def test_a_document_is_replaced_only_by_who_knows_it(open_store: Callable[[], AlertStore]) -> None:
    store, other = open_store(), open_store()
    assert store.read("a") is None
    assert store.swap("a", "one", expected=None)
    assert not other.swap("a", "two", expected=None)
    assert not other.swap("a", "two", expected="another")
    assert other.swap("a", "two", expected="one")
    assert not store.swap("a", "three", expected="one")
    assert store.read("a") == "two"
    assert not store.swap("b", "new", expected="old")
    assert store.all() == {"a": "two"}


@pytest.mark.aws
def test_a_topic_hears_of_an_alert(aws: str) -> None:
    sns, sqs = client("sns"), client("sqs")
    topic = sns.create_topic(Name=f"alerts-{secrets.token_hex(4)}")["TopicArn"]
    url = sqs.create_queue(QueueName=f"heard-{secrets.token_hex(4)}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    document = {
        "alert_id": "1",
        "change": "opened",
        "kind": "failed_run",
        "severity": "error",
        "summary": "A run of täglich failed. " + "x" * 100,
    }
    SnsReceiver(topic).send(document)
    [message] = SqsQueue(url).receive(1)
    heard = json.loads(message.body)
    assert json.loads(heard["Message"]) == document
    assert heard["Subject"].startswith("opened: A run of t?glich failed.")
    assert len(heard["Subject"]) == 100
    assert heard["MessageAttributes"]["severity"]["Value"] == "error"
