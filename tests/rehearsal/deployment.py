"""A deployment on loopback: the base, an application of EMR Serverless, and the variables.

Only what the platform expects to be there is made here; databases and tables of the catalog are the
platform's own. What it is told is what a deployment in an account tells it, and where AWS is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

import dagster as dg
from aws_endpoints import REGION, aws_on_loopback, aws_variables
from emr import Emr, emr_on_loopback
from places import Place

from resources.aws import client
from resources.dynamodb_items import create_table
from resources.events import RECEIVES
from resources.objects import Zone


@dataclass(frozen=True)
class Deployment:
    """The platform in it, and the application whose jobs are run by spark-submit."""

    place: Place
    emr: Emr


@contextmanager
def deployment_on_loopback(folder: Path, jars: Sequence[Path]) -> Iterator[Deployment]:
    """A deployment that nothing was delivered to; without `jars`, jobs do not reach its catalog."""
    lake = "spark.sql.catalog.lake"
    (folder / "ministack").mkdir(parents=True)
    (folder / "emr").mkdir()
    (folder / "dagster").mkdir()
    with aws_on_loopback(folder / "ministack") as endpoint:
        variables = aws_variables(endpoint)
        here = {
            f"{lake}.glue.endpoint": endpoint,
            f"{lake}.s3.endpoint": endpoint,
            f"{lake}.s3.path-style-access": "true",
        }
        with (
            patch.dict("os.environ", variables),
            emr_on_loopback(
                folder / "emr",
                client("s3"),
                sail=None,
                catalog=here if jars else {},
                aws_jars=jars,
            ) as emr,
        ):
            emr.configure(jobs={})
            variables |= {
                "AWS_ENDPOINT_URL_EMR_SERVERLESS": emr.server.endpoint,
                "PRODUCT360_HOME": str(folder / "home"),
                **_base(emr),
            }
            instance = dg.DagsterInstance.local_temp(str(folder / "dagster"))
            yield Deployment(Place(variables, instance), emr)


def _base(emr: Emr) -> dict[str, str]:
    """Make the base around an application, and name it in the platform's variables."""
    prefix = emr.lake_prefix
    s3 = client("s3")
    made = {each["Name"] for each in s3.list_buckets()["Buckets"]}
    for zone in get_args(Zone):
        if f"{prefix}-{zone}" not in made:
            s3.create_bucket(
                Bucket=f"{prefix}-{zone}", CreateBucketConfiguration={"LocationConstraint": REGION}
            )
    create_table(client("dynamodb"), f"{prefix}-ledger")
    return {
        "PRODUCT360_ENV": "aws",
        "PRODUCT360_LAKE_PREFIX": prefix,
        "PRODUCT360_LEDGER_TABLE": f"{prefix}-ledger",
        "PRODUCT360_EVENT_QUEUE": _announced(f"{prefix}-landing"),
        "PRODUCT360_EMR": str(emr.settings),
    }


def _announced(bucket: str) -> str:
    """Have what is created in a bucket announced; the URL of the queue that says so."""
    sqs, events = client("sqs"), client("events")
    dead = sqs.create_queue(QueueName=f"{bucket}-dead")["QueueUrl"]
    policy = {"deadLetterTargetArn": _arn(sqs, dead), "maxReceiveCount": str(RECEIVES)}
    queue = sqs.create_queue(QueueName=bucket, Attributes={"RedrivePolicy": json.dumps(policy)})[
        "QueueUrl"
    ]
    client("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}},
    }
    events.put_rule(Name=bucket, EventPattern=json.dumps(pattern), State="ENABLED")
    events.put_targets(Rule=bucket, Targets=[{"Id": "queue", "Arn": _arn(sqs, queue)}])
    return str(queue)


def _arn(sqs: Any, queue: str) -> str:
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])
