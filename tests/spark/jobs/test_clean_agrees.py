"""The fast parsers and the strict reader see the same records in hundreds of odd little files.

The strict reader is an implementation of its own (Python's csv and json). Whatever the engine's
parsers would forgive or understand otherwise has to be sent to the strict reader, so the outcome of
the job must equal the strict reader's view of every file.
"""

from __future__ import annotations

import random

import pytest

from spark.records import records_of

# Every one, or in `make test` every third.
SEEDS = pytest.mark.parametrize(
    "seeds", [range(1, 120, 3), pytest.param(range(120), marks=pytest.mark.long)], ids=len
)
CSV_PIECES = [
    *("a", "b", "1", "22", " ", ",", ",", ",", "\n", "\n", "\n", "\r\n", "\r", "\t"),
    *('"', '"', '""', '"x"', '"x,y"', '"x\ny"', "\\", "'", "é", "\U0001f600", "\ufffd"),
    *("1,a\n", "2,b\n", '3,"c"\n', '4,"d""e"\n', "5,\n", ",\n", "\n\n", "   \n", "NULL"),
]
JSON_PIECES = [
    *('{"ID":1}\n', '{"ID":2,"name":"b"}\n', '{"name":null,"ID":"3"}\n', '{"ID":1.5}\n', "\n"),
    *("{", "}", "[", "]", ",", ":", '"', '"ID"', "1", "null", "true", " ", "\n", "\r\n", "\t"),
    *('{"ID":4,"name":"a} b"}\n', '{"ID":5,"name":[1,{"x":2}]}\n', '{"ID":6}{"ID":7}\n', "é"),
    *("{'ID':8}\n", '{"ID":9,}\n', '{"ID":010}\n', '{"ID":+1}\n', '{"ID":NaN}\n', "x", "\ufffd"),
    *('{"ID":10} x\n', '{"ID":11}]\n', '[{"ID":12}]\n', '{"ID":13,"name":"\\ud83d\\ude00"}\n'),
    *('{"ID":14,"name":"\\ud800"}\n', '{"ID":15,"ID":16}\n', '{"ID":17,"name":"\\x"}\n'),
    *('{"ID":23,"name":"\\u12"}\n', '{"ID":24,"name":"a\tb"}\n', '{"ID":25,"name":"\\u00e9"}\n'),
    *('{"ID":26, "name" : "\\\\x"}\n', '{"ID":1e5,"name":1E400}\n', '{"ID":-0,"name":-0.0}\n'),
    *('{"ID":18}],[{"ID":19}\n', '{"ID":20}] [\n', '{"ID":21} // x\n', '/* x */{"ID":22}\n'),
]


def odd_file(pieces: list[str], seed: int, header: str) -> bytes:
    dice = random.Random(seed)
    text = "".join(dice.choice(pieces) for _ in range(dice.randrange(1, 14)))
    data = (header + text).encode()
    if dice.random() < 0.1:
        place = dice.randrange(len(header.encode()), len(data) + 1)
        data = data[:place] + b"\xff" + data[place:]
    return data


def outcome(content: bytes, kind: str) -> tuple[list[tuple[str | None, str | None]], int]:
    records = list(records_of(content, kind, ["ID", "name"]))
    good = [(each.fields.get("ID"), each.fields.get("name")) for each in records if not each.broken]
    return sorted(good, key=repr), sum(each.broken is not None for each in records)


def agrees(cleaner, kind: str, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        cleaner.deliver(name, content)
    columns = [
        cleaner.column("id", "string", source_name="ID"),
        cleaner.column("name", "string"),
    ]
    cleaned = cleaner.clean(kind, columns=columns, key=[])
    for name, content in files.items():
        rows = [(row["id"], row["name"]) for row in cleaned.rows if row["_source_file"] == name]
        bad = sum(row["_source_file"] == name for row in cleaned.quarantine)
        assert (sorted(rows, key=repr), bad) == outcome(content, kind), content
    slow = cleaned.results["2017-01-09-a"]["details"]["files.read_record_by_record"]
    # Otherwise this would compare the strict reader with itself.
    assert int(slow) < len(files) * 0.9


@SEEDS
def test_csv_parsers_agree_with_the_strict_reader(cleaner, seeds: range) -> None:
    files = {f"{seed}.csv": odd_file(CSV_PIECES, seed, "ID,name\n") for seed in seeds}
    agrees(cleaner, "csv", files)


@SEEDS
def test_json_parsers_agree_with_the_strict_reader(cleaner, seeds: range) -> None:
    files = {f"{seed}.json": odd_file(JSON_PIECES, seed, "") for seed in seeds}
    agrees(cleaner, "json", files)
