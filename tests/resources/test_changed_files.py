"""What changed between two states of a table lies in the files that only one of them names."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.expressions import EqualTo
from pyiceberg.types import StringType

from resources.catalog import LocalCatalogResource
from resources.changed_files import (
    ChangedFiles,
    changed_files,
    files_of_their_days,
    first_changed_day,
)
from spark.tables.model import Column, Table

ID = Column("id", "bigint", "Thing.", nullable=False)
THINGS = Table("curated", "thing", "Things.", "one row per thing", "tests", ("id",), (ID,))
NAME = THINGS.identifier
KEY = pa.schema([pa.field("id", pa.int64(), nullable=False)])


class Desk:
    """A table, and its states by the ids that it held then."""

    def __init__(self, home: Path) -> None:
        self.catalog = LocalCatalogResource(home=str(home))
        self.catalog.ensure_table(THINGS)

    def add(self, *ids: int) -> int:
        self.catalog.table(NAME).append(pa.table({"id": list(ids)}, schema=KEY))
        return self.state()

    def remove(self, number: int) -> int:
        self.catalog.table(NAME).delete(EqualTo("id", number))
        return self.state()

    def state(self) -> int:
        snapshot = self.catalog.table(NAME).current_snapshot()
        assert snapshot is not None
        return snapshot.snapshot_id

    def changed(self, before: int, now: int) -> tuple[list[int], list[int]] | None:
        found = changed_files(self.catalog, NAME, before, now)
        return found and (ids(found.added), ids(found.removed))


def ids(files: tuple[str, ...]) -> list[int]:
    paths = [path.removeprefix("file://") for path in files]
    return sorted(row for path in paths for row in pq.read_table(path)["id"].to_pylist())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_files_that_both_states_have_are_left_out(desk: Desk) -> None:
    desk.add(1, 2)
    before, now = desk.add(3), desk.add(4, 5)
    assert desk.changed(before, now) == ([4, 5], [])
    assert desk.changed(now, now) == ([], [])


def test_a_file_that_was_written_again_is_on_both_sides(desk: Desk) -> None:
    desk.add(1, 2)
    before = desk.add(3, 4)
    assert desk.changed(before, desk.remove(3)) == ([4], [3, 4])


def test_what_came_and_went_in_between_is_not_told(desk: Desk) -> None:
    before = desk.add(1)
    desk.add(2)
    assert desk.changed(before, desk.remove(2)) == ([], [])


def test_a_table_that_was_rolled_back_has_lost_what_came_after(desk: Desk) -> None:
    now = desk.add(1)
    before = desk.add(2)
    desk.catalog.table(NAME).manage_snapshots().set_current_snapshot(snapshot_id=now).commit()
    desk.add(3)
    assert desk.changed(before, desk.state()) == ([3], [2])


def test_nobody_knows_what_an_expired_state_held(desk: Desk) -> None:
    before, now = desk.add(1), desk.add(2)
    desk.catalog.table(NAME).maintenance.expire_snapshots().by_id(before).commit()
    assert changed_files(desk.catalog, NAME, before, now) is None


def test_files_are_only_read_alike_if_they_have_the_columns_of_now(desk: Desk) -> None:
    before = desk.add(1)
    with desk.catalog.table(NAME).update_schema() as update:
        update.add_column("said", StringType())
    assert desk.changed(before, before) == ([], [])
    middle = desk.add(2)
    assert desk.changed(before, middle) == ([2], [])
    assert changed_files(desk.catalog, NAME, middle, desk.remove(1)) is None


def test_a_description_is_no_other_column(desk: Desk) -> None:
    before = desk.add(1)
    with desk.catalog.table(NAME).update_schema() as update:
        update.update_column("id", doc="Something.")
    assert changed_files(desk.catalog, NAME, before, desk.remove(1)) != ChangedFiles()


DAY = Column("day", "date", "When.", nullable=True)
EVENTS = Table("curated", "event", "Events.", "one row per event", "tests", ("id",), (ID, DAY))


def happened(catalog: LocalCatalogResource, *days: date | None) -> int:
    """Append events of these days as one file; the snapshot."""
    catalog.ensure_table(EVENTS)
    table = catalog.table(EVENTS.identifier)
    rows = [{"id": number, "day": day} for number, day in enumerate(days)]
    table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return snapshot.snapshot_id


def test_files_say_their_days(tmp_path: Path) -> None:
    catalog = LocalCatalogResource(home=str(tmp_path))
    first = happened(catalog, date(2017, 1, 9), date(2017, 1, 20))
    second = happened(catalog, date(2017, 3, 1), date(2017, 3, 9), None)
    third = happened(catalog, date(2017, 2, 1))

    def since(before: int, now: int) -> date | None:
        return first_changed_day(catalog, EVENTS.identifier, before, now, "day")

    def near(before: int, now: int, *columns: str) -> int:
        return len(files_of_their_days(catalog, EVENTS.identifier, before, now, columns))

    assert since(first, second) == date(2017, 3, 1)
    assert since(first, third) == since(third, first) == date(2017, 2, 1)
    assert since(third, third) == date.max
    assert since(third + 1, third) is None
    assert near(second, third, "day") == 1
    # Both of what changed, and nothing of January.
    assert near(first, third, "day") == 2
    assert near(second, third) == 3

    # A file without a day tells nothing, so nothing can be left out.
    fourth = happened(catalog, None)
    assert since(third, fourth) is None
    assert near(third, fourth, "day") == 4
