"""What all stacks share: how they are named and synthesised, and how they say their outputs.

A stack needs no bootstrapped account, as none has files to upload, and none names an account or a
region: one synthesis fits all.
"""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from infra.plan import Plan
from resources.deployment import output_name


class PlannedStack(cdk.Stack):
    """A stack of one deployment, `<name>-<part>`."""

    def __init__(self, scope: Construct, part: str, plan: Plan, *, description: str) -> None:
        super().__init__(
            scope,
            part.capitalize(),
            stack_name=f"{plan.name}-{part}",
            description=description,
            synthesizer=cdk.BootstraplessSynthesizer(),
            termination_protection=True,
        )
        self.plan = plan
        cdk.Tags.of(self).add("product360:deployment", plan.name)

    def says(self, variable: str, value: str, *, description: str) -> None:
        """Put out a value under the name by which the `aws` environment finds it."""
        cdk.CfnOutput(self, output_name(variable), value=value, description=description)


def acknowledge(construct: Construct, rule: str, reason: str) -> None:
    """Let a finding of cdk-nag stand on one construct, for a reason that a reviewer can weigh."""
    cdk.Validations.of(construct).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )
