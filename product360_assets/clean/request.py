"""What the clean job is asked: a source contract and some batches, as one JSON document.

A request covers one table and any number of its batches. Its outcome is a unit: a folder named by
the batches, the code and the contract that made it, so that the same work asked for again writes
to the same place, and other work never does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from product360_assets.clean.columns import ORIGIN
from product360_assets.core.contract import ColumnContract, SourceContract, TableContract
from product360_assets.core.erasures import NOBODY, Erased
from product360_assets.ingestion.corrections import CORRECTION
from resources.jobs import JobRequest
from resources.ledger import AcceptedObject, Batch, ZoneState
from resources.objects import ObjectStore
from resources.replication import CHANGE_SEQUENCE, COMMIT_TIME, OPERATION
from resources.saas import OPERATION as PULLED_OPERATION
from resources.treatment_keys import KeyReference

JOB = "clean"
# Where a batch's rejected rows are, if it has any; earlier versions kept those of a unit together.
SET_ASIDE_AT = "set aside at"
# One job reads at most so much, but always at least one batch.
BYTES_PER_JOB = 512 * 1024 * 1024


@dataclass(frozen=True)
class RawBatch:
    """A batch in raw, with its objects there.

    `released` are the ids of its rows that people corrected and released from quarantine.
    """

    batch: Batch
    state: ZoneState
    objects: tuple[AcceptedObject, ...]
    released: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of its objects."""
        return sum(landed.size for landed in self.batch.objects)


@dataclass(frozen=True)
class CleanUnit:
    """Batches that one job makes clean together, by which code, which contract and which key."""

    contract: SourceContract
    table: TableContract
    batches: tuple[RawBatch, ...]
    code_version: str
    config_version: str
    key: KeyReference | None = None
    replay: str = ""
    erased: Erased = NOBODY

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that name the unit's folder."""
        ids = sorted(raw.batch.batch_id for raw in self.batches)
        ids = sorted(raw.batch.batch_id for raw in self.batches)
        released = sorted(row_id for raw in self.batches for row_id in raw.released)
        key = [self.key.version] if self.key else []
        replay = [self.replay] if self.replay else []
        made_by = [self.code_version, self.config_version, *key]
        parts = "\n".join([*ids, *made_by, *released, *replay, *self.erased.ids])
        return hashlib.sha256(parts.encode()).hexdigest()[:12]

    @property
    def corrections(self) -> bool:
        """Whether its batches are corrections; these are read in another way."""
        return self.batches[0].batch.kind == CORRECTION

    @property
    def dataset(self) -> str:
        """The name under which the job reports."""
        return f"clean.{self.contract.name}.{self.table.name}"

    @property
    def prefix(self) -> str:
        """What the clean keys of the unit begin with, without the last slash."""
        return f"{self.contract.name}/{self.table.name}/unit={self.id}"

    @property
    def quarantine_prefix(self) -> str:
        """What the keys of its rejected rows begin with, without the last slash."""
        return f"quarantine/{self.prefix}"

    def set_aside(self, batch_id: str, clean: ObjectStore) -> dict[str, str]:
        """The detail of a clean state that says where a batch's rejected rows are."""
        return {SET_ASIDE_AT: clean.uri_of(f"{self.quarantine_prefix}/batch={batch_id}/")}

    def request(self, *, raw: ObjectStore, clean: ObjectStore) -> JobRequest:
        """The job that makes the unit."""
        spec: dict[str, Any] = {
            "source": self.contract.name,
            "table": self.table.name,
            "format": "json" if self.corrections else self.table.format,
            **({"origin": list(ORIGIN)} if self.corrections else {}),
            **_order_columns(self.contract, self.table),
            "columns": [
                {**_column(each), "treatment": self.contract.treatment_of(self.table, each)}
                for each in self.table.columns
            ],
            "keys": asdict(self.key) if self.key else None,
            **({"erased": self.erased.document} if self.erased.ids else {}),
            "key": list(self.table.key),
            "rules": [
                {"name": rule.name, "expression": rule.expression, "action": rule.action}
                for rule in self.table.rules
            ],
            "unique": {"action": self.table.unique.action} if self.table.unique else None,
            "drift": "discard" if self.corrections else self.table.drift,
            "time_zone": self.contract.time_zone,
            "batches": [_batch(each, raw) for each in self.batches],
            "output": clean.uri_of(self.prefix),
            "quarantine": clean.uri_of(self.quarantine_prefix),
        }
        return JobRequest(
            job=JOB, name=f"clean-{self.contract.name}.{self.table.name}-{self.id}", spec=spec
        )


def units(
    contract: SourceContract,
    table: TableContract,
    batches: Sequence[RawBatch],
    *,
    code_version: str,
    key: KeyReference | None = None,
    replay: str = "",
    erased: Erased = NOBODY,
) -> Iterator[CleanUnit]:
    """The batches in units of limited size and of one form, in the order given.

    `replay` names work that is done although it was done before, and so gets units of its own.
    """
    config_version = contract.config_version(table.name)
    delivered = [each for each in batches if each.batch.kind != CORRECTION]
    corrections = [each for each in batches if each.batch.kind == CORRECTION]
    for taken in (*_portions(delivered), *_portions(corrections)):
        yield CleanUnit(contract, table, taken, code_version, config_version, key, replay, erased)


def _portions(batches: Sequence[RawBatch]) -> Iterator[tuple[RawBatch, ...]]:
    taken: list[RawBatch] = []
    for batch in batches:
        if taken and sum(each.size for each in taken) + batch.size > BYTES_PER_JOB:
            yield tuple(taken)
            taken = []
        taken.append(batch)
    if taken:
        yield tuple(taken)


def _order_columns(contract: SourceContract, table: TableContract) -> Mapping[str, str | None]:
    """Which delivered columns say what happened to a row, and when."""
    if contract.kind == "database":
        return {
            "operation_column": OPERATION,
            "commit_time_column": COMMIT_TIME,
            "change_sequence_column": CHANGE_SEQUENCE,
        }
    order = next((c.delivered_name for c in table.columns if c.name == table.order), None)
    return {
        # Records of a service say nothing; what a comparison of keys delivers says "deleted".
        "operation_column": PULLED_OPERATION if contract.kind == "saas" else None,
        "commit_time_column": order,
        "change_sequence_column": None,
    }


def _column(column: ColumnContract) -> dict[str, Any]:
    return {
        "name": column.name,
        "source_name": column.delivered_name,
        "type": column.type,
        "nullable": column.nullable,
        "allowed": list(column.allowed) if column.allowed is not None else None,
        **({"subject": column.subject, "erasure": column.erasure} if column.subject else {}),
    }


def _batch(each: RawBatch, raw: ObjectStore) -> dict[str, Any]:
    return {
        "batch_id": each.batch.batch_id,
        "landing_date": each.batch.landing_date.isoformat(),
        "kind": each.batch.kind,
        "epoch": each.batch.epoch,
        # Known to the ledger, so that making a batch clean again gives the same rows.
        "ingested_at": each.state.recorded_at.isoformat(),
        **({"released": list(each.released)} if each.released else {}),
        "files": [
            {"uri": raw.uri_of(accepted.raw_key), "name": accepted.raw_key}
            for accepted in each.objects
        ],
    }
