"""One role for each component, with what its code does and nothing else.

    platform     runs Dagster: takes in, accepts, records, keeps tables, asks for jobs
    jobs         run on EMR Serverless: read zones, write what they make
    optimizers   of Glue: keep tables where Glue is to keep them

No role may delete from raw, break a lock, change a key, or make a role, a bucket or a database.

The hazard is a right that nobody uses and somebody else will. So each stands beside its reason, and
a new call in an adapter fails in the account until its right is added here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.alarms import AlarmsStack
from infra.catalog import databases
from infra.eventing import EventingStack
from infra.plan import Plan
from infra.registry import RegistryStack
from infra.rights import Right, policy
from infra.secrets import SecretsStack
from infra.stack import PlannedStack
from infra.storage import ANNOUNCED, ZONES, StorageStack
from resources.doctor_bucket_settings import SETTINGS
from resources.external_tables import DESCRIBED
from resources.objects import DELETABLE, ERASABLE, PUBLISHED, Zone
from resources.treatment_keys import REFERENCE

EMR, ECS, EC2, GLUE = (
    f"{service}.amazonaws.com" for service in ("emr-serverless", "ecs-tasks", "ec2", "glue")
)
# They say for which account they act when they assume a role.
SAY_ACCOUNT = frozenset({EMR, ECS})
# Where jobs write what they make.
MADE: frozenset[Zone] = frozenset({"clean", "curated", "forecast", "results"})


@dataclass(frozen=True)
class Parts:
    """The stacks whose resources the roles reach."""

    storage: StorageStack
    eventing: EventingStack
    registry: RegistryStack
    secrets: SecretsStack
    alarms: AlarmsStack


class RolesStack(PlannedStack):
    """The roles of the components."""

    def __init__(self, scope: Construct, plan: Plan, parts: Parts) -> None:
        super().__init__(
            scope, "roles", plan, description="Product 360: one role for each component"
        )
        self._storage = parts.storage
        self._keys = parts.secrets.secrets[REFERENCE]
        self.jobs = self._role("jobs", EMR, self._of_jobs())
        self.optimizers = self._role("optimizers", GLUE, self._of_optimizers())
        self.platform = self._role("platform", plan.runs_on, self._of_platform(parts))
        if plan.runs_on == EC2:
            iam.InstanceProfile(self, "Profile", role=self.platform)
        self.says("PRODUCT360_EMR_ROLE", self.jobs.role_arn, description="Of jobs")
        self.says(
            "PRODUCT360_OPTIMIZER_ROLE", self.optimizers.role_arn, description="Of Glue's keepers"
        )
        self.says("PRODUCT360_PLATFORM_ROLE", self.platform.role_arn, description="Of Dagster")

    def _role(self, part: str, service: str, rights: Iterable[Right]) -> iam.Role:
        ours = {"StringEquals": {"aws:SourceAccount": self.account}}
        role = iam.Role(
            self,
            part.capitalize(),
            role_name=f"{self.plan.name}-{part}",
            assumed_by=iam.ServicePrincipal(
                service, conditions=ours if service in SAY_ACCOUNT else None
            ),
        )
        policy(self, f"{part.capitalize()}Rights", role, rights)
        return role

    def _of_jobs(self) -> Iterator[Right]:
        """Jobs read what was accepted and made, and write what they make, by way of temporaries.

        Of the secrets they read the ring of keys; it is encrypted with the key of the zones.
        """
        yield from self._reads("raw", *sorted(MADE))
        yield from self._writes(*sorted(MADE))
        yield self._deletes(*sorted(MADE))
        yield _tables("GetDatabase", "GetTable", "UpdateTable")
        yield Right(("secretsmanager:GetSecretValue",), (self._keys.ref,))

    def _of_optimizers(self) -> Iterator[Right]:
        """As Glue's documentation lists them."""
        zones = sorted(PUBLISHED)
        yield from self._reads(*zones)
        yield from self._writes(*zones)
        yield self._deletes(*zones)
        yield _tables("GetTable", "UpdateTable")
        yield Right(
            ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
            (
                "arn:{partition}:logs:{region}:{account}:log-group:/aws-glue/iceberg-compaction/logs:*",
                "arn:{partition}:logs:{region}:{account}:log-group:/aws-glue/iceberg-retention/logs:*",
                "arn:{partition}:logs:{region}:{account}:log-group:/aws-glue/iceberg-orphan-file-deletion/logs:*",
            ),
            because="Glue names the streams of its own three log groups.",
        )

    def _of_platform(self, parts: Parts) -> Iterator[Right]:
        yield from self._reads(*ZONES)
        yield from self._writes(*ZONES)
        yield self._deletes(*sorted(DELETABLE | ERASABLE | PUBLISHED))
        yield _tables("GetDatabase", "GetTable", "GetTables")
        yield _tables("CreateTable", "UpdateTable")
        yield _tables("GetTableOptimizer", "CreateTableOptimizer", "UpdateTableOptimizer")
        yield _files("GetDatabase", "GetTable", "GetTables", "CreateTable", "UpdateTable")
        yield _files(
            "GetPartitions", "BatchCreatePartition", "BatchUpdatePartition", "BatchDeletePartition"
        )
        yield Right(
            (
                "dynamodb:GetItem",
                "dynamodb:Query",
                "dynamodb:PutItem",
                "dynamodb:DeleteItem",
                "dynamodb:ConditionCheckItem",
            ),
            (parts.registry.table.table_arn,),
        )
        yield Right(("kms:DescribeKey", "kms:Encrypt"), (parts.storage.key.key_arn,))
        yield Right(
            ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
            (parts.eventing.queue.queue_arn,),
        )
        yield Right(("sqs:GetQueueAttributes", "sqs:GetQueueUrl"), (parts.eventing.dead.queue_arn,))
        yield Right(
            ("secretsmanager:GetSecretValue",),
            tuple(secret.ref for secret in parts.secrets.secrets.values()),
        )
        if streams := self.plan.streams:
            stream = "arn:{partition}:kinesis:{region}:{account}:stream"
            yield Right(
                (
                    "kinesis:ListShards",
                    "kinesis:DescribeStreamSummary",
                    "kinesis:GetShardIterator",
                    "kinesis:GetRecords",
                ),
                tuple(f"{stream}/{name}" for name in streams),
            )
        yield Right(("sns:Publish",), (parts.alarms.topic.topic_arn,))
        yield Right(("kms:Decrypt", "kms:GenerateDataKey"), (parts.alarms.key.key_arn,))
        yield self._passes(self.jobs, EMR)
        yield self._passes(self.optimizers, GLUE)
        yield _replications("DescribeTableStatistics", "task")
        yield _replications("DescribeReplicationTableStatistics", "replication-config")
        yield from self._of_doctor(parts)

    def _of_doctor(self, parts: Parts) -> Iterator[Right]:
        """What nothing but `product360 doctor` asks; it looks at this deployment and at itself."""
        for setting in SETTINGS:
            zones = setting.zones or ZONES
            yield Right((setting.action,), tuple(map(self._storage.bucket_arn, zones)))
        yield Right(("s3:GetBucketNotification",), (self._storage.bucket_arn(ANNOUNCED),))
        yield Right(("dynamodb:DescribeTable",), (parts.registry.table.table_arn,))
        # By its name: the role is not there yet.
        platform = f"arn:{{partition}}:iam::{{account}}:role/{self.plan.name}-platform"
        yield Right(("iam:SimulatePrincipalPolicy",), (platform,))

    def _passes(self, role: iam.Role, service: str) -> Right:
        return Right(
            ("iam:PassRole",),
            (role.role_arn,),
            condition={"StringEquals": {"iam:PassedToService": service}},
        )

    def _reads(self, *zones: Zone) -> Iterator[Right]:
        buckets = tuple(self._storage.bucket_arn(zone) for zone in zones)
        yield Right(("s3:ListBucket", "s3:GetBucketLocation"), buckets)
        yield Right(
            ("s3:GetObject",),
            tuple(f"{bucket}/*" for bucket in buckets),
            because="All objects of a zone are read alike; other zones and buckets are not.",
        )
        yield Right(("kms:Decrypt",), (self._storage.key.key_arn,))

    def _writes(self, *zones: Zone) -> Iterator[Right]:
        yield Right(
            ("s3:PutObject", "s3:AbortMultipartUpload"),
            tuple(f"{self._storage.bucket_arn(zone)}/*" for zone in zones),
            because="The keys of what is written come with the data.",
        )
        yield Right(("kms:GenerateDataKey",), (self._storage.key.key_arn,))

    def _deletes(self, *zones: Zone) -> Right:
        return Right(
            ("s3:DeleteObject",),
            tuple(f"{self._storage.bucket_arn(zone)}/*" for zone in zones),
            because="What is no longer needed is known by name only when it is removed.",
        )


def _replications(action: str, kind: str) -> Right:
    """To look at what DMS replicates."""
    return Right(
        (f"dms:{action}",),
        (f"arn:{{partition}}:dms:{{region}}:{{account}}:{kind}:*",),
        because="DMS gives tasks their ARNs, and a connection's secret says which is a source's.",
    )


def _tables(*actions: str) -> Right:
    """Something with the published tables and their databases."""
    return _of_glue(
        databases(),
        actions,
        "The platform makes its tables from its dictionary; all in these databases are its",
    )


def _files(*actions: str) -> Right:
    """Something with the entries of files, their partitions and their databases."""
    return _of_glue(
        DESCRIBED,
        actions,
        "The platform makes an entry of each source's table; all in these databases are its",
    )


def _of_glue(zones: Iterable[str], actions: Iterable[str], because: str) -> Right:
    catalog, named = "arn:{partition}:glue:{region}:{account}", list(zones)
    return Right(
        tuple(f"glue:{action}" for action in actions),
        (
            f"{catalog}:catalog",
            *(f"{catalog}:database/{zone}" for zone in named),
            *(f"{catalog}:table/{zone}/*" for zone in named),
        ),
        because=because,
    )
