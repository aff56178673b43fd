"""The ledger on SQLite: one file, several processes, short transactions.

The file is in WAL mode: readers never wait, and writers take the write lock at their beginning
(BEGIN IMMEDIATE) and wait for each other. A commit is on disk before the call returns.

The hazard: a transaction that begins by reading and writes later fails at once when another wrote
in between, without waiting. So every method that writes takes the write lock first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

from resources.ledger import (
    AcceptedObject,
    Batch,
    Delivery,
    LandedObject,
    Ledger,
    LedgerResource,
    ZoneState,
)
from resources.local.locks import SCHEMA as _LOCKS
from resources.local.locks import SqliteLocks
from resources.local.sqlite import Database
from resources.records import (
    batch_document,
    batch_of,
    claimed_by,
    delivery_document,
    delivery_of,
    delivery_settled,
    in_order,
    no_batch,
    not_replaceable,
    other_batch,
    refused_acceptances,
    zone_state_document,
    zone_state_of,
)

# Version 2 brought the locks.
_SCHEMA_VERSION = 2
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS delivery (
    source TEXT, table_name TEXT, delivery_id TEXT, document TEXT NOT NULL,
    PRIMARY KEY (source, table_name, delivery_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
    batch_id TEXT PRIMARY KEY, source TEXT NOT NULL, table_name TEXT NOT NULL,
    landing_date TEXT NOT NULL, document TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batch_of_table ON batch (source, table_name, landing_date, batch_id);
CREATE TABLE IF NOT EXISTS object (
    bucket TEXT, key TEXT, version TEXT, size INTEGER NOT NULL,
    batch_id TEXT NOT NULL REFERENCES batch, raw_key TEXT, sha256 TEXT,
    PRIMARY KEY (bucket, key, version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS object_of_batch ON object (batch_id);
CREATE TABLE IF NOT EXISTS zone_state (
    batch_id TEXT NOT NULL REFERENCES batch, zone TEXT, document TEXT NOT NULL,
    PRIMARY KEY (zone, batch_id)
) WITHOUT ROWID;
{_LOCKS}
"""

_OBJECT = "object.bucket, object.key, object.version, object.size"


class SqliteLedger(SqliteLocks):
    """See `resources.ledger.Ledger`. One connection, shared by this process's threads in turn."""

    def __init__(self, path: Path) -> None:
        super().__init__(Database(path, _SCHEMA, schema_version=_SCHEMA_VERSION))

    def close(self) -> None:
        """Give the file back; the last process to do so tidies the write-ahead log."""
        self._database.close()

    def record_delivery(self, delivery: Delivery) -> None:
        """See `Ledger.record_delivery`."""
        key = (delivery.source, delivery.table, delivery.delivery_id)
        document = delivery_document(delivery)
        with self._database.writing():
            self._fence()
            stored = self._database.value(
                "SELECT document FROM delivery"
                " WHERE source = ? AND table_name = ? AND delivery_id = ?",
                *key,
            )
            if stored == document:
                return
            if stored is not None and delivery_of(stored).status == "successful":
                raise delivery_settled(delivery)
            self._database.rows("REPLACE INTO delivery VALUES (?, ?, ?, ?)", *key, document)

    def deliveries(self, source: str, table: str) -> list[Delivery]:
        """See `Ledger.deliveries`."""
        rows = self._database.rows(
            "SELECT document FROM delivery WHERE source = ? AND table_name = ?", source, table
        )
        found = (delivery_of(document) for (document,) in rows)
        return sorted(found, key=lambda delivery: (delivery.started_at, delivery.delivery_id))

    def open_batch(self, batch: Batch) -> Batch:
        """See `Ledger.open_batch`."""
        wanted = in_order(batch)
        with self._database.writing():
            stored = self.batch(wanted.batch_id)
            if stored is not None:
                if stored != wanted:
                    raise other_batch(wanted)
                return stored
            self._database.rows(
                "INSERT INTO batch VALUES (?, ?, ?, ?, ?)",
                wanted.batch_id,
                wanted.source,
                wanted.table,
                wanted.landing_date.isoformat(),
                batch_document(wanted),
            )
            try:
                self._claim(wanted)
            except sqlite3.IntegrityError as error:
                landed, holder = self._first_claimed(wanted)
                raise claimed_by(landed, holder, wanted.batch_id) from error
        return wanted

    def batch(self, batch_id: str) -> Batch | None:
        """See `Ledger.batch`."""
        return next(iter(self._batches("batch_id = ?", batch_id)), None)

    def batches(
        self, source: str, table: str, *, landing_dates: Collection[date] | None = None
    ) -> list[Batch]:
        """See `Ledger.batches`."""
        found = self._batches("source = ? AND table_name = ?", source, table)
        return [
            batch for batch in found if landing_dates is None or batch.landing_date in landing_dates
        ]

    def claimed(self, bucket: str, prefix: str) -> dict[tuple[str, str], str]:
        """See `Ledger.claimed`."""
        rows = self._database.rows(
            "SELECT key, version, batch_id FROM object WHERE bucket = ? AND key >= ? AND key < ?",
            bucket,
            prefix,
            # Nothing sorts behind the last code point, in UTF-8 as in SQLite.
            prefix + "\U0010ffff",
        )
        return {(key, version): batch_id for key, version, batch_id in rows}

    def accept_objects(self, batch_id: str, objects: Sequence[AcceptedObject]) -> None:
        """See `Ledger.accept_objects`."""
        with self._database.writing():
            batch = self.batch(batch_id)
            if batch is None:
                raise no_batch(batch_id)
            known = {accepted.landed: accepted for accepted in self.accepted_objects(batch_id)}
            if refusal := refused_acceptances(batch, objects, known):
                raise refusal
            self._database.many(
                "UPDATE object SET raw_key = ?, sha256 = ?"
                " WHERE bucket = ? AND key = ? AND version = ?",
                (
                    (new.raw_key, new.sha256, new.landed.bucket, new.landed.key, new.landed.version)
                    for new in objects
                    if new.landed not in known
                ),
            )

    def accepted_objects(self, batch_id: str) -> list[AcceptedObject]:
        """See `Ledger.accepted_objects`."""
        rows = self._database.rows(
            f"SELECT raw_key, sha256, {_OBJECT} FROM object"
            " WHERE batch_id = ? AND raw_key IS NOT NULL ORDER BY raw_key",
            batch_id,
        )
        return [AcceptedObject(LandedObject(*landed), key, hash_) for key, hash_, *landed in rows]

    def record_zone(self, state: ZoneState, *, replacing: ZoneState | None) -> None:
        """See `Ledger.record_zone`."""
        document = zone_state_document(state)
        expected = None if replacing is None else zone_state_document(replacing)
        with self._database.writing():
            self._fence()
            if (
                self._database.value("SELECT 1 FROM batch WHERE batch_id = ?", state.batch_id)
                is None
            ):
                raise no_batch(state.batch_id)
            stored = self._database.value(
                "SELECT document FROM zone_state WHERE batch_id = ? AND zone = ?",
                state.batch_id,
                state.zone,
            )
            if stored == document:
                return
            if stored != expected:
                raise not_replaceable(state, None if stored is None else zone_state_of(stored))
            self._database.rows(
                "REPLACE INTO zone_state (batch_id, zone, document) VALUES (?, ?, ?)",
                state.batch_id,
                state.zone,
                document,
            )

    def zone_state(self, batch_id: str, zone: str) -> ZoneState | None:
        """See `Ledger.zone_state`."""
        stored = self._database.value(
            "SELECT document FROM zone_state WHERE batch_id = ? AND zone = ?", batch_id, zone
        )
        return None if stored is None else zone_state_of(stored)

    def zone_states(self, source: str, table: str, zone: str) -> dict[str, ZoneState]:
        """See `Ledger.zone_states`."""
        rows = self._database.rows(
            "SELECT batch_id, zone_state.document FROM zone_state JOIN batch USING (batch_id)"
            " WHERE source = ? AND table_name = ? AND zone = ? ORDER BY landing_date, batch_id",
            source,
            table,
            zone,
        )
        return {batch_id: zone_state_of(document) for batch_id, document in rows}

    def _batches(self, condition: str, *values: str) -> Iterator[Batch]:
        rows = self._database.rows(
            f"SELECT batch_id, document, {_OBJECT}"
            " FROM batch LEFT JOIN object USING (batch_id)"
            f" WHERE {condition} ORDER BY landing_date, batch_id, bucket, key, version",
            *values,
        )
        for (_, document), held in groupby(rows, key=lambda row: (row[0], row[1])):
            objects = [LandedObject(*landed) for _, _, *landed in held if landed[0] is not None]
            yield batch_of(document, objects)

    def _claim(self, batch: Batch) -> None:
        self._database.many(
            "INSERT INTO object (bucket, key, version, size, batch_id) VALUES (?, ?, ?, ?, ?)",
            (
                (landed.bucket, landed.key, landed.version, landed.size, batch.batch_id)
                for landed in batch.objects
            ),
        )

    def _first_claimed(self, batch: Batch) -> tuple[LandedObject, str]:
        for landed in batch.objects:
            holder = self._database.value(
                "SELECT batch_id FROM object"
                " WHERE bucket = ? AND key = ? AND version = ? AND batch_id <> ?",
                landed.bucket,
                landed.key,
                landed.version,
                batch.batch_id,
            )
            if holder is not None:
                return landed, holder
        raise other_batch(batch)


class SqliteLedgerResource(LedgerResource):
    """The ledger of one home.

    Attributes:
        path: the SQLite file; made, with its folder, when first opened.
    """

    path: str

    def open(self) -> Ledger:
        """See `LedgerResource.open`."""
        return SqliteLedger(Path(self.path))
