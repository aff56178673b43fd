"""Quarantine as people see it: which rows are held, since when, by which rule, and which one it is.

Rejected rows lie beside the clean rows of the unit that rejected them, by batch; earlier versions
kept those of a unit together. A row is known by an id that begins with its name
(`spark.row_names`), so that it is the same row whenever its batch is made clean again; of equal
rows, each has its number. The job that makes batches clean names its rows, and finds released ones
again by their names.

The hazard: released is not gone. A released row stays in the accounts of its batch as rejected, and
its correction is accounted for in a batch of its own; only what waits for somebody is counted here
as waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from product360_assets.clean.accounting import accounted
from product360_assets.clean.releases import released_ids
from product360_assets.clean.request import SET_ASIDE_AT
from product360_assets.core.states import CLEAN, RELEASED
from resources.arrow_files import file_system, parquet_keys
from resources.errors import CorrectionRefused
from resources.ledger import Batch, Ledger, ZoneState
from resources.objects import LakeResource, ObjectStore
from spark.row_names import plain_name

# What the details of a clean state call the rows that broke a rule.
BY_RULE = "quarantine."
# The rule of a row that would pass by now, but whose correction stands for it already.
SUPERSEDED = "released"
# The rule of a row of which nothing was kept, because its subject was erased.
ERASED = "erased"
_PROBLEM = ("column", "rule", "reason", "raw_text")


@dataclass(frozen=True)
class Rejected:
    """One rejected row: in whose accounts it is, why, its text, and its lineage by column."""

    row_id: str
    batch: Batch
    column: str | None
    rule: str
    reason: str
    raw_text: str | None
    lineage: Mapping[str, Any]


@dataclass(frozen=True)
class Held:
    """Rows of one batch that one rule rejected; `waiting` of them were not released."""

    source: str
    table: str
    landing_date: date
    batch: str
    rule: str
    rows: int
    released: int

    @property
    def waiting(self) -> int:
        """Rows that wait for somebody; of those whose subject was erased, nothing is left."""
        return 0 if self.rule == ERASED else self.rows - self.released


def held_rows(ledger: Ledger, lake: LakeResource, source: str, table: str) -> Iterator[Held]:
    """What quarantine holds of a table, by landing date, batch and rule.

    The ledger's counts; only of batches with releases are the rows themselves read.
    """
    states = ledger.zone_states(source, table, CLEAN)
    releases = ledger.zone_states(source, table, RELEASED)
    for batch in ledger.batches(source, table):
        state = states.get(batch.batch_id)
        if state is None or not state.rows_quarantined:
            continue
        rows = _by_rule(state)
        released = Counter[str]()
        if batch.batch_id in releases:
            rows, released = _counted(batch, state, ledger=ledger, lake=lake)
        for rule in sorted(rows):
            yield Held(
                source, table, batch.landing_date, batch.batch_id, rule, rows[rule], released[rule]
            )


def rejected_rows(batch: Batch, state: ZoneState, clean: ObjectStore) -> list[Rejected]:
    """The rejected rows of a batch, by file, text and number.

    Raises:
        CorrectionRefused: they were rejected by a version that did not keep their lineage.
    """
    found = sorted(_records(batch, state, clean), key=_place)
    times = Counter[str]()
    rows = []
    for record in found:
        name = _name(batch, record)
        times[name] += 1
        rows.append(
            Rejected(
                row_id=f"{name}-{times[name]}",
                batch=batch,
                **{name: record[name] for name in _PROBLEM},
                lineage={name: value for name, value in record.items() if name.startswith("_")},
            )
        )
    return rows


def _records(batch: Batch, state: ZoneState, clean: ObjectStore) -> Iterator[dict[str, Any]]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    files, root = file_system(clean)
    prefix = f"quarantine/{batch.source}/{batch.table}/unit={state.unit}/"
    if SET_ASIDE_AT in state.details:
        prefix += f"batch={batch.batch_id}/"
    for key in parquet_keys(clean, prefix):
        with files.open_input_file(f"{root}/{key}") as file:
            rows = pq.ParquetFile(file).read()
        if "_correction_id" not in rows.column_names:
            raise _without_lineage(batch)
        yield from rows.filter(pc.equal(accounted(rows), batch.batch_id)).to_pylist()


def _place(record: Mapping[str, Any]) -> tuple[str, str, int]:
    return record["_source_file"], record["raw_text"] or "", record["_row_number"] or 0


def _name(batch: Batch, record: Mapping[str, Any]) -> str:
    # A whole file has no name, nor has what an earlier version rejected: all of its text was there.
    named = record.get("row_name")
    return named or plain_name(batch.batch_id, record["_source_file"], record["raw_text"] or "")


def _by_rule(state: ZoneState) -> Counter[str]:
    return Counter(
        {
            name.removeprefix(BY_RULE): int(count)
            for name, count in state.details.items()
            if name.startswith(BY_RULE) and int(count)
        }
    )


def _counted(
    batch: Batch, state: ZoneState, *, ledger: Ledger, lake: LakeResource
) -> tuple[Counter[str], Counter[str]]:
    """Rejected rows by rule, and those of them that were released."""
    ids = frozenset(released_ids(batch, ledger=ledger, lake=lake))
    rows = rejected_rows(batch, state, lake.zone("clean"))
    return (
        Counter(row.rule for row in rows),
        Counter(row.rule for row in rows if row.rule == SUPERSEDED or row.row_id in ids),
    )


def _without_lineage(batch: Batch) -> CorrectionRefused:
    day = batch.landing_date.isoformat()
    return CorrectionRefused(
        f"the quarantine of batch {batch.batch_id}",
        found="rows without their place in the history of their source, kept by an earlier version",
        expected="rows that were rejected by this version",
        next_move=f"run `product360 replay --source {batch.source} --table {batch.table} "
        f"--from {day} --to {day}`, then look again",
    )
