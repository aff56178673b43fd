"""The registry on DynamoDB, in the ledger's table: every write conditional, every read consistent.

    pk                       sk                       holds
    contract#<source>        <version, eight digits>  a version
    switches#<source>        switches                 the switches

A version is an item that is only ever created. The hazard is two writers of one number: the service
itself refuses the second, whatever both had read before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from resources.aws import client
from resources.dynamodb_items import ABSENT, Item, ItemTable, Write
from resources.registry import (
    Published,
    Registry,
    RegistryResource,
    Switches,
    following,
    overtaken,
    published_of,
    published_record,
    switched_meanwhile,
    switches_of,
    switches_record,
)

_SWITCHES = "switches"


class DynamoRegistry:
    """See `resources.registry.Registry`."""

    def __init__(self, table: ItemTable) -> None:
        self._table = table

    def latest(self, source: str) -> Published | None:
        """See `Registry.latest`."""
        newest = next(self._table.query(_contract(source), newest_first=True), None)
        return None if newest is None else _published(newest)

    def version(self, source: str, number: int) -> Published | None:
        """See `Registry.version`."""
        item = self._table.get(_contract(source), _number(number))
        return None if item is None else _published(item)

    def versions(self, source: str) -> list[Published]:
        """See `Registry.versions`."""
        return [_published(item) for item in self._table.query(_contract(source))]

    def publish(
        self, source: str, document: Mapping[str, Any], *, expected: int | None, note: str, by: str
    ) -> Published:
        """See `Registry.publish`."""
        latest = self.latest(source)
        new = following(latest, source, document, note=note, by=by)
        if latest is not None and latest.digest == new.digest:
            return latest
        if (None if latest is None else latest.version) != expected:
            raise overtaken(source, expected=expected, latest=latest)
        item: Item = {
            "pk": _contract(source),
            "sk": _number(new.version),
            "record": published_record(new),
        }
        if self._table.write(Write(item, ABSENT)):
            # Somebody was first with this number; perhaps with the same contract.
            first = self.latest(source)
            if first is None or first.digest != new.digest:
                raise overtaken(source, expected=expected, latest=first)
            return first
        return new

    def switches(self, source: str) -> Switches:
        """See `Registry.switches`."""
        item = self._table.get(f"switches#{source}", _SWITCHES)
        return switches_of(None if item is None else str(item["record"]))

    def set_switch(
        self, source: str, *, paused: bool, reason: str, expected: int, by: str
    ) -> Switches:
        """See `Registry.set_switch`."""
        new = Switches(paused, reason, expected + 1, datetime.now(UTC), by)
        item: Item = {
            "pk": f"switches#{source}",
            "sk": _SWITCHES,
            "version": new.version,
            "record": switches_record(new),
        }
        unchanged = (
            Write(item, "#version = :expected", {"expected": expected})
            if expected
            else Write(item, ABSENT)
        )
        if self._table.write(unchanged):
            raise switched_meanwhile(source, expected=expected, found=self.switches(source))
        return new


class DynamoRegistryResource(RegistryResource):
    """The registry of one deployment.

    Attributes:
        table: name of the DynamoDB table, with the keys `pk` and `sk`; the ledger's.
    """

    table: str

    def open(self) -> Registry:
        """See `RegistryResource.open`."""
        return DynamoRegistry(ItemTable(client("dynamodb"), self.table))


def _contract(source: str) -> str:
    return f"contract#{source}"


def _number(version: int) -> str:
    # Sort keys are text.
    return f"{version:08d}"


def _published(item: Item) -> Published:
    return published_of(str(item["record"]))
