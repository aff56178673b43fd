"""Which columns a published column was computed from, read from the plan that computed it.

A Spark Connect client holds its query as a tree of names, so what a job does with columns can be
followed from its last `select` back to what it read, without running anything and without a second
list that somebody would have to keep. What counts is the value: everything that an expression
reads, the conditions of a CASE included; not what filters, joins or groups the rows. A count of
rows reads nothing: it comes from what groups them.

The hazard is a wrong claim. What cannot be followed (another engine's client, a statement in SQL)
is left out, and a job never fails for it. What a Python function makes of whole rows may come from
any column that it is given, and so it says.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spark.plan_columns import Node, Plan, PlanColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from spark.tables import Table

DETAIL = "column_lineage"
_QUOTES = re.compile(r"[`\s]")


@dataclass
class Notes:
    """What one job read, by location, and what its published columns were made of, by dataset.

    `at_hand` has the columns of frames that hold their rows themselves, by the ids of their plans.
    """

    names: dict[str, str] = field(default_factory=dict)
    at_hand: dict[int, list[PlanColumn]] = field(default_factory=dict)
    columns: dict[str, dict[str, list[list[str]]]] = field(default_factory=dict)


_notes: ContextVar[Notes | None] = ContextVar("column_lineage", default=None)


@contextmanager
def noted() -> Iterator[Notes]:
    """Keep notes of what is read and published in this block."""
    notes = Notes()
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def note_input(name: str, locations: Sequence[str]) -> None:
    """Say that these locations hold the input called `name`."""
    notes = _notes.get()
    if notes is not None:
        notes.names.update(dict.fromkeys(locations, name))


def note_at_hand(frame: DataFrame, rows: DataFrame) -> None:
    """Say that a frame which holds its rows itself has those that were computed as `rows`."""
    notes, plan = _notes.get(), getattr(frame, "_plan", None)
    if notes is None or plan is None:
        return
    try:
        root = plan.to_proto(frame.sparkSession.client).root
        notes.at_hand[root.common.plan_id] = _columns(frame.sparkSession, rows, notes)
    except Exception:  # noqa: BLE001 - documentation must not fail the work that it documents
        return


def note_published(session: SparkSession, rows: DataFrame, table: Table) -> None:
    """Say that these rows are published as `table`."""
    notes = _notes.get()
    if notes is None:
        return
    try:
        found = origins(session, rows, notes)
    except Exception:  # noqa: BLE001 - documentation must not fail the work that it documents
        return
    notes.columns[table.identifier] = {
        name: [list(origin) for origin in found[name]]
        for name in table.column_names
        if found.get(name)
    }


def details(dataset: str) -> dict[str, str]:
    """What a job's report says of the dataset's columns: one JSON document, if anything is known.

    `{"column": [["shop.order", "sold_at"], …]}`; a dataset is an input's name or a table's.
    """
    notes = _notes.get()
    found = notes.columns.get(dataset) if notes is not None else None
    return {DETAIL: json.dumps(found, sort_keys=True)} if found else {}


def origins(
    session: SparkSession, rows: DataFrame, notes: Notes
) -> dict[str, list[tuple[str, str]]]:
    """(dataset, column) pairs that each column of `rows` was computed from, in order.

    Args:
        session: of the rows; asked for the columns of what they were read from.
        rows: a frame of a Connect client; of any other, nothing is known.
        notes: what was read so far.
    """
    columns = _columns(session, rows, notes)
    return {column.name: sorted(column.origins) for column in columns if column.name}


def _columns(session: SparkSession, rows: DataFrame, notes: Notes) -> list[PlanColumn]:
    plan = getattr(rows, "_plan", None)
    if plan is None:
        return []
    followed = Plan(lambda read: _read_columns(session, read, notes.names), notes.at_hand)
    return followed.columns(plan.to_proto(session.client).root)


def _read_columns(session: SparkSession, read: Node, names: Mapping[str, str]) -> list[PlanColumn]:
    """The columns of what a plan reads: a table, or the files of a known dataset."""
    if read.WhichOneof("read_type") == "named_table":
        identifier = _QUOTES.sub("", read.named_table.unparsed_identifier)
        frame, dataset = session.table(identifier), identifier
    else:
        paths = list(read.data_source.paths)
        known = {names[path] for path in paths if path in names}
        if len(known) != 1:
            return []
        frame, (dataset,) = session.read.parquet(paths[0]), known
    return [PlanColumn(name, frozenset({(dataset, name)})) for name in frame.columns]
