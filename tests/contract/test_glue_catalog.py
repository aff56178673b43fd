"""The Glue Data Catalog of an account that others use as well."""

from __future__ import annotations

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from resources.catalog import GlueCatalogResource
from resources.local.warehouse import LocalWarehouse

pytestmark = pytest.mark.aws
SCHEMA = Schema(NestedField(1, "id", LongType()))


def test_tables_of_others_are_neither_listed_nor_asked_for(lake_prefix: str) -> None:
    catalog, name = GlueCatalogResource(lake_prefix=lake_prefix), lake_prefix.replace("-", "_")
    # A landing zone of somebody else's may be called as one of ours is; it has no tables of ours.
    for database in ("curated", "marketing", "raw"):
        catalog.load().create_namespace_if_not_exists(database)
        location = f"s3://{lake_prefix}-curated/{database}"
        catalog.load().create_table((database, name), SCHEMA, location=location)

    assert [each for each in catalog.identifiers() if name in each] == [f"curated.{name}"]
    assert LocalWarehouse(catalog=catalog).query(f"FROM {name}").rows == ()


def test_an_account_without_our_databases_has_no_tables(
    lake_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.catalog.PUBLISHED", frozenset({f"not_yet_{lake_prefix}"}))
    assert GlueCatalogResource(lake_prefix=lake_prefix).identifiers() == []
