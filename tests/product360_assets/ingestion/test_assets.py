"""Landing assets as Dagster runs them, with the real local resources."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.core.contract import SourceContract, SourceKind
from product360_assets.core.keys import landing_key, source_key
from product360_assets.core.partitions import landing_dates
from product360_assets.ingestion.assets import landing_assets, source_specs
from resources.ledger import LedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.local.replication import LocalReplication
from resources.local.secrets import LocalSecrets
from resources.locks import holding
from resources.objects import LakeResource
from resources.saas import SaasResource


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def resources(
    tmp_path: Path,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    database: Mapping[str, str],
    listed_saas: Callable[..., SaasResource],
) -> dict[str, Any]:
    secrets = LocalSecrets(path=str(tmp_path / "secrets.json"))
    secrets.publish("shop_connection", database)
    records = {"order": ["2017-05-01T06:00:00Z"], "member": []}
    return {
        "lake": lake,
        "ledger": ledger_resource,
        "registry": SqliteRegistryResource(path=str(tmp_path / "registry.db")),
        "secrets": secrets,
        "replication": LocalReplication(),
        "saas": listed_saas(now="2017-05-01T12:00:00Z", records=records),
    }


Shop = Callable[[SourceKind], SourceContract]


def ingest(
    contract: SourceContract,
    instance: dg.DagsterInstance,
    resources: Mapping[str, Any],
    **how: Any,
) -> dict[str, dict[str, Any]]:
    """What each landing asset says of itself after a run."""
    result = dg.materialize(
        [landing_assets(contract), *source_specs(contract)],
        instance=instance,
        resources=dict(resources),
        selection=how.pop("selection", None),
        **how,
    )
    return {
        event.asset_key.path[-1]: {name: value.value for name, value in event.metadata.items()}
        for materialization in result.get_asset_materialization_events()
        for event in [materialization.materialization]
    }


def dates(instance: dg.DagsterInstance) -> list[str]:
    return list(landing_dates("shop").get_partition_keys(dynamic_partitions_store=instance))


def test_a_database_is_loaded_and_its_landing_date_registered(
    shop: Shop, instance: dg.DagsterInstance, resources: Mapping[str, Any]
) -> None:
    said = ingest(shop("database"), instance, resources)

    assert said["order"]["rows delivered"] == 3
    assert said["order"]["last execution"] == "20170501T120000Z-0001"
    assert said["member"]["objects"] == 1
    assert dates(instance) == ["2017-05-01"]


def test_a_second_run_delivers_nothing_and_changes_no_version(
    shop: Shop, instance: dg.DagsterInstance, resources: Mapping[str, Any]
) -> None:
    ingest(shop("database"), instance, resources)
    again = ingest(shop("database"), instance, resources)

    assert again["order"]["executions"] == 1
    assert again["order"]["new landing dates"] == 0
    events = instance.fetch_materializations(landing_key("shop", "order"), limit=2).records
    versions = {
        event.asset_materialization.tags["dagster/data_version"]
        for event in events
        if event.asset_materialization and event.asset_materialization.tags
    }
    assert len(versions) == 1


def test_a_run_may_ask_for_a_reload_of_some_tables(
    shop: Shop, instance: dg.DagsterInstance, resources: Mapping[str, Any]
) -> None:
    ingest(shop("database"), instance, resources)
    said = ingest(
        shop("database"),
        instance,
        resources,
        selection=[landing_key("shop", "member")],
        run_config=dg.RunConfig(ops={"ingest_shop": {"config": {"reload": True}}}),
    )

    assert list(said) == ["member"]
    assert said["member"]["executions"] == 2


def test_a_service_is_pulled(
    shop: Shop, instance: dg.DagsterInstance, resources: Mapping[str, Any]
) -> None:
    said = ingest(shop("saas"), instance, resources)

    assert said["order"]["rows delivered"] == 1
    assert said["order"]["watermark"] == "2017-05-01T12:00:00+00:00"
    assert said["member"]["objects"] == 0
    assert dates(instance) == ["2017-05-01"]


def test_dropped_files_are_seen_with_their_days(
    shop: Shop, instance: dg.DagsterInstance, resources: Mapping[str, Any], lake: LakeResource
) -> None:
    for day in ("2017-05-08", "2017-05-01"):
        lake.zone("landing").put(f"shop/order/{day}/order.json", b"{}")
    lake.zone("landing").put("shop/order/lost.json", b"{}")

    said = ingest(shop("files"), instance, resources)

    assert (said["order"]["objects"], said["order"]["bytes"]) == (2, 4)
    assert said["order"]["last landing date"] == "2017-05-08"
    assert said["order"]["keys without a day"] == ["shop/order/lost.json"]
    assert dates(instance) == ["2017-05-01", "2017-05-08"]


def test_a_source_that_is_not_there_fails_with_the_next_move(
    shop: Shop, instance: dg.DagsterInstance, resources: Mapping[str, Any], tmp_path: Path
) -> None:
    without = {**resources, "secrets": LocalSecrets(path=str(tmp_path / "none.json"))}

    with pytest.raises(dg.Failure, match="shop_connection") as caught:
        ingest(shop("saas"), instance, without)

    assert "next move" in caught.value.metadata
    assert not caught.value.allow_retries


def test_every_table_has_a_source_that_says_what_it_means(shop: Shop) -> None:
    [order, _] = source_specs(shop("database"))

    assert order.key == source_key("shop", "order")
    assert order.owners == ["team:shop"]
    assert order.metadata["name at the source"] == "shop.orders"


@pytest.mark.parametrize("kind", ["database", "saas", "files"])
def test_a_paused_source_is_not_asked(
    shop: Shop,
    instance: dg.DagsterInstance,
    resources: Mapping[str, Any],
    lake: LakeResource,
    kind: SourceKind,
) -> None:
    lake.zone("landing").put("shop/order/2017-05-08/order.json", b"{}")
    registry = resources["registry"].open()
    registry.set_switch("shop", paused=True, reason="wrong prices", expected=0, by="Zoë")
    assert ingest(shop(kind), instance, resources) == {}
    assert resources["ledger"].open().deliveries("shop", "order") == []
    assert dates(instance) == []
    registry.set_switch("shop", paused=False, reason="", expected=1, by="Zoë")
    assert set(ingest(shop(kind), instance, resources)) == {"order", "member"}


def test_of_two_that_make_one_source_deliver_the_second_waits_for_the_first(
    shop: Shop, instance: dg.DagsterInstance, resources: Mapping[str, Any]
) -> None:
    ledger = resources["ledger"].open()
    with holding(ledger, "landing.shop", work="the first", log=print):
        second = threading.Thread(target=ingest, args=(shop("saas"), instance, resources))
        second.start()
        time.sleep(1.5)
        assert ledger.deliveries("shop", "order") == []
    second.join(60)
    assert len(ledger.deliveries("shop", "order")) == 1
