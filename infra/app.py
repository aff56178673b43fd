"""The app: which stacks there are, and in which order one needs the other.

The hazard is a check that does not run. cdk-nag is a plugin of the app itself: whoever synthesises
it, by whatever command, has it checked, and a finding that nobody gave a reason for ends it.
"""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
import cdk_nag

from infra.alarms import AlarmsStack
from infra.budget import BudgetStack
from infra.catalog import CatalogStack
from infra.eventing import EventingStack
from infra.jobs import JobsStack
from infra.plan import Plan
from infra.registry import RegistryStack
from infra.roles import Parts, RolesStack
from infra.secrets import SecretsStack
from infra.storage import StorageStack

# Behaviour of the CDK that new apps begin with, and that this one relies on.
FLAGS = {
    # Logs are let in by a policy, so that buckets need no access control lists.
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
}


def app(plan: Plan, folder: Path) -> cdk.App:
    """The deployment of a plan; nothing is written before `synth`.

    Args:
        plan: what the deployment chooses.
        folder: where the templates will be.
    """
    made = cdk.App(
        outdir=str(folder), context=FLAGS, analytics_reporting=False, tree_metadata=False
    )
    storage = StorageStack(made, plan)
    eventing = EventingStack(made, plan, storage)
    registry = RegistryStack(made, plan, storage)
    secrets = SecretsStack(made, plan, storage)
    alarms = AlarmsStack(made, plan, eventing, registry)
    roles = RolesStack(made, plan, Parts(storage, eventing, registry, secrets, alarms))
    CatalogStack(made, plan, storage)
    JobsStack(made, plan, roles, alarms)
    BudgetStack(made, plan, alarms)
    cdk.Validations.of(made).add_plugins(cdk_nag.AwsSolutionsChecks(made))
    return made
