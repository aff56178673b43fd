"""The secrets that the platform asks for by reference: a place for each, and nothing in it.

Which there are, `infra.references` says. What they hold, a person publishes; no template, no log
and no synthesis ever sees it.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.plan import Plan
from infra.references import references
from infra.stack import PlannedStack, acknowledge
from infra.storage import StorageStack


class SecretsStack(PlannedStack):
    """One empty secret for each reference."""

    def __init__(self, scope: Construct, plan: Plan, storage: StorageStack) -> None:
        super().__init__(
            scope,
            "secrets",
            plan,
            description="Product 360: places for connections, webhooks and keys",
        )
        self.prefix = f"{plan.name}/"
        self._key = storage.key
        self.secrets = {name: self._secret(name) for name in references(plan)}
        self.says("PRODUCT360_SECRETS_PREFIX", self.prefix, description="Before all their names")

    def _secret(self, reference: str) -> secretsmanager.CfnSecret:
        # Not the construct that generates a value: a key that nobody published would be used.
        made = secretsmanager.CfnSecret(
            self,
            "".join(word.capitalize() for word in reference.split("_")),
            name=f"{self.prefix}{reference}",
            description=f"What {reference} is; published by a person",
            kms_key_id=self._key.key_arn,
        )
        made.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        acknowledge(
            made,
            "SMG4",
            "Whoever owns the source or the receiver issues what is in it, and publishes it again "
            "when it changes; the ring of keys is turned by `product360 keys rotate`, which keeps "
            "the earlier ones.",
        )
        return made
