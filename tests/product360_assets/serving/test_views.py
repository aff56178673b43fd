"""A view is published under its name, and only if it shows what it declares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from product360_assets.serving.views import asked, view_asset
from resources.catalog import LocalCatalogResource
from resources.errors import ContractInvalid
from resources.local.warehouse import LocalWarehouse
from spark.tables import VIEWS, Column, DictionaryError, Table, View

WORDS = (Column("id", "bigint", "Note.", nullable=False), Column("text", "string", "Its words."))
NOTE = Table("curated", "note", "Notes.", "one row per note", "tests", ("id",), WORDS)
SHORT = View(
    "serving",
    "short_note",
    "Short notes.",
    "one row per short note",
    "tests",
    ("id",),
    WORDS,
    query="SELECT id, text FROM curated.note WHERE length(text) < 5",
    reads=(NOTE,),
)


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalogResource:
    catalog = LocalCatalogResource(home=str(tmp_path))
    catalog.ensure_table(NOTE)
    rows = [{"id": 1, "text": "long words"}, {"id": 2, "text": "few"}]
    schema = catalog.table("curated.note").schema().as_arrow()
    catalog.table("curated.note").append(pa.Table.from_pylist(rows, schema=schema))
    return catalog


def test_a_view_is_published_once_and_again_only_when_its_query_changes(
    catalog: LocalCatalogResource,
) -> None:
    resources = {"catalog": catalog, "warehouse": LocalWarehouse(catalog=catalog)}

    def outcome(view: View) -> tuple[object, object]:
        done = dg.materialize([view_asset(view)], resources=resources)
        metadata = done.asset_materializations_for_node(f"serving_{view.name}")[0].metadata
        return metadata["outcome"].value, metadata["dagster/row_count"].value

    assert outcome(SHORT) == ("published", 1)
    assert outcome(SHORT) == ("unchanged", 1)
    assert outcome(replace(SHORT, query=SHORT.query.replace("5", "50"))) == ("published", 2)


def test_a_view_that_gives_other_columns_than_it_declares_is_refused(
    catalog: LocalCatalogResource,
) -> None:
    other = replace(SHORT, query="SELECT id, text AS words FROM curated.note")
    catalog.publish_view(other)
    with pytest.raises(ContractInvalid, match="columns id, words"):
        asked(other, LocalWarehouse(catalog=catalog))


def test_a_view_names_exactly_the_tables_that_it_reads() -> None:
    with pytest.raises(DictionaryError, match="expected the same tables"):
        replace(SHORT, query="SELECT id, text FROM curated.other")
    for view in VIEWS.values():
        assert all(column.doc.endswith((".", "…")) for column in view.columns)
