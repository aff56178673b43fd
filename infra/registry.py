"""The one DynamoDB table of ledger, registry, announcements and alerts.

Its keys are those that the adapters use, taken from them. It is paid by request, can be taken back
to any second of five weeks, and goes neither with its stack nor by a slip of the hand.

The hazard is to lose the ledger: what it says of a batch is said nowhere else.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.plan import Plan
from infra.stack import PlannedStack
from infra.storage import StorageStack
from resources.dynamodb_items import PARTITION_KEY, SORT_KEY


class RegistryStack(PlannedStack):
    """The table."""

    def __init__(self, scope: Construct, plan: Plan, storage: StorageStack) -> None:
        super().__init__(
            scope, "registry", plan, description="Product 360: the table of ledger and registry"
        )
        self.table = dynamodb.Table(
            self,
            "Ledger",
            table_name=f"{plan.name}-ledger",
            partition_key=_text(PARTITION_KEY),
            sort_key=_text(SORT_KEY),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=storage.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.says(
            "PRODUCT360_LEDGER_TABLE",
            self.table.table_name,
            description="The table of ledger and registry",
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
