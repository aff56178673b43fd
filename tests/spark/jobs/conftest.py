"""A cleaner that runs `clean` on files that a test writes, and reads back what it made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from spark.jobs import clean

COLUMNS = [
    {"name": "id", "source_name": "ID", "type": "bigint", "nullable": False},
    {"name": "name", "source_name": None, "type": "string", "nullable": True},
    {"name": "price", "source_name": None, "type": "decimal(12,2)", "nullable": True},
]


class Reported:
    """What a job said."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.all: list[dict[str, Any]] = []

    def progress(self, message: str) -> None:
        self.messages.append(message)

    def results(self, results: list[dict[str, Any]]) -> None:
        self.all = results


@dataclass
class Cleaned:
    """Everything that one call made."""

    results: dict[str, dict[str, Any]]
    rows: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]

    def values(self, *names: str) -> list[tuple[Any, ...]]:
        return sorted((tuple(row[name] for name in names) for row in self.rows), key=repr)

    def problems(self) -> list[tuple[str | None, str]]:
        return sorted(((row["column"], row["rule"]) for row in self.quarantine), key=repr)


@dataclass
class Cleaner:
    """Writes files into batches and cleans them."""

    session: SparkSession
    folder: Path
    batches: dict[str, list[str]] = field(default_factory=dict)

    def deliver(self, name: str, content: str | bytes, *, batch: str = "2017-01-09-a") -> Path:
        path = self.folder / "raw" / batch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(data)
        self.batches.setdefault(batch, []).append(name)
        return path

    def clean(self, kind: str, **changes: object) -> Cleaned:
        report = Reported()
        clean.run(self.session, self.spec(kind, **changes), report)  # type: ignore[arg-type]
        results = {result["batch_id"]: result for result in report.all}
        made = [result for result in report.all if result["location"] is not None]
        rows = [row for result in made for row in read(result["location"])]
        held = read(f"file://{self.folder}/quarantine/unit=1") if made else []
        for result in report.all:
            assert result["rows_in"] == result["rows_out"] + result["rows_quarantined"]
        assert len(rows) == sum(result["rows_out"] for result in report.all)
        assert len(held) == sum(result["rows_quarantined"] for result in report.all)
        return Cleaned(results, rows, held)

    def staged(self) -> int:
        """Rows that a finished call left in its staging folder."""
        files = (self.folder / "clean/.staging-unit=1").rglob("*.parquet")
        return sum(pq.read_metadata(file).num_rows for file in files)

    @staticmethod
    def column(name: str, kind: str, **more: object) -> dict[str, object]:
        return {"name": name, "source_name": None, "type": kind, "nullable": True, **more}

    def spec(self, kind: str, **changes: object) -> dict[str, Any]:
        batches = [
            {
                "batch_id": batch,
                "landing_date": batch[:10],
                "epoch": "0",
                "files": [
                    {"uri": f"file://{self.folder}/raw/{batch}/{name}", "name": name}
                    for name in names
                ],
            }
            for batch, names in self.batches.items()
        ]
        return {
            "source": "shop",
            "table": "article",
            "format": kind,
            "operation_column": None,
            "commit_time_column": None,
            "change_sequence_column": None,
            "columns": COLUMNS,
            "key": ["id"],
            "rules": [],
            "unique": None,
            "time_zone": "Europe/Paris",
            "batches": batches,
            "output": f"file://{self.folder}/clean/unit=1",
            "quarantine": f"file://{self.folder}/quarantine/unit=1",
            **changes,
        }


@pytest.fixture
def cleaner(every_session: SparkSession, tmp_path: Path) -> Cleaner:
    return Cleaner(every_session, tmp_path)


@pytest.fixture
def make_cleaner() -> type[Cleaner]:
    """For tests of one engine."""
    return Cleaner


def read(location: str) -> list[dict[str, Any]]:
    """Rows of a Parquet folder, by a reader that is no engine."""
    files = sorted(Path(location.removeprefix("file://")).glob("*.parquet"))
    assert files, f"{location} holds no file"
    rows: list[dict[str, Any]] = []
    for file in files:
        rows += pq.ParquetFile(file).read().to_pylist()
    return rows
