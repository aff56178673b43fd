"""Rights of roles: which actions on which resources, and why wherever a wildcard stands.

A resource is an ARN pattern with {partition}, {region} and {account} left open, or a reference. A
wildcard needs its reason: without one, cdk-nag's finding stands and synthesis fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.stack import acknowledge

_OPEN = {
    "{partition}": cdk.Aws.PARTITION,
    "{region}": cdk.Aws.REGION,
    "{account}": cdk.Aws.ACCOUNT_ID,
}
# As cdk-nag writes them.
_SHOWN = {
    "{partition}": "<AWS::Partition>",
    "{region}": "<AWS::Region>",
    "{account}": "<AWS::AccountId>",
}


@dataclass(frozen=True)
class Right:
    """To do something with something.

    Attributes:
        because: why the resources are not named one by one.
        condition: operator to key to value, as IAM has it.
    """

    actions: tuple[str, ...]
    on: tuple[str, ...]
    because: str = ""
    condition: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def policy(
    scope: Construct,
    part: str,
    role: iam.IRole,
    rights: Iterable[Right],
    *,
    shown: Mapping[str, str] | None = None,
) -> None:
    """Give a role its rights, each wildcard with its reason.

    Args:
        scope: the stack of the policy.
        part: its name there.
        role: who gets the rights; may be of another stack.
        rights: what it may do.
        shown: how cdk-nag writes references that stand in patterns with a wildcard.
    """
    given = list(rights)
    made = iam.Policy(scope, part, statements=[_statement(right) for right in given], roles=[role])
    for right in given:
        for pattern in right.on if right.because else ():
            if pattern.endswith("*"):
                found = _filled(pattern, {**_SHOWN, **(shown or {})})
                acknowledge(made, f"IAM5[Resource::{found}]", right.because)


def _statement(right: Right) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=list(right.actions),
        resources=[_filled(pattern, _OPEN) for pattern in right.on],
        conditions=dict(right.condition) or None,
    )


def _filled(pattern: str, values: Mapping[str, str]) -> str:
    # Not `format`: the CDK's references hold braces too.
    for name, value in values.items():
        pattern = pattern.replace(name, value)
    return pattern
