"""A proposed YAML is valid at once and says what its data says, in whatever format that is."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from product360_assets.components.suggestion import Suggested, suggestion
from product360_assets.core.contract import TableContract, read_contract
from product360_assets.core.mistakes import mistakes
from resources.errors import SourceRejected
from resources.local.expressions import columns_read
from resources.local.profiling import profile_files

CUSTOMERS = [
    ("Customer ID", "E-Mail", "mobile", "First Name", "ZIP", "birth_date", "status", "spent"),
    *(
        (
            str(number),
            f"someone{number}@example.com",
            f"+33 6 12 34 56 {number % 90 + 10}",
            f"Name{number}",
            f"0{7000 + number}",
            "1974-02-01",
            ("open", "closed")[number % 2],
            f"{number}.5" if number % 10 else "",
        )
        for number in range(1, 101)
    ),
]


def as_csv(rows: list[tuple[str, ...]]) -> str:
    return "\n".join(",".join(row) for row in rows) + "\n"


Proposed = Callable[[Path], TableContract]


@pytest.fixture
def proposed(tmp_path: Path) -> Proposed:
    """The table of the contract that is proposed for some data, after every check of ours."""

    def read(path: Path) -> TableContract:
        file = tmp_path / "defs.yaml"
        text = suggestion(Suggested("shop", "customer", "files"), profile_files(path))
        file.write_text(text)
        assert mistakes([file], columns_read) == []
        return read_contract(file).table("customer")

    return read


def test_types_key_nulls_and_choices_come_from_the_values(
    proposed: Proposed, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(as_csv(CUSTOMERS))

    table = proposed(tmp_path / "a.csv")

    assert table.key == ("customer_id",)
    found = {c.name: (c.delivered_name, c.type, c.nullable) for c in table.columns}
    assert found == {
        "customer_id": ("Customer ID", "bigint", False),
        "e_mail": ("E-Mail", "string", False),
        "mobile": ("mobile", "string", False),
        "first_name": ("First Name", "string", False),
        "zip": ("ZIP", "string", False),
        "birth_date": ("birth_date", "date", False),
        "status": ("status", "string", False),
        "spent": ("spent", "decimal(12,2)", True),
    }
    assert [c.allowed for c in table.columns if c.allowed] == [("closed", "open")]
    assert [rule.expression for rule in table.rules] == ["spent >= 0"]
    assert {rule.action for rule in table.rules} == {"warn"}


def test_what_may_be_personal_is_proposed_as_personal(proposed: Proposed, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(as_csv(CUSTOMERS))

    treated = {
        column.name: (column.sensitivity, column.treatment)
        for column in proposed(tmp_path / "a.csv").columns
        if column.sensitivity != "public"
    }

    assert treated == {
        "e_mail": ("personal", "hash"),
        "mobile": ("personal", "hash"),
        "first_name": ("personal", "hash"),
        "zip": ("personal", "hash"),
        "birth_date": ("sensitive", "drop"),
    }


def test_a_pattern_is_enough_where_the_name_says_nothing(
    proposed: Proposed, tmp_path: Path
) -> None:
    rows = [("id", "c1", "c2"), *((str(n), f"x{n}@example.org", f"10.0.0.{n}") for n in range(9))]
    (tmp_path / "a.csv").write_text(as_csv(rows))

    columns = {column.name: column for column in proposed(tmp_path / "a.csv").columns}

    assert (columns["c1"].sensitivity, columns["c2"].sensitivity) == ("personal", "personal")
    assert "example.org" not in (tmp_path / "defs.yaml").read_text()


def test_json_fields_are_found_in_all_lines_and_numbers_with_zeros_stay_text(
    proposed: Proposed, tmp_path: Path
) -> None:
    lines = [
        {"id": 1, "code": "007", "at": "2017-05-01T08:00:00Z", "on": True},
        {"id": 2, "code": "010", "at": "2017-05-02T08:00:00.5Z", "on": False, "more": {"a": 1}},
    ]
    text = "\n".join(map(json.dumps, lines)) + "\nbroken\n"
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(text.encode()))

    table = proposed(tmp_path / "a.json.gz")

    assert {column.name: column.type for column in table.columns} == {
        "id": "bigint",
        "code": "string",
        "at": "timestamp",
        "on": "boolean",
        "more": "string",
    }


def test_parquet_keeps_its_types_and_leaves_out_what_cannot_be_declared(
    proposed: Proposed, tmp_path: Path
) -> None:
    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int32()),
            "order": pa.array([Decimal("1.5"), Decimal("2")], pa.decimal128(9, 2)),
            "updated_at": pa.array(
                [dt.datetime(2017, 5, 1, tzinfo=dt.UTC)] * 2, pa.timestamp("us")
            ),
            "tags": pa.array([["a"], []], pa.list_(pa.string())),
            "Op": ["I", "I"],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")

    found = proposed(tmp_path / "a.parquet")

    assert {column.name: column.type for column in found.columns} == {
        "id": "int",
        "order": "decimal(9,2)",
        "updated_at": "timestamp",
    }
    assert found.order == "updated_at"
    assert "# Left out: tags, of type VARCHAR[]" in (tmp_path / "defs.yaml").read_text()


def test_two_columns_are_the_key_where_none_alone_is(proposed: Proposed, tmp_path: Path) -> None:
    rows = [("store_id", "product_id", "week", "units")]
    rows += [(str(s), str(p), "1", str(s * p % 3)) for s in range(4) for p in range(4)]
    (tmp_path / "a.csv").write_text(as_csv(rows))
    assert proposed(tmp_path / "a.csv").key == ("store_id", "product_id")


def test_a_folder_is_read_in_the_format_that_most_of_it_has(
    proposed: Proposed, tmp_path: Path
) -> None:
    for day in ("2017-05-01", "2017-05-02"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "a.csv").write_text(f"id,day\n{day[-1]},{day}\n")
    (tmp_path / "readme.txt").write_text("Nothing.")

    found = proposed(tmp_path)

    assert (found.format, found.key) == ("csv", ("id",))


def test_words_that_yaml_or_sql_would_read_otherwise_stay_names(
    proposed: Proposed, tmp_path: Path
) -> None:
    names = ("no", "null", "group", "true: x", "- a", "#b")
    (tmp_path / "a.csv").write_text(as_csv([names, ("1", "2", "3", "4", "5", "6")]))
    found = proposed(tmp_path / "a.csv")
    assert tuple(column.delivered_name for column in found.columns) == names


def test_a_file_cannot_reach_another_one(tmp_path: Path) -> None:
    """A name is a name: what looks like SQL in a header is read as nothing else."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret\n")
    header = f"id,\"x\" VARCHAR}}) UNION ALL FROM read_text('{secret}') --"
    (tmp_path / "a.csv").write_text(f'"{header.replace(chr(34), chr(34) * 2)}",b\n1,2\n')

    profile = profile_files(tmp_path / "a.csv")

    assert [column.name for column in profile.columns] == [header, "b"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.parquet", b"PAR1"), ("a.txt", b"id\n1\n"), ("a.csv", b""), ("a.csv", b"id,id\n1,2\n")],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceRejected, match=str(tmp_path / name)):
        profile_files(tmp_path / name)
