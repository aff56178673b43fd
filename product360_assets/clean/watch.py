"""Watches deliveries: did they come in time, of the usual size, and as complete as usual?

All of it is answered by the ledger, which keeps what each batch held when it was made clean; no
row is read. So a whole system is one step that costs milliseconds, and it can be asked every day:
a table that is *not* delivered makes nothing run, and only who asks learns of it.

The hazards are unequal companions: a full load is not compared with a day's changes, nor a Sunday
with a Monday, and a day that may still be going on is not judged by its size.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from product360_assets.clean.work import NULLS
from product360_assets.core.calendar import last_delivery, timeliness, today
from product360_assets.core.checks import advisory_check, warning
from product360_assets.core.contract import SourceContract, TableContract, known_contracts
from product360_assets.core.failures import explained_failures
from product360_assets.core.in_force import in_force
from product360_assets.core.keys import clean_key
from product360_assets.core.plots import line_chart
from product360_assets.core.states import CLEAN
from product360_assets.core.usual import NOT_JUDGED, NullCounts, Verdict, nulls, together, volume
from product360_assets.ingestion.corrections import CORRECTION
from resources.ledger import Ledger, LedgerResource, ZoneState
from resources.registry import RegistryResource

IS_DELIVERED_IN_TIME = "is_delivered_in_time"
VOLUME_IS_USUAL = "volume_is_usual"
NULLS_ARE_USUAL = "nulls_are_usual"
ROWS_PLOT = "Rows by landing date"
_BY_THE_DAY = ("continuous", "hourly", "daily")


@dataclass(frozen=True)
class CleanDelivery:
    """What clean made of one landing date; `kind` says what may be compared with it."""

    day: date
    kind: str
    rows: int
    quarantined: int
    counts: NullCounts


@dataclass(frozen=True)
class Watched:
    """One table's clean deliveries, oldest first, and what day it is in the data."""

    table: TableContract
    last_delivery: date | None
    now: date | None
    deliveries: Sequence[CleanDelivery]


def delivery_checks(contract: SourceContract) -> dg.AssetChecksDefinition:
    """The watch over one system's tables, as checks of its clean assets."""
    judges = {
        (clean_key(contract.name, table.name), name): (table.name, judge)
        for table in contract.tables
        for name, (_, judge) in _WATCHES.items()
    }

    @dg.multi_asset_check(
        name=f"watch_{contract.name}",
        specs=[spec for table in contract.tables for spec in _specs(contract, table)],
        can_subset=True,
        description=f"Whether {contract.name} delivers in time, as much and as complete as usual.",
    )
    def watch(
        context: dg.AssetCheckExecutionContext, ledger: LedgerResource, registry: RegistryResource
    ) -> Iterator[dg.AssetCheckResult]:
        with explained_failures():
            opened, agreed = ledger.open(), in_force(registry.open(), contract)
            now = today(opened, known_contracts().values())
            for key in sorted(context.selected_asset_check_keys):
                name, judge = judges[key.asset_key, key.name]
                verdict = judge(watched(opened, agreed.contract, agreed.table(name), now=now))
                yield warning(key.name, key.asset_key, holds=verdict.holds, counted=verdict.counted)

    return watch


def watched(
    ledger: Ledger, contract: SourceContract, table: TableContract, *, now: date | None
) -> Watched:
    """What the ledger knows of a table's deliveries."""
    return Watched(
        table,
        last_delivery(ledger, contract, table),
        now,
        clean_deliveries(ledger, contract, table),
    )


def clean_deliveries(
    ledger: Ledger, contract: SourceContract, table: TableContract
) -> list[CleanDelivery]:
    """What clean made of each landing date and kind of batch, oldest first."""
    states = ledger.zone_states(contract.name, table.name, CLEAN)
    by_day: dict[tuple[date, str], list[ZoneState]] = {}
    for batch in ledger.batches(contract.name, table.name):
        # A correction is as large as somebody's patience, and says nothing about the source.
        if batch.batch_id in states and batch.kind != CORRECTION:
            by_day.setdefault((batch.landing_date, batch.kind), []).append(states[batch.batch_id])
    return [
        CleanDelivery(
            day,
            kind,
            sum(state.rows_in for state in found),
            sum(state.rows_quarantined for state in found),
            together([_null_counts(state) for state in found]),
        )
        for (day, kind), found in sorted(by_day.items())
    ]


def rows_by_day(deliveries: Sequence[CleanDelivery]) -> dict[str, dg.MarkdownMetadataValue]:
    """A plot of rows kept and rows set aside by landing date; none for a single day."""
    kept, set_aside = Counter[date](), Counter[date]()
    for each in deliveries:
        kept[each.day] += each.rows - each.quarantined
        set_aside[each.day] += each.quarantined
    if len(kept) < 2:
        return {}
    lines = {"kept": kept, "quarantined": set_aside}
    return {
        ROWS_PLOT: line_chart(
            {name: [(day, counts[day]) for day in sorted(kept)] for name, counts in lines.items()},
            title=ROWS_PLOT,
            x="landing date",
            y="rows",
        )
    }


def in_time(seen: Watched) -> Verdict:
    """Whether the newest delivery is as new as the contract asks."""
    allowed = timedelta(hours=seen.table.freshness_hours)
    verdict = timeliness(seen.last_delivery, now=seen.now, allowed=allowed)
    return Verdict(verdict.holds, {**verdict.counted, "cadence": seen.table.cadence})


def usual_volume(seen: Watched) -> Verdict:
    """Whether the newest whole delivery is about as large as comparable ones."""
    whole = _whole(seen)
    if not whole:
        return Verdict(True, {NOT_JUDGED: "no delivery of a day that is over"})
    newest = whole[-1]
    verdict = volume(newest.rows, [each.rows for each in _comparable(seen.table, whole)])
    said = {"delivery of": newest.day.isoformat(), **verdict.counted}
    return Verdict(verdict.holds, {**said, **rows_by_day(seen.deliveries)})


def usual_nulls(seen: Watched) -> Verdict:
    """Whether each nullable column of the newest delivery is null about as often as before."""
    counted = [each for each in seen.deliveries if each.counts.nulls]
    if not counted:
        return Verdict(True, {NOT_JUDGED: "no delivery whose nulls were counted"})
    newest = counted[-1]
    verdict = nulls(newest.counts, together([each.counts for each in counted[:-1]]))
    return Verdict(verdict.holds, {"delivery of": newest.day.isoformat(), **verdict.counted})


_WATCHES: dict[str, tuple[str, Callable[[Watched], Verdict]]] = {
    IS_DELIVERED_IN_TIME: (
        "The newest delivery is as new as the contract asks, by the data's own calendar: today is "
        "the latest day on which any source delivered.",
        in_time,
    ),
    VOLUME_IS_USUAL: (
        "The newest delivery has between a third of and three times the median rows of earlier "
        "ones of its kind and weekday; with fewer than four of them nothing is judged.",
        usual_volume,
    ),
    NULLS_ARE_USUAL: (
        "No column's share of nulls moved by more than five percentage points against all earlier "
        "deliveries; below a hundred rows nothing is judged.",
        usual_nulls,
    ),
}


def _specs(contract: SourceContract, table: TableContract) -> Iterator[dg.AssetCheckSpec]:
    for name, (description, _) in _WATCHES.items():
        yield advisory_check(name, clean_key(contract.name, table.name), description)


def _whole(seen: Watched) -> list[CleanDelivery]:
    """The deliveries of days that are over; those of other cadences come whole."""
    if seen.table.cadence not in ("continuous", "hourly"):
        return list(seen.deliveries)
    return [each for each in seen.deliveries if each.day != seen.now]


def _comparable(
    table: TableContract, deliveries: Sequence[CleanDelivery]
) -> Iterator[CleanDelivery]:
    *earlier, newest = deliveries
    for each in earlier:
        same_weekday = each.day.weekday() == newest.day.weekday()
        if each.kind == newest.kind and (same_weekday or table.cadence not in _BY_THE_DAY):
            yield each


def _null_counts(state: ZoneState) -> NullCounts:
    counted = {
        name.removeprefix(NULLS): int(count)
        for name, count in state.details.items()
        if name.startswith(NULLS)
    }
    return NullCounts(state.rows_out, counted)
