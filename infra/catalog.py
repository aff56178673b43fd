"""The databases of the Glue Data Catalog, one for each zone that publishes tables.

Tables are created in them by the platform, from its dictionary; this is only where they go. Their
names are what people and engines write before a table's, `curated.product_360`, so a deployment's
name does not stand before them. A second one in the account and region finds them taken.
"""

from __future__ import annotations

from aws_cdk import aws_glue as glue
from constructs import Construct

from infra.plan import Plan
from infra.stack import PlannedStack
from infra.storage import ZONES, StorageStack
from spark.tables import TABLES, VIEWS


class CatalogStack(PlannedStack):
    """The databases."""

    def __init__(self, scope: Construct, plan: Plan, storage: StorageStack) -> None:
        super().__init__(
            scope, "catalog", plan, description="Product 360: the databases of published tables"
        )
        for zone in databases():
            glue.CfnDatabase(
                self,
                zone.capitalize(),
                catalog_id=self.account,
                database_input=glue.CfnDatabase.DatabaseInputProperty(
                    name=zone,
                    description=f"What {plan.name} publishes in the zone {zone}",
                    location_uri=f"s3://{storage.prefix}-{zone}/" if zone in ZONES else None,
                ),
            )


def databases() -> list[str]:
    """The namespaces of all tables and views that are published."""
    return sorted({identifier.partition(".")[0] for identifier in (*TABLES, *VIEWS)})
