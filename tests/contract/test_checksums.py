"""What is written to S3 carries its SHA-256: S3 computes it too, and keeps it with the object."""

from __future__ import annotations

import base64
import hashlib

import pytest

from resources.aws import client
from resources.objects import LakeResource

pytestmark = pytest.mark.aws


def test_an_object_in_s3_has_the_sha256_of_its_bytes(lake_prefix: str) -> None:
    # Where objects are locked, as in raw, a request without a checksum is refused.
    LakeResource(uri=f"s3://{lake_prefix}").zone("raw").put("shop/price/a.csv", b"id\n1\n")
    said = client("s3").head_object(
        Bucket=f"{lake_prefix}-raw", Key="shop/price/a.csv", ChecksumMode="ENABLED"
    )
    digest = hashlib.sha256(b"id\n1\n").digest()
    assert said["ChecksumSHA256"] == base64.b64encode(digest).decode()
