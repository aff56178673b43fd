"""F18, seen from Dagster: a refused batch blocks itself alone, an accepted one widens its table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from product360_assets.clean import work
from product360_assets.clean.assets import clean_asset
from product360_assets.clean.evolving import Evolved, clean_evolving
from product360_assets.clean.work import Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.core.in_force import in_force
from product360_assets.core.partitions import register_landing_dates, run_tags
from product360_assets.raw.pending import pending_landing_dates
from resources.jobs import JobRunner
from resources.ledger import Ledger, LedgerResource
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource
from resources.registry import RegistryResource

DAYS = [date(2017, 5, 1), date(2017, 5, 2)]
MONDAY = "order_id,Member,total\n1,ann,1.10\n2,bob,2.20\n"
COLOURED = "order_id,Member,total,Colour\n5,ann,5.50,red\n6,bob,6.60,\n"
COARSE = "order_id,Member,total\n7,ann,98765432109.00\n"
BOTH = {"2017-05-01/a.csv": MONDAY, "2017-05-02/a.csv": COLOURED}

Shop = Callable[..., SourceContract]
Deliver = Callable[[Mapping[str, str]], None]
Clean = Callable[[SourceContract], Evolved]


@pytest.fixture
def clean(
    lake: LakeResource, ledger: Ledger, registry_resource: RegistryResource, runner: JobRunner
) -> Clean:
    """Clean both days, by the contract in force once this one was published."""

    def run(declared: SourceContract) -> Evolved:
        registry = registry_resource.open()
        agreed = in_force(registry, declared)
        cleaning = Cleaning(
            agreed.contract,
            agreed.table("order"),
            ledger,
            lake,
            runner,
            lambda _message: None,
            agreed.version,
        )
        return clean_evolving(cleaning, registry, DAYS)

    return run


def publish(registry_resource: RegistryResource, contract: SourceContract) -> SourceContract:
    registry = registry_resource.open()
    latest = registry.latest(contract.name)
    document = contract.model_dump(mode="json", exclude_defaults=True)
    expected = latest.version if latest else None
    registry.publish(contract.name, document, expected=expected, note="", by="owner")
    return contract


def days_made(evolved: Evolved) -> list[int]:
    return [each.raw.batch.landing_date.day for each in evolved.cleaned.batches]


def test_f18_a_refused_batch_blocks_itself_alone(
    shop: Shop, deliver: Deliver, clean: Clean, ledger: Ledger
) -> None:
    deliver(BOTH)

    evolved = clean(shop(drift="strict"))

    assert days_made(evolved) == [1]
    [refused] = evolved.cleaned.drifted
    [state] = ledger.zone_states("shop", "order", "refused").values()
    assert state.batch_id == refused.raw.batch.batch_id
    assert state.batch_id not in ledger.zone_states("shop", "order", "clean")
    [record] = refused.records()
    assert record["column"] == "Colour"
    assert record["what was done"] == "the batch was refused"
    assert "drift: evolve" in record["next move"]
    assert record["file"].endswith("/a.csv")


def test_f18_the_same_contract_is_not_asked_again_and_another_one_is(
    shop: Shop,
    deliver: Deliver,
    clean: Clean,
    ledger: Ledger,
    lake: LakeResource,
    registry_resource: RegistryResource,
) -> None:
    deliver(BOTH)
    strict, lenient = shop(drift="strict"), shop(drift="discard")
    clean(strict)

    again = clean(strict)

    assert again.cleaned.reports == ()
    assert [each.held for each in again.cleaned.drifted] == ["refuse"]
    assert pending_landing_dates(strict, ledger=ledger, lake=lake) == set()
    assert pending_landing_dates(lenient, ledger=ledger, lake=lake) == {DAYS[1]}

    taken = clean(publish(registry_resource, lenient))

    assert days_made(taken) == [1, 2]
    assert [each.held for each in taken.cleaned.drifted] == [None]
    assert pending_landing_dates(lenient, ledger=ledger, lake=lake) == set()


def test_f18_without_the_memory_a_refused_batch_is_asked_for_ever(
    shop: Shop,
    deliver: Deliver,
    clean: Clean,
    ledger: Ledger,
    lake: LakeResource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliver(BOTH)
    monkeypatch.setattr(work, "record_once", forgetting_refusals(work.record_once))
    strict = shop(drift="strict")
    clean(strict)

    assert len(clean(strict).cleaned.reports) == 1
    assert pending_landing_dates(strict, ledger=ledger, lake=lake) == {DAYS[1]}


def forgetting_refusals(record: Any) -> Any:
    def through(ledger: Ledger, state: Any, **more: Any) -> Any:
        return state if state.zone == "refused" else record(ledger, state, **more)

    return through


def test_f18_new_columns_and_wider_types_become_the_next_version(
    shop: Shop,
    deliver: Deliver,
    clean: Clean,
    ledger: Ledger,
    lake: LakeResource,
    registry_resource: RegistryResource,
) -> None:
    declared = shop(drift="evolve", rules=[])
    deliver({"2017-05-01/a.csv": MONDAY})
    [monday] = clean(declared).cleaned.batches
    deliver({"2017-05-02/a.csv": COLOURED, "2017-05-02/b.csv": COARSE})

    evolved = clean(declared)

    assert (evolved.version, [str(each) for each in evolved.changes]) == (
        3,
        ["new column Colour (string)", "wider type of total (decimal(18,2))"],
    )
    assert days_made(evolved) == [1, 2]
    assert not any(each.held for each in evolved.cleaned.drifted)
    # What an earlier version made stands, and is read beside the newer rows.
    assert ledger.zone_state(monday.state.batch_id, "clean") == monday.state
    files = [lake.zone("clean").uri_of(i.key) for i in lake.zone("clean").list("shop/order/")]
    rows = duckdb.sql(
        "SELECT order_id, total, colour FROM read_parquet("
        f"{[f.removeprefix('file://') for f in files if f.endswith('.parquet')]}, "
        "union_by_name = true, hive_partitioning = false) ORDER BY ALL"
    ).fetchall()
    assert [(key, str(total), colour) for key, total, colour in rows] == [
        (1, "1.10", None),
        (2, "2.20", None),
        (5, "5.50", "red"),
        (6, "6.60", None),
        (7, "98765432109.00", None),
    ]
    versions = registry_resource.open().versions("shop")
    assert [each.published_by for each in versions][1:] == ["product360: drift"] * 2

    again = clean(declared)

    assert (again.cleaned.reports, again.version) == ((), 3)


def test_f18_what_cannot_evolve_is_refused_although_the_rest_could(
    shop: Shop, deliver: Deliver, clean: Clean, registry_resource: RegistryResource
) -> None:
    deliver({"2017-05-01/a.csv": MONDAY, "2017-05-02/a.csv": "order_id,Member,amount\n5,ann,5\n"})

    evolved = clean(shop(drift="evolve"))

    assert days_made(evolved) == [1]
    kinds = {each["kind"] for found in evolved.cleaned.drifted for each in found.differences}
    assert kinds == {"renamed", "added"}
    assert len(registry_resource.open().versions("shop")) == 1


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        register_landing_dates(instance, "shop", DAYS)
        yield instance


def test_f18_the_report_is_a_check_that_fails_and_blocks_nothing(
    shop: Shop,
    deliver: Deliver,
    instance: dg.DagsterInstance,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    registry_resource: RegistryResource,
    runner: JobRunner,
    tmp_path: Path,
) -> None:
    deliver(BOTH)
    contract = shop(drift="freeze")

    result = dg.materialize(
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

    assert result.success
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    layout = checks["layout_is_as_declared"]
    assert (layout.passed, layout.severity, layout.blocking) == (
        False,
        dg.AssetCheckSeverity.ERROR,
        False,
    )
    assert checks["rows_are_accounted_for"].passed
    table: Any = layout.metadata["report"].value
    [record] = table.records if hasattr(table, "records") else table
    assert record.data["column"] == "Colour"
    assert record.data["expected"] == "no such column"


def test_f18_the_folder_of_a_refused_batch_is_never_written(
    shop: Shop, deliver: Deliver, clean: Clean, lake: LakeResource
) -> None:
    deliver({"2017-05-02/a.csv": COLOURED})
    clean(shop(drift="strict"))
    root = Path(lake.zone("clean").uri.removeprefix("file://"))
    assert [path for path in root.rglob("*.parquet") if ".staging" not in str(path)] == []
