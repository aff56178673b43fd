"""The ledger on DynamoDB: one table, every write conditional, every read consistent.

    pk                               sk                      holds
    delivery#<source>#<table>        <delivery id>           a delivery
    batch#<batch id>                 header                  a batch and its state
    batch#<batch id>                 objects#<number>        more of its objects than fit there
    batch#<batch id>                 accepted#<hash>         an accepted object
    table#<source>#<table>           <landing date>#<id>     an open batch again, to list them
    claim#<bucket>                   <key>#<hash>            who holds this version of an object
    opening                          <batch id>              a batch that is not open (yet)
    zone#<source>#<table>#<zone>     <batch id>              what the zone made of the batch
    lock#<name>                      lock                    who holds a lock (`dynamodb_locks`)

How batches are opened is told in `resources.dynamodb_batches`. The hazard: claims of one bucket
share one partition, which takes about 1,000 writes a second.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import date

from resources.aws import client
from resources.dynamodb_batches import BatchOpener, claim_prefix, header_of, objects_in
from resources.dynamodb_items import ABSENT, WRITES_AT_ONCE, Item, ItemTable, Write
from resources.dynamodb_locks import DynamoLocks
from resources.ledger import (
    AcceptedObject,
    Batch,
    Delivery,
    LandedObject,
    Ledger,
    LedgerResource,
    ZoneState,
)
from resources.records import (
    batch_of,
    delivery_document,
    delivery_of,
    delivery_settled,
    in_order,
    no_batch,
    not_replaceable,
    refused_acceptances,
    zone_state_document,
    zone_state_of,
)


class DynamoLedger(DynamoLocks):
    """See `resources.ledger.Ledger`."""

    def __init__(self, table: ItemTable, opener: BatchOpener | None = None) -> None:
        super().__init__(table)
        self._opener = opener or BatchOpener(table)

    def record_delivery(self, delivery: Delivery) -> None:
        """See `Ledger.record_delivery`."""
        key = {
            "pk": f"delivery#{delivery.source}#{delivery.table}",
            "sk": delivery.delivery_id,
        }
        document = delivery_document(delivery)
        while True:
            stored = self._document(key["pk"], key["sk"])
            if stored == document:
                return
            if stored is not None and delivery_of(stored).status == "successful":
                raise delivery_settled(delivery)
            if self._write_fenced(_if_still({**key, "document": document}, stored)):
                return

    def deliveries(self, source: str, table: str) -> list[Delivery]:
        """See `Ledger.deliveries`."""
        items = self._table.query(f"delivery#{source}#{table}")
        found = (delivery_of(str(item["document"])) for item in items)
        return sorted(found, key=lambda delivery: (delivery.started_at, delivery.delivery_id))

    def open_batch(self, batch: Batch) -> Batch:
        """See `Ledger.open_batch`."""
        wanted = in_order(batch)
        self._opener.open(wanted)
        return wanted

    def batch(self, batch_id: str) -> Batch | None:
        """See `Ledger.batch`."""
        header = header_of(self._table, batch_id)
        if header is None or header["state"] != "open":
            return None
        return batch_of(str(header["document"]), objects_in(self._table, header))

    def batches(
        self, source: str, table: str, *, landing_dates: Collection[date] | None = None
    ) -> list[Batch]:
        """See `Ledger.batches`."""
        wanted = None if landing_dates is None else {day.isoformat() for day in landing_dates}
        return [
            batch_of(str(item["document"]), objects_in(self._table, item))
            for item in self._table.query(f"table#{source}#{table}")
            if wanted is None or str(item["sk"]).partition("#")[0] in wanted
        ]

    def claimed(self, bucket: str, prefix: str) -> dict[tuple[str, str], str]:
        """See `Ledger.claimed`."""
        claims = list(self._table.query(f"claim#{bucket}", claim_prefix(prefix)))
        # Asked after the claims: a batch that became open in between counts.
        opening = {item["sk"] for item in self._table.query("opening")}
        return {
            (str(claim["key"]), str(claim["version"])): str(claim["batch_id"])
            for claim in claims
            if claim["batch_id"] not in opening and str(claim["key"]).startswith(prefix)
        }

    def accept_objects(self, batch_id: str, objects: Sequence[AcceptedObject]) -> None:
        """See `Ledger.accept_objects`."""
        batch = self.batch(batch_id)
        if batch is None:
            raise no_batch(batch_id)
        while True:
            known = {accepted.landed: accepted for accepted in self.accepted_objects(batch_id)}
            if refusal := refused_acceptances(batch, objects, known):
                raise refusal
            fresh = {new.landed: new for new in objects if new.landed not in known}
            writes = [_acceptance(batch_id, accepted) for accepted in fresh.values()]
            starts = range(0, len(writes), WRITES_AT_ONCE)
            if not any(self._table.write(*writes[at : at + WRITES_AT_ONCE]) for at in starts):
                return

    def accepted_objects(self, batch_id: str) -> list[AcceptedObject]:
        """See `Ledger.accepted_objects`."""
        items = self._table.query(f"batch#{batch_id}", "accepted#")
        documents = (json.loads(str(item["document"])) for item in items)
        found = (
            AcceptedObject(LandedObject(*landed), raw_key, sha256)
            for raw_key, sha256, *landed in documents
        )
        return sorted(found, key=lambda accepted: accepted.raw_key)

    def record_zone(self, state: ZoneState, *, replacing: ZoneState | None) -> None:
        """See `Ledger.record_zone`."""
        batch = self._header(state.batch_id)
        if batch is None:
            raise no_batch(state.batch_id)
        pk = _zone(batch.source, batch.table, state.zone)
        document = zone_state_document(state)
        expected = None if replacing is None else zone_state_document(replacing)
        item: Item = {"pk": pk, "sk": state.batch_id, "document": document}
        if not self._write_fenced(_if_still(item, expected)):
            stored = self._document(pk, state.batch_id)
            if stored != document:
                raise not_replaceable(state, None if stored is None else zone_state_of(stored))

    def zone_state(self, batch_id: str, zone: str) -> ZoneState | None:
        """See `Ledger.zone_state`."""
        batch = self._header(batch_id)
        if batch is None:
            return None
        stored = self._document(_zone(batch.source, batch.table, zone), batch_id)
        return None if stored is None else zone_state_of(stored)

    def zone_states(self, source: str, table: str, zone: str) -> dict[str, ZoneState]:
        """See `Ledger.zone_states`."""
        items = self._table.query(_zone(source, table, zone))
        return {str(item["sk"]): zone_state_of(str(item["document"])) for item in items}

    def _header(self, batch_id: str) -> Batch | None:
        """The open batch without its objects."""
        header = header_of(self._table, batch_id)
        if header is None or header["state"] != "open":
            return None
        return batch_of(str(header["document"]), ())

    def _document(self, pk: str, sk: str) -> str | None:
        item = self._table.get(pk, sk)
        return None if item is None else str(item["document"])


class DynamoLedgerResource(LedgerResource):
    """The ledger of one deployment.

    Attributes:
        table: name of the DynamoDB table, with the keys `pk` and `sk`.
    """

    table: str

    def open(self) -> Ledger:
        """See `LedgerResource.open`."""
        return DynamoLedger(ItemTable(client("dynamodb"), self.table))


def _zone(source: str, table: str, zone: str) -> str:
    return f"zone#{source}#{table}#{zone}"


def _if_still(item: Item, stored: str | None) -> Write:
    if stored is None:
        return Write(item, ABSENT)
    return Write(item, "#document = :stored", {"stored": stored})


def _acceptance(batch_id: str, accepted: AcceptedObject) -> Write:
    landed = accepted.landed
    identity = f"{landed.bucket}\n{landed.key}\n{landed.version}"
    fields = [
        accepted.raw_key,
        accepted.sha256,
        landed.bucket,
        landed.key,
        landed.version,
        landed.size,
    ]
    document = json.dumps(fields, ensure_ascii=False)
    item: Item = {
        "pk": f"batch#{batch_id}",
        "sk": f"accepted#{hashlib.sha256(identity.encode()).hexdigest()}",
        "document": document,
    }
    return Write(item, f"{ABSENT} OR #document = :document", {"document": document})
