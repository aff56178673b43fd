"""F18, in published tables: what a contract added is there once declared, and nothing is cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from resources.catalog import LocalCatalogResource
from resources.local import engines
from spark.io import ENGINE_ERRORS
from spark.publishing import merge_rows, read_batches
from spark.session import open_session
from spark.tables import Table
from spark.tables.model import Column

OFFER = Table(
    "curated",
    "offer",
    "Offers.",
    "offer",
    "team:shop",
    ("offer_id",),
    (
        Column("offer_id", "bigint", "Offer.", nullable=False),
        Column("stock", "int", "Pieces."),
        Column("price", "decimal(9,2)", "Euros."),
        Column("_change_order", "string", "Order.", nullable=False),
    ),
)
WIDER = replace(
    OFFER,
    columns=(
        OFFER.columns[0],
        Column("stock", "bigint", "Pieces."),
        Column("price", "decimal(18,2)", "Euros."),
        OFFER.columns[3],
        Column("colour", "string", "Colour."),
    ),
)
OLD = "1L AS offer_id, 5 AS stock, CAST(1.5 AS decimal(9,2)) AS price, '1' AS _change_order"
NEW = (
    "2L AS offer_id, 3000000000 AS stock, CAST(12345678901.5 AS decimal(18,2)) AS price, "
    "'1' AS _change_order, 'red' AS colour"
)


@pytest.fixture(params=["sail", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.long])])
def session(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with engines.lease_engine(request.param, home=tmp_path_factory.getbasetemp() / "engine"):
        yield open_session()


@pytest.fixture
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCatalogResource]:
    catalog = LocalCatalogResource(home=str(tmp_path_factory.getbasetemp() / "engine"))
    catalog.ensure_table(OFFER)
    yield catalog
    catalog.load().drop_table(OFFER.identifier)


def batches(session: SparkSession, folder: Path, *queries: str) -> Any:
    """Clean rows of as many versions of a contract."""
    written = []
    for number, query in enumerate(queries):
        location = f"file://{folder}/batch={number}"
        session.sql(f"SELECT {query}").write.mode("overwrite").parquet(location)
        written.append(
            {"location": location, "config_version": f"v{number}", "epoch": "0", "is_new": True}
        )
    return read_batches(session, {"inputs": {"shop.offer": {"batches": written}}}, "shop.offer")


def published(catalog: LocalCatalogResource) -> list[dict[str, Any]]:
    rows = catalog.load().load_table(OFFER.identifier).scan().to_arrow().to_pylist()
    return sorted(rows, key=lambda row: row["offer_id"])


def test_f18_a_table_follows_its_definition_and_keeps_old_rows_readable(
    session: SparkSession, catalog: LocalCatalogResource, tmp_path: Path
) -> None:
    target = f"lake.{OFFER.identifier}"
    merge_rows(session, batches(session, tmp_path / "1", OLD), OFFER, target)

    catalog.ensure_table(WIDER)
    merge_rows(session, batches(session, tmp_path / "2", OLD, NEW), WIDER, target)

    assert [(r["stock"], r["price"], r["colour"]) for r in published(catalog)] == [
        (5, Decimal("1.50"), None),
        (3_000_000_000, Decimal("12345678901.50"), "red"),
    ]


@pytest.mark.parametrize("first", [True, False], ids=["append", "merge"])
def test_f18_a_value_too_great_for_a_table_is_never_cut(
    session: SparkSession, catalog: LocalCatalogResource, tmp_path: Path, first: bool
) -> None:
    target = f"lake.{OFFER.identifier}"
    if not first:
        merge_rows(session, batches(session, tmp_path / "1", OLD), OFFER, target)
    before = published(catalog)

    with pytest.raises(ENGINE_ERRORS) as refused:
        merge_rows(session, batches(session, tmp_path / "2", OLD, NEW), OFFER, target)

    assert "CAST" in str(refused.value).upper()
    assert published(catalog) == before
