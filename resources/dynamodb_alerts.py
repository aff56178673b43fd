"""The store of alerts on DynamoDB: one partition of the ledger's own table, an item for each."""

from __future__ import annotations

from resources.alerts import AlertStore, AlertStoreResource
from resources.aws import client
from resources.dynamodb_items import ABSENT, Item, ItemTable, Write

_PARTITION = "alert"


class DynamoAlertStore:
    """See `resources.alerts.AlertStore`."""

    def __init__(self, table: ItemTable) -> None:
        self._table = table

    def read(self, key: str) -> str | None:
        """See `AlertStore.read`."""
        item = self._table.get(_PARTITION, key)
        return None if item is None else str(item["document"])

    def swap(self, key: str, document: str, *, expected: str | None) -> bool:
        """See `AlertStore.swap`."""
        item: Item = {"pk": _PARTITION, "sk": key, "document": document}
        if expected is None:
            write = Write(item, ABSENT)
        else:
            write = Write(item, "#document = :expected", {"expected": expected})
        return not self._table.write(write)

    def all(self) -> dict[str, str]:
        """See `AlertStore.all`."""
        return {str(item["sk"]): str(item["document"]) for item in self._table.query(_PARTITION)}


class DynamoAlertStoreResource(AlertStoreResource):
    """The alerts of a deployment.

    Attributes:
        table: the ledger's DynamoDB table.
    """

    table: str

    def open(self) -> AlertStore:
        """See `AlertStoreResource.open`."""
        return DynamoAlertStore(ItemTable(client("dynamodb"), self.table))
