"""A table that some engine could not follow is refused where it is written down."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest

from spark.tables import TABLES, Column, DictionaryError, Table
from spark.tables.model import decimal_parts

ID = Column("id", "bigint", "The key.", nullable=False)


def table(**changes: object) -> Table:
    parts = {
        "zone": "curated",
        "name": "article",
        "doc": "Articles.",
        "grain": "one row per article",
        "owner": "somebody",
        "key": ("id",),
        "columns": (ID, Column("day", "date", "A day.")),
    }
    return Table(**{**parts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind", ["varchar", "decimal(12, 2)", "decimal(39,2)", "decimal(2,3)", "BIGINT", "array<int>"]
)
def test_a_type_that_engines_read_differently_is_refused(kind: str) -> None:
    with pytest.raises(DictionaryError, match="expected one of"):
        Column("price", kind, "A price.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"erasure": "anonymize"}, "expected one of remove, anonymise"),
        ({"nullable": False}, "may be null"),
        ({"subject": ""}, "names its `subject`"),
    ],
)
def test_an_erasure_that_cannot_be_done_is_refused(
    changes: dict[str, object], message: str
) -> None:
    member = Column("member", "bigint", "Who.", subject="customer", erasure="anonymise")
    with pytest.raises(DictionaryError, match=message):
        replace(member, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Price", "price-per-unit", "", "1st"])
def test_a_name_that_is_no_snake_case_is_refused(name: str) -> None:
    with pytest.raises(DictionaryError, match="snake_case"):
        Column(name, "int", "A price.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"zone": "raw"}, "zone"),
        ({"columns": (ID, ID)}, "declared twice"),
        ({"key": ("day",)}, "may be null"),
        ({"key": ("nothing",)}, "no column 'nothing'"),
        ({"partition": ("month(nothing)",)}, "no column 'nothing'"),
        ({"partition": ("truncate(2, id)",)}, "partition"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(DictionaryError, match=message):
        table(**changes)


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        table().name = "other"  # type: ignore[misc]


def test_decimals_know_their_precision_and_scale() -> None:
    assert decimal_parts("decimal(12,2)") == (12, 2)
    assert decimal_parts("bigint") is None


def test_a_partitioned_table_knows_the_columns_that_it_is_partitioned_by() -> None:
    assert table(partition=("month(day)", "id")).partition_columns == ("day", "id")
    assert table().partition_columns == ()


def test_tables_are_found_by_their_identifier() -> None:
    assert list(TABLES) == [each.identifier for each in TABLES.values()]
    assert {identifier.split(".")[0] for identifier in TABLES} == {"curated", "forecast"}


def test_every_column_says_something_of_its_own() -> None:
    for each in TABLES.values():
        docs = [column.doc for column in each.columns]
        assert len(set(docs)) == len(docs), each.identifier
        assert all(doc.endswith((".", "…")) for doc in docs), each.identifier


def test_people_are_tagged_wherever_they_appear() -> None:
    for each in TABLES.values():
        tags = {column.name: column.tag for column in each.columns}
        assert tags.get("household_id", "pseudonym") == "pseudonym"
    personal = [
        column.name for column in TABLES["curated.customer"].columns if column.tag == "personal"
    ]
    assert len(personal) == 7


def test_the_dictionary_needs_nothing_but_python() -> None:
    code = (
        "import sys; import spark.tables; "
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('pyspark', 'pandas', 'pyarrow', 'dagster')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
