"""Whether rows are written while they are judged or staged first, they are the same rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import spark.judging
from spark.failures import RowsUnaccounted, RuleHalted
from spark.formats.intake import Intake

RULES = [
    {"name": "price_is_not_negative", "expression": "price >= 0", "action": "quarantine"},
    {"name": "price_is_given", "expression": "price IS NOT NULL", "action": "warn"},
]
HALTING = [{"name": "price_is_positive", "expression": "price > 0", "action": "halt"}]
COPIES = {"action": "quarantine"}


def deliver_of_every_kind(cleaner: Any) -> None:
    cleaner.deliver("well.csv", "ID,name,price\n1,A,1\n2,B,\n", batch="2017-01-02-a")
    cleaner.deliver("well.csv", "ID,name,price\n3,C,3\n", batch="2017-01-03-b")
    cleaner.deliver("wrong.csv", "ID,name,price\n4,D,-4\nx,E,5\n6,F,6\n", batch="2017-01-03-b")
    cleaner.deliver("torn.csv", 'ID,name,price\n7,G,7\n8,"H\n9,I,9\n', batch="2017-01-04-c")
    cleaner.deliver("headless.csv", "a,b,c\n10,J,10\n", batch="2017-01-05-d")
    cleaner.deliver("twice.csv", "ID,name,price\n11,K,11\n11,L,11\n12,M,\n", batch="2017-01-05-d")
    cleaner.deliver("none.csv", "ID,name,price\nx,N,13\n", batch="2017-01-06-e")
    cleaner.deliver("empty.csv", "", batch="2017-01-07-f")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The last two names of each place that records are written to, in order."""
    places: list[str] = []
    write = spark.judging.write_rows

    def noted(rows: Any, uri: str, **more: Any) -> None:
        places.append("/".join(uri.split("/")[-2:]))
        write(rows, uri, **more)

    monkeypatch.setattr(spark.judging, "write_rows", noted)
    return places


def told(cleaned: Any) -> tuple[Any, ...]:
    results = {
        batch: {name: value for name, value in result.items() if name not in ("files", "bytes")}
        for batch, result in cleaned.results.items()
    }
    return results, sorted(map(repr, cleaned.rows)), sorted(map(repr, cleaned.quarantine))


def test_both_ways_make_the_same(cleaner, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver_of_every_kind(cleaner)
    straight = cleaner.clean("csv", rules=RULES, unique=COPIES)
    monkeypatch.setattr(spark.judging, "MANY_FILES", 0)
    staged = cleaner.clean("csv", rules=RULES, unique=COPIES)

    assert told(straight) == told(staged)
    assert {row["id"] for row in straight.rows} >= {1, 2, 3, 6, 7, 11, 12}
    assert {row["rule"] for row in straight.quarantine} >= {
        "price_is_not_negative",
        "type",
        "file",
        "unique",
    }
    assert straight.results["2017-01-02-a"]["details"] == {"warn.price_is_given": "1"}
    assert cleaner.staged() == 0


def test_what_was_delivered_well_is_read_and_written_once(
    cleaner, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_again: list[set[str]] = []
    only = Intake.only
    monkeypatch.setattr(
        Intake,
        "only",
        lambda self, files: read_again.append({each.name for each in files}) or only(self, files),
    )
    cleaner.deliver("well.csv", "ID,name,price\n1,A,1\n2,B,2\n")
    assert len(cleaner.clean("csv").rows) == 2
    assert (read_again, written) == ([], ["clean/unit=1"])

    cleaner.deliver("wrong.csv", "ID,name,price\n3,C,3\nx,D,4\n")
    assert len(cleaner.clean("csv").rows) == 3
    assert read_again == [{"wrong.csv"}]
    assert written[1:] == [
        "clean/unit=1",
        ".staging-unit=1/rejected",
        "quarantine/unit=1",
    ]


def test_many_small_files_are_packed(cleaner, written: list[str]) -> None:
    for number in range(spark.judging.MANY_FILES + 1):
        cleaner.deliver(f"{number}.csv", f"ID,name,price\n{number},A,1\n")
    cleaned = cleaner.clean("csv")
    assert len(cleaned.rows) == spark.judging.MANY_FILES + 1
    assert written == [".staging-unit=1/rows", "clean/unit=1"]


def test_what_has_to_be_known_of_all_rows_is_known_before_any_is_written(
    cleaner, written: list[str]
) -> None:
    cleaner.deliver("a.csv", "ID,name,price\n1,A,1\n")
    cleaner.clean("csv", drift="evolve")
    assert written == [".staging-unit=1/rows", "clean/unit=1"]


def test_records_that_python_reads_are_read_once(cleaner, written: list[str]) -> None:
    cleaner.deliver("torn.csv", 'ID,name,price\n1,A,1\n2,"B\n3,C,3\n')
    cleaner.clean("csv")
    assert written[0] == ".staging-unit=1/rows"


def test_a_call_that_halts_leaves_no_rows(cleaner) -> None:
    cleaner.deliver("a.csv", "ID,name,price\n1,A,1\n2,B,-2\n")
    with pytest.raises(RuleHalted):
        cleaner.clean("csv", rules=HALTING)
    files = (cleaner.folder / "clean/unit=1").rglob("*.parquet")
    assert sum(pq.read_metadata(file).num_rows for file in files) == 0


def test_rows_of_parquet_are_those_that_its_footer_counts(
    cleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cleaner.deliver("a.parquet", b"")
    pq.write_table(pa.table({"ID": [1, 2], "name": ["A", "B"]}), path)
    assert len(cleaner.clean("parquet").rows) == 2

    monkeypatch.setattr(
        "spark.formats.parquet.records", lambda _session, files: dict.fromkeys(files, 3)
    )
    with pytest.raises(RowsUnaccounted, match="found 2 records parsed, expected 3"):
        cleaner.clean("parquet")
