"""The landing asset of a stream that is read directly, as Dagster runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.core.contract import SourceContract
from product360_assets.core.partitions import landing_dates
from product360_assets.ingestion.assets import landing_assets, source_specs
from product360_assets.ingestion.event_lines import AGGREGATED
from resources.ledger import LedgerResource
from resources.local.event_streams import LocalStream, LocalStreams
from resources.local.registry import SqliteRegistryResource
from resources.objects import LakeResource

COLUMNS = [{"name": "id", "type": "bigint", "description": "Its number."}]


def web(**streams: str | None) -> SourceContract:
    """A web shop with a table for each stream, or for files where it has none."""
    return SourceContract.model_validate(
        {
            "name": "web",
            "kind": "stream",
            "description": "A web shop.",
            "owners": ["team:web"],
            "tables": [
                {
                    "name": name,
                    "stream": stream,
                    "description": "Events.",
                    "format": "json",
                    "key": ["id"],
                    "cadence": "continuous",
                    "freshness_hours": 1,
                    "columns": COLUMNS,
                }
                for name, stream in streams.items()
            ],
        }
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def resources(
    tmp_path: Path, lake: LakeResource, ledger_resource: LedgerResource
) -> dict[str, Any]:
    return {
        "lake": lake,
        "ledger": ledger_resource,
        "event_streams": LocalStreams(path=str(tmp_path / "streams.db")),
        "registry": SqliteRegistryResource(path=str(tmp_path / "registry.db")),
    }


@pytest.fixture
def clicks(tmp_path: Path) -> LocalStream:
    return LocalStream(tmp_path / "streams.db", "clicks")


def ingest(
    contract: SourceContract, instance: dg.DagsterInstance, resources: dict[str, Any]
) -> tuple[bool, dict[str, dict[str, Any]]]:
    """Whether the run succeeded, and what each landing asset says of itself."""
    result = dg.materialize(
        [landing_assets(contract), *source_specs(contract)],
        instance=instance,
        resources=resources,
        raise_on_error=False,
    )
    return result.success, {
        event.asset_key.path[-1]: {name: value.value for name, value in event.metadata.items()}
        for materialized in result.get_asset_materialization_events()
        for event in [materialized.materialization]
    }


def test_a_stream_is_read_and_its_landing_date_registered(
    instance: dg.DagsterInstance, resources: dict[str, Any], clicks: LocalStream
) -> None:
    clicks.create(2)
    for number in range(10):
        clicks.put(f"{number}", b'{"id": %d}' % number)
    [day] = {record.arrived_at.date().isoformat() for record in first_page(clicks)}

    well, said = ingest(web(click="clicks"), instance, resources)

    assert well
    figures = ("stream", "shards", "records read", "files written", "objects", "rows delivered")
    assert [said["click"][each] for each in figures] == ["clicks", 2, 10, 2, 2, 10]
    assert said["click"]["behind the newest record (s)"] == 0
    assert said["click"]["bytes written"] == said["click"]["bytes"]
    assert landing_dates("web").get_partition_keys(dynamic_partitions_store=instance) == [day]

    _, again = ingest(web(click="clicks"), instance, resources)
    assert [again["click"][each] for each in figures] == ["clicks", 2, 0, 0, 2, 10]


def first_page(stream: LocalStream) -> list[Any]:
    return [
        record
        for shard in stream.shards()
        for record in stream.read(shard.shard_id, after=None).records
    ]


def test_a_table_without_a_stream_beside_it_is_looked_for_as_ever(
    instance: dg.DagsterInstance, resources: dict[str, Any], clicks: LocalStream
) -> None:
    clicks.put("a", b'{"id": 1}')
    resources["lake"].zone("landing").put("web/search/2017/05/01/12/firehose.json", b'{"id": 1}')

    _, said = ingest(web(click="clicks", search=None), instance, resources)

    assert said["click"]["records read"] == 1
    assert said["search"]["objects"] == 1
    assert "stream" not in said["search"]


def test_what_cannot_be_read_fails_the_run_and_what_could_be_is_said(
    instance: dg.DagsterInstance, resources: dict[str, Any], clicks: LocalStream
) -> None:
    well, said = ingest(web(click="clicks"), instance, resources)
    assert (well, said) == (False, {})

    clicks.put("a", AGGREGATED)
    clicks.put("a", b'{"id": 1}')
    well, said = ingest(web(click="clicks"), instance, resources)
    assert not well
    assert said["click"]["records read"] == 2

    clicks.put("a", b'{"id": 2}')
    well, said = ingest(web(click="clicks"), instance, resources)
    assert well
    assert said["click"]["records read"] == 1
