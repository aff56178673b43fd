"""Buckets of the lake, one for each zone, and the key that encrypts all that the platform keeps.

    <prefix>-<zone>          encrypted with the key, TLS only, nothing public, access logged
    <prefix>-raw             versioned and locked as well: what was accepted stays
    <prefix>-access-logs     who read what, for thirteen months

All other zones are made from raw and could be made again, so they keep no versions: who asks to be
erased is not kept in an old one.

The hazard is the lock. An object that was accepted by mistake stays until its days are over, and
only somebody with the right to break locks, which no role here has, can remove it before.
"""

from __future__ import annotations

from typing import cast, get_args

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.plan import Plan
from infra.stack import PlannedStack
from resources.objects import Zone

ZONES: tuple[Zone, ...] = get_args(Zone)
LOCKED: Zone = "raw"
ANNOUNCED: Zone = "landing"


class StorageStack(PlannedStack):
    """The zones' buckets and their key."""

    def __init__(self, scope: Construct, plan: Plan) -> None:
        super().__init__(
            scope, "storage", plan, description="Product 360: the buckets of the lake and their key"
        )
        self.key = kms.Key(
            self,
            "Key",
            alias=f"alias/{plan.name}-data",
            description=f"Encrypts the data of {plan.name}",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        # The account and the region make the names the only ones in the world.
        self.prefix = f"{plan.name}-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}"
        self._logs = self._access_logs()
        self.zones = {zone: self._zone(zone) for zone in ZONES}
        self.says("PRODUCT360_LAKE_PREFIX", self.prefix, description="Buckets are <prefix>-<zone>")

    def bucket_arn(self, zone: Zone) -> str:
        """The pattern of a zone's ARN, as rights take it."""
        return f"arn:{{partition}}:s3:::{self.plan.name}-{{account}}-{{region}}-{zone}"

    def _access_logs(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "AccessLogs",
            bucket_name=f"{self.prefix}-access-logs",
            # S3 delivers logs to buckets with its own encryption only.
            encryption=s3.BucketEncryption.S3_MANAGED,
            lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(400))],
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _zone(self, zone: Zone) -> s3.Bucket:
        lock = s3.ObjectLockRetention.governance(cdk.Duration.days(self.plan.raw_lock_days))
        bucket = s3.Bucket(
            self,
            f"Zone{zone.capitalize()}",
            bucket_name=f"{self.prefix}-{zone}",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            versioned=zone == LOCKED,
            object_lock_default_retention=lock if zone == LOCKED else None,
            lifecycle_rules=[
                # What a writer that died has left of an upload is paid for, and seen by nobody.
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=cdk.Duration.days(7))
            ],
            server_access_logs_bucket=self._logs,
            server_access_logs_prefix=f"{zone}/",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        if zone == ANNOUNCED:
            _announce(bucket)
        return bucket


def _announce(bucket: s3.Bucket) -> None:
    """Send the bucket's events to EventBridge.

    By its own property: the construct's way brings a function that sets it, and a role for that.
    """
    made = cast(s3.CfnBucket, bucket.node.default_child)
    made.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
            event_bridge_enabled=True
        )
    )
