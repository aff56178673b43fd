"""A derived table is brought up to date from what its snapshot says, or it is made whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from product360_assets.curated.derive import Derivation, Deriver, replace_rows
from product360_assets.curated.since import Since, since
from resources.audit_branches import AuditBranch
from resources.catalog import LocalCatalogResource
from spark.tables.model import Column, Table

ID = Column("id", "bigint", "Thing.", nullable=False)
THINGS = Table("curated", "thing", "Things.", "one row per thing", "tests", ("id",), (ID,))
KEPT = Table("curated", "kept", "Kept.", "one row per thing", "tests", ("id",), (ID,))
KEY = pa.schema([pa.field("id", pa.int64(), nullable=False)])
FIRST = Derivation(KEPT, ("curated.thing",), date(2017, 1, 1), "1", {}, is_kept=True)


class Desk:
    """A kept table, and what its writer was told each time."""

    def __init__(self, home: Path) -> None:
        self.catalog = LocalCatalogResource(home=str(home))
        self.catalog.ensure_table(THINGS)
        self.said: list[str] = []
        self.told: list[Since | str] = []
        self.meanwhile: list[int] = []

    def add(self, number: int) -> None:
        table = self.catalog.table(THINGS.identifier)
        table.append(pa.table({"id": [number]}, schema=KEY))

    def derive(self, derivation: Derivation = FIRST) -> Since | str:
        """What the writer was told at last."""
        assert self.deriver.derive(derivation, self._write) == "published"
        return self.told[-1]

    @property
    def deriver(self) -> Deriver:
        return Deriver(self.catalog, self.said.append, "run-1")

    def _write(self, properties: Mapping[str, str], branch: AuditBranch) -> None:
        self.told.append(since(self.catalog, branch, properties))
        if self.meanwhile:
            self.add(self.meanwhile.pop())
        things = self.catalog.table(THINGS.identifier).scan().to_arrow()
        replace_rows(self.catalog, KEPT, things, properties, branch)

    def state(self, table: Table) -> int:
        return int(self.catalog.snapshot_summaries(table.identifier)[0]["snapshot-id"])

    def roll_back(self, table: Table, state: int) -> None:
        snapshots = self.catalog.table(table.identifier).manage_snapshots()
        snapshots.set_current_snapshot(snapshot_id=state).commit()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.add(1)
    return desk


def test_the_first_time_it_is_made_whole(desk: Desk) -> None:
    assert desk.derive() == "no snapshot of it says what it was made from"


def test_a_job_is_told_the_day_before_and_the_files_since(desk: Desk) -> None:
    desk.derive()
    desk.add(2)
    told = desk.derive(replace(FIRST, as_of=date(2017, 1, 3)))
    assert isinstance(told, Since)
    document = told.document()
    assert document["as_of_date"] == "2017-01-01"
    files = document["inputs"]["curated.thing"]
    assert (len(files["added"]), files["removed"]) == (1, [])


@pytest.mark.parametrize(
    "changed", [replace(FIRST, code_version="2"), replace(FIRST, parameters={"windows": [7]})]
)
def test_what_other_code_made_is_made_whole(desk: Desk, changed: Derivation) -> None:
    desk.derive()
    assert desk.derive(changed) == "its code, columns or parameters were others"


def test_it_is_made_whole_when_an_input_has_forgotten_its_state(desk: Desk) -> None:
    desk.derive()
    before = desk.state(THINGS)
    desk.add(2)
    things = desk.catalog.table(THINGS.identifier)
    things.maintenance.expire_snapshots().by_id(before).commit()
    assert desk.derive() == "what changed in curated.thing cannot be told any more"


def test_what_was_rolled_back_is_brought_up_to_date_from_what_it_is_then(desk: Desk) -> None:
    desk.derive()
    first = desk.state(KEPT)
    for number, day in ((2, date(2017, 1, 2)), (3, date(2017, 1, 3))):
        desk.add(number)
        desk.derive(replace(FIRST, as_of=day))
    desk.roll_back(KEPT, first)
    told = desk.derive(replace(FIRST, as_of=date(2017, 1, 4)))
    assert isinstance(told, Since)
    assert told.as_of == date(2017, 1, 1)
    assert len(told.inputs["curated.thing"].added) == 2


def test_it_is_made_again_when_an_input_moves_while_it_is_read(desk: Desk) -> None:
    desk.derive()
    desk.add(2)
    desk.meanwhile = [3]
    desk.derive()
    assert "committed while a table was made from it" in desk.said[0]
    told = desk.told[-1]
    # Of the state from which the table stands, and not of the one that was never published.
    assert isinstance(told, Since)
    assert len(told.inputs["curated.thing"].added) == 2
    assert desk.catalog.row_count(KEPT.identifier) == 3


def test_without_that_a_table_would_hold_what_its_snapshot_does_not_say(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deriver, "_require_unmoved", lambda *_: None)
    before = desk.state(THINGS)
    desk.meanwhile = [2]
    desk.derive()
    desk.roll_back(THINGS, before)
    assert desk.deriver.derive(FIRST, desk._write) == "unchanged"
    assert desk.catalog.row_count(KEPT.identifier) == 2
    assert desk.catalog.row_count(THINGS.identifier) == 1
