"""Entries of the catalog from the ledger: which batch is which partition, and where it lies.

A batch is read from its own folder. The ledger says which one that is now; after a replay, a
correction or an erasure it says another, and the partition follows. Of raw, a batch is a partition
from the moment it was accepted; of clean and quarantine, from the moment it was accounted for.

Two kinds of batch have no partition, and the entry would misread both. Corrections in raw are JSON,
whatever their table is; their rows are in clean. And a CSV file is read by position, so that one
whose header is not the contract's would be read into wrong columns: it is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from product360_assets.clean.cells import header_of
from product360_assets.clean.request import SET_ASIDE_AT
from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.in_force import InForce, in_force
from product360_assets.core.states import CLEAN, RAW
from product360_assets.governance.described import delivered_header, described
from product360_assets.ingestion.corrections import CORRECTION
from product360_assets.raw.keys import batch_prefix
from resources.external_tables import (
    DESCRIBED,
    DescribedZone,
    ExternalPartition,
    ExternalTable,
    ExternalTables,
    Registered,
    Standing,
    digest_of,
)
from resources.ledger import Batch, Ledger, ZoneState
from resources.objects import LakeResource
from resources.registry import Registry

# Properties of an entry: how many partitions it has; which batches have none, and why.
PARTITIONS, LEFT_OUT = "product360.partitions", "product360.left.out"
UNCHANGED = Registered("unchanged")


@dataclass(frozen=True)
class Entry:
    """A table of one zone, what stands of it, and what was done about it.

    Attributes:
        partitions: how many batches have one.
        left_out: why batches that are there have no partition; empty where all have one.
    """

    table: ExternalTable
    digest: str
    registered: Registered
    partitions: int
    left_out: str = ""


@dataclass(frozen=True)
class Registration:
    """Brings the catalog's entries in line with contracts and ledger.

    `everything` looks at every partition that stands, and not only where the ledger has moved on.
    """

    ledger: Ledger
    lake: LakeResource
    registry: Registry
    entries: ExternalTables
    everything: bool = False

    def register(self, contract: SourceContract) -> Iterator[Entry]:
        """The three entries of every table of a source.

        Raises:
            CatalogRefused, TableMoved: see `ExternalTables.register`.
        """
        agreed = in_force(self.registry, contract)
        for table in agreed.contract.tables:
            batches = Batches.of(self.ledger, contract.name, table.name)
            for zone in DESCRIBED:
                yield self._entry(zone, agreed, table, batches)

    @cached_property
    def standing(self) -> Mapping[str, Standing]:
        """What the catalog held before, asked once."""
        return self.entries.standing()

    def _entry(
        self, zone: DescribedZone, agreed: InForce, table: TableContract, batches: Batches
    ) -> Entry:
        entry = described(zone, agreed, table.name, self.lake)
        found = list(batches.partitions(zone, self.lake))
        digest = digest_of(entry, found)
        held = self.standing.get(entry.identifier)
        if held and _is_as_told(held, entry, digest) and not self.everything:
            said = held.table.properties
            count = int(said.get(PARTITIONS, len(found)))
            return Entry(entry, digest, UNCHANGED, count, said.get(LEFT_OUT, ""))
        misread = set(self._misread(agreed.contract, table, entry, found, batches))
        left_out = _said_of(len(misread), batches.aside_together if zone == "quarantine" else 0)
        kept = [each for each in found if each not in misread]
        told = {**entry.properties, PARTITIONS: str(len(kept))}
        if left_out:
            told[LEFT_OUT] = left_out
        registered = self.entries.register(replace(entry, properties=told), kept, digest=digest)
        return Entry(entry, digest, registered, len(kept), left_out)

    def _misread(
        self,
        contract: SourceContract,
        table: TableContract,
        entry: ExternalTable,
        found: Iterable[ExternalPartition],
        batches: Batches,
    ) -> Iterator[ExternalPartition]:
        """Partitions of CSV files in raw whose header is another; those that stand are known."""
        if entry.zone != "raw" or entry.format != "csv":
            return
        raw, known = self.lake.zone("raw"), self._known(entry)
        wanted = delivered_header(contract, table)
        for each in found:
            keys = (accepted.raw_key for accepted in self.ledger.accepted_objects(each.values[1]))
            if each not in known and any(header_of(raw, key) != wanted for key in keys):
                yield each

    def _known(self, entry: ExternalTable) -> set[ExternalPartition]:
        """Partitions that stand and are read as the entry says."""
        held = self.standing.get(entry.identifier)
        if held is None or held.table.layout != entry.layout:
            return set()
        return set(self.entries.partitions(entry.identifier))


@dataclass(frozen=True)
class Batches:
    """What the ledger says of a table: its batches, and what raw and clean made of each."""

    batches: Sequence[Batch]
    raw: Mapping[str, ZoneState]
    clean: Mapping[str, ZoneState]

    @classmethod
    def of(cls, ledger: Ledger, source: str, table: str) -> Batches:
        """Those of one table."""
        return cls(
            ledger.batches(source, table),
            ledger.zone_states(source, table, RAW),
            ledger.zone_states(source, table, CLEAN),
        )

    def partitions(self, zone: DescribedZone, lake: LakeResource) -> Iterator[ExternalPartition]:
        """The partitions of a zone: each batch that stands there, in its own folder."""
        for batch in self.batches:
            if location := self._location(zone, batch, lake):
                values = (batch.landing_date.isoformat(), batch.batch_id)
                yield ExternalPartition(values, f"{location.rstrip('/')}/")

    @property
    def aside_together(self) -> int:
        """Batches of which an earlier version rejected rows; they cannot be told from others'."""
        return sum(
            bool(state.rows_quarantined) and SET_ASIDE_AT not in state.details
            for state in self.clean.values()
        )

    def _location(self, zone: DescribedZone, batch: Batch, lake: LakeResource) -> str:
        if zone == "raw":
            is_read = batch.batch_id in self.raw and batch.kind != CORRECTION
            return lake.zone("raw").uri_of(batch_prefix(batch)) if is_read else ""
        state = self.clean.get(batch.batch_id)
        if state is None:
            return ""
        return state.location if zone == "clean" else state.details.get(SET_ASIDE_AT, "")


def _is_as_told(held: Standing, entry: ExternalTable, digest: str) -> bool:
    """Whether the catalog has the entry as it is now; others may have written to it since."""
    said = {
        name: value
        for name, value in held.table.properties.items()
        if name not in (PARTITIONS, LEFT_OUT)
    }
    return held.digest == digest and replace(held.table, properties=said) == entry


def _said_of(misread: int, together: int) -> str:
    said = {
        f"{misread} batches whose files have another header": misread,
        f"{together} batches of which an earlier version rejected rows; "
        "`product360 replay` makes them again": together,
    }
    return "; ".join(text for text, count in said.items() if count)
