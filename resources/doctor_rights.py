"""What the platform does with each part of an AWS deployment, as IAM calls it.

The hazard is a right that nobody listed: the doctor finds all well, and a run fails. So a new call
in an adapter is listed here too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from resources.emr_settings import EmrSettings

EMR, GLUE = "emr-serverless.amazonaws.com", "glue.amazonaws.com"


@dataclass(frozen=True)
class Right:
    """Actions on resources.

    Attributes:
        thing: the resources, as a reader calls them.
        on: their ARNs, with {partition}, {region} and {account} left open.
        passed_to: the service that a role is passed to.
    """

    thing: str
    actions: tuple[str, ...]
    on: tuple[str, ...]
    passed_to: str | None = None


def rights_of_lake(buckets: Mapping[str, str], deletable: Collection[str]) -> Iterator[Right]:
    """What the platform does with the buckets, by zone."""
    for zone, bucket in buckets.items():
        arn = f"arn:{{partition}}:s3:::{bucket}"
        yield Right(f"bucket {bucket}", ("s3:ListBucket",), (arn,))
        deletes = ("s3:DeleteObject",) if zone in deletable else ()
        actions = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", *deletes)
        yield Right(f"objects of bucket {bucket}", actions, (f"{arn}/*",))


def right_of_table(table: str) -> Right:
    """What the platform does with the ledger's table."""
    actions = ("GetItem", "Query", "PutItem", "DeleteItem", "ConditionCheckItem")
    return Right(
        f"table {table}",
        tuple(f"dynamodb:{action}" for action in actions),
        (f"arn:{{partition}}:dynamodb:{{region}}:{{account}}:table/{table}",),
    )


def right_of_queue(url: str) -> Right:
    """What the platform does with the queue of events."""
    name = url.rstrip("/").rpartition("/")[2]
    return Right(
        f"queue {name}",
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
        (f"arn:{{partition}}:sqs:{{region}}:{{account}}:{name}",),
    )


def right_of_catalog(namespace: str) -> Right:
    """What the platform does with a database of the catalog and its tables."""
    catalog = "arn:{partition}:glue:{region}:{account}"
    tables = ("GetDatabase", "GetTable", "GetTables", "CreateTable", "UpdateTable")
    optimizers = ("GetTableOptimizer", "CreateTableOptimizer", "UpdateTableOptimizer")
    return Right(
        f"Glue database {namespace}",
        tuple(f"glue:{action}" for action in (*tables, *optimizers)),
        (f"{catalog}:catalog", f"{catalog}:database/{namespace}", f"{catalog}:table/{namespace}/*"),
    )


def right_of_entries(zone: str) -> Right:
    """What the platform does with a database of files, its tables and their partitions."""
    catalog = "arn:{partition}:glue:{region}:{account}"
    tables = ("GetDatabase", "GetTable", "GetTables", "CreateTable", "UpdateTable")
    changes = ("BatchCreatePartition", "BatchUpdatePartition", "BatchDeletePartition")
    return Right(
        f"Glue database {zone}",
        tuple(f"glue:{action}" for action in (*tables, "GetPartitions", *changes)),
        (f"{catalog}:catalog", f"{catalog}:database/{zone}", f"{catalog}:table/{zone}/*"),
    )


def right_of_optimizers(role: str) -> Right:
    """What the platform does with the role under which Glue keeps tables."""
    name = role.rpartition("/")[2]
    return Right(f"role {name} of optimizers", ("iam:PassRole",), (role,), passed_to=GLUE)


def rights_of_jobs(told: EmrSettings) -> Iterator[Right]:
    """What the platform does with the application, and with the role that jobs have."""
    application = (
        "arn:{partition}:emr-serverless:{region}:{account}:/applications/" + told.application
    )
    yield Right(
        f"EMR Serverless application {told.application}",
        ("emr-serverless:StartJobRun", "emr-serverless:GetApplication"),
        (application,),
    )
    yield Right(
        f"job runs of application {told.application}",
        ("emr-serverless:GetJobRun", "emr-serverless:CancelJobRun", "emr-serverless:TagResource"),
        (f"{application}/jobruns/*",),
    )
    role = told.role.rpartition("/")[2]
    yield Right(f"role {role} of jobs", ("iam:PassRole",), (told.role,), passed_to=EMR)
