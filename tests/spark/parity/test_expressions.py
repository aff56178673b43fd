"""What is listed as safe is equal on both engines; what is listed as different still is.

The lists are in `safe_expressions.py` and `engine_differences.py`. Expressions of a topic share a
job, because a job costs more than all that it computes here.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from comparing import difference, result_of
from edges import ROWS, edge_table
from engine_differences import (
    DIFFERENT,
    DIFFERENT_IN_GROUPS,
    REFUSED_BY_BOTH,
    REFUSED_BY_SAIL,
    REFUSED_BY_SPARK,
)
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col
from safe_expressions import SAFE, SAFE_QUERIES

from resources.local import engines
from spark.session import open_session
from spark.transforms.business_week import monday_of
from spark.transforms.fold import change_order
from spark.transforms.hashing import content_hash

pytestmark = pytest.mark.spark

# By engine and expression.
Computed = dict[str, dict[str, pa.Table]]

REFUSED = pa.table({"refused": [True]})
OWN = "what our own transforms stand on"


class Outcomes:
    """What one engine makes of expressions over the edge table."""

    def __init__(self, session: SparkSession, folder: Path) -> None:
        self._session = session
        self._folder = folder
        pq.write_table(edge_table(), folder / "edges.parquet")
        self.edges = session.read.parquet(f"file://{folder}/edges.parquet")
        self.edges.createOrReplaceTempView("e")

    def table(self, frame: DataFrame) -> pa.Table:
        return result_of(frame, self._folder / "result")

    def columns(self, expressions: list[str], *, grouped: bool = False) -> dict[str, pa.Table]:
        """Each expression's values beside their row or group, all computed in one job."""
        key = "g" if grouped else "n"
        named = ", ".join(f"{sql} AS c{place}" for place, sql in enumerate(expressions))
        query = f"SELECT {key}, {named} FROM e{' GROUP BY g' if grouped else ''}"
        try:
            computed = self.query(query)
        except Exception:  # noqa: BLE001 - every engine has errors of its own
            if len(expressions) == 1:
                return {expressions[0]: REFUSED}
            # One by one, so that the report names the one that is refused.
            alone = [self.columns([sql], grouped=grouped) for sql in expressions]
            return {sql: values for each in alone for sql, values in each.items()}
        return {
            sql: computed.select([key, f"c{place}"]).rename_columns([key, sql])
            for place, sql in enumerate(expressions)
        }

    def query(self, sql: str) -> pa.Table:
        return self.table(self._session.sql(sql))


def expressions_of(topic: str) -> list[str]:
    return [line.strip() for line in SAFE[topic].splitlines() if line.strip()]


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Computed:
    """By engine: the outcome of everything that is listed above."""
    found = {}
    for engine in ("sail", "spark"):
        home = tmp_path_factory.getbasetemp() / "engine"
        with engines.lease_engine(engine, home=home):
            found[engine] = everything(Outcomes(open_session(), tmp_path_factory.mktemp(engine)))
    return found


def everything(outcomes: Outcomes) -> dict[str, pa.Table]:
    columns: dict[str, pa.Table] = {}
    for topic in SAFE:
        columns |= outcomes.columns(expressions_of(topic), grouped=topic == "groups")
    columns |= outcomes.columns(list(DIFFERENT))
    columns |= outcomes.columns(list(DIFFERENT_IN_GROUPS), grouped=True)
    columns |= {sql: outcomes.query(sql) for sql in SAFE_QUERIES}
    may_refuse = [*REFUSED_BY_SAIL, *REFUSED_BY_SPARK, *REFUSED_BY_BOTH]
    for sql in may_refuse:
        columns |= outcomes.columns([sql])
    columns[OWN] = outcomes.table(own_columns(outcomes.edges))
    return columns


def own_columns(edges: DataFrame) -> DataFrame:
    """What all of our transforms stand on: the order of changes, their hash, the week."""
    content = {name: kind for name, kind in edges.dtypes if name not in ("n", "g")}
    names = {"s": "_epoch", "t": "_committed_at", "s2": "_change_sequence"}
    logged = edges.withColumnsRenamed(names)
    return logged.select(
        "n",
        change_order().alias("change_order"),
        monday_of(col("d")).alias("monday"),
    ).join(edges.select("n", content_hash(content).alias("content_hash")), on="n", how="inner")


@pytest.mark.parametrize("topic", SAFE)
def test_safe_expressions_are_equal_on_both_engines(computed: Computed, topic: str) -> None:
    assert differences(computed, expressions_of(topic)) == {}


def test_safe_queries_are_equal_on_both_engines(computed: Computed) -> None:
    assert differences(computed, SAFE_QUERIES) == {}


def test_order_hash_and_week_are_equal_on_both_engines(computed: Computed) -> None:
    assert differences(computed, [OWN]) == {}
    assert computed["sail"][OWN].num_rows == computed["spark"][OWN].num_rows == ROWS


@pytest.mark.parametrize("listed", [DIFFERENT, DIFFERENT_IN_GROUPS], ids=["rows", "groups"])
def test_known_differences_still_differ(computed: Computed, listed: dict[str, str]) -> None:
    mended = set(listed) - set(differences(computed, list(listed)))
    assert mended == set(), "equal now: move them to SAFE"


def test_what_one_engine_refuses_is_still_refused_by_it_alone(computed: Computed) -> None:
    refused = {
        engine: {sql for sql, values in computed[engine].items() if values is REFUSED}
        for engine in computed
    }
    both = set(REFUSED_BY_BOTH)
    assert refused["sail"] == both | set(REFUSED_BY_SAIL)
    assert refused["spark"] == both | set(REFUSED_BY_SPARK)


def differences(computed: Computed, expressions: list[str]) -> dict[str, str]:
    found = {
        sql: difference(computed["sail"][sql], computed["spark"][sql], names=("sail", "spark"))
        for sql in expressions
    }
    return {sql: text for sql, text in found.items() if text}
