"""What a source promises about one table, as the `clean` job is told: the spec, as values.

The spec is one JSON document written by the asset graph; here its words are checked once, so that
nothing inland meets a dictionary. Batch ids become folder names, hence the narrow alphabet.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spark.failures import SpecInvalid
from spark.row_names import key_version, name_of
from spark.tables.model import is_type
from spark.transforms.treatment_spec import (
    TREATMENTS,
    KeyReference,
    Treatment,
    treatment_of,
)

FORMATS = ("parquet", "csv", "json")
ACTIONS = ("warn", "quarantine", "halt")
DRIFT_MODES = ("strict", "evolve", "freeze", "discard")
_BATCH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class DeclaredColumn:
    """One column: its name in clean and in the delivery, its Spark type, the values it may have.

    `treatment` is None for a column that is published as it was delivered.
    """

    name: str
    source_name: str
    type: str
    nullable: bool
    allowed: tuple[str, ...] | None
    treatment: Treatment | None = None
    # Whose key it holds, and what is done to a row when that one is erased.
    subject: str | None = None
    erasure: str = "remove"

    @property
    def how(self) -> str:
        """What is done to it, in a word."""
        return self.treatment.how if self.treatment else "keep"

    @property
    def published_type(self) -> str:
        """Its Spark type in clean."""
        return self.type if self.how in ("keep", "redact", "drop") else "string"


@dataclass(frozen=True)
class DeclaredRule:
    """A claim about every row: SQL over the typed columns. Broken where it is false, not null."""

    name: str
    expression: str
    action: str


@dataclass(frozen=True)
class Batch:
    """What one batch says about all of its rows. Dates and times as ISO text.

    `kind` is how it came: load, changes, pull, file or stream.
    """

    batch_id: str
    landing_date: str
    epoch: str
    ingested_at: str
    kind: str = ""

    @property
    def has_changes(self) -> bool:
        """It tells what happened, and may tell of one key several times.

        Other batches tell how things are, and a key twice is once too often.
        """
        return self.kind == "changes"


@dataclass(frozen=True)
class Released:
    """Rows of one batch that people released from quarantine, by their ids there."""

    batch_id: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Erased:
    """Keyed hashes of erased subjects by their kind, and where the key of these hashes is."""

    uri: str
    hashes: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class DeliveredFile:
    """One file of one batch; `name` is what lineage calls it."""

    uri: str
    name: str
    batch: Batch


@dataclass(frozen=True)
class CleanSpec:
    """Everything that the `clean` job is told.

    Where `origin` names columns, the files hold rows that people corrected, and these columns the
    lineage of the rows that they stand for. `released` are such rows where they came from: there
    they stay set aside.
    """

    source: str
    table: str
    format: str
    columns: tuple[DeclaredColumn, ...]
    key: tuple[str, ...]
    rules: tuple[DeclaredRule, ...]
    unique_action: str | None
    operation_column: str | None
    commit_time_column: str | None
    change_sequence_column: str | None
    batches: tuple[Batch, ...]
    files: tuple[DeliveredFile, ...]
    output: str
    quarantine: str
    # What a layout means that is not the declared one; docs/drift.md.
    drift: str = "discard"
    keys: KeyReference | None = None
    origin: tuple[str, ...] = ()
    released: tuple[Released, ...] = ()
    erased: Erased | None = None

    @property
    def published(self) -> tuple[DeclaredColumn, ...]:
        """The columns that clean has."""
        return tuple(column for column in self.columns if column.how != "drop")

    @property
    def is_treated(self) -> bool:
        """Whether any column holds what must not be written as it was delivered."""
        return any(column.treatment for column in self.columns)

    @property
    def released_names(self) -> frozenset[str]:
        """What released rows are called where they came from; see `spark.row_names`."""
        return frozenset(name_of(row_id) for each in self.released for row_id in each.ids)

    @property
    def corrections(self) -> bool:
        """Whether the files hold corrected rows."""
        return bool(self.origin)

    @property
    def dataset(self) -> str:
        """The name under which results are reported."""
        return f"clean.{self.source}.{self.table}"

    @property
    def source_names(self) -> tuple[str, ...]:
        """Every column of the delivery that is read, declared columns first."""
        changes = (self.operation_column, self.commit_time_column, self.change_sequence_column)
        declared = [column.source_name for column in self.columns]
        return tuple(dict.fromkeys([*declared, *(name for name in changes if name), *self.origin]))

    def location(self, batch_id: str) -> str:
        """Where the clean rows of one batch are."""
        return f"{self.output}/batch={batch_id}"

    def without(self, batch_ids: Collection[str]) -> CleanSpec:
        """The same, without some of the batches."""
        return replace(
            self,
            batches=tuple(each for each in self.batches if each.batch_id not in batch_ids),
            files=tuple(each for each in self.files if each.batch.batch_id not in batch_ids),
            released=tuple(each for each in self.released if each.batch_id not in batch_ids),
        )


def clean_spec(document: Mapping[str, Any]) -> CleanSpec:
    """The spec as values.

    Raises:
        SpecInvalid: an unknown format, type or action, a column twice, a key that is no column.
    """
    columns = tuple(_column(each) for each in document["columns"])
    names = [column.name for column in columns]
    unique = document.get("unique") or {}
    batches, files = _batches(document["batches"])
    keys = document.get("keys")
    spec = CleanSpec(
        source=document["source"],
        table=document["table"],
        format=document["format"],
        columns=columns,
        key=tuple(document["key"]),
        rules=tuple(
            DeclaredRule(rule["name"], rule["expression"], rule["action"])
            for rule in document.get("rules") or ()
        ),
        unique_action=unique.get("action"),
        operation_column=document.get("operation_column"),
        commit_time_column=document.get("commit_time_column"),
        change_sequence_column=document.get("change_sequence_column"),
        batches=batches,
        files=files,
        output=document["output"].rstrip("/"),
        quarantine=document["quarantine"].rstrip("/"),
        drift=document.get("drift") or "discard",
        keys=KeyReference(keys["uri"], keys["version"]) if keys else None,
        origin=tuple(document.get("origin") or ()),
        released=tuple(
            Released(batch["batch_id"], tuple(batch["released"]))
            for batch in document["batches"]
            if batch.get("released")
        ),
        erased=_erased(document.get("erased")),
    )
    actions = [rule.action for rule in spec.rules] + [spec.unique_action or "warn"]
    _expect("format", [spec.format], FORMATS)
    _expect("action", actions, ACTIONS)
    _expect("drift mode", [spec.drift], DRIFT_MODES)
    _expect("key column", spec.key, names)
    _expect("treatment", [each.how for each in columns if each.treatment], TREATMENTS)
    if spec.keys is None and (spec.is_treated or any(map(key_version, spec.released_names))):
        raise SpecInvalid(f"{spec.dataset}: columns are, or were, treated; expected `keys`.")
    if len(set(names)) != len(names):
        raise SpecInvalid(f"{spec.dataset}: a column is declared twice among {', '.join(names)}.")
    return spec


def _column(document: Mapping[str, Any]) -> DeclaredColumn:
    if not is_type(document["type"]):
        raise SpecInvalid(
            f"Column {document['name']}: found type {document['type']!r}, expected one that every "
            "engine reads alike (see spark.tables.model)."
        )
    allowed = document.get("allowed")
    return DeclaredColumn(
        name=document["name"],
        source_name=document.get("source_name") or document["name"],
        type=document["type"],
        nullable=bool(document.get("nullable", False)),
        allowed=None if allowed is None else tuple(str(value) for value in allowed),
        treatment=treatment_of(document.get("treatment")),
        subject=document.get("subject"),
        erasure=document.get("erasure") or "remove",
    )


def _erased(document: Mapping[str, Any] | None) -> Erased | None:
    if not document:
        return None
    hashes = {subject: frozenset(each) for subject, each in document["hashes"].items()}
    return Erased(document["uri"], hashes)


def _batches(
    documents: Sequence[Mapping[str, Any]],
) -> tuple[tuple[Batch, ...], tuple[DeliveredFile, ...]]:
    batches, files = [], []
    for document in documents:
        landing_date = document["landing_date"]
        batch = Batch(
            batch_id=document["batch_id"],
            landing_date=landing_date,
            epoch=document["epoch"],
            # Never the machine's clock: the same batch gives the same rows, whenever it is made.
            ingested_at=document.get("ingested_at") or f"{landing_date}T00:00:00Z",
            kind=document.get("kind") or "",
        )
        if not _BATCH_ID.fullmatch(batch.batch_id):
            raise SpecInvalid(f"Batch {batch.batch_id!r}: expected letters, digits, '.', '_', '-'.")
        batches.append(batch)
        files += [DeliveredFile(each["uri"], each["name"], batch) for each in document["files"]]
    if len({batch.batch_id for batch in batches}) != len(batches):
        raise SpecInvalid("A batch is listed twice; expected each batch of the call once.")
    return tuple(batches), tuple(files)


def _expect(what: str, found: Sequence[str], expected: Sequence[str]) -> None:
    for value in found:
        if value not in expected:
            raise SpecInvalid(f"{what}: found {value!r}, expected one of {', '.join(expected)}.")
