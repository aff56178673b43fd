"""A table that is made anew says how many rows it was given, wherever its commit lands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame
from pyspark.sql.functions import col

from resources.audit_branches import begin, head_of
from resources.catalog import LocalCatalogResource
from resources.local import engines
from resources.local.engines import Lease
from spark.derived import publish_derived
from spark.session import open_session
from spark.tables.model import Column, Table

SOLD = Table(
    "curated", "sold", "Sold.", "day", "team:shop", ("day",),
    (Column("day", "date", "Day.", nullable=False),),
)  # fmt: skip
MADE = Table(
    "curated", "made", "Made.", "day", "team:shop", ("day",),
    (Column("day", "date", "Day.", nullable=False),),
)  # fmt: skip
DAYS = [date(2017, 12, number) for number in range(1, 8)]
SPEC = {"inputs": {"curated.sold": "lake.curated.sold"}, "target": "lake.curated.made"}


class Report:
    def __init__(self) -> None:
        self.counts: list[tuple[int, int]] = []

    def results(self, results: list[dict[str, Any]]) -> None:
        self.counts += [(each["rows_in"], each["rows_out"]) for each in results]


@pytest.fixture(params=["sail", pytest.param("spark", marks=pytest.mark.spark)])
def lease(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lease]:
    with engines.lease_engine(request.param, home=tmp_path) as lease:
        yield lease


def until(sold: DataFrame, as_of: date) -> DataFrame:
    return sold.where(col("day") <= as_of)


def test_rows_are_counted_as_they_are_written_and_not_as_readers_see_the_table(
    lease: Lease, tmp_path: Path
) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    for table in (SOLD, MADE):
        catalog.ensure_table(table)
    sold = catalog.table(SOLD.identifier)
    sold.append(pa.table({"day": DAYS}, schema=sold.schema().as_arrow()))
    report, session = Report(), open_session()

    for commit, day in (("one", 3), ("two", 5), ("three", 30)):
        branch = begin(catalog, MADE.identifier, commit)
        spec = {**SPEC, "as_of_date": f"2017-{'11' if day == 30 else '12'}-{day:02}"}
        with lease.bridge.stamp({}, branch=branch):
            publish_derived(session, spec, report, MADE, [SOLD], until)  # type: ignore[arg-type]
        assert head_of(catalog, branch) is not None

    assert report.counts == [(3, 3), (5, 5), (0, 0)]
    assert catalog.row_count(MADE.identifier) == 0
