"""The warehouse on a real catalog: what it answers, and that only questions get through."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.catalog import LocalCatalogResource
from resources.errors import QueryRejected, TableMissing
from resources.local.warehouse import LocalWarehouse


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    doc: str = "A column."
    nullable: bool = True


@dataclass(frozen=True)
class Definition:
    zone: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("id",)
    partition: tuple[str, ...] = ()
    doc: str = "A table."
    grain: str = "one row per id"
    version: int = 1
    owner: str = "tests"

    @property
    def identifier(self) -> str:
        return f"{self.zone}.{self.name}"


ORDERS = Definition(
    "curated",
    "orders",
    (
        Column("id", "bigint", nullable=False),
        Column("region", "string"),
        Column("sold_on", "date"),
        Column("sold_at", "timestamp"),
        Column("amount", "decimal(12,2)"),
    ),
    partition=("month(sold_on)", "region"),
)
OUTLOOK = Definition("forecast", "outlook", (Column("id", "bigint", nullable=False),))


def orders(*rows: tuple[int, str, date, str]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.int64()),
            "region": pa.array([row[1] for row in rows]),
            "sold_on": pa.array([row[2] for row in rows], pa.date32()),
            "sold_at": pa.array(
                [datetime(2017, 1, 1, 12, row[0], tzinfo=UTC) for row in rows],
                pa.timestamp("us", tz="UTC"),
            ),
            "amount": pa.array([Decimal(row[3]) for row in rows], pa.decimal128(12, 2)),
        },
        schema=pa.schema(
            [
                pa.field("id", pa.int64(), nullable=False),
                ("region", pa.string()),
                ("sold_on", pa.date32()),
                ("sold_at", pa.timestamp("us", tz="UTC")),
                ("amount", pa.decimal128(12, 2)),
            ]
        ),
    )


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalogResource:
    resource = LocalCatalogResource(home=str(tmp_path / "home"))
    resource.ensure_table(ORDERS)
    resource.table("curated.orders").append(
        orders(
            (1, "north", date(2017, 1, 31), "1.10"),
            (2, "north", date(2017, 2, 1), "2.20"),
            (3, "south", date(2017, 2, 2), "3.30"),
        )
    )
    return resource


@pytest.fixture
def warehouse(catalog: LocalCatalogResource) -> LocalWarehouse:
    return LocalWarehouse(catalog=catalog)


def test_a_table_answers_with_and_without_its_zone(warehouse: LocalWarehouse) -> None:
    for name in ("orders", "curated.orders", "CURATED.Orders", '"curated"."orders"'):
        answer = warehouse.query(f"SELECT sum(amount) AS total FROM {name}")
        assert answer.single() == {"total": Decimal("6.60")}


def test_values_come_back_as_what_they_are(warehouse: LocalWarehouse) -> None:
    answer = warehouse.query("SELECT * FROM orders WHERE id = ?", parameters=[3])
    assert answer.columns == ("id", "region", "sold_on", "sold_at", "amount")
    assert answer.types[4] == "DECIMAL(12,2)"
    moment = datetime(2017, 1, 1, 12, 3, tzinfo=UTC)
    assert answer.rows == ((3, "south", date(2017, 2, 2), moment, Decimal("3.30")),)


def test_the_newest_snapshot_is_read(
    catalog: LocalCatalogResource, warehouse: LocalWarehouse
) -> None:
    catalog.table("curated.orders").append(orders((4, "east", date(2017, 3, 1), "4.40")))
    assert warehouse.query("SELECT count(*) AS n FROM orders").single() == {"n": 4}


def test_rows_that_were_deleted_are_not_read(
    catalog: LocalCatalogResource, warehouse: LocalWarehouse
) -> None:
    table = catalog.table("curated.orders")
    table.delete("id = 2")
    assert warehouse.query("SELECT id FROM orders ORDER BY id").rows == ((1,), (3,))


@pytest.mark.spark
def test_rows_deleted_beside_their_file_are_not_read(
    catalog: LocalCatalogResource, warehouse: LocalWarehouse, tmp_path: Path
) -> None:
    from pyspark.sql import SparkSession

    from resources.local.engines import lease_engine, stop_engine

    table = catalog.table("curated.orders")
    day = date(2017, 5, 1)
    table.append(orders((5, "west", day, "5.50"), (6, "west", day, "6.60")))
    with table.transaction() as change:
        change.set_properties({"write.delete.mode": "merge-on-read"})
    with lease_engine("spark", home=tmp_path / "home"):
        session = SparkSession.getActiveSession()
        assert session is not None
        session.sql("DELETE FROM lake.curated.orders WHERE id = 6")
    stop_engine()
    tasks = list(catalog.table("curated.orders").scan().plan_files())
    assert any(task.delete_files for task in tasks), "the engine rewrote the file instead"
    assert warehouse.query("SELECT id FROM orders ORDER BY id").rows == ((1,), (2,), (3,), (5,))


def test_a_column_added_later_is_null_in_older_rows(
    catalog: LocalCatalogResource, warehouse: LocalWarehouse
) -> None:
    wider = replace(ORDERS, columns=(*ORDERS.columns, Column("note", "string")))
    catalog.ensure_table(wider)
    assert warehouse.query("SELECT count(*) AS n, count(note) AS notes FROM orders").single() == {
        "n": 3,
        "notes": 0,
    }


def test_an_empty_table_has_its_columns(
    catalog: LocalCatalogResource, warehouse: LocalWarehouse
) -> None:
    catalog.ensure_table(OUTLOOK)
    answer = warehouse.query("SELECT * FROM outlook")
    assert (answer.columns, answer.rows) == (("id",), ())


def test_only_published_tables_are_shown(
    catalog: LocalCatalogResource, warehouse: LocalWarehouse
) -> None:
    catalog.ensure_table(OUTLOOK)
    assert warehouse.query("SHOW TABLES").rows == (("orders",), ("outlook",))


def test_tables_of_two_zones_join(catalog: LocalCatalogResource, warehouse: LocalWarehouse) -> None:
    catalog.ensure_table(OUTLOOK)
    catalog.table("forecast.outlook").append(
        pa.table({"id": [1]}, schema=pa.schema([pa.field("id", pa.int64(), nullable=False)]))
    )
    answer = warehouse.query("SELECT region FROM orders JOIN forecast.outlook USING (id)")
    assert answer.rows == (("north",),)


@pytest.mark.parametrize(
    "statement",
    [
        "WITH o AS (FROM orders) SELECT count(*) FROM o JOIN outlook ON true",
        "SELECT count(*) FROM orders o, (SELECT count(*) AS n FROM forecast.outlook k) t",
        "SELECT (SELECT count(*) FROM outlook) + count(*) FROM orders",
        "SELECT count(*) FROM orders, query('FROM outlook')",
    ],
)
def test_every_table_of_a_statement_is_found_wherever_it_stands(
    catalog: LocalCatalogResource, warehouse: LocalWarehouse, statement: str
) -> None:
    catalog.ensure_table(OUTLOOK)
    assert warehouse.query(statement).rows[0][0] in (0, 3)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SHOW TABLES", "orders"),
        ("DESCRIBE orders", "id"),
        ("SUMMARIZE orders", "id"),
        ("WITH a AS (FROM orders) SELECT region FROM a ORDER BY id", "north"),
        ("FROM orders SELECT id ORDER BY id", 1),
        ("VALUES (7)", 7),
        ("SELECT 1;", 1),
    ],
)
def test_statements_that_only_read_are_answered(
    warehouse: LocalWarehouse, statement: str, expected: object
) -> None:
    assert warehouse.query(statement).rows[0][0] == expected


@pytest.mark.parametrize(
    "statement",
    ["EXPLAIN SELECT * FROM orders", "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM orders"],
)
def test_a_plan_is_shown(warehouse: LocalWarehouse, statement: str) -> None:
    assert "PARQUET" in str(warehouse.query(statement).rows).upper()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DROP TABLE orders", "a DROP statement"),
        ("CREATE TABLE mine (a int)", "a CREATE statement"),
        ("INSERT INTO orders VALUES (1)", "a INSERT statement"),
        ("COPY (SELECT 1) TO 'here.csv'", "a COPY statement"),
        ("ATTACH 'other.db'", "a ATTACH statement"),
        ("SET lock_configuration = false", "a SET statement"),
        ("PRAGMA database_list", "a PRAGMA statement"),
        ("CALL pragma_version()", "a CALL statement"),
        ("EXPLAIN ANALYZE INSERT INTO orders VALUES (1)", "a INSERT statement"),
        ("EXPLAIN (ANALYZE) DROP TABLE orders", "a DROP statement"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("", "0 statements"),
        ("-- nothing", "0 statements"),
        ("SELEKT 1", "Parser Error"),
    ],
)
def test_every_other_statement_is_refused_by_name(
    warehouse: LocalWarehouse, statement: str, found: str
) -> None:
    with pytest.raises(QueryRejected) as refusal:
        warehouse.query(statement)
    assert found in refusal.value.found
    assert "SELECT" in refusal.value.expected


def test_no_other_file_can_be_read(warehouse: LocalWarehouse, tmp_path: Path) -> None:
    secret = tmp_path / "secret.parquet"
    pq.write_table(pa.table({"secret": [42]}), secret)
    for attempt in (
        f"SELECT * FROM '{secret}'",
        f"SELECT * FROM read_parquet('{secret}')",
        f"SELECT * FROM query('FROM read_parquet(''{secret}'')')",
        f"SELECT * FROM read_text('{secret}')",
        f"SELECT * FROM glob('{tmp_path}/*')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT content FROM read_blob('~/.profile')",
    ):
        with pytest.raises((QueryRejected, TableMissing)):
            warehouse.query(attempt)


def test_variables_of_this_program_are_not_tables(warehouse: LocalWarehouse) -> None:
    pretender = pa.table({"secret": [42]})
    with pytest.raises((QueryRejected, TableMissing)):
        warehouse.query("SELECT * FROM pretender")
    assert pretender.num_rows == 1


def test_an_unknown_table_is_named_beside_the_known_ones(warehouse: LocalWarehouse) -> None:
    with pytest.raises(TableMissing) as missing:
        warehouse.query("SELECT * FROM ordres")
    assert "ordres" in missing.value.found
    assert "curated.orders" in missing.value.expected


def test_an_unknown_column_is_the_querys_mistake(warehouse: LocalWarehouse) -> None:
    with pytest.raises(QueryRejected, match="amuont"):
        warehouse.query("SELECT amuont FROM orders")


def test_further_files_are_relations_of_one_query_only(
    warehouse: LocalWarehouse, tmp_path: Path
) -> None:
    folder = tmp_path / "batch=1 of 2"
    folder.mkdir()
    pq.write_table(pa.table({"id": [1, 2]}), folder / "part.parquet")
    uri = f"file://{folder}/part.parquet"
    count = "SELECT count(*) AS n FROM delivered JOIN orders USING (id)"
    assert warehouse.query(count, files={"delivered": [uri]}).single() == {"n": 2}
    with pytest.raises(TableMissing):
        warehouse.query(count)


def test_nothing_is_left_in_the_working_directory(
    warehouse: LocalWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "cwd"
    empty.mkdir()
    monkeypatch.chdir(empty)
    warehouse.query("SELECT * FROM orders ORDER BY amount")
    assert os.listdir(empty) == []


@dataclass(frozen=True)
class ViewDefinition:
    identifier: str
    query: str
    doc: str = "A view."


def test_a_view_is_asked_like_a_table_and_shows_its_tables_as_they_are(
    catalog: LocalCatalogResource, warehouse: LocalWarehouse
) -> None:
    totals = "SELECT region, sum(amount) AS amount FROM curated.orders GROUP BY region"
    assert catalog.publish_view(ViewDefinition("serving.totals", totals)) is True
    assert catalog.publish_view(ViewDefinition("serving.totals", totals)) is False
    dear = "SELECT * FROM serving.totals WHERE amount > 3"
    catalog.publish_view(ViewDefinition("serving.dear", dear))
    question = "SELECT amount FROM dear WHERE region = 'north'"
    assert warehouse.query(question).rows == ((Decimal("3.30"),),)
    catalog.table("curated.orders").append(orders((9, "north", date(2017, 3, 1), "1.00")))
    assert warehouse.query(question).rows == ((Decimal("4.30"),),)
    assert ("dear",) in warehouse.query("SHOW TABLES").rows


def test_a_view_over_what_is_not_published_is_missing_and_harms_no_other_question(
    catalog: LocalCatalogResource, warehouse: LocalWarehouse
) -> None:
    catalog.publish_view(ViewDefinition("serving.later", "SELECT * FROM curated.nothing"))
    with pytest.raises(TableMissing):
        warehouse.query("SELECT * FROM later")
    assert warehouse.query("SELECT count(*) AS n FROM orders").single() == {"n": 3}


def test_questions_of_one_session_share_what_is_open_and_each_names_its_own_files(
    catalog: LocalCatalogResource, tmp_path: Path
) -> None:
    catalog.ensure_table(OUTLOOK)
    table = catalog.table(OUTLOOK.identifier)
    schema = table.schema().as_arrow()
    table.append(pa.table({"id": [1]}, schema=schema))
    files = {number: str(tmp_path / f"{number}.parquet") for number in (1, 2)}
    for number, file in files.items():
        pq.write_table(pa.table({"n": [number]}), file)
    with LocalWarehouse(catalog=catalog).asking() as ask:
        rows = "SELECT count(*) AS n FROM outlook"
        assert ask(rows).single() == {"n": 1}
        table.append(pa.table({"id": [2]}, schema=schema))
        # It stays what it was when it was first asked for.
        assert ask(rows).single() == {"n": 1}
        for number, file in files.items():
            assert ask("SELECT n FROM given", files={"given": [file]}).single() == {"n": number}
        with pytest.raises(QueryRejected, match="DROP"):
            ask("DROP VIEW given")
        with pytest.raises(TableMissing):
            ask("SELECT 1 FROM nowhere")
        assert ask("SELECT count(*) AS n FROM forecast.outlook, given").single() == {"n": 1}


def test_a_question_of_given_files_alone_opens_no_table(
    catalog: LocalCatalogResource, tmp_path: Path
) -> None:
    catalog.ensure_table(OUTLOOK)
    file = str(tmp_path / "given.parquet")
    pq.write_table(pa.table({"n": [1]}), file)
    given = {"given": [file]}
    named = "(SHOW ALL TABLES) s WHERE s.name = 'outlook'"
    with LocalWarehouse(catalog=catalog).asking() as ask:
        assert ask("SELECT n FROM given", files=given).single() == {"n": 1}
        known = f"SELECT count(*) AS tables FROM given, {named}"
        assert ask(known, files=given).single() == {"tables": 0}
        ask("SELECT count(*) FROM outlook")
        assert ask(known, files=given).single() == {"tables": 1}
