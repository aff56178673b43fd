"""The way of an event from landing to the sensor: bucket, EventBridge rule, queue, dead letters.

Events are hints, so a way that is broken loses nothing: deliveries are found by listing, later. The
hazard is that this looks like health. So each joint is looked at, and a broken one is a warning.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from resources.doctor import Finding, ok
from resources.doctor_calls import Clients, ask, refusal
from resources.events import OBJECT_CREATED, RECEIVES, S3

NOT_THERE = frozenset({"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"})
_BY_LISTING = "deliveries are found by listing only, up to an hour later"


def look_at_queue(aws: Clients, url: str) -> Iterator[Finding]:
    """Whether the queue is there, and how much waits in it."""
    thing, answer = _named(url), ask(lambda: _attributes(aws, url))
    if answer.code in NOT_THERE:
        yield Finding(
            thing,
            "failed",
            "no such queue",
            "the queue of landing's events",
            "deploy the infrastructure, or correct PRODUCT360_EVENT_QUEUE",
        )
    elif answer.code:
        yield refusal(thing, "sqs:GetQueueAttributes", answer.code)
    else:
        yield ok(thing, f"there, about {answer.value['ApproximateNumberOfMessages']} messages wait")


def look_at_dead_letters(aws: Clients, url: str) -> Iterator[Finding]:
    """Whether a message that nobody can read ends somewhere, and whether any did."""
    thing = f"dead letters of {_named(url)}"
    answer = ask(lambda: _attributes(aws, url))
    if answer.code:
        yield refusal(thing, "sqs:GetQueueAttributes", answer.code)
        return
    policy = json.loads(answer.value.get("RedrivePolicy") or "{}")
    if not policy:
        yield Finding(
            thing,
            "warning",
            "no redrive policy",
            f"a queue for messages that were handed out {RECEIVES} times in vain; without one they "
            "come back for ever",
            "deploy the infrastructure, or aws sqs set-queue-attributes --queue-url "
            '"$PRODUCT360_EVENT_QUEUE" --attributes RedrivePolicy=…',
        )
        return
    name, receives = policy["deadLetterTargetArn"].rpartition(":")[2], policy["maxReceiveCount"]
    if int(receives) != RECEIVES:
        found, fix = f"dead after {receives} hand-outs", f"set its maxReceiveCount to {RECEIVES}"
        yield Finding(thing, "warning", found, f"{RECEIVES}, as in every environment", fix)
    yield _dead(aws, thing, name)


def look_at_announcing(aws: Clients, bucket: str) -> Iterator[Finding]:
    """Whether the landing bucket tells EventBridge of its objects."""
    thing = f"events of bucket {bucket}"
    answer = ask(lambda: aws("s3").get_bucket_notification_configuration(Bucket=bucket))
    if answer.code:
        yield refusal(thing, "s3:GetBucketNotification", answer.code, needed=False)
    elif "EventBridgeConfiguration" in answer.value:
        yield ok(thing, "sent to EventBridge")
    else:
        yield Finding(
            thing,
            "warning",
            f"not sent to EventBridge: {_BY_LISTING}",
            "EventBridge switched on",
            "aws s3api put-bucket-notification-configuration --bucket "
            f"{bucket} --notification-configuration '{{\"EventBridgeConfiguration\":{{}}}}' "
            "(it replaces all notifications: add yours)",
        )


def look_at_rule(aws: Clients, url: str, bucket: str) -> Iterator[Finding]:
    """Whether a rule that is switched on leads from the bucket to the queue."""
    thing = f"rule from bucket {bucket} to {_named(url)}"
    answer = ask(lambda: {"rules": _rules_to(aws, _attributes(aws, url)["QueueArn"])})
    if answer.code:
        actions = "events:ListRuleNamesByTarget and events:DescribeRule"
        yield refusal(thing, actions, answer.code, needed=False)
        return
    leading = [rule for rule in answer.value["rules"] if _leads_from(bucket, rule)]
    if any(rule["State"] == "ENABLED" for rule in leading):
        yield ok(thing, ", ".join(str(rule["Name"]) for rule in leading))
        return
    off = [str(rule["Name"]) for rule in leading]
    yield Finding(
        thing,
        "warning",
        f"{', '.join(off)} is switched off" if off else f"no such rule: {_BY_LISTING}",
        f"a rule for {OBJECT_CREATED!r} of that bucket with the queue as its target",
        f"aws events enable-rule --name {off[0]}" if off else "deploy the infrastructure",
    )


def _rules_to(aws: Clients, queue: str) -> list[Mapping[str, Any]]:
    events = aws("events")
    names = events.list_rule_names_by_target(TargetArn=queue)["RuleNames"]
    return [events.describe_rule(Name=name) for name in names]


def _leads_from(bucket: str, rule: Mapping[str, Any]) -> bool:
    pattern = json.loads(rule.get("EventPattern") or "{}")
    named = pattern.get("detail", {}).get("bucket", {}).get("name", [bucket])
    kinds = pattern.get("detail-type", [OBJECT_CREATED])
    return S3 in pattern.get("source", []) and OBJECT_CREATED in kinds and bucket in named


def _dead(aws: Clients, thing: str, name: str) -> Finding:
    sqs = aws("sqs")
    answer = ask(lambda: _attributes(aws, sqs.get_queue_url(QueueName=name)["QueueUrl"]))
    if answer.code in NOT_THERE:
        found, fix = f"no queue {name}, which its policy names", "deploy the infrastructure"
        return Finding(thing, "warning", found, "the queue that it names", fix)
    if answer.code:
        return refusal(thing, "sqs:GetQueueUrl and sqs:GetQueueAttributes", answer.code)
    dead = int(answer.value["ApproximateNumberOfMessages"])
    if not dead:
        return ok(thing, f"{name}, empty")
    return Finding(
        thing,
        "warning",
        f"about {dead} messages in {name}",
        "none: each is a message that could not be read or not be delivered",
        "look at them (aws sqs receive-message), then move them back (aws sqs "
        "start-message-move-task) or purge them; docs/events.md",
    )


def _attributes(aws: Clients, url: str) -> Mapping[str, Any]:
    answer = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    found: Mapping[str, Any] = answer.get("Attributes", {})
    return found


def _named(url: str) -> str:
    # The URL holds the account's number.
    return f"queue {url.rstrip('/').rpartition('/')[2]}"
