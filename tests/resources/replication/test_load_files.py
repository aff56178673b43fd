"""Blocks become files in their order, a few at a time, and an error of either thread ends both."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resources.local.load_files import LoadFiles, meanwhile
from resources.objects import LakeResource

COLUMNS = pa.schema([("id", pa.int64())])


def test_work_is_done_in_order_beside_the_reading() -> None:
    done: list[tuple[int, int]] = []
    meanwhile(lambda number: done.append((number, threading.get_ident())), range(50))
    assert [number for number, _ in done] == list(range(50))
    assert threading.get_ident() not in {thread for _, thread in done}


def test_reading_waits_for_work_that_is_slower() -> None:
    read, worked, ahead = 0, 0, []

    def things() -> Iterator[int]:
        nonlocal read
        for number in range(30):
            read += 1
            ahead.append(read - worked)
            yield number

    def work(_number: int) -> None:
        nonlocal worked
        time.sleep(0.005)
        worked += 1

    meanwhile(work, things())
    assert worked == 30
    assert max(ahead) <= 6


def test_an_error_of_the_work_ends_the_reading_and_what_waits() -> None:
    read: list[int] = []
    worked: list[int] = []

    def things() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    def work(number: int) -> None:
        if number == 3:
            raise ValueError("no room")
        worked.append(number)

    with pytest.raises(ValueError, match="no room"):
        meanwhile(work, things())
    assert len(read) < 1000
    count = len(worked)
    time.sleep(0.05)
    assert len(worked) == count


def test_an_error_of_the_reading_ends_the_work() -> None:
    worked: list[int] = []

    def things() -> Iterator[int]:
        yield from range(3)
        raise ConnectionError("the server is gone")

    with pytest.raises(ConnectionError):
        meanwhile(worked.append, things())
    assert worked == sorted(worked)
    assert not [t for t in threading.enumerate() if t.name.startswith("load")]


@pytest.mark.parametrize("first", [1, 9_998, 9_999_999, 10**18 - 1])
def test_change_sequences_count_on_through_blocks_and_files(tmp_path: Path, first: int) -> None:
    landing = LakeResource(uri=f"file://{tmp_path}").zone("landing")
    files = LoadFiles(
        "lines/",
        COLUMNS,
        landing=landing,
        scratch=tmp_path,
        rows_per_file=12_000,
        started_at=datetime(2017, 5, 1, 12, tzinfo=UTC),
        first_record=first,
    )
    for begin in range(0, 30_000, 7_500):
        block = "".join(f"{number}\n" for number in range(begin, begin + 7_500))
        files.add(bytearray(block, encoding="utf-8"))
    files.end_file()

    assert (files.rows, files.files) == (30_000, 3)
    assert files.bytes == sum(info.size for info in landing.list("lines/"))
    read = pa.concat_tables(
        pq.read_table(landing.uri_of(info.key).removeprefix("file://"))
        for info in landing.list("lines/")
    )
    assert read["id"].to_pylist() == list(range(30_000))
    assert read["ar_h_change_seq"].to_pylist() == [
        f"2017050112000000{number:019d}" for number in range(first, first + 30_000)
    ]
