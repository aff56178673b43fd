"""The databases of the Glue Data Catalog: one for each zone that publishes tables, or holds files.

Tables are created in them by the platform, from its dictionary and its sources' contracts; this is
only where they go. CloudFormation gives a database no tags, so what would be one is a parameter.
Their names are what people and engines write before a table's, `curated.product_360`, so a
deployment's name does not stand before them. A second one in the account and region finds them
taken.
"""

from __future__ import annotations

from aws_cdk import aws_glue as glue
from constructs import Construct

from infra.plan import Plan
from infra.stack import PlannedStack
from infra.storage import ZONES, StorageStack
from resources.external_tables import DESCRIBED
from spark.tables import TABLES, VIEWS


class CatalogStack(PlannedStack):
    """The databases."""

    def __init__(self, scope: Construct, plan: Plan, storage: StorageStack) -> None:
        super().__init__(
            scope, "catalog", plan, description="Product 360: the databases of tables and files"
        )
        for zone in databases():
            self._database(storage, zone, f"What {plan.name} publishes in the zone {zone}", zone)
        for zone in DESCRIBED:
            # Rejected rows lie beside the clean ones.
            folder = "clean/quarantine" if zone == "quarantine" else zone
            self._database(storage, zone, f"Files of {plan.name} in the zone {zone}", folder)

    def _database(self, storage: StorageStack, zone: str, said: str, folder: str) -> None:
        bucket, _, below = folder.partition("/")
        location = f"s3://{storage.prefix}-{bucket}/{below}"
        glue.CfnDatabase(
            self,
            zone.capitalize(),
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=zone,
                description=said,
                location_uri=location if bucket in ZONES else None,
                parameters={"product360:deployment": self.plan.name},
            ),
        )


def databases() -> list[str]:
    """The namespaces of all tables and views that are published."""
    return sorted({identifier.partition(".")[0] for identifier in (*TABLES, *VIEWS)})
