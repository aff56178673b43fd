"""The raw asset as Dagster runs it: one run for many days, one materialization for each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from product360_assets.core.contract import SourceContract
from product360_assets.core.in_force import in_force, publish
from product360_assets.core.keys import raw_key
from product360_assets.core.partitions import register_landing_dates, run_tags
from product360_assets.raw.assets import raw_asset
from resources.ledger import Ledger, LedgerResource
from resources.objects import LakeResource
from resources.registry import RegistryResource

DAYS = [date(2017, 5, 1), date(2017, 5, 2)]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        register_landing_dates(instance, "shop", DAYS)
        yield instance


def accept(
    contract: SourceContract,
    instance: dg.DagsterInstance,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    registry_resource: RegistryResource,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [raw_asset(contract, contract.table("order"))],
        instance=instance,
        resources={"lake": lake, "ledger": ledger_resource, "registry": registry_resource},
        tags=run_tags(instance, "shop", DAYS),
        raise_on_error=False,
    )


def test_each_landing_date_says_what_it_holds(
    contract: SourceContract,
    instance: dg.DagsterInstance,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    registry_resource: RegistryResource,
) -> None:
    result = accept(contract, instance, lake, ledger_resource, registry_resource)

    materializations = result.asset_materializations_for_node("raw__shop__order")
    said = {
        each.partition: (each.metadata["objects"].value, each.metadata["bytes"].value)
        for each in materializations
    }
    assert said == {"2017-05-01": (2, 10), "2017-05-02": (1, 5)}
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_an_altered_object_blocks_what_comes_after(
    contract: SourceContract,
    instance: dg.DagsterInstance,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    registry_resource: RegistryResource,
    ledger: Ledger,
) -> None:
    accept(contract, instance, lake, ledger_resource, registry_resource)
    [accepted, _] = ledger.accepted_objects(ledger.batches("shop", "order")[0].batch_id)
    path = lake.zone("raw").uri_of(accepted.raw_key).removeprefix("file://")
    Path(path).write_bytes(b"id\n9\n")

    result = accept(contract, instance, lake, ledger_resource, registry_resource)

    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert [(check.check_name, check.blocking) for check in failed] == [
        ("objects_are_unchanged", True)
    ]
    assert not result.success


def test_rewritten_landing_objects_warn(
    contract: SourceContract,
    instance: dg.DagsterInstance,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    registry_resource: RegistryResource,
) -> None:
    accept(contract, instance, lake, ledger_resource, registry_resource)
    lake.zone("landing").delete("shop/order/2017-05-02/till-1.csv")
    lake.zone("landing").put("shop/order/2017-05-02/till-1.csv", b"id\n33\n")

    result = accept(contract, instance, lake, ledger_resource, registry_resource)

    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert [(check.check_name, check.severity) for check in failed] == [
        ("nothing_accepted_was_rewritten", dg.AssetCheckSeverity.WARN)
    ]
    assert result.success


def test_the_asset_says_who_owns_it_and_what_it_is(contract: SourceContract) -> None:
    asset = raw_asset(contract, contract.table("order"))
    spec = asset.get_asset_spec(raw_key("shop", "order"))

    assert spec.group_name == "raw"
    assert spec.owners == ["team:shop"]
    assert spec.kinds == {"csv", "objects"}
    assert spec.tags["source"] == "shop"


def test_what_is_accepted_says_by_which_version_of_the_contract(
    contract: SourceContract,
    instance: dg.DagsterInstance,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    registry_resource: RegistryResource,
    ledger: Ledger,
) -> None:
    registry = registry_resource.open()
    first = in_force(registry, contract)
    publish(
        registry,
        contract.model_copy(update={"description": "Our shop."}),
        latest=registry.latest("shop"),
        note="words",
        by="somebody",
    )
    assert first.version == 1
    result = accept(contract, instance, lake, ledger_resource, registry_resource)
    [said, *_] = result.asset_materializations_for_node("raw__shop__order")
    assert said.metadata["contract version"].value == 2
    states = ledger.zone_states("shop", "order", "raw").values()
    assert {state.details["contract.version"] for state in states} == {"2"}


def test_a_paused_source_is_refused_and_what_landed_is_taken_when_it_is_resumed(
    contract: SourceContract,
    instance: dg.DagsterInstance,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    registry_resource: RegistryResource,
    ledger: Ledger,
) -> None:
    registry = registry_resource.open()
    registry.set_switch("shop", paused=True, reason="wrong prices", expected=0, by="Zoë")
    refused = accept(contract, instance, lake, ledger_resource, registry_resource)
    assert not refused.success
    failure = refused.failure_data_for_node("raw__shop__order")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "by Zoë: wrong prices" in str(failure.user_failure_data.description)
    assert ledger.batches("shop", "order") == []
    registry.set_switch("shop", paused=False, reason="", expected=1, by="Zoë")
    assert accept(contract, instance, lake, ledger_resource, registry_resource).success
    assert len(ledger.zone_states("shop", "order", "raw")) == 2
