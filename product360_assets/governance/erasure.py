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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.erasures import (
    folder_of,
    proof_key,
    put_once,
    record_found,
    record_request,
    request_id,
)
from product360_assets.core.states import CLEAN
from product360_assets.governance.search import can_be_searched, mentions
from product360_assets.governance.subjects import (
    Place,
    batch_of,
    clean_places,
    left_behind,
    published_place,
    subject_columns,
    unit_of,
)
from product360_assets.governance.table_erasure import TableEraser
from resources.catalog import CatalogResource
from resources.ledger import Batch, Ledger, ZoneState
from resources.locks import holding
from resources.objects import LakeResource
from resources.secrets import SecretsResource
from resources.treatment_keys import current_key, key_of
from spark.tokens import subject_hash


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
        held = (
            place
            for contract, table in self._cleaned()
            for place in clean_places(contract, table, self.lake, self.kind, self.key)
        )
        published = (
            published_place(self.catalog, self.lake, *where, self.key)
            for where in subject_columns(self.kind)
        )
        return [*held, *(place for place in published if place)]

    def erase(self) -> Proof:
        """Do everything, and search for what is left.

        Raises:
            ObjectMissing, JobFailed, LockHeld: raw lacks a batch, a run failed, or somebody was at
                work on a table all the time; ask again, it goes on.
        """
        subject, clean = self.subject(), self.lake.zone("clean")
        began = datetime.now(UTC)
        record_request(clean, self.kind, subject, at=began.isoformat())
        before = self.find()
        batches = set().union(*(place.batches for place in before))
        record_found(clean, self.kind, subject, batches)
        tables, columns = self._tables(subject), subject_columns(self.kind)
        changed = Counter[str]()
        # Before the runs, so that what derives from these tables is made of what stays. A row that
        # stays without its key gets so by them: until then it is as the clean one that it is of.
        for table, column, erasure in columns:
            if erasure == "remove":
                changed[table.identifier] += tables.leave(table, column, erasure).rows
        self.rerun(self._by_source(batches))
        cleared = {table.identifier: tables.clear(table, *how) for table, *how in columns}
        changed.update({name: each.rows for name, each in cleared.items()})
        removed = [*self._remove_stale(), *(uri for c in cleared.values() for uri in c.files)]
        after = self.find()
        document = {
            "request": request_id(subject),
            "kind": self.kind,
            "subject": subject,
            "began": began.isoformat(),
            "ended": datetime.now(UTC).isoformat(),
            "code version": self.code_version,
            "found before": _told(before),
            "rows changed": dict(+changed),
            "snapshots expired": {
                name: list(each.snapshots) for name, each in cleared.items() if each.snapshots
            },
            "tags and branches ended": {
                name: list(each.names) for name, each in cleared.items() if each.names
            },
            "files removed": sorted(removed),
            "searched as text": can_be_searched(self.key),
            "found afterwards": [*_told(after), *mentions(self.lake, self.beside, self.key)],
            "kept on purpose": "landing and raw hold what was delivered until their retention ends",
        }
        return self._proven(document, subject, began)

    def subject(self) -> str:
        """The subject as a keyed hash, which is all that is ever written down."""
        reference = current_key(self.secrets)
        master = key_of(self.secrets, reference.version)
        return subject_hash(master, reference.version, self.kind)(self.key)

    def _cleaned(self) -> Iterator[tuple[SourceContract, TableContract]]:
        """The clean tables that hold such keys."""
        for contract in self.contracts.values():
            yield from ((contract, each) for each in contract.tables if self.kind in each.subjects)

    def _tables(self, subject: str) -> TableEraser:
        return TableEraser(
            self.key,
            folder_of(self.kind, subject),
            self.ledger,
            self.lake,
            self.catalog,
            self.code_version,
            self.log,
        )

    def _by_source(self, batches: set[str]) -> dict[str, set[Batch]]:
        found: dict[str, set[Batch]] = {}
        for contract, table in self._cleaned():
            for batch in self.ledger.batches(contract.name, table.name):
                if batch.batch_id in batches:
                    found.setdefault(contract.name, set()).add(batch)
        return found

    def _remove_stale(self) -> Iterator[str]:
        """Delete files of clean and quarantine that hold the subject and that no batch is in.

        What a job that died has staged goes whole: it may hold anybody, and nobody needs it.
        """
        clean = self.lake.zone("clean")
        for contract, table in self._cleaned():
            name = f"{CLEAN}.{contract.name}.{table.name}"
            # What a job writes is in no batch until it is recorded: none may be at work.
            with holding(self.ledger, name, work=f"erasure of a {self.kind}", log=self.log):
                for file in left_behind(contract, table, self.lake):
                    clean.delete(file, erased=True)
                    yield f"{clean.uri}/{file}"
                states = self.ledger.zone_states(contract.name, table.name, CLEAN)
                for place in clean_places(contract, table, self.lake, self.kind, self.key):
                    for file in place.rows:
                        one = [batch_of(file)] if place.zone == "clean" else place.batches
                        if not any(_is_in(states.get(batch), file) for batch in one):
                            clean.delete(file, erased=True)
                            yield f"{clean.uri}/{file}"

    def _proven(self, document: Mapping[str, Any], subject: str, at: datetime) -> Proof:
        key, clean = proof_key(folder_of(self.kind, subject), at), self.lake.zone("clean")
        put_once(clean, key, document)
        clean.put(f"{key.removesuffix('.json')}.md", _as_markdown(document).encode())
        return Proof(document, key)


def _is_in(state: ZoneState | None, file: str) -> bool:
    return state is not None and state.unit == unit_of(file)


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
