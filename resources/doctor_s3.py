"""The buckets of the lake: are they there, and do they keep what they are given as was promised?

The hazard is a call that nobody but the doctor makes: who may not make it may still run the
platform, so such a denial is no failure.
"""

from __future__ import annotations

from collections.abc import Iterator

from resources.doctor import Finding, ok
from resources.doctor_bucket_settings import SETTINGS, Setting
from resources.doctor_calls import Clients, ask, refusal
from resources.objects import Zone

NOT_THERE = frozenset({"404", "NoSuchBucket"})


def look_at_bucket(aws: Clients, bucket: str) -> Iterator[Finding]:
    """Whether the bucket is there and may be listed."""
    thing = f"bucket {bucket}"
    answer = ask(lambda: aws("s3").head_bucket(Bucket=bucket))
    if not answer.code:
        yield ok(thing, "there, and may be listed")
    elif answer.code in NOT_THERE:
        yield Finding(
            thing,
            "failed",
            "no such bucket",
            "one bucket for each zone, <PRODUCT360_LAKE_PREFIX>-<zone>",
            f"deploy the infrastructure (or aws s3 mb s3://{bucket}), or correct "
            "PRODUCT360_LAKE_PREFIX",
        )
    else:
        yield refusal(thing, "s3:ListBucket", answer.code)


def look_at_bucket_settings(aws: Clients, zone: Zone, bucket: str) -> Iterator[Finding]:
    """Whether each setting that its zone needs is made."""
    for setting in SETTINGS:
        if not setting.zones or zone in setting.zones:
            yield _look_at(aws, setting, bucket)


def _look_at(aws: Clients, setting: Setting, bucket: str) -> Finding:
    thing = f"bucket {bucket}, {setting.what}"
    call = getattr(aws("s3"), setting.call)
    answer = ask(lambda: call(Bucket=bucket))
    if answer.code and answer.code != setting.absent:
        return refusal(thing, setting.action, answer.code, needed=False)
    if (shown := setting.shown(answer.value)) is not None:
        return ok(thing, shown)
    fix = setting.fix.format(bucket=bucket)
    return Finding(thing, setting.state, "not set", setting.expected, fix)
