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
from pydantic import Field, ValidationError, field_validator, model_validator

from product360_assets.core.fetching import Cadence, PullContract, StreamName
from product360_assets.core.rules import QuarantineContract, RuleContract, UniqueContract
from product360_assets.core.subject import OfSubject
from product360_assets.core.treatments import FOR_KEYS, Name, Text
from product360_assets.core.treatments import Strict as _Strict
from resources.errors import ContractInvalid

SOURCES = Path(__file__).parents[1] / "sources"

SourceKind = Literal["database", "saas", "files", "stream"]
FileFormat = Literal["parquet", "csv", "json"]
Sensitivity = Literal["public", "internal", "personal", "sensitive"]
DriftMode = Literal["strict", "evolve", "freeze", "discard"]

Owner = Annotated[str, Field(pattern=r"^(team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+)$")]


class ColumnContract(OfSubject):
    """One column: what is delivered, and how clean publishes it."""

    name: Name
    source_name: Text | None = Field(None, description="Its name at the source, if different")
    description: Text
    sensitivity: Sensitivity = "public"
    allowed: tuple[str, ...] | None = Field(None, description="The only values that are right")

    @property
    def delivered_name(self) -> str:
        """The column's name in delivered objects."""
        return self.source_name or self.name


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
    drift: DriftMode = Field(
        "strict",
        description="What a delivery means whose columns are not the declared ones. strict: any "
        "difference refuses the batch; freeze: new and changed columns do; evolve: new columns and "
        "wider types become the next version of this contract; discard: what is not declared is "
        "left out, and what does not fit goes to quarantine",
    )
    pull: PullContract = Field(PullContract(), description="How it is pulled; services only")
    stream: StreamName | None = Field(
        None, description="The stream that its events are read from; without it, files come"
    )
    unique: UniqueContract | None = None
    quarantine: QuarantineContract = QuarantineContract()
    columns: tuple[ColumnContract, ...] = Field(min_length=1)
    rules: tuple[RuleContract, ...] = ()

    @property
    def delivered_name(self) -> str:
        """The table's name at the source."""
        return self.source_name or self.name

    @property
    def published_columns(self) -> tuple[ColumnContract, ...]:
        """The columns that clean has."""
        return tuple(column for column in self.columns if column.is_published)

    @property
    def subjects(self) -> frozenset[str]:
        """The kinds of person whose keys it holds."""
        return frozenset(column.subject for column in self.columns if column.subject)

    @property
    def is_treated(self) -> bool:
        """Whether a column is treated; making the table clean then needs a key."""
        return any(column.treatment != "keep" for column in self.columns)

    @model_validator(mode="after")
    def _key_and_order_survive_their_treatment(self) -> TableContract:
        for column in self.columns:
            if column.name in self.key and column.treatment not in FOR_KEYS:
                raise ValueError(
                    f"table {self.name}: key column {column.name!r} has the treatment "
                    f"{column.treatment}; a key can be {', '.join(sorted(FOR_KEYS))}"
                )
            if complaint := column.erasure_complaint(is_key=column.name in self.key):
                raise ValueError(f"table {self.name}: column {column.name!r} {complaint}")
            if column.name == self.order and column.treatment != "keep":
                raise ValueError(
                    f"table {self.name}: order column {column.name!r} has the treatment "
                    f"{column.treatment}; versions are put in order by it, so it is kept"
                )
        return self

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
        by_spelling = [column.delivered_name.casefold() for column in self.columns]
        if alike := [name for name in by_spelling if by_spelling.count(name) > 1]:
            raise ValueError(
                f"table {self.name}: two columns are called {alike[0]!r} at the source but for "
                "case, and no catalog could tell them apart"
            )
        if nullable := [c.name for c in self.columns if c.name in self.key and c.nullable]:
            raise ValueError(f"table {self.name}: key column {nullable[0]!r} may not be nullable")
        return self

    @model_validator(mode="after")
    def _keys_can_be_compared(self) -> TableContract:
        if self.pull.compare_keys is None:
            return self
        columns = {column.name: column for column in self.columns}
        if self.order is None or columns[self.order].type != "timestamp":
            raise ValueError(
                f"table {self.name}: compare_keys needs an `order` of type timestamp, because a "
                "deletion has its place in time"
            )
        if treated := [name for name in self.key if columns[name].treatment != "keep"]:
            raise ValueError(
                f"table {self.name}: compare_keys needs keys as the service knows them, and "
                f"{treated[0]!r} has a treatment"
            )
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
        pulled = [table.name for table in self.tables if table.pull != PullContract()]
        if pulled and self.kind != "saas":
            raise ValueError(
                f"source {self.name}: table {pulled[0]!r} has a `pull`, but no service"
            )
        for table in self.tables:
            if table.stream and (self.kind, table.format) != ("stream", "json"):
                raise ValueError(
                    f"source {self.name}: table {table.name!r} has a `stream`, which needs kind "
                    "stream and format json"
                )
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

    def treatment_of(self, table: TableContract, column: ColumnContract) -> dict[str, Any] | None:
        """A column's treatment as the job is told it; None where it is kept.

        Without a declared domain, a column's pseudonyms match nothing but themselves.
        """
        return column.treatment_document(default_domain=f"{self.name}.{table.name}.{column.name}")

    def config_version(self, table: str) -> str:
        """First 12 hexadecimal digits of a hash over everything that can change a clean row."""
        declared = self.table(table)
        parts: dict[str, Any] = declared.model_dump(
            include={"format", "key", "order", "drift", "source_name"}
        )
        unseen = {"description", "sensitivity", "subject", "erasure"}
        parts["columns"] = [column.model_dump(exclude=unseen) for column in declared.columns]
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
