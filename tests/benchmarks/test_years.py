"""Older years are the company's year once more: the same days of the week, and nothing twice."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.curated.ageing import NUMBERS_A_YEAR, number_of_week
from benchmarks.curated.growth import Grown, is_flat
from benchmarks.curated.older_years import add_years
from benchmarks.curated.years import is_dated
from benchmarks.homes import Home
from product360_assets.core.contract import load_contracts
from product360_assets.curated.business_week import begins_week
from resources.ledger import Delivery

SHOP = ZoneInfo("America/New_York")
YEARS = 8  # enough for summer time to begin on other Sundays
LOADED = datetime(2017, 11, 6, 8, tzinfo=UTC)
LOAD, CHANGES = "20171106T080000Z-0001", "20180101T080000Z-0002"
# When receipts were paid, on the shop's clock: the first day, nights around the turns of the clock,
# the last evening of the 364 days, and the day after.
PAID = [
    datetime(2017, 1, 1, 0, 30, tzinfo=SHOP),
    datetime(2017, 3, 11, 23, 30, tzinfo=SHOP),
    datetime(2017, 3, 20, 0, 15, tzinfo=SHOP),
    datetime(2017, 11, 5, 23, 45, tzinfo=SHOP),
    datetime(2017, 12, 30, 23, 59, tzinfo=SHOP),
    datetime(2017, 12, 31, 0, 1, tzinfo=SHOP),
]
OF_YEAR = PAID[:5]


def utc(local: datetime) -> datetime:
    return local.astimezone(UTC).replace(tzinfo=None)


def deliver(
    home: Home,
    table: str,
    execution: str,
    rows: Sequence[Mapping[str, Any]],
    name: str,
    **told: str,
) -> None:
    """Rows of the tills as an execution of their replication delivers them."""
    folder = f"pos/{execution}/pos/{table}/"
    file = home.path / "lake/landing" / folder / name
    file.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), file)
    # The prefix of changes ends with their day, within the names of their files.
    day, is_of_day, _ = name.partition("-")
    prefix = folder + (day if is_of_day else "")
    record(home, "pos", table, execution, prefix, len(rows), file.stat().st_size, **told)


def record(
    home: Home, source: str, table: str, name: str, prefix: str, rows: int, size: int, **told: str
) -> None:
    home.ledger().record_delivery(
        Delivery(
            source,
            table,
            name,
            LOADED.date(),
            prefix,
            "successful",
            LOADED,
            LOADED,
            rows,
            size,
            {"files": "1", **told},
        )
    )


def changes(
    rows: Sequence[Mapping[str, Any]], first: int, at: str, op: str
) -> list[dict[str, Any]]:
    """Rows with what delivery adds to them; `at` are the 16 digits of their time."""
    return [
        {"Op": op, **row, "dms_timestamp": at, "ar_h_change_seq": f"{at}{number:019}"}
        for number, row in enumerate(rows, first)
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which a small year was delivered, and older ones after it."""
    found = Home(tmp_path_factory.mktemp("years") / "home", "smoke")
    found.path.mkdir()
    sell(found)
    click(found)
    promote(found)
    for source in ("campaign", "campaign_target", "coupon", "coupon_redemption"):
        campaign(found, source)
    add_years(found, found.path / "held", YEARS)
    return found


def sell(home: Home) -> None:
    receipts = [
        {"basket_id": number, "household_id": 1, "store_id": 7, "sold_at": utc(paid), "week": 1}
        for number, paid in enumerate(PAID)
    ]
    lines = [{"basket_id": number, "product_id": 5, "quantity": 1} for number in range(len(PAID))]
    loaded, later = "2017110608000000", "2018010108000000"
    for table, rows in (("basket", receipts), ("sales_line", lines)):
        of_load = changes(rows[:3], 1, loaded, "I")
        deliver(home, table, LOAD, of_load, "LOAD00000001.parquet")
        # A row that the load has is changed, one comes and goes again.
        gone = changes(rows[3:4], 99, later, "D")
        came = [*changes(rows[3:], 50, later, "I"), *changes(rows[:1], 60, later, "U"), *gone]
        deliver(home, table, CHANGES, came, "20180101-080000000.parquet", epoch=LOAD)


def click(home: Home) -> None:
    for root, day, paid in (
        ("lake/landing", date(2017, 3, 20), OF_YEAR[2]),
        ("held", date(2017, 12, 31), OF_YEAR[4]),
        ("held", date(2017, 12, 31), PAID[5]),
    ):
        key = f"clickstream/click_event/{day:%Y/%m/%d}/05/click_event-1-{day}-{paid:%H}.json.gz"
        event = {"event_id": f"{paid:%m%d}", "visitor_id": "v", "session_id": "s", "product_id": 5}
        at = f"{utc(paid):%Y-%m-%dT%H:%M:%S}.250Z"
        put(home.path / root / key, [{**event, "event_time": at, "basket_id": None, "quantity": 2}])


def promote(home: Home) -> None:
    for table, head in (
        ("price_week", "product_id,week,shelf_price,loyalty_price,lines"),
        ("promotion_week", "product_id,store_id,week,display_location,mailer_location"),
    ):
        for week in (1, 2, 52, 53):
            day = date(2016, 12, 26) + timedelta(weeks=week)
            file = home.path / f"lake/landing/pricing/{table}/{day}/{table}-2017-W{week:02}.csv"
            file.parent.mkdir(parents=True)
            row = {"week": str(week), "display_location": "A", "mailer_location": "0"}
            file.write_text(f"{head}\n{','.join(row.get(c, '1.50') for c in head.split(','))}\n")


def campaign(home: Home, table: str) -> None:
    prefix = f"marketing/{table}/{LOAD}/"
    kinds = {
        "bigint": 3,
        "string": "Type A",
        "date": "2017-05-01",
        "timestamp": "2017-05-02T04:00:00Z",
    }
    columns = load_contracts()["marketing"].table(table).columns
    row = {column.name: kinds[column.type] for column in columns}
    put(home.path / "lake/landing" / prefix / "a.json", [row])
    # What changed came again.
    put(
        home.path / "lake/landing" / prefix / "b.json",
        [{**row, "modified_at": "2017-06-01T04:00:00Z"}],
    )
    record(home, "marketing", table, LOAD, prefix, 2, 100)


def put(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)


def older(home: Home, table: str, years: int) -> list[dict[str, Any]]:
    name = f"LOAD{years + 1:08X}.parquet"
    rows = pq.read_table(home.path / f"lake/landing/pos/{LOAD}/pos/{table}/{name}").to_pylist()
    return [dict(row) for row in rows]


@pytest.mark.parametrize("years", range(1, YEARS + 1))
def test_receipts_keep_their_weekday_and_hour_whatever_summer_time_does(
    home: Home, years: int
) -> None:
    paid = {
        row["basket_id"] - years * NUMBERS_A_YEAR: row["sold_at"]
        .replace(tzinfo=UTC)
        .astimezone(SHOP)
        for row in older(home, "basket", years)
    }
    days = timedelta(days=364 * years)
    # The fourth was deleted, the last is not of the year.
    assert paid == {number: PAID[number] - days for number in (0, 1, 2, 4)}
    assert all(moved.weekday() == PAID[number].weekday() for number, moved in paid.items())


def test_weeks_are_counted_as_the_calendar_of_their_year_counts_them(home: Home) -> None:
    weeks = [
        (row["sold_at"].replace(tzinfo=UTC).astimezone(SHOP).date(), row["week"])
        for years in range(1, YEARS + 1)
        for row in older(home, "basket", years)
    ]
    weeks += [(day, number_of_week(day)) for day in mondays(home, "price_week")]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE said (day DATE, week INT)")
        connection.executemany("INSERT INTO said VALUES (?, ?)", weeks)
        monday = "date_trunc('week', day)::DATE"
        judged = f"SELECT bool_and({begins_week(monday, 'week')}), count(*) FROM said"
        assert connection.execute(judged).fetchone() == (True, len(weeks))


def mondays(home: Home, table: str) -> list[date]:
    folders = sorted((home.path / "lake/landing/pricing" / table).iterdir())
    return [date.fromisoformat(folder.name) - timedelta(weeks=1) for folder in folders]


@pytest.mark.parametrize("table", ["price_week", "promotion_week"])
def test_weekly_files_of_years_side_by_side_are_of_different_weeks(home: Home, table: str) -> None:
    found = mondays(home, table)
    assert len(found) == 4 + 3 * YEARS
    assert min(found) == date(2016, 12, 26) - timedelta(days=364 * YEARS)
    # The week after the last of an older year is the first of the next.
    assert date(2016, 12, 19) in found
    assert date(2016, 12, 26) in found
    for file in (home.path / "lake/landing/pricing" / table).rglob("*.csv"):
        [row] = csv.DictReader(file.read_text().splitlines())
        day = date.fromisoformat(file.parent.name) - timedelta(weeks=1)
        assert int(row["week"]) == number_of_week(day)
        assert row.get("mailer_location", "0") == "0"


def test_parts_go_with_their_whole_and_no_key_comes_twice(home: Home) -> None:
    keys = Counter[Any]()
    for years in range(1, YEARS + 1):
        receipts, lines = older(home, "basket", years), older(home, "sales_line", years)
        assert {row["basket_id"] for row in lines} == {row["basket_id"] for row in receipts}
        keys.update(row["basket_id"] for row in receipts)
        keys.update(row["ar_h_change_seq"] for row in receipts)
        assert {row["ar_h_change_seq"][:16] for row in receipts} == {"2017110608000000"}
        assert {(row["Op"], row["product_id"]) for row in lines} == {("I", 5)}
    assert set(keys.values()) == {1}
    assert len(keys) == 2 * 4 * YEARS


def test_events_have_new_names_in_each_year_and_the_last_week_comes_from_what_is_held_back(
    home: Home,
) -> None:
    events = [
        (file.relative_to(home.path).parts[4:7], json.loads(line))
        for file in (home.path / "lake/landing/clickstream").rglob("*.json.gz")
        for line in gzip.decompress(file.read_bytes()).decode().splitlines()
    ]
    assert len({event["event_id"] for _, event in events}) == len(events) == 1 + 2 * YEARS
    assert len({event["visitor_id"] for _, event in events}) == 1 + YEARS
    assert all((event["basket_id"], event["quantity"]) == (None, 2) for _, event in events)
    for folders, event in events:
        at = datetime.fromisoformat(event["event_time"]).astimezone(SHOP)
        assert (at.weekday(), at.hour, at.microsecond) in {(0, 0, 250_000), (5, 23, 250_000)}
        assert date(*map(int, folders)) - at.date() in (timedelta(0), timedelta(1))


def test_what_is_delivered_more_is_what_the_ledger_says(home: Home) -> None:
    for table in ("basket", "sales_line"):
        load, _ = home.ledger().deliveries("pos", table)
        files = list((home.path / "lake/landing" / load.prefix).iterdir())
        assert load.rows == sum(pq.read_metadata(file).num_rows for file in files) == 3 + 4 * YEARS
        assert load.bytes == sum(file.stat().st_size for file in files)
        assert load.details["files"] == str(len(files)) == str(1 + YEARS)
    first, more = home.ledger().deliveries("marketing", "coupon_redemption")
    assert (first.rows, more.rows, more.details["files"]) == (2, YEARS, "1")
    [file] = (home.path / "lake/landing" / more.prefix).iterdir()
    assert file.stat().st_size == more.bytes
    used = [json.loads(line) for line in file.read_text().splitlines()]
    assert {row["campaign_id"] for row in used} == {3 + y * 10**12 for y in range(1, YEARS + 1)}
    assert {date.fromisoformat(row["redemption_date"]).weekday() for row in used} == {0}
    # Of what came twice the last stands, which was said in June.
    assert {row["modified_at"][5:7] for row in used} == {"06"}


def test_only_what_is_bound_to_the_days_of_what_is_new_is_to_be_flat() -> None:
    assert is_dated("curated sales_line")
    assert is_dated("clean pos.sales_line")
    # Made whole from other tables; or taken in without a day to be partitioned by.
    assert not is_dated("curated product_week")
    assert not is_dated("curated interaction")
    assert not is_dated("serving product_360_outlook")


def test_flat_is_a_quarter_more_at_most_and_tenths_of_a_second_are_noise() -> None:
    assert is_flat((4.0, 4.4, 5.0))
    assert not is_flat((4.0, 4.4, 5.1))
    assert is_flat((0.1, 0.2, 0.4))
    assert not is_flat((0.1, 0.2, 0.5))


def test_a_row_says_what_a_year_more_costs_and_whether_it_is_the_job_that_grows() -> None:
    grown = Grown("curated order", (1, 4, 16), (1.5, 3.0, 9.0), (0.1, 0.1, 0.2), (0, 0, 2000))
    name, *cpu, slope = grown.cells()[:5]
    assert (name, cpu, slope) == ("curated order", ["1.50", "3.00", "9.00"], "0.500")
    assert grown.cells()[5:] == ("0.10", "0.20", "0", "2", "flat", "grows")
