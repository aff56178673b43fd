"""What was rejected is listed, exported, corrected and released from a shell."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from product360_assets.cli.commands import app
from product360_assets.core.contract import known_contracts
from product360_assets.raw.acceptance import Acceptance
from resources.ledger import Batch, Ledger, ZoneState
from resources.local.ledger import SqliteLedger
from resources.objects import LakeResource

DAY = date(2017, 5, 1)
RULES = {"1,x": "type", "2,-1": "amount"}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@dataclass(frozen=True)
class Held:
    """A home with one batch of the first file source, whose two rows were both rejected."""

    lake: LakeResource
    ledger: Ledger
    batch: Batch
    source: str
    table: str
    columns: list[str]

    def export(self, path: Path, *, batch: str | None = None) -> list[dict[str, str]]:
        result = run("quarantine", "show", batch or self.batch.batch_id, "--format", "csv")
        assert result.exit_code == 0, result.stderr
        path.write_text(result.stdout, encoding="utf-8")
        return list(csv.DictReader(io.StringIO(result.stdout)))


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def held(empty_home: Path) -> Held:
    """The state that a clean job leaves, written here; the real job has its own tests."""
    contract = next(c for c in known_contracts().values() if c.kind == "files")
    table = next(table for table in contract.tables if table.format == "csv")
    columns = [column.delivered_name for column in table.columns]
    lake = LakeResource(uri=f"file://{empty_home}/lake")
    ledger = SqliteLedger(empty_home / "ledger.db")
    lines = [",".join([record, *["v"] * (len(columns) - 2)]) for record in RULES]
    text = "\n".join([",".join(columns), *lines, ""])
    key = f"{contract.name}/{table.delivered_name}/{DAY}/a.csv"
    lake.zone("landing").put(key, text.encode())
    Acceptance(contract, table, ledger, lake.zone("landing"), lake.zone("raw")).accept([DAY])
    [batch] = ledger.batches(contract.name, table.name)
    [accepted] = ledger.accepted_objects(batch.batch_id)
    rows = [
        _rejected(batch, accepted.raw_key, line, rule)
        for line, rule in zip(lines, RULES.values(), strict=True)
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), sink)
    place = f"{contract.name}/{table.name}/unit=u1"
    lake.zone("clean").put(f"quarantine/{place}/part-0.parquet", sink.getvalue())
    ledger.record_zone(_state(batch, contract.config_version(table.name)), replacing=None)
    return Held(lake, ledger, batch, contract.name, table.name, columns)


_SCHEMA = pa.schema(
    {
        **dict.fromkeys(("column", "rule", "reason", "raw_text", "_batch_id"), pa.string()),
        "_landing_date": pa.date32(),
        "_source_file": pa.string(),
        "_row_number": pa.int64(),
        "_ingested_at": pa.timestamp("us", tz="UTC"),
        "_epoch": pa.string(),
        "_committed_at": pa.timestamp("us", tz="UTC"),
        **dict.fromkeys(("_change_sequence", "_operation", "_correction_id"), pa.string()),
    }
)


def _rejected(batch: Batch, file: str, line: str, rule: str) -> dict[str, object]:
    return {
        "column": None,
        "rule": rule,
        "reason": f"broke {rule}",
        "raw_text": line,
        "_batch_id": batch.batch_id,
        "_landing_date": batch.landing_date,
        "_source_file": file,
        "_ingested_at": datetime(2017, 5, 1, tzinfo=UTC),
        "_epoch": "0",
        "_operation": "I",
    }


def _state(batch: Batch, config_version: str) -> ZoneState:
    details: Mapping[str, str] = {f"quarantine.{rule}": "1" for rule in RULES.values()}
    return ZoneState(
        *(batch.batch_id, "clean", 2, 0, 2, "nowhere", "u1", "c1", config_version, None),
        recorded_at=datetime(2017, 5, 1, tzinfo=UTC),
        details=details,
    )


def test_what_is_held_is_listed_with_its_age_and_exit_status_one(held: Held) -> None:
    result = run("quarantine", "list", "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {
            "source": held.source,
            "table": held.table,
            "landing_date": "2017-05-01",
            "batch": held.batch.batch_id,
            "rule": rule,
            "rows": 1,
            "released": 0,
            "waiting": 1,
            "days": 0,
        }
        for rule in ("amount", "type")
    ]


@pytest.mark.usefixtures("empty_home")
def test_where_nothing_is_held_all_is_well() -> None:
    result = run("quarantine", "list", "--format", "csv")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1


def test_a_list_is_narrowed(held: Held) -> None:
    def rules(*options: str) -> list[str]:
        stdout = run("quarantine", "list", "--format", "json", *options).stdout
        return [line["rule"] for line in json.loads(stdout)]

    assert rules("--rule", "type") == ["type"]
    assert rules("--since", "2017-05-02") == []
    assert rules("--source", held.source, "--table", held.table) == ["amount", "type"]
    other = next(name for name in known_contracts() if name != held.source)
    assert rules("--source", other) == []


def test_rows_are_shown_under_the_names_of_their_source(held: Held, tmp_path: Path) -> None:
    [first, second] = held.export(tmp_path / "fix.csv")
    assert list(first)[6:-1] == held.columns
    assert (first[held.columns[0]], first["quarantine_rule"]) == ("1", "type")
    assert (second[held.columns[1]], second["quarantine_reason"]) == ("-1", "broke amount")


def test_one_row_is_shown_by_its_id(held: Held, tmp_path: Path) -> None:
    [first, second] = held.export(tmp_path / "fix.csv")
    shown = run("quarantine", "show", second["quarantine_id"], "--format", "json")
    assert [row["quarantine_id"] for row in json.loads(shown.stdout)] == [second["quarantine_id"]]
    assert first["quarantine_id"] != second["quarantine_id"]


def test_a_limit_says_what_it_left_out(held: Held) -> None:
    result = run("quarantine", "show", held.batch.batch_id, "--limit", "1", "--format", "csv")
    assert len(result.stdout.splitlines()) == 2
    assert "Not shown: 1." in result.stderr


def test_corrected_rows_are_released_and_shown_as_such(held: Held, tmp_path: Path) -> None:
    [first, second] = held.export(tmp_path / "fix.csv")
    first[held.columns[1]] = "7"
    path = write(tmp_path / "fix.csv", [first, second])

    result = run(
        *("quarantine", "release", "--from", str(path), "--why", "a slip", "--by", "ann"),
        *("--format", "json"),
    )

    assert result.exit_code == 0, result.stderr
    [release] = json.loads(result.stdout)
    assert (release["rows"], release["by"], release["why"]) == (1, "ann", "a slip")
    [landed] = held.lake.zone("landing").list(f"{held.source}/_corrections/")
    [line] = held.lake.zone("landing").read(landed.key).decode().splitlines()
    assert json.loads(line)[held.columns[1]] == "7"
    assert json.loads(line)["_batch_id"] == held.batch.batch_id
    [again, other] = held.export(tmp_path / "again.csv")
    assert again["quarantine_released"].startswith("by ann on ")
    assert again["quarantine_released"].endswith(": a slip")
    assert other["quarantine_released"] == ""
    listed = json.loads(run("quarantine", "list", "--format", "json").stdout)
    assert {line["rule"]: line["waiting"] for line in listed} == {"type": 0, "amount": 1}


def test_a_file_in_which_nothing_was_changed_releases_nothing(held: Held, tmp_path: Path) -> None:
    path = tmp_path / "fix.csv"
    held.export(path)
    result = run("quarantine", "release", "--from", str(path), "--why", "a slip")
    assert result.exit_code == 1
    assert "No row was released" in result.stderr
    assert list(held.lake.zone("landing").list(f"{held.source}/_corrections/")) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n", "no column quarantine_batch"),
        ("quarantine_id,quarantine_batch\n1\n", "of other length than the header"),
        ("quarantine_id,quarantine_batch\n1,none\n", "no batch of this id"),
    ],
)
@pytest.mark.usefixtures("held")
def test_a_file_that_is_none_of_ours_is_refused(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "fix.csv"
    path.write_text(content)
    result = run("quarantine", "release", "--from", str(path), "--why", "a slip")
    assert result.exit_code == 1
    assert said in result.stderr


@pytest.mark.usefixtures("held")
def test_what_is_not_in_quarantine_is_not_shown() -> None:
    result = run("quarantine", "show", "nothing")
    assert result.exit_code == 1
    assert "Next: list what quarantine holds" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--source", "nowhere"],
        ["list", "--table", "order"],
        ["list", "--since", "May"],
        ["show"],
        ["release", "--from", "missing.csv", "--why", "x"],
        ["release", "--from", __file__],
        ["release", "--from", __file__, "--why", " "],
    ],
)
@pytest.mark.usefixtures("empty_home")
def test_wrong_usage_is_exit_status_two(arguments: list[str]) -> None:
    assert run("quarantine", *arguments).exit_code == 2


def test_a_dry_replay_prints_what_would_be_done_and_does_nothing(held: Held) -> None:
    options = ["--source", held.source, "--from", "2017-05-01", "--to", "2017-05-31"]
    before = held.ledger.zone_states(held.source, held.table, "clean")

    result = run("replay", *options, "--dry-run", "--format", "json")

    assert result.exit_code == 0, result.stderr
    [step] = json.loads(result.stdout)
    assert (step["batch"], step["objects"], step["quarantined"]) == (held.batch.batch_id, 1, 2)
    assert "Batches to make clean again from raw: 1, of 1 landing dates." in result.stderr
    assert held.ledger.zone_states(held.source, held.table, "clean") == before


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--source", "nowhere", "--from", "2017-05-01", "--to", "2017-05-02"], 2),
        (["--from", "2017-05-01", "--to", "2017-05-02"], 2),
        (["--source", "HELD", "--from", "2017-05-03", "--to", "2017-05-02"], 2),
        (["--source", "HELD", "--from", "2017-06-01", "--to", "2017-06-02"], 1),
    ],
)
def test_a_replay_of_nothing_says_so(held: Held, options: list[str], status: int) -> None:
    options = [held.source if option == "HELD" else option for option in options]
    assert run("replay", *options).exit_code == status
