"""A cap on what jobs may use, asked before a job is submitted.

    job-costs/2026-11/27/<attempt>/most=18.0000    what it could use: kept free from now on
    job-costs/2026-11/27/<attempt>/used=0.2214     what it used, as the service says

One listing of a month adds it up, as the amounts stand in the names. What has not ended counts in
full, so that jobs submitted side by side can not pass the cap together. Days and months are those
of UTC, by the day on which a job was submitted.

The hazard is a job that is over and that nobody asked about: it counts in full until its work is
asked for again, or the day is over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

from resources.emr_settings import Budget
from resources.errors import BudgetExceeded, ObjectExists
from resources.objects import ObjectStore

FOLDER = "job-costs"


class JobBudget:
    """What the jobs of one deployment used and may use, in vCPU hours."""

    def __init__(
        self,
        results: ObjectStore,
        budget: Budget,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._results = results
        self._budget = budget
        self._today = today

    def reserve(self, attempt: str, most: float) -> str:
        """Keep free what an attempt could use; the day that it counts for, as `2026-11/27`.

        Raises:
            BudgetExceeded: with it, more than is allowed could be used; nothing is kept free.
        """
        day = f"{self._today():%Y-%m/%d}"
        is_ours = self._note(_key(day, attempt, "most", most))
        spent = self._spent(day.partition("/")[0])
        for allowed, period in (
            (self._budget.vcpu_hours_a_day, day),
            (self._budget.vcpu_hours_a_month, day.partition("/")[0]),
        ):
            so_far = sum(amount for where, amount in spent.items() if where.startswith(period))
            if allowed is not None and so_far > allowed:
                # Another worker that asked for the same attempt may have been let through.
                if is_ours:
                    self._results.delete(_key(day, attempt, "most", most))
                raise _exceeded(attempt, period, most, so_far - most, allowed)
        return day

    def settle(self, attempt: str, day: str, used: float) -> None:
        """Say what an attempt used, in place of what was kept free for it that day."""
        self._note(_key(day, attempt, "used", used))

    def _note(self, key: str) -> bool:
        """Write it down; whether nobody had before."""
        try:
            self._results.put(key, b"")
        except ObjectExists:
            return False
        return True

    def _spent(self, month: str) -> dict[str, float]:
        """`<day>/<attempt>` → vCPU hours: those used where they are known, else those kept free."""
        spent: dict[str, float] = {}
        for info in self._results.list(f"{FOLDER}/{month}/"):
            where, _, amount = info.key.removeprefix(f"{FOLDER}/").rpartition("/")
            # "used" comes after "most", as listings are sorted.
            spent[where] = float(amount.partition("=")[2])
        return spent


def _key(day: str, attempt: str, what: str, amount: float) -> str:
    return f"{FOLDER}/{day}/{attempt}/{what}={amount:.4f}"


def _exceeded(
    attempt: str, period: str, most: float, spent: float, allowed: float
) -> BudgetExceeded:
    return BudgetExceeded(
        f"budget of {period} for job {attempt}",
        found=f"{spent:.2f} vCPU hours used or kept free, and a job that could use {most:.2f}",
        expected=f"at most {allowed:.2f} in all",
        next_move="raise the budget in the file that PRODUCT360_EMR names, give the job a smaller "
        "size or a shorter timeout, or wait for the next period",
    )
