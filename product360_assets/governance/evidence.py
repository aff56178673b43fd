"""What there is to reconcile of a table, by landing day: lists and records, and no byte of data.

Each day has a fingerprint over all of it. Equal fingerprints mean that nothing was delivered,
accepted, made clean, rewritten or removed, so a result of before still holds. The hazard is a byte
changed in place with the time put back: no listing shows it. The weekly audit does, which hashes
everything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.states import CLEAN, RAW
from product360_assets.ingestion.arrivals import arrivals, successful_deliveries
from product360_assets.ingestion.corrections import CORRECTION
from product360_assets.raw.keys import table_prefix
from resources.ledger import AcceptedObject, Batch, Delivery, LandedObject, Ledger, ZoneState
from resources.objects import LakeResource, ObjectInfo, ObjectStore

# Rises when the same evidence would be judged otherwise.
VERSION = "1"


@dataclass
class DayEvidence:
    """What is known of one table and landing day without reading data.

    Attributes:
        deliveries: executions that delivered on the day; none for files and streams.
        landed: what landing holds and counts as delivered on the day.
        batches: what was claimed for the day.
        raw, clean: states of these batches, by batch id.
        raw_objects: everything that raw holds under the day, by key.
        clean_objects: Parquet files of the batches, and of the quarantine of their units, by key.
    """

    day: date
    deliveries: list[Delivery] = field(default_factory=list)
    landed: list[LandedObject] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    raw: dict[str, ZoneState] = field(default_factory=dict)
    clean: dict[str, ZoneState] = field(default_factory=dict)
    raw_objects: dict[str, ObjectInfo] = field(default_factory=dict)
    clean_objects: dict[str, ObjectInfo] = field(default_factory=dict)

    def fingerprint(self, contract_version: str) -> str:
        """Sixteen hexadecimal digits over all of it."""
        digest = hashlib.sha256(f"{VERSION}\n{contract_version}\n".encode())
        for line in sorted(self._lines()):
            digest.update(f"{line}\n".encode())
        return digest.hexdigest()[:16]

    def _lines(self) -> Iterator[str]:
        for made in self.deliveries:
            yield f"delivery {made.delivery_id} {made.prefix} {made.rows} {made.bytes}"
        for landed in self.landed:
            yield f"landing {landed.key} {landed.version}"
        for batch in self.batches:
            yield f"batch {batch.batch_id} {batch.batch_id in self.raw}"
        for state in self.clean.values():
            counts = f"{state.rows_in} {state.rows_out} {state.rows_quarantined}"
            yield f"clean {state.batch_id} {state.unit} {counts}"
        for info in (*self.raw_objects.values(), *self.clean_objects.values()):
            yield f"object {info.key} {info.etag}"


@dataclass(frozen=True)
class TableEvidence:
    """One table's evidence by day, and what is there to read more of it."""

    contract: SourceContract
    table: TableContract
    ledger: Ledger
    lake: LakeResource
    days: Mapping[date, DayEvidence]

    @property
    def name(self) -> str:
        """The table as people call it: "shop.order"."""
        return f"{self.contract.name}.{self.table.name}"

    def accepted(self, day: date) -> dict[str, list[AcceptedObject]]:
        """What the ledger says of the day's objects in raw, by batch id."""
        return {
            batch.batch_id: self.ledger.accepted_objects(batch.batch_id)
            for batch in self.days[day].batches
        }


def gather(
    contract: SourceContract, table: TableContract, *, ledger: Ledger, lake: LakeResource
) -> TableEvidence:
    """All evidence of a table: questions to the ledger, and a listing of each zone.

    Corrections of rejected rows are left out: no source delivered them, and the rows that they
    stand for are counted where they were set aside.
    """
    days: dict[date, DayEvidence] = {}

    def at(day: date) -> DayEvidence:
        return days.setdefault(day, DayEvidence(day))

    found = arrivals(contract, table, ledger=ledger, landing=lake.zone("landing"))
    for arrival in found.by_day:
        if arrival.kind != CORRECTION:
            at(arrival.landing_date).landed.extend(arrival.objects)
    for delivery in successful_deliveries(ledger, contract.name, table.name):
        at(delivery.landing_date).deliveries.append(delivery)
    corrections: set[str] = set()
    for batch in ledger.batches(contract.name, table.name):
        if batch.kind == CORRECTION:
            corrections.add(batch.batch_id)
        else:
            at(batch.landing_date).batches.append(batch)
    for info in lake.zone("raw").list(table_prefix(contract.name, table.name)):
        day = _folder_value(info.key, "landing_date")
        if day is not None and _folder_value(info.key, "batch") not in corrections:
            at(date.fromisoformat(day)).raw_objects[info.key] = info
    _add_states(contract, table, days.values(), ledger=ledger, clean=lake.zone("clean"))
    return TableEvidence(contract, table, ledger, lake, dict(sorted(days.items())))


def _add_states(
    contract: SourceContract,
    table: TableContract,
    days: Iterable[DayEvidence],
    *,
    ledger: Ledger,
    clean: ObjectStore,
) -> None:
    """What the zones made of each day's batches, and the files that clean holds of them."""
    accepted = ledger.zone_states(contract.name, table.name, RAW)
    made_clean = ledger.zone_states(contract.name, table.name, CLEAN)
    folder = f"{contract.name}/{table.name}"
    files = _by_folder(clean.list(f"{folder}/")) | _by_folder(clean.list(f"quarantine/{folder}/"))
    for day in days:
        for batch_id in (batch.batch_id for batch in day.batches):
            if batch_id in accepted:
                day.raw[batch_id] = accepted[batch_id]
            if batch_id in made_clean:
                state = day.clean[batch_id] = made_clean[batch_id]
                aside = quarantine_folder(folder, state)
                # Earlier versions kept what a unit rejected together.
                for each in (clean_folder(folder, state), aside, f"{aside}/batch={batch_id}"):
                    day.clean_objects.update(files.get(each, {}))


def clean_folder(folder: str, state: ZoneState) -> str:
    """Where a batch's clean rows are, below the folder of its table."""
    return f"{folder}/unit={state.unit}/batch={state.batch_id}"


def quarantine_folder(folder: str, state: ZoneState) -> str:
    """Where the rows are that its unit set aside; those of each batch are in a folder of it."""
    return f"quarantine/{folder}/unit={state.unit}"


def _by_folder(objects: Iterable[ObjectInfo]) -> dict[str, dict[str, ObjectInfo]]:
    """Parquet files by the folder that they are in."""
    found: dict[str, dict[str, ObjectInfo]] = {}
    for info in objects:
        if info.key.endswith(".parquet"):
            found.setdefault(info.key.rpartition("/")[0], {})[info.key] = info
    return found


def _folder_value(raw_key: str, name: str) -> str | None:
    """What the first folder of this name says: "7" of `…/batch=7/…`."""
    for folder in raw_key.split("/"):
        found, _, value = folder.partition("=")
        if found == name and value:
            return value
    return None
