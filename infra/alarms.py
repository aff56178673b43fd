"""What the platform cannot tell of itself: that nobody takes its events, or that it is throttled.

A failed run or a blocked check is told by the platform's own alerts, which may use this topic too.
A job that fails is told here as well, since the run that waited for it may have died before.

    dead letters         a message that nobody could read, or that the rule could not deliver
    landing waits        the oldest message is an hour old: no sensor is at work
    landing undelivered  EventBridge could not write into the queue
    ledger throttled     the table refuses writes
    jobs failed          EMR Serverless says so; with the application, in `infra.jobs`
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.eventing import EventingStack
from infra.plan import Plan
from infra.registry import RegistryStack
from infra.stack import PlannedStack

# Who writes to the topic beside the platform; each of this account only.
WRITERS = ("cloudwatch.amazonaws.com", "budgets.amazonaws.com")
WAITS_SECONDS = 3600


class AlarmsStack(PlannedStack):
    """The topic of notices, and the alarms that write to it."""

    def __init__(
        self, scope: Construct, plan: Plan, eventing: EventingStack, registry: RegistryStack
    ) -> None:
        super().__init__(
            scope, "alarms", plan, description="Product 360: alarms, and the topic they write to"
        )
        self.key = kms.Key(
            self,
            "Key",
            description=f"Encrypts the notices of {plan.name}",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.topic = self._topic()
        rule = {"RuleName": eventing.rule.rule_name}
        table = {"TableName": registry.table.table_name}
        dead = eventing.dead.metric_approximate_number_of_messages_visible()
        oldest = eventing.queue.metric_approximate_age_of_oldest_message()
        undelivered = count("AWS/Events", "FailedInvocations", rule)
        throttled = count("AWS/DynamoDB", "WriteThrottleEvents", table)
        for part, metric, threshold, description in (
            ("DeadLetters", dead, 1, "Messages of landing that nobody could read"),
            ("LandingWaits", oldest, WAITS_SECONDS, "No sensor takes landing's messages"),
            ("LandingUndelivered", undelivered, 1, "Events that did not reach the queue"),
            ("LedgerThrottled", throttled, 1, "The ledger's table refuses writes"),
        ):
            self.alarm(self, part, metric, threshold, description)
        cdk.CfnOutput(self, "NoticesTopic", value=self.topic.topic_arn)

    def _topic(self) -> sns.Topic:
        topic = sns.Topic(
            self,
            "Notices",
            topic_name=f"{self.plan.name}-notices",
            master_key=self.key,
            enforce_ssl=True,
        )
        for writer in WRITERS:
            principal = iam.ServicePrincipal(
                writer, conditions={"StringEquals": {"aws:SourceAccount": self.account}}
            )
            topic.grant_publish(principal)
        for address in self.plan.notices:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic

    def alarm(
        self,
        stack: cdk.Stack,
        part: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        description: str,
    ) -> None:
        """Tell when the metric reaches the threshold in five minutes, by an alarm of that stack."""
        alarm = cloudwatch.Alarm(
            stack,
            part,
            alarm_name=f"{self.plan.name} {description}",
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=(cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
            # Services that have nothing to say say nothing.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))


def count(namespace: str, name: str, dimensions: dict[str, str]) -> cloudwatch.Metric:
    """How often something happened in five minutes."""
    return cloudwatch.Metric(
        namespace=namespace, metric_name=name, dimensions_map=dimensions, statistic="Sum"
    )
