"""One DynamoDB table of items, with conditional writes: what the ledger needs of the service.

Items are flat: texts, whole numbers and bytes. Conditions name attributes as `#name` and values as
`:name`, because most good names are reserved words there.

The hazard: a transaction is cancelled by a failed condition and by mere collision alike. The first
is an answer for the caller; the second is tried again here.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resources.aws import translated
from resources.errors import ServiceUnavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, str | int | bytes]

# DynamoDB's own limits: writes in a transaction, and bytes of an item less room for its names.
WRITES_AT_ONCE = 100
ITEM_BYTES = 350_000
COLLISION_PATIENCE_SECONDS = 30.0

PARTITION_KEY, SORT_KEY = "pk", "sk"
ABSENT = f"attribute_not_exists(#{PARTITION_KEY})"


@dataclass(frozen=True)
class Write:
    """Put a whole item, or delete the one of its key, if the stored item fulfils a condition.

    `check` writes nothing: the condition alone decides whether the others of its transaction do.
    """

    item: Item
    condition: str = ""
    values: Mapping[str, str | int] = field(default_factory=dict)
    delete: bool = False
    check: bool = False


class ItemTable:
    """Items by partition key `pk` and sort key `sk`. Every read is consistent."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def get(self, pk: str, sk: str) -> Item | None:
        """The item of a key."""
        with self._answering():
            answer = self._client.get_item(
                TableName=self._name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
            )
        return _plain(answer["Item"]) if "Item" in answer else None

    def query(self, pk: str, prefix: str = "", *, newest_first: bool = False) -> Iterator[Item]:
        """All items of a partition whose sort key starts with `prefix`, by sort key.

        `newest_first` begins with the last sort key.
        """
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix:
            condition += " AND begins_with(sk, :prefix)"
            values[":prefix"] = {"S": prefix}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            ScanIndexForward=not newest_first,
        )
        with self._answering():
            for page in pages:
                yield from map(_plain, page["Items"])

    def write(self, *writes: Write) -> frozenset[int]:
        """Do all these writes or none.

        Returns:
            The positions of the writes whose condition failed; empty when all were done.
        """
        from botocore.exceptions import ClientError

        deadline = time.monotonic() + COLLISION_PATIENCE_SECONDS
        pause = 0.01
        while True:
            try:
                with self._answering():
                    self._client.transact_write_items(
                        TransactItems=[self._request(write) for write in writes]
                    )
                return frozenset()
            except ClientError as error:
                codes = _cancellations(error)
                if not codes:
                    raise
            if failed := {at for at, code in enumerate(codes) if code == "ConditionalCheckFailed"}:
                return frozenset(failed)
            if time.monotonic() > deadline:
                raise self._contended(codes)
            # Collisions among many writers end only if they do not all come back at once.
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 1.0)

    def _request(self, write: Write) -> Any:  # noqa: ANN401 - a union of TypedDicts of the SDK
        request: dict[str, Any] = {"TableName": self._name}
        if write.delete or write.check:
            request["Key"] = _typed({name: write.item[name] for name in ("pk", "sk")})
        else:
            request["Item"] = _typed(write.item)
        if write.condition:
            names = sorted(set(re.findall(r"#(\w+)", write.condition)))
            request["ConditionExpression"] = write.condition
            request["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
        if write.values:
            request["ExpressionAttributeValues"] = {
                f":{name}": value for name, value in _typed(write.values).items()
            }
        if write.check:
            return {"ConditionCheck": request}
        return {"Delete" if write.delete else "Put": request}

    @contextmanager
    def _answering(self) -> Iterator[None]:
        missing = self._client.exceptions.ResourceNotFoundException
        try:
            with translated("Amazon DynamoDB", f"table {self._name}"):
                yield
        except missing as error:
            raise ServiceUnavailable(
                f"Amazon DynamoDB, table {self._name}",
                found="no such table in this account and region",
                expected="the ledger's table, with the keys pk and sk",
                next_move="deploy the platform there, or correct the table's name",
            ) from error

    def _contended(self, codes: Sequence[str]) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"Amazon DynamoDB, table {self._name}",
            found=f"a transaction cancelled again and again: {', '.join(sorted(set(codes)))}",
            expected=f"it to go through within {COLLISION_PATIENCE_SECONDS:g} s",
            next_move="try again when fewer writers are at work",
        )


def create_table(client: DynamoDBClient, name: str) -> None:
    """Create a table that the ledger can use, and wait until it is there."""
    client.create_table(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": PARTITION_KEY, "AttributeType": "S"},
            {"AttributeName": SORT_KEY, "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": PARTITION_KEY, "KeyType": "HASH"},
            {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=name)


def _cancellations(error: ClientError) -> list[str]:
    response: Mapping[str, Any] = error.response
    if response.get("Error", {}).get("Code") != "TransactionCanceledException":
        return []
    return [reason.get("Code") or "None" for reason in response.get("CancellationReasons", [])]


def _typed(item: Mapping[str, str | int | bytes]) -> dict[str, Any]:
    def typed(value: str | int | bytes) -> dict[str, str | bytes]:
        if isinstance(value, int):
            return {"N": str(value)}
        return {"B": value} if isinstance(value, bytes) else {"S": value}

    return {name: typed(value) for name, value in item.items()}


def _plain(item: Mapping[str, Any]) -> Item:
    def plain(value: Mapping[str, Any]) -> str | int | bytes:
        if "N" in value:
            return int(value["N"])
        return bytes(value["B"]) if "B" in value else str(value["S"])

    return {name: plain(value) for name, value in item.items()}
