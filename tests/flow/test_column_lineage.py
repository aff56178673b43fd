"""Every column that a job computes says where it comes from; nobody wrote that down by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lineage import Lineage

from product360_assets.curated.lineage import PROPERTY, column_lineage
from spark.tables import TABLES, Table
from spark.tables.curated import INTERACTION, PRODUCT
from spark.tables.forecast import WEEKLY_DEMAND

pytestmark = pytest.mark.flow

BY_JOBS = [table for table in TABLES.values() if table.zone == "curated"] + [WEEKLY_DEMAND]

# Rows of several kinds are stacked, and each kind brings its own literal.
LITERALS = {
    PRODUCT.identifier: {"is_unknown_member"},
    INTERACTION.identifier: {"interaction_type"},
}


@pytest.mark.parametrize("table", BY_JOBS, ids=lambda table: table.name)
def test_every_column_that_is_no_constant_has_its_origins(sail: Lineage, table: Table) -> None:
    catalog = sail.resources()["catalog"]
    shown: Any = column_lineage(catalog, table)["dagster/column_lineage"]
    silent = [name for name in table.column_names if not shown.deps_by_column.get(name)]
    varied = {name for name in silent if values_of(sail, table, name) > 1}
    assert varied == LITERALS.get(table.identifier, set())


@pytest.mark.parametrize("table", BY_JOBS, ids=lambda table: table.name)
def test_every_origin_is_a_column_that_is_there(sail: Lineage, table: Table) -> None:
    catalog = sail.resources()["catalog"]
    said = json.loads(catalog.table(table.identifier).properties[PROPERTY])
    for origins in said.values():
        for dataset, column in origins:
            upstream = TABLES.get(dataset.removeprefix("lake."))
            # What is no published table is a clean one: its columns are its source's, and ours.
            assert upstream is None or column in upstream.column_names, (dataset, column)


def values_of(sail: Lineage, table: Table, column: str) -> int:
    """How many different values a column has, null not among them."""
    rows = sail.resources()["catalog"].table(table.identifier)
    return len(set(rows.scan(selected_fields=(column,)).to_arrow()[column].to_pylist()) - {None})
