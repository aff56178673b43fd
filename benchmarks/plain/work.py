"""What every plain script is told: where raw is, what the sources declare, where to write.

    --raw FOLDER    the raw zone of a platform that has accepted everything
    --out FOLDER    empty; clean, quarantine, the tables and their catalog go there

The declarations are read from the same YAML files as the platform's, because two lists of columns
would measure their differences. Everything else a script does by itself. `counts.json` in the end
says what became of the rows; whoever compares the sides reads it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SOURCES = Path(__file__).parents[2] / "product360_assets" / "sources"
# What the replicator adds to each row of a database, in DMS's words.
CHANGE_COLUMNS = {"database": ("Op", "dms_timestamp", "ar_h_change_seq")}


@dataclass(frozen=True)
class SourceColumn:
    """One declared column; `type` in Spark's words."""

    name: str
    type: str
    nullable: bool
    allowed: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]

    @property
    def published(self) -> str:
        """The column as clean has it: its value, or the group of its value. SQL."""
        if not self.groups:
            return self.name
        cases = " ".join(
            f"WHEN {self.name} IN ({', '.join(map(repr, values))}) THEN {group!r}"
            for group, values in self.groups.items()
        )
        return f"CASE {cases} END AS {self.name}"


@dataclass(frozen=True)
class Rule:
    """A claim about each row, as SQL."""

    name: str
    expression: str
    action: str


@dataclass(frozen=True)
class SourceTable:
    """One table as its source declares it, and the folder of raw that holds it."""

    system: str
    name: str
    format: str
    key: tuple[str, ...]
    order: str | None
    unique: str | None
    columns: tuple[SourceColumn, ...]
    rules: tuple[Rule, ...]
    change_columns: tuple[str, ...]
    folder: Path

    @property
    def full_name(self) -> str:
        """Such as "pos.sales_line"."""
        return f"{self.system}.{self.name}"

    @property
    def files(self) -> str:
        """A pattern for its delivered files."""
        return f"{self.folder}/*/*/*"

    @property
    def delivered(self) -> tuple[str, ...]:
        """The columns of its files that are read."""
        return (*(column.name for column in self.columns), *self.change_columns)


@dataclass
class Work:
    """The script's task, and what it has to say about what it did."""

    raw: Path
    out: Path
    options: Mapping[str, str]
    cleaned: dict[str, dict[str, int]] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def tables(self) -> list[SourceTable]:
        """Every declared table, by name."""
        return list(_declared(self.raw))

    def clean_folder(self, table: str) -> Path:
        """Where a table's clean rows go, by batch."""
        return self.out / "clean" / table

    def quarantine_folder(self, table: str) -> Path:
        """Where a table's rejected rows go."""
        return self.out / "quarantine" / table

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Remember how long a part took."""
        began = time.monotonic()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - began

    def account(
        self,
        table: str,
        *,
        files: Mapping[str, int],
        staged: Mapping[str, int],
        written: Mapping[str, int],
        quarantined: Mapping[str, int],
    ) -> None:
        """Compare the four counts of a table by batch, and keep their sums.

        Raises:
            SystemExit: a row was lost or invented.
        """
        for batch, rows in files.items():
            kept, held = written.get(batch, 0), quarantined.get(batch, 0)
            if staged.get(batch, 0) != rows or kept + held != rows:
                raise SystemExit(f"{table}, batch {batch}: {rows} in, {kept} out, {held} held")
        self.cleaned[table] = {
            "in": sum(files.values()),
            "out": sum(written.values()),
            "quarantined": sum(quarantined.values()),
        }

    def tell(self) -> None:
        """Write `counts.json`."""
        document = {"clean": self.cleaned, "curated": self.published, "seconds": self.seconds}
        (self.out / "counts.json").write_text(json.dumps(document, indent=1, sort_keys=True))


def work_from(arguments: Sequence[str] | None = None) -> Work:
    """The task that the command line gives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--engine", default="sail", help="of the PySpark script: sail or spark")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    return Work(options.raw.absolute(), options.out.absolute(), {"engine": options.engine})


def expect(claim: str, *, holds: bool) -> None:
    """One check of a published table.

    Raises:
        SystemExit: it does not hold.
    """
    if not holds:
        raise SystemExit(f"expected: {claim}")


def _declared(raw: Path) -> Iterator[SourceTable]:
    for path in sorted(SOURCES.glob("*/defs.yaml")):
        system = yaml.safe_load(path.read_text())["attributes"]
        for table in system["tables"]:
            yield _table(system, table, raw)


def _table(system: Mapping[str, Any], table: Mapping[str, Any], raw: Path) -> SourceTable:
    rules = table.get("rules", [])
    return SourceTable(
        system=system["name"],
        name=table["name"],
        format=table["format"],
        key=tuple(table["key"]),
        order=table.get("order"),
        unique=table["unique"]["action"] if "unique" in table else None,
        columns=tuple(
            SourceColumn(
                column["name"],
                column["type"],
                column.get("nullable", False),
                tuple(column.get("allowed", ())),
                column.get("generalise", {}).get("groups", {}),
            )
            for column in table["columns"]
        ),
        rules=tuple(Rule(rule["name"], rule["expression"], rule["action"]) for rule in rules),
        change_columns=CHANGE_COLUMNS.get(system["kind"], ()),
        folder=raw / system["name"] / table["name"],
    )
