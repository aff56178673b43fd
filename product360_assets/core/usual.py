"""What is usual: one number, or one share of nulls, against those of earlier deliveries.

Nothing here is an error: a holiday is unusual too. So verdicts only ever warn, and each comes with
the numbers behind it. The hazard is a verdict over too little: with fewer than four earlier
deliveries, or a hundred rows on either side, nothing is judged and the verdict says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

FEWEST_DELIVERIES = 4
FEWEST_ROWS = 100
# A delivery of less than a third, or more than three times, of the median.
USUAL_FACTOR = 3.0
# Loss of rows from one state of a table to the next, as a share.
USUAL_LOSS = 0.1
# Change of a column's share of nulls, in shares: 0.05 is five percentage points, and in standard
# errors: what a few hundred rows do by chance is no news.
USUAL_NULL_CHANGE = 0.05
USUAL_ERRORS = 3.0

NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Verdict:
    """Whether something is usual, and the numbers behind it; what is not judged passes."""

    holds: bool
    counted: Mapping[str, Any]


@dataclass(frozen=True)
class NullCounts:
    """Rows, and how many of them are null, by column; only columns that were counted."""

    rows: int
    nulls: Mapping[str, int] = field(default_factory=dict)

    def share(self, column: str) -> float:
        """The share of nulls in one column."""
        return self.nulls[column] / self.rows


def volume(rows: int, earlier: Sequence[int]) -> Verdict:
    """Whether a delivery has about as many rows as the median of comparable earlier ones."""
    counted: dict[str, Any] = {"rows": rows, "earlier deliveries": len(earlier)}
    if len(earlier) < FEWEST_DELIVERIES:
        reason = f"fewer than {FEWEST_DELIVERIES} earlier deliveries to compare with"
        return Verdict(True, {**counted, NOT_JUDGED: reason})
    usual = float(median(earlier))
    holds = usual / USUAL_FACTOR <= rows <= usual * USUAL_FACTOR
    return Verdict(
        holds,
        {
            **counted,
            "median": usual,
            "expected from": round(usual / USUAL_FACTOR, 1),
            "expected to": round(usual * USUAL_FACTOR, 1),
        },
    )


def loss(rows: int, before: int | None) -> Verdict:
    """Whether a table kept its rows since its state before; growth is no loss."""
    if not before:
        return Verdict(True, {"rows": rows, NOT_JUDGED: "no earlier state to compare with"})
    lost = max(before - rows, 0) / before
    return Verdict(
        lost <= USUAL_LOSS,
        {"rows": rows, "rows before": before, "lost": round(lost, 4), "accepted loss": USUAL_LOSS},
    )


def nulls(now: NullCounts, before: NullCounts) -> Verdict:
    """Whether every column is null about as often as before."""
    counted: dict[str, Any] = {"rows": now.rows, "rows before": before.rows}
    if min(now.rows, before.rows) < FEWEST_ROWS:
        reason = f"fewer than {FEWEST_ROWS} rows on one side"
        return Verdict(True, {**counted, NOT_JUDGED: reason})
    if not now.nulls.keys() & before.nulls.keys():
        return Verdict(True, {**counted, NOT_JUDGED: "no column that may be null was counted"})
    shares = {
        column: (before.share(column), now.share(column))
        for column in sorted(now.nulls.keys() & before.nulls.keys())
    }
    unusual = {
        column: f"{then:.1%} before, {share:.1%} now"
        for column, (then, share) in shares.items()
        if abs(share - then) > max(USUAL_NULL_CHANGE, _chance(now, before, column))
    }
    return Verdict(
        not unusual,
        {
            **counted,
            "columns": len(shares),
            "unusual": unusual,
            "accepted change": USUAL_NULL_CHANGE,
        },
    )


def _chance(now: NullCounts, before: NullCounts, column: str) -> float:
    """How far two shares of one truth may be apart by chance."""
    share = (now.nulls[column] + before.nulls[column]) / (now.rows + before.rows)
    return USUAL_ERRORS * math.sqrt(share * (1 - share) * (1 / now.rows + 1 / before.rows))


def together(counts: Sequence[NullCounts]) -> NullCounts:
    """The counts of several deliveries as one, over the columns that all of them counted."""
    columns = set.intersection(*(set(each.nulls) for each in counts)) if counts else set()
    return NullCounts(
        sum(each.rows for each in counts),
        {column: sum(each.nulls[column] for each in counts) for column in columns},
    )
