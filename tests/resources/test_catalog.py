"""The local catalog: tables follow their definitions, processes share one file."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from resources.catalog import GlueCatalogResource, LocalCatalogResource
from resources.errors import ContractInvalid, SettingInvalid, TableMissing
from resources.objects import PUBLISHED
from spark.tables import TABLES
from spark.tables.model import Column, Table, View

PRODUCT = Table(
    zone="curated",
    name="product",
    doc="What is sold.",
    grain="one row per product",
    owner="merchandising",
    key=("product_id",),
    columns=(
        Column("product_id", "bigint", "Number of the product.", nullable=False),
        Column("name", "string", "What a shopper calls it."),
        Column("price", "decimal(9,2)", "Price in dollars."),
        Column("since", "timestamp", "First seen."),
        Column("day", "date", "Business day."),
        Column("_batch_id", "string", "Which batch wrote it."),
    ),
    partition=("month(day)",),
)


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalogResource:
    return LocalCatalogResource(home=str(tmp_path))


def metadata_location(catalog: LocalCatalogResource) -> str:
    return catalog.table(PRODUCT.identifier).metadata_location


def with_column(column: Column) -> Table:
    others = tuple(c for c in PRODUCT.columns if c.name != column.name)
    return replace(PRODUCT, columns=(*others, column))


def append(catalog: LocalCatalogResource, *rows: dict[str, object]) -> None:
    table = catalog.table(PRODUCT.identifier)
    table.append(pa.Table.from_pylist(list(rows), schema=table.schema().as_arrow()))


MILK: dict[str, object] = {"product_id": 1, "name": "milk", "_batch_id": "a"}
BREAD: dict[str, object] = {"product_id": 2, "name": "bread", "_batch_id": "a"}


def test_a_table_is_created_as_its_definition_says(
    catalog: LocalCatalogResource, tmp_path: Path
) -> None:
    catalog.ensure_table(PRODUCT)
    table = catalog.table("curated.product")
    schema = table.schema()
    assert table.location() == f"file://{tmp_path}/lake/curated/product"
    assert table.format_version == 2
    assert table.properties["comment"] == "What is sold."
    assert table.properties["commit.retry.num-retries"] == "20"
    assert [str(field.field_type) for field in schema.fields] == [
        "long",
        "string",
        "decimal(9, 2)",
        "timestamptz",
        "date",
        "string",
    ]
    assert [field.doc for field in schema.fields] == [column.doc for column in PRODUCT.columns]
    assert [field.required for field in schema.fields] == [True, *[False] * 5]
    assert schema.identifier_field_names() == {"product_id"}
    assert [(f.name, str(f.transform)) for f in table.spec().fields] == [("day_month", "month")]


def test_a_table_that_follows_its_definition_is_left_alone(catalog: LocalCatalogResource) -> None:
    catalog.ensure_table(PRODUCT)
    before = metadata_location(catalog)
    catalog.ensure_table(PRODUCT)
    assert metadata_location(catalog) == before


def test_a_new_column_and_a_wider_type_reach_an_existing_table(
    catalog: LocalCatalogResource,
) -> None:
    catalog.ensure_table(PRODUCT)
    append(catalog, MILK)
    wider = with_column(Column("price", "decimal(18,2)", "Price in dollars."))
    size = Column("size", "int", "Grams.", nullable=False)
    catalog.ensure_table(replace(wider, columns=(*wider.columns, size)))
    schema = catalog.table(PRODUCT.identifier).schema()
    assert str(schema.find_field("price").field_type) == "decimal(18, 2)"
    # Rows that are there have no value for it.
    assert not schema.find_field("size").required
    assert catalog.table(PRODUCT.identifier).scan().to_arrow()["size"].to_pylist() == [None]


def test_new_words_reach_an_existing_table(catalog: LocalCatalogResource) -> None:
    catalog.ensure_table(PRODUCT)
    told_anew = replace(
        with_column(Column("name", "string", "The brand's own name for it.")), doc="What we sell."
    )
    catalog.ensure_table(told_anew)
    table = catalog.table(PRODUCT.identifier)
    assert table.schema().find_field("name").doc == "The brand's own name for it."
    assert table.properties["comment"] == "What we sell."


def test_a_column_is_dropped_by_a_new_version_only(catalog: LocalCatalogResource) -> None:
    def columns() -> list[str]:
        return catalog.table(PRODUCT.identifier).schema().column_names

    required = with_column(Column("name", "string", "What a shopper calls it.", nullable=False))
    catalog.ensure_table(required)
    without_name = replace(
        PRODUCT, columns=tuple(each for each in PRODUCT.columns if each.name != "name")
    )
    # Code that does not know a column may be older.
    catalog.ensure_table(without_name)
    assert "name" in columns()
    catalog.ensure_table(replace(without_name, version=2))
    assert "name" not in columns()
    assert catalog.table(PRODUCT.identifier).properties["product360.version"] == "2"
    # Within one version, nothing is dropped.
    catalog.ensure_table(replace(required, version=2))
    catalog.ensure_table(replace(without_name, version=2))
    assert "name" in columns()


@pytest.mark.parametrize(
    ("definition", "found"),
    [
        (with_column(Column("name", "bigint", "A number now.")), "name"),
        (with_column(Column("price", "decimal(5,2)", "Narrower.")), "price"),
        (replace(PRODUCT, partition=()), "day_month"),
    ],
)
def test_what_iceberg_cannot_follow_is_refused_by_name(
    catalog: LocalCatalogResource, definition: Table, found: str
) -> None:
    catalog.ensure_table(PRODUCT)
    before = metadata_location(catalog)
    with pytest.raises(ContractInvalid, match=r"table curated\.product") as refused:
        catalog.ensure_table(definition)
    assert found in refused.value.found
    assert metadata_location(catalog) == before


def test_a_missing_table_is_named(catalog: LocalCatalogResource) -> None:
    for ask in (catalog.row_count, catalog.digest, catalog.snapshot_summaries):
        with pytest.raises(TableMissing, match=r"table curated\.nothing"):
            ask("curated.nothing")


def test_summaries_come_newest_first_and_without_what_was_rolled_back(
    catalog: LocalCatalogResource,
) -> None:
    catalog.ensure_table(PRODUCT)
    assert catalog.snapshot_summaries(PRODUCT.identifier) == []
    append(catalog, MILK)
    append(catalog, BREAD)
    newest, oldest = catalog.snapshot_summaries(PRODUCT.identifier)
    assert (newest["total-records"], oldest["total-records"]) == ("2", "1")
    table = catalog.table(PRODUCT.identifier)
    table.manage_snapshots().rollback_to_snapshot(int(oldest["snapshot-id"])).commit()
    (only,) = catalog.snapshot_summaries(PRODUCT.identifier)
    assert only["snapshot-id"] == oldest["snapshot-id"]
    assert catalog.row_count(PRODUCT.identifier) == 1


def test_the_digest_sees_rows_and_not_how_they_were_written(
    catalog: LocalCatalogResource, tmp_path: Path
) -> None:
    other = LocalCatalogResource(home=str(tmp_path / "other"))
    for one in (catalog, other):
        one.ensure_table(PRODUCT)
    append(catalog, MILK, BREAD)
    append(other, {**BREAD, "_batch_id": "b"})
    assert other.digest(PRODUCT.identifier) != catalog.digest(PRODUCT.identifier)
    append(other, {**MILK, "_batch_id": "c"})
    assert other.digest(PRODUCT.identifier) == catalog.digest(PRODUCT.identifier)


@pytest.mark.parametrize("name", ["my home", "zwölf", "100%", "a#b"])
def test_a_home_that_engines_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingInvalid, match="PRODUCT360_HOME"):
        LocalCatalogResource(home=str(tmp_path / name)).load()
    assert not (tmp_path / name).exists()


def test_processes_may_create_one_table_at_the_same_time(
    catalog: LocalCatalogResource, tmp_path: Path
) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_catalog import PRODUCT, LocalCatalogResource
import pyiceberg.catalog.sql
sys.stdin.read()
LocalCatalogResource(home={str(tmp_path)!r}).ensure_table(PRODUCT)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert catalog.load().list_tables("curated") == [("curated", "product")]


def test_published_tables_lie_in_the_zones_that_are_declared_to_hold_them() -> None:
    tables = [table for table in TABLES.values() if not isinstance(table, View)]
    assert {table.zone for table in tables} == PUBLISHED


def test_glue_needs_nothing_to_be_constructed() -> None:
    glue = GlueCatalogResource(lake_prefix="acme")
    assert glue.location("curated", "product") == "s3://acme-curated/product"
