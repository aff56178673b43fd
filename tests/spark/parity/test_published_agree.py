"""Every job of every published table makes the same rows on both engines, out of edge values.

The jobs are those of the assets in the definitions. They run over two deliveries that fill the
tables, over two more that are merged into them, and over inputs of no row (in the long tests, of
one row too).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pytest
from comparing import difference
from lakes import Lake

from resources.environments import Engine
from resources.local import engines
from spark.cli import job_names

# Every job, four times, on two engines: on a busy machine that takes longer than a test may.
pytestmark = [pytest.mark.spark, pytest.mark.timeout(1_800)]

ENGINES: tuple[Engine, Engine] = ("sail", "spark")


@dataclass(frozen=True)
class Published:
    """What one engine made: rows and digests by table, the jobs that made them."""

    jobs: set[str]
    tables: Mapping[str, pa.Table]
    digests: Mapping[str, str]
    of_few: Mapping[int, Mapping[str, pa.Table]]


@pytest.fixture(
    scope="module",
    params=[(20171231, 60, (0,)), pytest.param((20180101, 2000, (0, 1)), marks=pytest.mark.long)],
    ids=str,
)
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Published]:
    """By engine; the parameter is the seed, how many changes of a table each delivery holds, and of
    how few it is made once more."""
    seed, rows, few = request.param
    found = {
        engine: publish(Lake(tmp_path_factory.mktemp(engine), engine), rows, few, seed=seed)
        for engine in ENGINES
    }
    engines.stop_engine()
    return found


def publish(lake: Lake, rows: int, few: Iterable[int], *, seed: int) -> Published:
    lake.deliver(0, rows, seed=seed)
    lake.deliver(1, rows, seed=seed + 1)
    lake.publish()
    first = list(lake.runner.requests)
    lake.deliver(2, rows, seed=seed + 2)
    lake.deliver(3, 0, seed=seed)
    lake.publish()
    tables, digests = lake.tables(), lake.digests()
    of_few = {}
    for count in few:
        lake.replay(first, lake.place(f"rows={count}", count, seed=seed))
        of_few[count] = lake.tables()
    return Published({request.job for request in first}, tables, digests, of_few)


def test_every_job_has_run(published: Mapping[str, Published]) -> None:
    # `clean` is compared in test_clean_edges.py; only one engine has streams, and
    # tests/faults/test_f05_f06_f07_streams.py compares them with the batch.
    for made in published.values():
        assert sorted({*made.jobs, "clean", "stream"}) == job_names()


def test_published_tables_are_equal_on_both_engines(published: Mapping[str, Published]) -> None:
    sail, spark = published["sail"], published["spark"]
    assert differences(sail.tables, spark.tables) == {}
    assert sail.digests == spark.digests


def test_the_comparison_had_rows_to_compare(published: Mapping[str, Published]) -> None:
    counts = {name: table.num_rows for name, table in published["sail"].tables.items()}
    assert {name: count for name, count in counts.items() if not count} == {}


def test_tables_made_of_few_rows_are_equal_on_both_engines(
    published: Mapping[str, Published],
) -> None:
    sail, spark = (published[engine].of_few for engine in ENGINES)
    assert 0 in sail
    for count, tables in sail.items():
        assert differences(tables, spark[count]) == {}, count


def test_inputs_without_rows_make_tables_without_rows(published: Mapping[str, Published]) -> None:
    made = published["sail"].of_few[0]
    assert {name: table.num_rows for name, table in made.items() if table.num_rows} == {}


def differences(one: Mapping[str, pa.Table], other: Mapping[str, pa.Table]) -> dict[str, str]:
    """By table; a table that only one engine made differs too."""
    assert sorted(one) == sorted(other)
    return {
        name: difference(one[name], other[name], names=ENGINES)
        for name in one
        # The quick look first: one product that was sold in the year 1 has 100,000 weeks.
        if not in_order(one[name]).equals(in_order(other[name]))
    }


def in_order(table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in table.column_names])
