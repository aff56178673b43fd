"""From an object in landing to the sensor: S3, EventBridge rule, SQS queue, and one for the dead.

How long a message is hidden and how often it is handed out are the platform's own numbers, which
hold for the local queue too. Events that the rule could not deliver lie with the dead as well.

The messages name keys of objects, never what is in them; SQS's own encryption is enough, and lets
EventBridge write without a right on the key of the data.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.plan import Plan
from infra.stack import PlannedStack
from infra.storage import ANNOUNCED, StorageStack
from resources.events import OBJECT_CREATED, RECEIVES, S3, VISIBILITY_SECONDS

# SQS's longest; what is older, the listing has found long since.
KEPT = cdk.Duration.days(14)


class EventingStack(PlannedStack):
    """The queue of landing's events, and what fills it."""

    def __init__(self, scope: Construct, plan: Plan, storage: StorageStack) -> None:
        super().__init__(
            scope, "eventing", plan, description="Product 360: the queue of landing's events"
        )
        self.dead = self._queue("Dead", f"{plan.name}-landing-dead")
        self.queue = self._queue(
            "Landing",
            f"{plan.name}-landing",
            sqs.DeadLetterQueue(max_receive_count=RECEIVES, queue=self.dead),
        )
        self.rule = events.Rule(
            self,
            "Created",
            rule_name=f"{plan.name}-landing",
            description="Objects that were created in landing",
            event_pattern=events.EventPattern(
                source=[S3],
                detail_type=[OBJECT_CREATED],
                detail={"bucket": {"name": [storage.zones[ANNOUNCED].bucket_name]}},
            ),
            targets=[targets.SqsQueue(self.queue, dead_letter_queue=self.dead)],
        )
        self.says("PRODUCT360_EVENT_QUEUE", self.queue.queue_url, description="Landing's events")

    def _queue(self, part: str, name: str, dead: sqs.DeadLetterQueue | None = None) -> sqs.Queue:
        return sqs.Queue(
            self,
            part,
            queue_name=name,
            visibility_timeout=cdk.Duration.seconds(VISIBILITY_SECONDS),
            retention_period=KEPT,
            dead_letter_queue=dead,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
