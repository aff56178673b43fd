"""The Glue Data Catalog of an account that others use as well."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pyarrow as pa
import pytest
from glue_passage import GluePassage
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from resources.aws import client
from resources.catalog import GlueCatalogResource
from resources.local.warehouse import LocalWarehouse
from spark.tables import TABLES
from spark.tables.model import Column, Table

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


def test_what_a_table_and_its_columns_mean_arrives_in_glue_and_follows(
    lake_prefix: str, passage: GluePassage
) -> None:
    def described(doc: str, *columns: Column) -> Table:
        return Table("curated", name, doc, "one row per note", "tests", ("id",), columns)

    def told() -> tuple[str, dict[str, str]]:
        found = client("glue").get_table(DatabaseName="curated", Name=name)["Table"]
        columns = found["StorageDescriptor"]["Columns"]
        return found["Description"], {each["Name"]: each.get("Comment", "") for each in columns}

    name, catalog = f"note_{secrets.token_hex(4)}", GlueCatalogResource(lake_prefix=lake_prefix)
    number = Column("id", "bigint", "Note.", nullable=False)
    catalog.ensure_table(described("Notes.", number))
    assert told() == ("Notes.", {"id": "Note."})

    # Glue refuses a table for one comment of more than 255 characters.
    long, text = "word " * 80, Column("text", "string", "What it says.")
    told_anew = Column("id", "bigint", long, nullable=False)
    catalog.ensure_table(described("Notes, and what they say.", told_anew, text))
    said, columns = told()
    assert said == "Notes, and what they say."
    assert columns["text"] == "What it says."
    assert len(columns["id"]) <= 255
    assert columns["id"].endswith("word…")
    # The table itself keeps it whole.
    assert catalog.table(f"curated.{name}").schema().find_field("id").doc == long
    # A commit of rows leaves both as they are.
    table = catalog.table(f"curated.{name}")
    table.append(pa.Table.from_pylist([{"id": 1, "text": "a"}], schema=table.schema().as_arrow()))
    assert told() == (said, columns)


def test_every_published_table_can_be_described_in_glue(
    lake_prefix: str, passage: GluePassage
) -> None:
    catalog = GlueCatalogResource(lake_prefix=lake_prefix)
    for definition in TABLES.values():
        named = replace(definition, name=f"{definition.name}_{lake_prefix[-8:]}")
        catalog.ensure_table(named)
        found = client("glue").get_table(DatabaseName=named.zone, Name=named.name)["Table"]
        assert found["Description"] == " ".join(definition.doc.split())
        assert all(each["Comment"] for each in found["StorageDescriptor"]["Columns"])
