"""The settings that a bucket of the lake should have, and the command that makes each.

The hazard is that a bucket works without any of them: every run goes well, and what was accepted
can be read by strangers or removed by a slip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resources.doctor import State
from resources.objects import Zone


@dataclass(frozen=True)
class Setting:
    """One setting of a bucket, as the SDK tells it.

    Attributes:
        call: the client's method; the right it takes is `action`.
        absent: code of the answer where nothing was ever set.
        shown: what is set, in words; None where that is not enough.
        state: what it means that it is not enough.
    """

    what: str
    action: str
    call: str
    absent: str
    shown: Callable[[Mapping[str, Any]], str | None]
    expected: str
    fix: str
    state: State = "warning"
    zones: tuple[Zone, ...] = ()


def _encryption(answer: Mapping[str, Any]) -> str | None:
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    found = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
    return ", ".join(str(each["SSEAlgorithm"]) for each in found if "SSEAlgorithm" in each) or None


def _public_access(answer: Mapping[str, Any]) -> str | None:
    block = answer.get("PublicAccessBlockConfiguration", {})
    return "blocked" if len(block) == 4 and all(block.values()) else None


def _versions(answer: Mapping[str, Any]) -> str | None:
    return "kept" if answer.get("Status") == "Enabled" else None


def _lock(answer: Mapping[str, Any]) -> str | None:
    found = answer.get("ObjectLockConfiguration", {})
    if found.get("ObjectLockEnabled") != "Enabled":
        return None
    kept = found.get("Rule", {}).get("DefaultRetention")
    return f"{kept['Mode'].lower()} by default" if kept else None


def _uploads(answer: Mapping[str, Any]) -> str | None:
    for rule in answer.get("Rules", []):
        days = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
        if days and rule.get("Status") == "Enabled":
            return f"removed after {days} days"
    return None


_S3API = "aws s3api put-"
SETTINGS = (
    Setting(
        "public access",
        "s3:GetBucketPublicAccessBlock",
        "get_public_access_block",
        "NoSuchPublicAccessBlockConfiguration",
        _public_access,
        "all four kinds of public access blocked",
        _S3API + "public-access-block --bucket {bucket} --public-access-block-configuration "
        "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,"
        "RestrictPublicBuckets=true",
        state="failed",
    ),
    Setting(
        "encryption",
        "s3:GetEncryptionConfiguration",
        "get_bucket_encryption",
        "ServerSideEncryptionConfigurationNotFoundError",
        _encryption,
        "encryption by default, with a key of yours or of S3",
        _S3API + "bucket-encryption --bucket {bucket} --server-side-encryption-configuration "
        '\'{{"Rules":[{{"ApplyServerSideEncryptionByDefault":{{"SSEAlgorithm":"aws:kms"}}}}]}}\'',
    ),
    Setting(
        "unfinished uploads",
        "s3:GetLifecycleConfiguration",
        "get_bucket_lifecycle_configuration",
        "NoSuchLifecycleConfiguration",
        _uploads,
        "a rule that removes them, as they are paid for and nobody sees them",
        _S3API + "bucket-lifecycle-configuration --bucket {bucket} --lifecycle-configuration "
        '\'{{"Rules":[{{"ID":"uploads","Status":"Enabled","Filter":{{}},'
        '"AbortIncompleteMultipartUpload":{{"DaysAfterInitiation":7}}}}]}}\' '
        "(it replaces all rules: add yours)",
    ),
    Setting(
        "versions",
        "s3:GetBucketVersioning",
        "get_bucket_versioning",
        "",
        _versions,
        "versions kept: what was accepted stays",
        _S3API + "bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled",
        zones=("raw",),
    ),
    Setting(
        "Object Lock",
        "s3:GetBucketObjectLockConfiguration",
        "get_object_lock_configuration",
        "ObjectLockConfigurationNotFoundError",
        _lock,
        "a default retention: what was accepted stays",
        _S3API + "object-lock-configuration --bucket {bucket} --object-lock-configuration "
        '\'{{"ObjectLockEnabled":"Enabled","Rule":{{"DefaultRetention":'
        '{{"Mode":"GOVERNANCE","Days":365}}}}}}\'',
        zones=("raw",),
    ),
)
