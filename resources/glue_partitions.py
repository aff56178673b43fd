"""Partitions of tables in the Glue Data Catalog, in as few calls as Glue allows.

    create    100 in a call
    update    100 in a call
    delete    25 in a call

The hazard is the answer 200 of which parts failed. A partition that is there already, or is gone
already, was made so by somebody else, or by a call of ours whose answer was lost: then the table is
looked at again, and only what still differs is done. Anything else is told by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

from resources.errors import TableMoved
from resources.external_tables import (
    Differences,
    ExternalPartition,
    ExternalTable,
    differences,
)
from resources.glue_calls import answering, failure_of
from resources.hive_formats import storage_of

WRITTEN_AT_ONCE, DELETED_AT_ONCE = 100, 25
LOOKS = 4
_OVERTAKEN = frozenset({"AlreadyExistsException", "EntityNotFoundException"})

Call = Callable[..., Mapping[str, Any]]
T = TypeVar("T")


class GluePartitions:
    """The partitions of all tables; `layout` is the parameter that keeps how one is to be read."""

    def __init__(self, glue: Any, layout: str) -> None:  # noqa: ANN401 - no types are installed
        self._glue = glue
        self._layout = layout

    def standing(self, database: str, table: str) -> dict[tuple[str, ...], tuple[str, str]]:
        """Location and layout of every partition, by its values.

        Raises:
            CatalogRefused, ServiceUnavailable: see `answering`.
        """
        with answering(f"partitions of {database}.{table}"):
            pages = self._glue.get_paginator("get_partitions").paginate(
                DatabaseName=database, TableName=table, ExcludeColumnSchema=True
            )
            return {
                tuple(found["Values"]): (
                    found["StorageDescriptor"]["Location"],
                    found.get("Parameters", {}).get(self._layout, ""),
                )
                for page in pages
                for found in page["Partitions"]
            }

    def bring_in_line(
        self, table: ExternalTable, wanted: Sequence[ExternalPartition], todo: Differences
    ) -> None:
        """Let exactly the wanted partitions stand, of which `todo` is still to be done.

        Raises:
            TableMoved: somebody else keeps changing them.
            CatalogRefused, ServiceUnavailable: Glue refused a part. What was done stays.
        """
        for _ in range(LOOKS):
            if not todo or self._did(table, todo):
                return
            todo = self.todo(table, wanted)
        raise _restless(table)

    def todo(self, table: ExternalTable, wanted: Sequence[ExternalPartition]) -> Differences:
        """What there is to do so that exactly the wanted partitions stand."""
        return differences(wanted, table.layout, self.standing(table.zone, table.name))

    def _did(self, table: ExternalTable, todo: Differences) -> bool:
        """Do it; False where somebody else, or a lost answer of ours, was faster somewhere."""
        errors = chain(
            self._update(table, (*todo.moved, *todo.described)),
            self._create(table, todo.added),
            self._delete(table, todo.removed),
        )
        return not list(errors)

    def _create(
        self, table: ExternalTable, partitions: Sequence[ExternalPartition]
    ) -> Iterator[str]:
        for some in _portions(partitions, WRITTEN_AT_ONCE):
            inputs = [self._input(table, each) for each in some]
            yield from self._called(
                self._glue.batch_create_partition, table, PartitionInputList=inputs
            )

    def _update(
        self, table: ExternalTable, partitions: Sequence[ExternalPartition]
    ) -> Iterator[str]:
        for some in _portions(partitions, WRITTEN_AT_ONCE):
            entries = [
                {
                    "PartitionValueList": list(each.values),
                    "PartitionInput": self._input(table, each),
                }
                for each in some
            ]
            yield from self._called(self._glue.batch_update_partition, table, Entries=entries)

    def _delete(self, table: ExternalTable, values: Sequence[tuple[str, ...]]) -> Iterator[str]:
        for some in _portions(values, DELETED_AT_ONCE):
            gone = [{"Values": list(each)} for each in some]
            yield from self._called(
                self._glue.batch_delete_partition, table, PartitionsToDelete=gone
            )

    def _called(self, call: Call, table: ExternalTable, **what: object) -> Iterator[str]:
        """Values of partitions that somebody else was faster with.

        Raises:
            CatalogRefused, ServiceUnavailable: a part failed for another reason.
        """
        with answering(f"partitions of {table.identifier}"):
            answer = call(DatabaseName=table.zone, TableName=table.name, **what)
        for error in answer.get("Errors", ()):
            values = "/".join(error.get("PartitionValues") or error.get("PartitionValueList") or ())
            detail = error.get("ErrorDetail", {})
            code = str(detail.get("ErrorCode", ""))
            if code not in _OVERTAKEN:
                which = f"partition {values} of {table.identifier}"
                raise failure_of(which, code, str(detail.get("ErrorMessage", "")))
            yield values

    def _input(self, table: ExternalTable, partition: ExternalPartition) -> dict[str, Any]:
        return {
            "Values": list(partition.values),
            "StorageDescriptor": storage_of(table, partition.location, described=False),
            "Parameters": {self._layout: table.layout},
        }


def _portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _restless(table: ExternalTable) -> TableMoved:
    return TableMoved(
        f"partitions of {table.identifier}",
        found=f"other ones than just written, after each of {LOOKS} looks",
        expected="that nobody else writes partitions of this table",
        next_move="see who does (a crawler?), then materialize catalog/entries again",
    )
