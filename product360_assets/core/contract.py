"""What a source system promises: the model of `sources/<system>/defs.yaml`.

One file per system is the only place where its tables, columns, keys and rules are written; assets,
checks, jobs and the command line all read it through these classes. Constraints are JSON schema
wherever JSON schema can say them, because `dg check yaml` reports those with file and line.

The hazard: `config_version` decides whether clean data is made again. It covers what can change a
row and nothing else, so that correcting a description does not rebuild a year of history.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dagster_shared.yaml_utils import parse_yaml_with_source_position
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from resources.errors import ContractInvalid

SOURCES = Path(__file__).parents[1] / "sources"

SourceKind = Literal["database", "saas", "files", "stream"]
FileFormat = Literal["parquet", "csv", "json"]
Sensitivity = Literal["public", "internal", "personal", "sensitive"]
Treatment = Literal["keep", "mask", "hash", "drop"]
RuleAction = Literal["warn", "quarantine", "halt"]
Cadence = Literal["continuous", "hourly", "daily", "weekly", "monthly"]
DriftMode = Literal["strict", "evolve", "freeze", "discard"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Text = Annotated[str, Field(min_length=1)]
Owner = Annotated[str, Field(pattern=r"^(team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+)$")]
ColumnType = Annotated[
    str,
    Field(
        pattern=r"^(string|int|bigint|double|boolean|date|timestamp"
        r"|decimal\(([1-9]|[12][0-9]|3[0-8]),([0-9]|[12][0-9]|3[0-8])\))$",
        description="A Spark type in lower case, such as bigint, timestamp or decimal(12,2)",
    ),
]


class _Strict(BaseModel):
    # A misspelled attribute must be an error: ignored, it would be a rule that never runs.
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnContract(_Strict):
    """One column as it is published in clean."""

    name: Name
    source_name: Text | None = Field(None, description="Its name at the source, if different")
    type: ColumnType
    nullable: bool = False
    description: Text
    sensitivity: Sensitivity = "public"
    treatment: Treatment = Field("keep", description="What readers without a grant get to see")
    allowed: tuple[str, ...] | None = Field(None, description="The only values that are right")

    @property
    def delivered_name(self) -> str:
        """The column's name in delivered objects."""
        return self.source_name or self.name


class RuleContract(_Strict):
    """A claim about every row. `expression` is SQL over the typed columns: true is good."""

    name: Name
    expression: Text
    action: RuleAction
    why: Text


class UniqueContract(_Strict):
    """What happens to a second row of a key within one batch."""

    action: RuleAction
    why: Text


class QuarantineContract(_Strict):
    """How many days of the data's own calendar a rejected row may wait for somebody."""

    warn_after_days: int = Field(7, gt=0)
    fail_after_days: int = Field(30, gt=0)

    @model_validator(mode="after")
    def _warns_before_it_fails(self) -> QuarantineContract:
        if self.warn_after_days > self.fail_after_days:
            raise ValueError(
                f"quarantine: fail_after_days is {self.fail_after_days}, which is before "
                f"warn_after_days ({self.warn_after_days})"
            )
        return self


class TableContract(_Strict):
    """One table of a source system."""

    name: Name
    source_name: Text | None = Field(None, description="Its name at the source, if different")
    description: Text
    format: FileFormat
    key: tuple[Name, ...] = Field(min_length=1, description="The business key")
    order: Name | None = Field(
        None, description="The column that says which of two versions of a row is newer"
    )
    cadence: Cadence
    freshness_hours: int = Field(gt=0)
    drift: DriftMode = "strict"
    unique: UniqueContract | None = None
    quarantine: QuarantineContract = QuarantineContract()
    columns: tuple[ColumnContract, ...] = Field(min_length=1)
    rules: tuple[RuleContract, ...] = ()

    @property
    def delivered_name(self) -> str:
        """The table's name at the source."""
        return self.source_name or self.name

    @model_validator(mode="after")
    def _names_are_known_and_single(self) -> TableContract:
        names = [column.name for column in self.columns]
        for kind, found in (("column", names), ("rule", [rule.name for rule in self.rules])):
            if twice := sorted({name for name in found if found.count(name) > 1}):
                raise ValueError(f"table {self.name}: {kind} {twice[0]!r} is declared twice")
        for use, used in (("key", self.key), ("order", (self.order,) if self.order else ())):
            if unknown := [name for name in used if name not in names]:
                raise ValueError(
                    f"table {self.name}: {use} names {unknown[0]!r}, which is not a column; "
                    f"its columns are {', '.join(names)}"
                )
        if nullable := [c.name for c in self.columns if c.name in self.key and c.nullable]:
            raise ValueError(f"table {self.name}: key column {nullable[0]!r} may not be nullable")
        return self


class SourceContract(_Strict):
    """One source system: how to reach it, and the tables it delivers."""

    name: Name
    kind: SourceKind
    description: Text
    owners: tuple[Owner, ...] = Field(min_length=1)
    time_zone: str = Field("UTC", description="IANA zone in which its business days begin and end")
    connection: Text | None = Field(None, description="Reference into the secrets, never a secret")
    tables: tuple[TableContract, ...] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _time_zone_exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, IsADirectoryError) as error:
            raise ValueError(f"{zone!r} is no IANA time zone, such as Europe/Paris") from error
        return zone

    @model_validator(mode="after")
    def _is_reachable_and_has_each_table_once(self) -> SourceContract:
        if self.kind in ("database", "saas") and self.connection is None:
            raise ValueError(f"source {self.name}: kind {self.kind} needs a `connection`")
        names = [table.name for table in self.tables]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"source {self.name}: table {twice[0]!r} is declared twice")
        return self

    def table(self, name: str) -> TableContract:
        """The table called `name`; KeyError when the system has none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(f"source {self.name} has no table {name!r}")

    def config_version(self, table: str) -> str:
        """First 12 hexadecimal digits of a hash over everything that can change a clean row."""
        declared = self.table(table)
        parts: dict[str, Any] = declared.model_dump(
            include={"format", "key", "order", "drift", "source_name"}
        )
        parts["columns"] = [
            column.model_dump(exclude={"description", "sensitivity", "treatment"})
            for column in declared.columns
        ]
        parts["rules"] = [rule.model_dump(exclude={"why"}) for rule in declared.rules]
        parts["unique"] = declared.unique.action if declared.unique else None
        parts["source"] = [self.name, self.kind, self.time_zone]
        document = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(document.encode()).hexdigest()[:12]


def load_contracts(folder: Path = SOURCES) -> Mapping[str, SourceContract]:
    """Every source system's contract by name, from `<folder>/<system>/defs.yaml`.

    Raises:
        ContractInvalid: a file does not follow the model; the message names file and line.
    """
    contracts: dict[str, SourceContract] = {}
    for path in sorted(folder.glob("*/defs.yaml")):
        contract = read_contract(path)
        if contract.name in contracts:
            raise ContractInvalid(
                str(path),
                found=f"a second source called {contract.name!r}",
                expected="one file for each source",
                next_move="give one of the two another `name`",
            )
        contracts[contract.name] = contract
    return contracts


@cache
def known_contracts() -> Mapping[str, SourceContract]:
    """The contracts of this installation by name, read once in a process.

    Raises:
        ContractInvalid: see `load_contracts`.
    """
    return MappingProxyType(dict(load_contracts()))


def read_contract(path: Path) -> SourceContract:
    """The contract in one YAML file.

    Raises:
        ContractInvalid: the file does not follow the model; the message names file and line.
    """
    parsed = parse_yaml_with_source_position(path.read_text(encoding="utf-8"), str(path))
    attributes = parsed.value.get("attributes") if isinstance(parsed.value, dict) else None
    try:
        return SourceContract.model_validate(attributes)
    except ValidationError as error:
        first = error.errors()[0]
        position, _ = parsed.source_position_tree.lookup_closest_and_path(
            ["attributes", *first["loc"]], None
        )
        raise ContractInvalid(
            f"{path}:{position.start.line}",
            found=f"{'.'.join(map(str, first['loc'])) or 'attributes'}: {first['msg']}",
            expected="a source contract as docs/sources.md describes it",
            next_move="correct that line, then run `dg check yaml` and `dg check defs`",
        ) from error
