"""The two kinds of step as Dagster runs them: what they show, and how they fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from product360_assets.curated.derive import replace_rows
from product360_assets.curated.job_tables import JobTable
from product360_assets.curated.plots import Plot
from product360_assets.curated.steps import job_table_asset, publication_asset
from resources.catalog import LocalCatalogResource
from resources.jobs import JobReport, JobRequest, JobRunner
from resources.local.bridge_errors import CommitFault
from resources.local.ledger import SqliteLedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.local.warehouse import LocalWarehouse
from resources.objects import LakeResource
from spark.tables.model import Column, Table

TALLY = Table(
    "curated",
    "tally",
    "How many notes.",
    "one row",
    "tests",
    ("id",),
    (Column("id", "bigint", "Tally.", nullable=False),),
)


def shown(result: dg.ExecuteInProcessResult, node: str) -> dict[str, Any]:
    (made,) = result.asset_materializations_for_node(node)
    return {name: value.value for name, value in made.metadata.items()}


NOTES_BY_ID = Plot("Notes", "SELECT id FROM curated.note", kind="histogram", x="id", y="notes")


def publish(desk: Any, **more: Any) -> dg.ExecuteInProcessResult:
    asset = publication_asset(
        desk.publication, parameters=lambda _contract: {"time_zone": "UTC"}, plots=[NOTES_BY_ID]
    )
    resources = {
        "catalog": desk.catalog,
        "ledger": SqliteLedgerResource(path=str(desk.home / "ledger.db")),
        "registry": SqliteRegistryResource(path=str(desk.home / "registry.db")),
        # As it is: Dagster would make a copy that knows no bridge.
        "runner": dg.ResourceDefinition.hardcoded_resource(desk.runner),
        "warehouse": LocalWarehouse(catalog=desk.catalog),
        "lake": LakeResource(uri=f"file://{desk.home}/lake"),
    }
    return dg.materialize([asset], resources=resources, raise_on_error=False, **more)


def test_publishing_shows_what_was_taken_in_and_what_the_table_holds(desk: Any) -> None:
    desk.deliver(1, "a", "b")
    desk.deliver(2, "c")
    facts = shown(publish(desk), "curated_note")
    assert (facts["outcome"], facts["batches taken in"], facts["rows taken in"]) == (
        "published",
        2,
        3,
    )
    assert facts["dagster/row_count"] == 3
    assert facts["snapshot"] == desk.catalog.snapshot_summaries("curated.note")[0]["snapshot-id"]
    assert "| 100 | a |" in facts["preview"]
    assert desk.runner.requests[0].spec["time_zone"] == "UTC"


def test_publishing_nothing_new_succeeds_and_says_so(desk: Any) -> None:
    desk.deliver(1, "a")
    publish(desk)
    facts = shown(publish(desk), "curated_note")
    assert (facts["outcome"], facts["rows taken in"]) == ("unchanged", 0)
    assert desk.snapshots() == 1


def test_a_run_that_changes_nothing_shows_the_pictures_of_the_one_before(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        desk.deliver(1, "a")
        first = shown(publish(desk, instance=instance), "curated_note")
        assert "data:image/png" in first["Notes"]
        with monkeypatch.context() as patched:
            patched.setattr(Plot, "draw", None)  # Drawing would fail.
            again = shown(publish(desk, instance=instance), "curated_note")
        assert (again["outcome"], again["Notes"]) == ("unchanged", first["Notes"])
        desk.deliver(2, "b", "c")
        assert shown(publish(desk, instance=instance), "curated_note")["Notes"] != first["Notes"]


def test_the_run_that_committed_is_named_in_the_snapshot(desk: Any) -> None:
    desk.deliver(1, "a")
    result = publish(desk)
    (summary,) = desk.catalog.snapshot_summaries("curated.note")
    assert summary["product360.run-id"] == result.run_id


def test_a_failed_job_is_explained(desk: Any) -> None:
    desk.deliver(1, "a")
    desk.bridge.faults.append(CommitFault("before", 400))
    (failure,) = [event for event in publish(desk).all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data
    assert said is not None
    assert "Expected a commit" in str(said.description)
    assert set(said.metadata) >= {"thing", "found", "expected", "next move"}


def test_the_asset_depends_on_the_clean_tables_that_its_job_reads(desk: Any) -> None:
    asset = publication_asset(desk.publication, upstream=[TALLY])
    (spec,) = asset.specs
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == {
        "clean/desk/note",
        "curated/tally",
    }


class CountingRunner(JobRunner):
    """Runs one job, "tally": the number of rows of its input becomes the target's one row."""

    home: str

    def code_version(self) -> str:
        return "code-1"

    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        catalog = LocalCatalogResource(home=self.home)
        (source,) = request.spec["inputs"].values()
        rows = catalog.row_count(source.removeprefix("lake."))
        replace_rows(catalog, TALLY, pa.table({"id": [rows]}), request.commit, request.branch)
        log(f"as of {request.spec['as_of_date']}, by {request.spec['step']}")
        return JobReport(request.job, (), 0.0, "file:///report")


@pytest.fixture
def tally(desk: Any) -> Callable[[date], dict[str, Any]]:
    desk.deliver(1, "a", "b")
    publish(desk)

    def derive(day: date) -> dict[str, Any]:
        made = JobTable(
            TALLY,
            job="tally",
            upstream=(desk.publication.table,),
            as_of=lambda _warehouse, _ledger: day,
            parameters={"step": 1},
        )
        resources = {
            "catalog": desk.catalog,
            "ledger": SqliteLedgerResource(path=str(desk.home / "ledger.db")),
            "runner": CountingRunner(home=str(desk.home)),
            "warehouse": LocalWarehouse(catalog=desk.catalog),
            "lake": LakeResource(uri=f"file://{desk.home}/lake"),
        }
        result = dg.materialize([job_table_asset(made)], resources=resources)
        return shown(result, "curated_tally")

    return derive


def test_a_job_makes_a_table_from_another_as_of_a_day(
    desk: Any, tally: Callable[[date], dict[str, Any]]
) -> None:
    facts = tally(date(2017, 1, 2))
    assert (facts["outcome"], facts["as of"]) == ("published", "2017-01-02")
    assert "| 2 |" in facts["preview"]
    newest = desk.catalog.snapshot_summaries("curated.tally")[0]
    assert newest["product360.as-of-date"] == "2017-01-02"


def test_the_same_day_and_the_same_rows_are_left_alone(
    desk: Any, tally: Callable[[date], dict[str, Any]]
) -> None:
    tally(date(2017, 1, 2))
    assert tally(date(2017, 1, 2))["outcome"] == "unchanged"
    assert len(desk.catalog.snapshot_summaries("curated.tally")) == 1
    assert tally(date(2017, 1, 3))["outcome"] == "published"


def test_a_new_row_upstream_is_counted(desk: Any, tally: Callable[[date], dict[str, Any]]) -> None:
    tally(date(2017, 1, 2))
    desk.deliver(2, "c")
    publish(desk)
    assert "| 3 |" in tally(date(2017, 1, 2))["preview"]
