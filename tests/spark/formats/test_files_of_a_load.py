"""Both engines read the files that a full load of a database leaves, down to the last digit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from resources.local.load_files import LoadFiles
from resources.objects import LakeResource

ROWS = 20_000
COLUMNS = pa.schema([("id", pa.int64()), ("note", pa.string()), ("price", pa.decimal128(9, 2))])


def test_rows_and_their_sequence_are_read_as_they_were_written(
    every_session: SparkSession, tmp_path: Path
) -> None:
    files = LoadFiles(
        "lines/",
        COLUMNS,
        landing=LakeResource(uri=f"file://{tmp_path}").zone("landing"),
        scratch=tmp_path,
        rows_per_file=ROWS // 2,
        started_at=datetime(2017, 5, 1, 12, tzinfo=UTC),
        first_record=9_990,
    )
    numbers = range(ROWS)
    texts = ("", '""', "plain", '"a, ""b"""')
    files.add(
        bytearray("".join(f"{n},{texts[n % 4]},{n % 7}.5\n" for n in numbers), encoding="utf-8")
    )
    files.end_file()

    read = every_session.read.parquet(f"{tmp_path}/landing/lines").orderBy("id").collect()
    expected = (None, "", "plain", 'a, "b"')
    assert [row["note"] for row in read] == [expected[n % 4] for n in numbers]
    assert [str(row["price"]) for row in read] == [f"{n % 7}.50" for n in numbers]
    assert [row["ar_h_change_seq"] for row in read] == [
        f"2017050112000000{9_990 + n:019d}" for n in numbers
    ]
