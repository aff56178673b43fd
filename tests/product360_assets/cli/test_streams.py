"""`product360 stream` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from product360_assets.cli.commands import app
from resources.local.event_streams import LocalStream


def run(*arguments: str, given: bytes | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["stream", *arguments], input=given)
    return done.exit_code, done.output


@pytest.fixture
def clicks(empty_home: Path) -> LocalStream:
    return LocalStream(empty_home / "streams.db", "clicks")


def held(stream: LocalStream) -> list[list[bytes]]:
    """The records of every shard."""
    return [
        [record.data for record in stream.read(shard.shard_id, after=None).records]
        for shard in stream.shards()
    ]


def test_each_line_of_a_file_is_a_record(clicks: LocalStream, tmp_path: Path) -> None:
    file = tmp_path / "clicks.json"
    file.write_bytes(b'{"id": 1}\n\n{"id": 2}\r\nno JSON \xff')
    assert run("put", "clicks", str(file)) == (0, "3 records put into clicks\n")
    assert held(clicks) == [[b'{"id": 1}', b'{"id": 2}', b"no JSON \xff"]]
    assert run("put", "clicks", "-", given=b'{"id": 3}\n')[0] == 0
    assert held(clicks)[0][-1] == b'{"id": 3}'


def test_a_field_says_which_events_stay_together(clicks: LocalStream) -> None:
    clicks.create(4)
    events = [b'{"visitor": "%d", "n": %d}' % (number % 3, number) for number in range(9)]
    assert run("put", "clicks", "-", "--key", "visitor", given=b"\n".join(events))[0] == 0
    shards = held(clicks)
    assert sorted(record for records in shards for record in records) == sorted(events)
    visitors = [{record[:14] for record in records} for records in shards]
    assert sum(map(len, visitors)) == 3


def test_shards_are_shown_with_their_parents(clicks: LocalStream) -> None:
    clicks.create(1)
    clicks.split("shardId-000000000000")
    status, text = run("shards", "clicks", "--format", "csv")
    assert status == 0
    assert text.splitlines() == [
        "shard,parents",
        "shardId-000000000000,",
        "shardId-000000000001,shardId-000000000000",
        "shardId-000000000002,shardId-000000000000",
    ]


@pytest.mark.usefixtures("empty_home")
def test_a_stream_or_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    status, text = run("shards", "cliks")
    assert status == 1
    assert "stream 'cliks': found no stream of that name" in text
    assert run("put", "clicks", str(tmp_path / "nothing"))[0] == 2
