"""Today is what the data knows of, whatever the machine's clock says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from product360_assets.core.calendar import last_delivery, timeliness, today
from product360_assets.core.contract import SourceContract
from resources.ledger import Batch, Delivery, LandedObject, Ledger, batch_id_of
from resources.local.ledger import SqliteLedgerResource

DAY = date(2017, 12, 30)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return SqliteLedgerResource(path=str(tmp_path / "ledger.db")).open()


def system(name: str) -> SourceContract:
    table: dict[str, Any] = {
        "name": "order",
        "description": "Orders.",
        "format": "csv",
        "key": ["id"],
        "cadence": "daily",
        "freshness_hours": 36,
        "columns": [{"name": "id", "type": "bigint", "description": "Order."}],
    }
    return SourceContract.model_validate(
        {
            "name": name,
            "kind": "files",
            "description": "A system.",
            "owners": ["team:shop"],
            "tables": [table],
        }
    )


def drop(ledger: Ledger, source: str, day: date) -> None:
    landed = LandedObject("landing", f"{source}/order/{day}/a.csv", "v1", 1)
    ledger.open_batch(
        Batch(batch_id_of(day, [landed]), source, "order", day, "file", "0", (landed,))
    )


def execute(ledger: Ledger, source: str, day: date, status: Any) -> None:
    moment = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    ledger.record_delivery(
        Delivery(source, "order", f"{day}", day, "", status, moment, None, 0, 0, {})
    )


def test_today_is_the_newest_day_of_any_system(ledger: Ledger) -> None:
    systems = [system("shop"), system("till")]
    assert today(ledger, systems) is None
    drop(ledger, "shop", DAY)
    drop(ledger, "till", DAY - timedelta(days=9))
    assert today(ledger, systems) == DAY
    assert last_delivery(ledger, systems[1], systems[1].table("order")) == DAY - timedelta(days=9)


def test_an_answer_without_rows_is_news_and_a_failed_execution_is_none(ledger: Ledger) -> None:
    shop = system("shop")
    execute(ledger, "shop", DAY, "successful")
    execute(ledger, "shop", DAY + timedelta(days=1), "failed")
    assert last_delivery(ledger, shop, shop.table("order")) == DAY


def test_a_stream_of_changes_that_tells_nothing_of_a_table_has_answered_for_it(
    ledger: Ledger,
) -> None:
    shop = system("shop")
    execute(ledger, "shop", DAY, "successful")
    moment = datetime(2018, 1, 5, 8, tzinfo=UTC)
    for day, tables in ((6, "return"), (5, "return,order")):
        landing_date, details = date(2018, 1, day), {"tables": tables}
        execution = Delivery(
            "shop", "*", f"{day}", landing_date, "", "successful", moment, None, 0, 0, details
        )
        ledger.record_delivery(execution)
    assert last_delivery(ledger, shop, shop.table("order")) == date(2018, 1, 5)


@pytest.mark.parametrize(
    ("hours", "age", "holds"),
    [(1, 1, True), (1, 2, False), (36, 2, True), (36, 3, False), (192, 9, True), (192, 10, False)],
)
def test_only_what_is_late_at_any_hour_is_late(hours: int, age: int, holds: bool) -> None:
    newest = DAY - timedelta(days=age)
    verdict = timeliness(newest, now=DAY, allowed=timedelta(hours=hours))
    assert verdict.holds is holds
    assert verdict.counted["age (days)"] == age


def test_the_deadline_is_said() -> None:
    verdict = timeliness(DAY, now=DAY, allowed=timedelta(hours=36))
    assert verdict.counted["late from"] == "2018-01-01 12:00"


def test_what_never_came_is_late_once_anything_came() -> None:
    allowed = timedelta(days=1)
    assert timeliness(None, now=None, allowed=allowed).holds
    assert not timeliness(None, now=DAY, allowed=allowed).holds
