"""A derived table is made anew exactly when something it depends on has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from product360_assets.curated.derive import Derivation, Deriver, replace_rows
from resources.audit_branches import AuditBranch
from resources.catalog import LocalCatalogResource
from resources.compaction import compact, worth_compacting
from resources.errors import AuditFailed, JobFailed, TableMissing
from resources.rolling_back import earlier_state, roll_back
from spark.tables.model import Column, Table

ID = Column("id", "bigint", "Thing.", nullable=False)
THINGS = Table("curated", "thing", "Things.", "one row per thing", "tests", ("id",), (ID,))
COUNT = Table(
    "forecast",
    "count",
    "How many.",
    "one row",
    "tests",
    ("id",),
    (ID, Column("text", "string", "Said.")),
)
KEY = pa.schema([pa.field("id", pa.int64(), nullable=False)])
DERIVATION = Derivation(
    COUNT, upstream=("curated.thing",), as_of=date(2017, 1, 1), code_version="1", parameters={}
)


class Desk:
    """One derived table, and how often it was written."""

    def __init__(self, home: Path) -> None:
        self.catalog = LocalCatalogResource(home=str(home))
        self.said: list[str] = []
        self.written = 0
        self.catalog.ensure_table(THINGS)

    def add_things(self, *ids: int) -> None:
        schema = pa.schema([pa.field("id", pa.int64(), nullable=False)])
        self.catalog.table("curated.thing").append(pa.table({"id": list(ids)}, schema=schema))

    def write(self, properties: Mapping[str, str], branch: AuditBranch) -> None:
        self.written += 1
        rows = pa.table({"text": ["a", "b"], "id": [1, 2]})
        replace_rows(self.catalog, COUNT, rows, properties, branch)

    def go_back(self, identifier: str) -> None:
        """Let a table go back to the first state that it had."""
        table = self.catalog.table(identifier)
        first = earlier_state(table, str(table.metadata.snapshots[0].snapshot_id))
        roll_back(table, first, commit_property="product360.commit-id")

    def derive(self, derivation: Derivation = DERIVATION) -> str:
        return Deriver(self.catalog, self.said.append, "run-1").derive(derivation, self.write)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.add_things(1, 2)
    return desk


def test_it_is_made_once_and_then_left_alone(desk: Desk) -> None:
    assert [desk.derive(), desk.derive(), desk.derive()] == ["published", "unchanged", "unchanged"]
    assert desk.written == 1


def test_it_is_made_again_when_an_upstream_table_has_a_new_snapshot(desk: Desk) -> None:
    desk.derive()
    desk.add_things(3)
    assert desk.derive() == "published"
    assert desk.catalog.row_count("forecast.count") == 2


def test_it_is_made_again_when_an_upstream_table_went_back(desk: Desk) -> None:
    desk.derive()
    desk.add_things(3)
    desk.derive()
    desk.go_back("curated.thing")
    assert [desk.derive(), desk.derive()] == ["published", "unchanged"]
    assert desk.written == 3


def test_it_is_made_again_when_it_went_back_itself(desk: Desk) -> None:
    desk.derive()
    desk.add_things(3)
    desk.derive()
    desk.go_back("forecast.count")
    assert [desk.derive(), desk.derive()] == ["published", "unchanged"]
    assert desk.written == 3


def derive_and_compact(desk: Desk) -> None:
    """Derive from nine small files, which then become one."""
    for number in range(3, 11):
        desk.add_things(number)
    desk.derive()
    things = desk.catalog.table("curated.thing")
    assert compact(things, worth_compacting(things)).files == 1


def test_it_is_left_alone_when_an_upstream_table_was_compacted(desk: Desk) -> None:
    derive_and_compact(desk)
    assert desk.derive() == "unchanged"


def test_without_the_name_of_the_rows_a_compaction_would_make_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    derive_and_compact(desk)
    own = "product360_assets.curated.commits.content_snapshot"
    monkeypatch.setattr(own, lambda summary: summary["snapshot-id"])
    assert desk.derive() == "published"


@pytest.mark.parametrize(
    "changed",
    [
        replace(DERIVATION, as_of=date(2017, 1, 2)),
        replace(DERIVATION, code_version="2"),
        replace(DERIVATION, parameters={"horizon": 4}),
    ],
)
def test_it_is_made_again_when_day_code_or_parameters_differ(
    desk: Desk, changed: Derivation
) -> None:
    desk.derive()
    assert desk.derive(changed) == "published"
    assert desk.derive(changed) == "unchanged"


def test_an_older_snapshot_with_the_right_fingerprint_does_not_count(desk: Desk) -> None:
    desk.derive()
    desk.derive(replace(DERIVATION, code_version="2"))
    assert desk.derive() == "published"


def test_its_snapshot_says_what_it_was_made_from(desk: Desk) -> None:
    desk.derive()
    newest = desk.catalog.snapshot_summaries("forecast.count")[0]
    assert newest["product360.as-of-date"] == "2017-01-01"
    assert newest["product360.code-version"] == "1"
    assert newest["product360.run-id"] == "run-1"


def test_columns_arrive_by_name(desk: Desk) -> None:
    desk.derive()
    rows = desk.catalog.table("forecast.count").scan().to_arrow()
    assert rows.to_pydict() == {"id": [1, 2], "text": ["a", "b"]}


def test_a_failure_after_the_commit_landed_is_no_failure(desk: Desk) -> None:
    def write_and_fail(properties: Mapping[str, str], branch: AuditBranch) -> None:
        desk.write(properties, branch)
        raise ConnectionResetError("the answer was lost")

    deriver = Deriver(desk.catalog, desk.said.append, "run-1")
    assert deriver.derive(DERIVATION, write_and_fail) == "published"
    assert "the answer was lost" in desk.said[0]
    assert desk.derive() == "unchanged"


def test_what_an_audit_refuses_is_not_read_and_is_made_again(desk: Desk) -> None:
    desk.derive()

    def refuse(branch: AuditBranch, _: int) -> None:
        raise AuditFailed(branch.name, found="two rows", expected="one", next_move="look")

    changed = replace(DERIVATION, code_version="2")
    deriver = Deriver(desk.catalog, desk.said.append, "run-2", refuse)
    with pytest.raises(AuditFailed):
        deriver.derive(changed, desk.write)
    assert desk.catalog.snapshot_summaries("forecast.count")[0]["product360.code-version"] == "1"
    assert desk.derive(changed) == "published"
    assert desk.catalog.row_count("forecast.count") == 2


def test_a_table_that_moves_meanwhile_is_derived_again(desk: Desk) -> None:
    def compacted(properties: Mapping[str, str], branch: AuditBranch) -> None:
        if not desk.written:
            desk.catalog.table("forecast.count").append(pa.table({"id": [7]}, schema=KEY))
        desk.write(properties, branch)

    deriver = Deriver(desk.catalog, desk.said.append, "run-1")
    assert deriver.derive(DERIVATION, compacted) == "published"
    assert "somebody else has committed" in desk.said[0]
    assert desk.catalog.row_count("forecast.count") == 2


def test_a_failure_before_the_commit_is_one(desk: Desk) -> None:
    def fail(_: Mapping[str, str], __: AuditBranch) -> None:
        raise ConnectionResetError("nothing was sent")

    with pytest.raises(ConnectionResetError):
        Deriver(desk.catalog, desk.said.append, "run-1").derive(DERIVATION, fail)
    assert desk.derive() == "published"


def test_a_writer_that_wrote_nothing_is_not_believed(desk: Desk) -> None:
    with pytest.raises(JobFailed, match="without its commit"):
        Deriver(desk.catalog, desk.said.append, "run-1").derive(DERIVATION, lambda *_: None)


def test_there_is_nothing_to_derive_from_a_table_without_rows(tmp_path: Path) -> None:
    with pytest.raises(TableMissing, match="materialize the asset curated/thing first"):
        Desk(tmp_path).derive()
