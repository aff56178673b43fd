"""The budget of jobs, on a folder: what counts, for which day, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from resources.emr_settings import Budget
from resources.errors import BudgetExceeded
from resources.job_budget import JobBudget
from resources.objects import LakeResource


class Days:
    def __init__(self, tmp_path: Path) -> None:
        self.now = date(2026, 11, 29)
        self._results = LakeResource(uri=f"file://{tmp_path}").zone("results")

    def budget(self, day: float | None = None, month: float | None = None) -> JobBudget:
        caps = Budget(vcpu_hours_a_day=day, vcpu_hours_a_month=month)
        return JobBudget(self._results, caps, lambda: self.now)


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(tmp_path)


def test_a_job_that_has_not_ended_counts_in_full_and_then_what_it_used(days: Days) -> None:
    budget = days.budget(day=10)
    day = budget.reserve("app/a/000001", 6)
    with pytest.raises(BudgetExceeded, match=r"found 6\.00 .* could use 6\.00"):
        budget.reserve("app/b/000001", 6)
    budget.settle("app/a/000001", day, 0.5)
    budget.reserve("app/b/000001", 6)


def test_what_was_refused_keeps_nothing_free(days: Days) -> None:
    budget = days.budget(day=10)
    with pytest.raises(BudgetExceeded):
        budget.reserve("app/a/000001", 11)
    budget.reserve("app/b/000001", 10)


def test_an_attempt_asked_for_twice_counts_once(days: Days) -> None:
    budget = days.budget(day=10)
    for _ in range(2):
        budget.reserve("app/a/000001", 6)


def test_a_new_day_has_its_own_budget_and_the_month_goes_on(days: Days) -> None:
    budget = days.budget(day=10, month=15)
    day = budget.reserve("app/a/000001", 9)
    days.now = date(2026, 11, 30)
    with pytest.raises(BudgetExceeded, match="budget of 2026-11 for"):
        budget.reserve("app/b/000001", 9)
    days.now = date(2026, 12, 1)
    budget.reserve("app/b/000001", 9)
    # Said a month later, it counts for the day on which it was submitted.
    budget.settle("app/a/000001", day, 1)
    days.now = date(2026, 11, 30)
    budget.reserve("app/c/000001", 9)


def test_without_caps_nothing_is_refused(days: Days) -> None:
    days.budget().reserve("app/a/000001", 1e6)


def test_who_is_refused_what_another_was_granted_leaves_it_kept_free(days: Days) -> None:
    wide, narrow = days.budget(day=10), days.budget(day=5)
    wide.reserve("app/a/000001", 6)
    with pytest.raises(BudgetExceeded):
        narrow.reserve("app/a/000001", 6)
    with pytest.raises(BudgetExceeded, match=r"found 6\.00 "):
        wide.reserve("app/b/000001", 6)
