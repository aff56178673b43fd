"""`product360 catalog` in the `aws` environment: what Glue holds, in the form of a laptop's."""

from __future__ import annotations

import json
import secrets

import pytest
from glue_passage import GluePassage
from typer.testing import CliRunner, Result

from product360_assets.cli.commands import app
from resources.aws import client
from resources.catalog import GlueCatalogResource
from resources.dynamodb_items import create_table
from resources.external_tables import ExternalColumn, ExternalPartition, ExternalTable
from resources.glue_tables import GlueTablesResource
from spark.tables.model import Column, Table

pytestmark = pytest.mark.aws


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["catalog", *arguments])


@pytest.fixture
def name(lake_prefix: str, passage: GluePassage, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a published table and an entry of files are called, in a deployment of their own."""
    name = f"note_{secrets.token_hex(4)}"
    create_table(client("dynamodb"), f"{lake_prefix}-ledger")
    monkeypatch.setenv("PRODUCT360_ENV", "aws")
    monkeypatch.setenv("PRODUCT360_LAKE_PREFIX", lake_prefix)
    monkeypatch.setenv("PRODUCT360_LEDGER_TABLE", f"{lake_prefix}-ledger")
    column = Column("id", "bigint", "Note.", nullable=False)
    table = Table("curated", name, "Notes.", "one row per note", "tests", ("id",), (column,))
    GlueCatalogResource(lake_prefix=lake_prefix).ensure_table(table)
    entry = ExternalTable(
        zone="clean",
        name=name,
        doc="Notes, typed.",
        owner="team:desk",
        columns=(ExternalColumn("id", "bigint", "Note."),),
        partitioned_by=(ExternalColumn("batch", "string", "Batch."),),
        format="parquet",
        location=f"s3://{lake_prefix}-clean/desk/note/",
        properties={"product360.partitions": "1"},
    )
    partition = ExternalPartition(("b1",), f"s3://{lake_prefix}-clean/desk/note/unit=1/batch=b1/")
    GlueTablesResource().open().register(entry, [partition], digest="1")
    return name


def test_tables_and_files_are_listed_alike(name: str) -> None:
    result = run("--format", "json")
    assert result.exit_code == 0, result.stderr
    lines = [each for each in json.loads(result.stdout) if each["name"] == name]
    assert [(each["zone"], each["kind"], each["owner"]) for each in lines] == [
        ("clean", "files", "team:desk"),
        ("curated", "Iceberg table", "tests"),
    ]
    assert [each["partitions"] for each in lines] == [1, None]
    assert [each["description"] for each in lines] == ["Notes, typed.", "Notes."]


def test_one_entry_is_shown_with_its_partitions(name: str) -> None:
    shown = json.loads(run("show", f"clean.{name}", "--format", "json").stdout)
    assert [each["column"] for each in shown["columns"]] == ["id", "batch"]
    assert shown["newest partitions"][0]["location"].endswith("/unit=1/batch=b1/")
    assert run("show", name).exit_code == 1
    assert "put the zone before it" in run("show", name).stderr
