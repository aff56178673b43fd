"""The data's own calendar: what day it is, as far as anything that was delivered can tell.

Freshness is a question about the data: is the newest delivery as new as it could be? A machine's
clock cannot answer it, because history is loaded late, a demo lives in a simulated year, and a
weekend moves no till. So "today" is the latest day on which any source delivered, or answered that
it had nothing new. The hazard is a silence of all sources at once: then no day passes here, and it
is the wall-clock policy of the landing assets that says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.stream import STREAM, TABLES
from product360_assets.core.usual import NOT_JUDGED, Verdict
from resources.ledger import Ledger


def today(ledger: Ledger, contracts: Iterable[SourceContract]) -> date | None:
    """The latest day on which any of the systems delivered; None before the first delivery."""
    days = (
        last_delivery(ledger, contract, table)
        for contract in contracts
        for table in contract.tables
    )
    return max((day for day in days if day is not None), default=None)


def last_delivery(ledger: Ledger, contract: SourceContract, table: TableContract) -> date | None:
    """The latest day on which a table was delivered, or its source said that nothing was new."""
    streamed = [
        execution
        for execution in ledger.deliveries(contract.name, STREAM)
        if table.name in execution.details[TABLES].split(",")
    ]
    executions = [*ledger.deliveries(contract.name, table.name), *streamed]
    batches = ledger.batches(contract.name, table.name)
    days = [execution.landing_date for execution in executions if execution.status == "successful"]
    return max([*days, *(batch.landing_date for batch in batches)], default=None)


def timeliness(newest: date | None, *, now: date | None, allowed: timedelta) -> Verdict:
    """Whether today began before the end of the newest day and `allowed` after it.

    Days have no hours, so what is late here is late at any hour: a delivery that may be one hour
    old may be of yesterday, one that may be 36 hours old of the day before.
    """
    if now is None:
        return Verdict(True, {NOT_JUDGED: "nothing was delivered yet, so there is no today"})
    shown: dict[str, Any] = {"today in the data": now.isoformat()}
    if newest is None:
        return Verdict(False, {**shown, "newest": "none yet"})
    late_from = datetime.combine(newest + timedelta(days=1), time(), UTC) + allowed
    return Verdict(
        datetime.combine(now, time(), UTC) <= late_from,
        {
            **shown,
            "newest": newest.isoformat(),
            "late from": f"{late_from:%Y-%m-%d %H:%M}",
            "age (days)": (now - newest).days,
        },
    )
