"""Batches become clean once, by a real job, and only when every row is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from product360_assets.clean.work import Cleaned, Cleaning
from product360_assets.core.contract import SourceContract
from resources.errors import JobFailed
from resources.jobs import JobReport, JobRequest, JobResult, JobRunner
from resources.ledger import Ledger
from resources.objects import LakeResource

DAYS = [date(2017, 5, 1), date(2017, 5, 2)]
Shop = Callable[..., SourceContract]
Deliver = Callable[[Mapping[str, str]], None]

MONDAY = "order_id,Member,total\n1,ann,1.10\n2,,250.00\n2,ann,9.99\nx,bob,3.00\n4,bob,0.00\n"
TUESDAY = "order_id,Member,total\n5,ann,5.50\n"


class Through(JobRunner):
    """The real runner, with something that happens to its report."""

    runner: Any
    happens: Any

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        report: JobReport = self.happens(self.runner.run(request, log=log))
        return report

    def code_version(self) -> str:
        version: str = self.runner.code_version()
        return version


@pytest.fixture
def clean(lake: LakeResource, ledger: Ledger, runner: JobRunner) -> Callable[..., Cleaned]:
    """Clean both days by a contract; `happens` alters what the job reports."""

    def run(
        contract: SourceContract, happens: Callable[[JobReport], JobReport] | None = None
    ) -> Cleaned:
        through = Through(runner=runner, happens=happens) if happens else runner
        return Cleaning(
            contract, contract.table("order"), ledger, lake, through, lambda _message: None
        ).clean(DAYS)

    return run


def rows(location: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    found = [
        tuple(row[name] for name in columns)
        for path in sorted(Path(location.removeprefix("file://")).rglob("*.parquet"))
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]
    return sorted(found, key=str)


def test_rows_are_typed_or_quarantined_with_their_reason(
    shop: Shop, deliver: Deliver, clean: Callable[..., Cleaned], lake: LakeResource
) -> None:
    deliver({"2017-05-01/a.csv": MONDAY, "2017-05-02/a.csv": TUESDAY})

    cleaned = clean(shop())

    assert cleaned.unaccounted == {}
    [monday, tuesday] = cleaned.batches
    assert (monday.state.rows_in, monday.state.rows_out, monday.state.rows_quarantined) == (5, 2, 3)
    assert rows(tuesday.state.location, ["order_id", "member", "_operation", "_epoch"]) == [
        (5, "ann", "I", "0")
    ]
    [(source_file, landing_date)] = rows(tuesday.state.location, ["_source_file", "_landing_date"])
    assert lake.zone("raw").read(source_file).decode() == TUESDAY
    assert landing_date == date(2017, 5, 2)
    quarantine = lake.zone("clean").uri_of(f"quarantine/shop/order/unit={monday.state.unit}")
    assert rows(quarantine, ["rule", "_batch_id"]) == [
        ("total_is_positive", monday.state.batch_id),
        ("type", monday.state.batch_id),
        ("unique", monday.state.batch_id),
    ]


def test_one_job_makes_all_batches_of_a_table(
    shop: Shop, deliver: Deliver, clean: Callable[..., Cleaned]
) -> None:
    deliver({"2017-05-01/a.csv": MONDAY, "2017-05-02/a.csv": TUESDAY})

    cleaned = clean(shop())

    assert len(cleaned.reports) == 1
    assert len({batch.state.unit for batch in cleaned.batches}) == 1


def test_a_clean_batch_is_not_made_again(
    shop: Shop, deliver: Deliver, clean: Callable[..., Cleaned], ledger: Ledger
) -> None:
    deliver({"2017-05-01/a.csv": MONDAY})
    clean(shop())
    before = ledger.zone_states("shop", "order", "clean")

    again = clean(shop())

    assert again.reports == ()
    assert [batch.made for batch in again.batches] == [False]
    assert ledger.zone_states("shop", "order", "clean") == before


def test_only_new_batches_are_made(
    shop: Shop, deliver: Deliver, clean: Callable[..., Cleaned]
) -> None:
    deliver({"2017-05-01/a.csv": MONDAY})
    clean(shop())
    deliver({"2017-05-02/a.csv": TUESDAY})

    again = clean(shop())

    assert {b.raw.batch.landing_date.day: b.made for b in again.batches} == {1: False, 2: True}


def test_another_contract_makes_another_unit(
    shop: Shop, deliver: Deliver, clean: Callable[..., Cleaned], ledger: Ledger
) -> None:
    deliver({"2017-05-01/a.csv": MONDAY})
    [before] = clean(shop()).batches

    [after] = clean(shop(rules=[])).batches

    assert (before.state.rows_out, after.state.rows_out) == (2, 3)
    assert before.state.unit != after.state.unit
    assert ledger.zone_state(after.state.batch_id, "clean") == after.state
    # What readers of the earlier unit hold stays readable.
    assert len(rows(before.state.location, ["order_id"])) == 2


def test_a_job_whose_record_was_lost_is_repeated_in_place(
    shop: Shop, deliver: Deliver, clean: Callable[..., Cleaned], lake: LakeResource
) -> None:
    def power_off(_report: JobReport) -> JobReport:
        raise KeyboardInterrupt

    deliver({"2017-05-01/a.csv": MONDAY})
    with pytest.raises(KeyboardInterrupt):
        clean(shop(), power_off)

    [batch] = clean(shop()).batches

    assert rows(batch.state.location, ["order_id"]) == [(1,), (2,)]
    units = {info.key.split("/")[2] for info in lake.zone("clean").list("shop/order/")}
    assert units == {f"unit={batch.state.unit}"}


@pytest.mark.parametrize(
    ("lie", "complaint"),
    [
        (lambda said: [], "0 results"),
        (lambda said: [said, said], "2 results"),
        (lambda said: [replace(said, rows_in=6)], "6 rows read, but 2 kept and 3 quarantined"),
        (lambda said: [replace(said, rows_out=1, rows_quarantined=4)], "2 in the files"),
        (
            lambda said: [replace(said, rows_in=4, rows_quarantined=2)],
            "2 rows reported as quarantined, but 3 in the files",
        ),
    ],
)
def test_a_batch_that_does_not_add_up_is_not_recorded(
    shop: Shop,
    deliver: Deliver,
    clean: Callable[..., Cleaned],
    ledger: Ledger,
    lie: Callable[[JobResult], list[JobResult]],
    complaint: str,
) -> None:
    deliver({"2017-05-01/a.csv": MONDAY})

    cleaned = clean(shop(), lambda report: replace(report, results=tuple(lie(*report.results))))

    [problem] = cleaned.unaccounted.values()
    assert complaint in problem
    assert ledger.zone_states("shop", "order", "clean") == {}
    assert clean(shop()).unaccounted == {}


def test_a_file_that_vanished_after_the_job_is_noticed(
    shop: Shop, deliver: Deliver, clean: Callable[..., Cleaned]
) -> None:
    def lose_a_file(report: JobReport) -> JobReport:
        location = Path(str(report.results[0].location).removeprefix("file://"))
        next(location.rglob("*.parquet")).unlink()
        return report

    deliver({"2017-05-01/a.csv": MONDAY})

    [problem] = clean(shop(), lose_a_file).unaccounted.values()

    assert problem == "2 rows reported as kept, but 0 in the files"


def test_a_halting_rule_stops_the_table(
    shop: Shop, deliver: Deliver, clean: Callable[..., Cleaned], ledger: Ledger
) -> None:
    halting = {
        "name": "total_is_positive", "expression": "total > 0", "action": "halt", "why": "Stop.",
    }  # fmt: skip
    deliver({"2017-05-01/a.csv": MONDAY})

    with pytest.raises(JobFailed, match="total_is_positive"):
        clean(shop(rules=[halting]))

    assert ledger.zone_states("shop", "order", "clean") == {}
