"""What the catalog says, entry by entry, from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from product360_assets.cli.commands import app
from product360_assets.governance.registration import PARTITIONS
from resources.catalog import LocalCatalogResource
from resources.external_tables import ExternalColumn, ExternalPartition, ExternalTable
from resources.local.external_tables import SqliteExternalTablesResource
from spark.tables import VIEWS

OUTLOOK = VIEWS["serving.product_360_outlook"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["catalog", *arguments])


@pytest.fixture
def described(home: Path) -> Path:
    """A home with a published table, a view, and the files of one table."""
    LocalCatalogResource(home=str(home)).publish_view(OUTLOOK)
    table = ExternalTable(
        zone="raw",
        name="shop_order",
        doc="Orders. As it was delivered, byte for byte.",
        owner="team:shop",
        columns=(ExternalColumn("order_id", "string", "Order."),),
        partitioned_by=(
            ExternalColumn("landing_date", "date", "Day."),
            ExternalColumn("batch", "string", "Batch."),
        ),
        format="csv",
        location="file:///lake/raw/shop/order/",
        properties={PARTITIONS: "12"},
    )
    partitions = [
        ExternalPartition((f"2017-01-{day:02d}", f"b{day}"), f"file:///lake/raw/b{day}/")
        for day in range(1, 13)
    ]
    entries = SqliteExternalTablesResource(path=str(home / "catalog.db")).open()
    entries.register(table, partitions, digest="1")
    return home


@pytest.mark.usefixtures("described")
def test_every_kind_of_entry_is_listed_alike() -> None:
    result = run("--format", "json")
    assert result.exit_code == 0
    lines = {f"{each['zone']}.{each['name']}": each for each in json.loads(result.stdout)}
    assert list(lines) == ["raw.shop_order", "forecast.weekly_demand", OUTLOOK.identifier]
    assert lines["raw.shop_order"] == {
        "zone": "raw",
        "name": "shop_order",
        "kind": "files",
        "format": "csv",
        "columns": 3,
        "partitions": 12,
        "rows": None,
        "owner": "team:shop",
        "description": "Orders. As it was delivered, byte for byte.",
    }
    demand = lines["forecast.weekly_demand"]
    assert (demand["kind"], demand["rows"], demand["columns"]) == ("Iceberg table", 2, 3)
    assert demand["description"]
    assert lines[OUTLOOK.identifier]["kind"] == "view"
    assert lines[OUTLOOK.identifier]["description"] == OUTLOOK.doc


@pytest.mark.usefixtures("described")
def test_a_list_is_a_table_or_csv_too() -> None:
    assert run("--format", "csv").stdout.startswith("zone,name,kind,format,columns,partitions,rows")
    assert "shop_order" in run().stdout


@pytest.mark.usefixtures("described")
def test_of_files_columns_parameters_and_the_newest_partitions_are_shown() -> None:
    shown = json.loads(run("show", "shop_order", "--format", "json").stdout)
    assert shown["location"] == "file:///lake/raw/shop/order/"
    assert shown["columns"] == [
        {"column": "order_id", "type": "string", "partition": "", "comment": "Order."},
        {"column": "landing_date", "type": "date", "partition": "yes", "comment": "Day."},
        {"column": "batch", "type": "string", "partition": "yes", "comment": "Batch."},
    ]
    assert shown["parameters"]["classification"] == "csv"
    assert shown["parameters"]["skip.header.line.count"] == "1"
    newest = [each["values"] for each in shown["newest partitions"]]
    assert (len(newest), newest[0], newest[-1]) == (10, "2017-01-12/b12", "2017-01-03/b3")
    text = run("show", "raw.shop_order").stdout
    assert "file:///lake/raw/b12/" in text
    assert run("show", "raw.shop_order", "--format", "csv").stdout.splitlines()[1] == (
        "order_id,string,,Order."
    )


@pytest.mark.usefixtures("described")
def test_of_a_published_table_and_a_view_the_same_is_shown() -> None:
    table = json.loads(run("show", "weekly_demand", "--format", "json").stdout)
    assert {each["column"] for each in table["columns"]} == {"item_id", "week_start", "demand"}
    assert all(each["comment"] for each in table["columns"])
    assert table["parameters"]["product360.grain"]
    view = json.loads(run("show", OUTLOOK.name, "--format", "json").stdout)
    assert view["query"] == OUTLOOK.query
    assert [each["column"] for each in view["columns"]] == list(OUTLOOK.column_names)
    assert "SELECT" in run("show", OUTLOOK.name).stdout


@pytest.mark.usefixtures("described")
def test_what_is_not_there_and_what_nobody_can_ask() -> None:
    missing = run("show", "nothing")
    assert missing.exit_code == 1
    assert "Expected one of raw.shop_order" in missing.stderr
    assert run("show").exit_code == 2
    assert run("--format", "xml").exit_code == 2


@pytest.mark.usefixtures("empty_home")
def test_a_new_home_has_an_empty_catalog() -> None:
    result = run("--format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
