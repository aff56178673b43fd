"""Tables of files in a catalog: what raw, clean and quarantine hold, described and by partition.

An entry says what a reader of the files must know: columns, types, format, what each column means.
A partition is one batch, with the one folder that holds it. Two implementations behave alike:
SQLite (`resources.local.external_tables`) and the Glue Data Catalog (`resources.glue_tables`); one
behaviour suite holds for both.

The hazard is the folder above. What else lies there may be unfinished, or superseded by a later
version of the same batch; so a partition always names its batch's own folder, and what no longer
stands is taken out. An entry describes data and never holds any: nothing here deletes a file.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, get_args

import dagster as dg

from resources.errors import TableMissing

FileFormat = Literal["csv", "json", "parquet"]
DescribedZone = Literal["raw", "clean", "quarantine"]
Outcome = Literal["created", "updated", "unchanged"]

# Each is a database of the Glue Data Catalog.
DESCRIBED: tuple[DescribedZone, ...] = get_args(DescribedZone)
# What Glue takes of a comment and of a description; longer ones are cut.
COMMENT_LENGTH, DESCRIPTION_LENGTH = 255, 2048


@dataclass(frozen=True)
class ExternalColumn:
    """One column; `type` as Hive and Athena call it, `properties` for whoever looks closer."""

    name: str
    type: str
    comment: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExternalTable:
    """One entry.

    Attributes:
        name: lower case, without dots: Athena knows no other.
        partitioned_by: columns that stand in no file; each partition gives their values.
        location: the folder that all partitions are below, for people; nothing is read from it.
        renamed: the name in the files of columns that are called otherwise here; JSON only.
        properties: what else is to be known, by names that begin with `product360.`.
    """

    zone: DescribedZone
    name: str
    doc: str
    owner: str
    columns: tuple[ExternalColumn, ...]
    partitioned_by: tuple[ExternalColumn, ...]
    format: FileFormat
    location: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def identifier(self) -> str:
        """Its zone and name, as `zone.name`."""
        return f"{self.zone}.{self.name}"

    @property
    def layout(self) -> str:
        """Changes when its files are to be read in another way."""
        columns = [(column.name, column.type) for column in self.columns]
        return _digest([columns, self.format, sorted(self.renamed.items())])


@dataclass(frozen=True, order=True)
class ExternalPartition:
    """Values of the partition columns, in their order, and the folder, which ends in a slash."""

    values: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class Standing:
    """An entry as a catalog holds it, and the digest that it was last registered by.

    The digest is empty where a registration did not come to its end.
    """

    table: ExternalTable
    digest: str


@dataclass(frozen=True)
class Registered:
    """What a registration did: to the entry, and to how many partitions.

    `described` counts partitions that stayed where they are and are to be read in another way.
    """

    outcome: Outcome
    added: int = 0
    moved: int = 0
    described: int = 0
    removed: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything is otherwise than before."""
        return self.outcome != "unchanged" or bool(
            self.added or self.moved or self.described or self.removed
        )


@dataclass(frozen=True)
class Differences:
    """What there is to do about the partitions of one table; values only of what is to go."""

    added: tuple[ExternalPartition, ...] = ()
    moved: tuple[ExternalPartition, ...] = ()
    described: tuple[ExternalPartition, ...] = ()
    removed: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.moved or self.described or self.removed)

    def told(self, outcome: Outcome) -> Registered:
        """These differences, once they are no more."""
        counts = (self.added, self.moved, self.described, self.removed)
        return Registered(outcome, *map(len, counts))


class ExternalTables(Protocol):
    """What every catalog of such entries does. Whoever changes entries holds a lock on them all."""

    def standing(self) -> Mapping[str, Standing]:
        """What the catalog holds of our entries, by identifier; tables of others are left out."""

    def register(
        self, table: ExternalTable, partitions: Sequence[ExternalPartition], *, digest: str
    ) -> Registered:
        """Bring the entry and its partitions in line: exactly these, and each where it says.

        Doing it again changes nothing. The digest is kept last, so that what died half-way is
        found again by it.

        Raises:
            CatalogRefused: the catalog says no, or has a table of others under this name.
            TableMoved: somebody else keeps changing the entry.
        """

    def partitions(self, identifier: str) -> list[ExternalPartition]:
        """The partitions of an entry, by their values.

        Raises:
            TableMissing: there is no such entry.
        """


class ExternalTablesResource(dg.ConfigurableResource[Any], ABC):
    """Opens the catalog of entries of the chosen environment."""

    @abstractmethod
    def open(self) -> ExternalTables:
        """The entries, ready to use; keep it for a run."""


def digest_of(table: ExternalTable, partitions: Iterable[ExternalPartition]) -> str:
    """Equal for an equal description and equal partitions."""
    each = sorted((list(one.values), one.location) for one in partitions)
    return _digest([document_of(table), each])


def document_of(table: ExternalTable) -> dict[str, Any]:
    """The entry as JSON can say it; `table_of` reads it."""
    return asdict(table)


def table_of(document: Mapping[str, Any]) -> ExternalTable:
    """The entry that a document says."""
    columns = {
        part: tuple(ExternalColumn(**each) for each in document[part])
        for part in ("columns", "partitioned_by")
    }
    return ExternalTable(**{**document, **columns})


def differences(
    wanted: Iterable[ExternalPartition],
    layout: str,
    found: Mapping[tuple[str, ...], tuple[str, str]],
) -> Differences:
    """What to do so that exactly the wanted partitions stand.

    Args:
        wanted: the partitions.
        layout: how they are to be read.
        found: location and layout of what stands, by values.
    """
    sought = {each.values: each for each in sorted(wanted)}
    there = {values: each for values, each in sought.items() if values in found}
    moved = [each for values, each in there.items() if found[values][0] != each.location]
    stayed = [each for values, each in there.items() if found[values][0] == each.location]
    return Differences(
        added=tuple(each for values, each in sought.items() if values not in found),
        moved=tuple(moved),
        described=tuple(each for each in stayed if found[each.values][1] != layout),
        removed=tuple(sorted(found.keys() - sought.keys())),
    )


def one_line(text: str, longest: int = COMMENT_LENGTH) -> str:
    """Text as a catalog takes it: on one line, and cut where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def entry_missing(identifier: str) -> TableMissing:
    """The error that no such entry is there."""
    return TableMissing(
        f"catalog entry {identifier}",
        found="no such entry",
        expected="one that `product360 catalog` lists",
        next_move="correct the name, or materialize catalog/entries",
    )


def _digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
