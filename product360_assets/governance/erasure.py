"""Erases a subject: from clean, quarantine, published tables and their old snapshots, for good.

The request is put in force first; from then on no job lets the subject through, and whatever else
happens only catches up with it. Batches that hold the subject are made clean again from raw, and
tables take them in again, as in a replay. Then what the tables still hold is removed or left
without its key, the snapshots that held it expire, and every file that only they named is deleted.
A search of everything ends it, and says what it found in a document that never names the subject.

Each step looks at what is there and does what is left to do; so a request that died at any instant
is finished by asking again, and asking again of a finished one changes nothing but adds a proof.

The hazard is a run that began before the request and commits after it. It is found by the search,
which then says so, and the request is asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from product360_assets.core.contract import SourceContract
from product360_assets.core.erasures import (
    folder_of,
    put_once,
    record_found,
    record_request,
    request_id,
)
from product360_assets.core.states import CLEAN
from product360_assets.curated.commits import CODE_VERSION
from product360_assets.governance.search import mentions
from product360_assets.governance.subjects import (
    Place,
    batch_of,
    clean_places,
    condition_of,
    data_files,
    published_places,
    unit_of,
)
from resources.catalog import CatalogResource
from resources.ledger import Batch, Ledger
from resources.objects import LakeResource
from resources.secrets import SecretsResource
from resources.treatment_keys import current_key, key_of
from spark.tokens import subject_hash

if TYPE_CHECKING:
    from pyiceberg.table import Table

ERASURE = "product360.erasure"


@dataclass(frozen=True)
class Proof:
    """What an erasure did and what a search found afterwards; `document` goes to whoever asked."""

    document: Mapping[str, Any]
    key: str

    @property
    def is_clean(self) -> bool:
        """Whether nothing of the subject was found."""
        return not self.document["found afterwards"]


@dataclass(frozen=True)
class Eraser:
    """Erases one subject.

    Attributes:
        kind: the kind of subject that contracts and dictionary name, such as customer.
        key: the subject's key as text.
        contracts: the sources' contracts that are in force.
        beside: databases and logs of this machine, which the search looks into as well.
        rerun: makes the batches clean again and publishes; given their days by source.
    """

    kind: str
    key: str
    contracts: Mapping[str, SourceContract]
    ledger: Ledger
    lake: LakeResource
    catalog: CatalogResource
    secrets: SecretsResource
    code_version: str
    beside: Sequence[Path]
    rerun: Callable[[Mapping[str, set[Batch]]], None]
    log: Callable[[str], None]

    def find(self) -> list[Place]:
        """Where the subject is; changes nothing."""
        return [
            *clean_places(self.contracts, self.lake, self.kind, self.key),
            *published_places(self.catalog, self.lake, self.kind, self.key),
        ]

    def erase(self) -> Proof:
        """Do everything, and search for what is left.

        Raises:
            ObjectMissing, JobFailed: raw lacks a batch, or a run failed; ask again, it goes on.
        """
        subject, clean = self.subject(), self.lake.zone("clean")
        began = datetime.now(UTC)
        record_request(clean, self.kind, subject, at=began.isoformat())
        before = self.find()
        batches = set().union(*(place.batches for place in before))
        record_found(clean, self.kind, subject, batches)
        # Before the runs, so that what derives from these tables is made of what stays.
        changed = dict(self._leave_tables(before, subject))
        self.rerun(self._by_source(batches))
        changed |= self._leave_tables(self.find(), subject)
        expired = [self._expire(place) for place in self.find() if place.snapshots]
        removed = self._remove_stale(self.find())
        after = self.find()
        document = {
            "request": request_id(subject),
            "kind": self.kind,
            "subject": subject,
            "began": began.isoformat(),
            "ended": datetime.now(UTC).isoformat(),
            "code version": self.code_version,
            "found before": _told(before),
            "rows changed": changed,
            "snapshots expired": {each["table"]: each["snapshots"] for each in expired},
            "files removed": sorted([*removed, *(file for e in expired for file in e["files"])]),
            "found afterwards": [*_told(after), *mentions(self.lake, self.beside, self.key)],
            "kept on purpose": "landing and raw hold what was delivered until their retention ends",
        }
        return self._proven(document, subject, began)

    def subject(self) -> str:
        """The subject as a keyed hash, which is all that is ever written down."""
        reference = current_key(self.secrets)
        master = key_of(self.secrets, reference.version)
        return subject_hash(master, reference.version, self.kind)(self.key)

    def _by_source(self, batches: set[str]) -> dict[str, set[Batch]]:
        return {
            source: found
            for source, contract in self.contracts.items()
            if (
                found := {
                    batch
                    for table in contract.tables
                    if self.kind in table.subjects
                    for batch in self.ledger.batches(source, table.name)
                    if batch.batch_id in batches
                }
            )
        }

    def _leave_tables(self, places: list[Place], subject: str) -> Iterator[tuple[str, int]]:
        """Remove rows or null their key, where readers see them; rows by table."""
        import pyarrow as pa

        for place in places:
            if not place.current_rows:
                continue
            table = self.catalog.table(place.table)
            condition = condition_of(table, place.column, self.key)
            said = {ERASURE: request_id(subject), CODE_VERSION: self.code_version}
            self.log(f"{place.table}: {place.current_rows} rows, {place.erasure}")
            if place.erasure == "remove":
                table.delete(condition, snapshot_properties=said)
            else:
                rows = table.scan(row_filter=condition).to_arrow()
                position = rows.schema.get_field_index(place.column)
                field = rows.schema.field(position)
                nobody = pa.nulls(rows.num_rows, field.type)
                anonymous = rows.set_column(position, field, nobody)
                table.overwrite(anonymous, condition, snapshot_properties=said)
            yield place.table, place.current_rows

    def _expire(self, place: Place) -> dict[str, Any]:
        """Take the snapshots that hold the subject out of the table, and delete their files."""
        table = self.catalog.table(place.table)
        before = _named_files(table)
        current = table.current_snapshot()
        gone = [each for each in place.snapshots if current and each != current.snapshot_id]
        for name, ref in table.refs().items():
            if ref.snapshot_id in gone:
                named = table.manage_snapshots()
                is_tag = ref.snapshot_ref_type == "tag"
                (named.remove_tag(name) if is_tag else named.remove_branch(name)).commit()
        if gone:
            table.maintenance.expire_snapshots().by_ids(gone).commit()
        table.refresh()
        # Only what an expired snapshot named: a file that nothing names may be about to be.
        files = sorted(before - _named_files(table))
        for uri in files:
            table.io.delete(uri)
        return {"table": place.table, "snapshots": gone, "files": files}

    def _remove_stale(self, places: list[Place]) -> list[str]:
        """Delete files of clean and quarantine that hold the subject and that no batch is in."""
        clean, removed = self.lake.zone("clean"), []
        for place in places:
            if place.zone not in ("clean", "quarantine"):
                continue
            source, _, table = place.table.partition(".")
            states = self.ledger.zone_states(source, table, CLEAN)
            units = {batch: state.unit for batch, state in states.items()}
            for file in place.rows:
                batches = [batch_of(file)] if place.zone == "clean" else place.batches
                if all(units.get(batch) != unit_of(file) for batch in batches):
                    clean.delete(file, erased=True)
                    removed.append(clean.uri_of(file))
        return removed

    def _proven(self, document: Mapping[str, Any], subject: str, at: datetime) -> Proof:
        name = f"{folder_of(self.kind, subject)}/proof-{at:%Y%m%dT%H%M%S%fZ}"
        clean = self.lake.zone("clean")
        put_once(clean, f"{name}.json", document)
        clean.put(f"{name}.md", _as_markdown(document).encode())
        return Proof(document, f"{name}.json")


def _named_files(table: Table) -> set[str]:
    """URIs of the files that the table's snapshots name, manifests and data alike."""
    named: set[str] = set()
    for snapshot in table.metadata.snapshots:
        named.add(snapshot.manifest_list)
        named |= {manifest.manifest_path for manifest in snapshot.manifests(table.io)}
        named |= set(data_files(table, snapshot))
    return named


def _told(places: list[Place]) -> list[dict[str, Any]]:
    return [
        {
            "zone": place.zone,
            "table": place.table,
            "column": place.column,
            "erasure": place.erasure,
            "rows": sum(place.rows.values()),
            "files": len(place.rows),
            "snapshots": list(place.snapshots),
        }
        for place in places
    ]


def _as_markdown(document: Mapping[str, Any]) -> str:
    """The proof for people: the same facts under headings."""
    lines = [f"# Erasure {document['request']}", ""]
    for name, value in document.items():
        text = value if isinstance(value, str) else f"\n```json\n{json.dumps(value, indent=2)}\n```"
        lines.append(f"- **{name}**: {text}")
    return "\n".join(lines) + "\n"
