"""Clean rows of successive versions of a contract are read together, older ones with nulls."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from spark.transforms.together import together, widest


def test_older_rows_have_null_for_what_came_later(every_session: SparkSession) -> None:
    frames = [
        every_session.sql(query)
        for query in (
            "SELECT 1 AS id, CAST(5 AS int) AS stock, CAST(1.5 AS decimal(9,2)) AS price",
            "SELECT 2 AS id, 3000000000 AS stock, CAST(2.5 AS decimal(9,2)) AS price, 'red' AS c",
            "SELECT 'blue' AS c, CAST(1 AS bigint) AS stock, 3 AS id, "
            "CAST(12345678.5 AS decimal(18,2)) AS price",
        )
    ]

    rows = together(frames)

    assert dict(rows.dtypes) == {
        "id": "int",
        "stock": "bigint",
        "price": "decimal(18,2)",
        "c": "string",
    }
    assert sorted(tuple(row) for row in rows.collect()) == [
        (1, 5, Decimal("1.50"), None),
        (2, 3_000_000_000, Decimal("2.50"), "red"),
        (3, 1, Decimal("12345678.50"), "blue"),
    ]


def test_rows_of_one_layout_are_left_alone(every_session: SparkSession) -> None:
    frame = every_session.sql("SELECT 1 AS id, 'A' AS name")
    assert [tuple(row) for row in together([frame, frame]).collect()] == [(1, "A")] * 2


@pytest.mark.parametrize(
    ("layouts", "expected"),
    [
        ([(("a", "bigint"),), (("a", "int"),)], {"a": "bigint"}),
        ([(("a", "int"),), (("b", "date"),)], {"a": "int", "b": "date"}),
        ([(("a", "void"),), (("a", "string"),)], {"a": "string"}),
    ],
)
def test_the_widest_type_counts(layouts: Any, expected: dict[str, str]) -> None:
    assert widest(layouts) == expected


def test_types_that_do_not_hold_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Column a: found string .* and int"):
        widest([(("a", "string"),), (("a", "int"),)])
