"""The clean asset as Dagster runs it: checks, partitions, previews."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.clean.assets import clean_asset
from product360_assets.core.contract import SourceContract
from product360_assets.core.in_force import publish
from product360_assets.core.keys import clean_key
from product360_assets.core.partitions import register_landing_dates, run_tags
from resources.jobs import JobRunner
from resources.ledger import LedgerResource
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource
from resources.registry import RegistryResource

DAYS = [date(2017, 5, 1), date(2017, 5, 2)]
MONDAY = "order_id,Member,total\n1,ann,1.10\n2,,250.00\n2,ann,9.99\n"
TUESDAY = "order_id,Member,total\n5,ann,5.50\n"
Run = Callable[[], dg.ExecuteInProcessResult]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        register_landing_dates(instance, "shop", DAYS)
        yield instance


@pytest.fixture
def run(
    shop: Callable[..., SourceContract],
    instance: dg.DagsterInstance,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    registry_resource: RegistryResource,
    runner: JobRunner,
    tmp_path: Path,
) -> Run:
    contract = shop()

    def materialize() -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [clean_asset(contract, contract.table("order"), jobs_version="jobs")],
            instance=instance,
            resources={
                "lake": lake,
                "ledger": ledger_resource,
                "registry": registry_resource,
                "runner": runner,
                "secrets": LocalSecrets(path=str(tmp_path / "secrets.json")),
            },
            tags=run_tags(instance, "shop", DAYS),
        )

    return materialize


@pytest.fixture
def result(run: Run, deliver: Callable[[Mapping[str, str]], None]) -> dg.ExecuteInProcessResult:
    deliver({"2017-05-01/a.csv": MONDAY, "2017-05-02/a.csv": TUESDAY})
    return run()


def test_checks_say_what_was_set_aside_and_what_was_odd(
    result: dg.ExecuteInProcessResult,
) -> None:
    checks = {
        check.check_name: (check.passed, check.severity, check.metadata["rows"].value)
        for check in result.get_asset_check_evaluations()
        if "rows" in check.metadata
    }
    warn = dg.AssetCheckSeverity.WARN
    assert checks == {
        "no_rows_are_quarantined": (False, warn, 1),
        "total_is_usual": (False, warn, 1),
    }


def test_the_accounting_check_counts_every_row(result: dg.ExecuteInProcessResult) -> None:
    [accounting] = [
        check
        for check in result.get_asset_check_evaluations()
        if check.check_name == "rows_are_accounted_for"
    ]
    assert accounting.passed
    assert accounting.blocking
    counted = {name: value.value for name, value in accounting.metadata.items()}
    assert (counted["read"], counted["kept"], counted["quarantined"]) == (4, 3, 1)


def test_each_landing_date_has_its_rows(result: dg.ExecuteInProcessResult) -> None:
    said = {
        each.partition: each.metadata
        for each in result.asset_materializations_for_node("clean__shop__order")
    }
    assert {day: metadata["rows"].value for day, metadata in said.items()} == {
        "2017-05-01": 2,
        "2017-05-02": 1,
    }
    assert said["2017-05-01"]["rows quarantined"].value == 1


def test_the_preview_hides_who_ordered(result: dg.ExecuteInProcessResult) -> None:
    [shown, *_] = [
        str(each.metadata["preview"].value)
        for each in result.asset_materializations_for_node("clean__shop__order")
    ]
    assert shown.splitlines()[0] == "Delivered on 2017-05-02:"
    assert shown.splitlines()[-1] == "| 5 | ••• | 5.50 |"


def test_each_column_comes_from_the_delivered_one(result: dg.ExecuteInProcessResult) -> None:
    [said, *_] = result.asset_materializations_for_node("clean__shop__order")
    lineage: Any = said.metadata["dagster/column_lineage"].value
    assert lineage.deps_by_column["member"] == [
        dg.TableColumnDep(asset_key=dg.AssetKey(["raw", "shop", "order"]), column_name="Member")
    ]
    assert set(lineage.deps_by_column) == {"order_id", "member", "total"}


def test_a_run_of_few_days_shows_rows_by_landing_date(result: dg.ExecuteInProcessResult) -> None:
    for each in result.asset_materializations_for_node("clean__shop__order"):
        assert "data:image/png" in str(each.metadata["Rows by landing date"].value)


def test_a_second_run_makes_nothing(result: dg.ExecuteInProcessResult, run: Run) -> None:
    assert result.success

    again = run()

    [said, *_] = again.asset_materializations_for_node("clean__shop__order")
    assert said.metadata["jobs"].value == 0
    assert said.metadata["made by this run"].value == 0


def test_the_asset_shows_its_columns_before_anything_ran(
    shop: Callable[..., SourceContract],
) -> None:
    contract = shop()
    asset = clean_asset(contract, contract.table("order"), jobs_version="jobs")
    spec = asset.get_asset_spec(clean_key("shop", "order"))

    columns = [column.name for column in spec.metadata["dagster/column_schema"].columns]
    assert columns[:4] == ["order_id", "member", "total", "_batch_id"]
    assert spec.code_version == f"jobs-{contract.config_version('order')}"
    assert spec.kinds == {"spark", "parquet"}
    assert spec.automation_condition is not None


def test_rows_are_made_by_the_published_contract_and_say_by_which_version(
    run: Run,
    shop: Callable[..., SourceContract],
    registry_resource: RegistryResource,
    ledger_resource: LedgerResource,
    deliver: Callable[[Mapping[str, str]], None],
) -> None:
    registry = registry_resource.open()
    published = shop(rules=[], unique=None)
    publish(registry, published, latest=None, note="without rules", by="somebody")
    deliver({"2017-05-01/a.csv": MONDAY, "2017-05-02/a.csv": TUESDAY})
    [said, *_] = run().asset_materializations_for_node("clean__shop__order")
    assert said.metadata["contract version"].value == 1
    states = ledger_resource.open().zone_states("shop", "order", "clean").values()
    # By what Git says, the second row of an order would have been set aside.
    assert sum(state.rows_quarantined for state in states) == 0
    assert {state.config_version for state in states} == {published.config_version("order")}
    assert {state.details["contract.version"] for state in states} == {"1"}
