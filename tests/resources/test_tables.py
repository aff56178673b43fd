"""Every word of a table definition has one meaning in Iceberg."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resources.tables import iceberg_partition, iceberg_schema, iceberg_type
from spark.tables.model import Column, Table


class Unchecked(Table):
    """A definition with transforms that our own dictionary does not use."""

    def __post_init__(self) -> None:
        """Check nothing."""


PRODUCT = Unchecked(
    zone="curated",
    name="product",
    doc="What is sold.",
    grain="one row per product",
    owner="merchandising",
    key=("product_id",),
    columns=(
        Column("product_id", "bigint", "Number of the product.", nullable=False),
        Column("name", "string", "What a shopper calls it."),
        Column("day", "date", "Business day."),
    ),
)


@pytest.mark.parametrize(
    ("ddl", "iceberg"),
    [
        ("string", "string"),
        ("int", "int"),
        ("bigint", "long"),
        ("double", "double"),
        ("boolean", "boolean"),
        ("date", "date"),
        ("timestamp", "timestamptz"),
        ("decimal(12,2)", "decimal(12, 2)"),
    ],
)
def test_a_type_of_spark_is_a_type_of_iceberg(ddl: str, iceberg: str) -> None:
    assert str(iceberg_type(ddl)) == iceberg


@pytest.mark.parametrize("ddl", ["float", "array<int>", "decimal", "timestamp_ntz", "BIGINT"])
def test_another_type_is_refused_with_the_known_ones(ddl: str) -> None:
    with pytest.raises(ValueError, match=r"expected one of string, .*decimal"):
        iceberg_type(ddl)


@pytest.mark.parametrize(
    ("transform", "name", "iceberg"),
    [
        ("day", "day", "identity"),
        ("month(day)", "day_month", "month"),
        ("bucket(16, product_id)", "product_id_bucket", "bucket[16]"),
        ("truncate(4, name)", "name_truncate", "truncate[4]"),
    ],
)
def test_a_transform_is_a_partition_field(transform: str, name: str, iceberg: str) -> None:
    definition = replace(PRODUCT, partition=(transform,))
    (field,) = iceberg_partition(definition, iceberg_schema(definition)).fields
    assert (field.name, str(field.transform)) == (name, iceberg)


@pytest.mark.parametrize("transform", ["month(nothing)", "month()", "a b"])
def test_a_transform_of_no_column_is_refused(transform: str) -> None:
    definition = replace(PRODUCT, partition=(transform,))
    with pytest.raises(ValueError, match=r"nothing|not a transform"):
        iceberg_partition(definition, iceberg_schema(definition))


def test_fields_are_numbered_in_the_order_of_the_definition() -> None:
    definition = replace(PRODUCT, columns=(*PRODUCT.columns, Column("last", "int", "Last.")))
    fields = iceberg_schema(definition).fields
    assert [field.field_id for field in fields] == list(range(1, len(fields) + 1))
    assert fields[-1].name == "last"
