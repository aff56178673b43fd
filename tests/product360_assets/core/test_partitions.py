"""Landing dates as partitions of a real Dagster instance."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest

from product360_assets.core.partitions import (
    days_of,
    landing_dates,
    register_landing_dates,
    run_tags,
)

MONDAY, TUESDAY, SUNDAY = date(2017, 5, 1), date(2017, 5, 2), date(2017, 5, 7)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_only_new_days_are_registered_in_order(instance: dg.DagsterInstance) -> None:
    assert register_landing_dates(instance, "shop", [TUESDAY, MONDAY]) == [
        "2017-05-01",
        "2017-05-02",
    ]
    assert register_landing_dates(instance, "shop", [MONDAY, SUNDAY]) == ["2017-05-07"]
    assert register_landing_dates(instance, "shop", [SUNDAY]) == []
    assert landing_dates("shop").get_partition_keys(dynamic_partitions_store=instance) == [
        "2017-05-01",
        "2017-05-02",
        "2017-05-07",
    ]


def test_systems_do_not_share_landing_dates(instance: dg.DagsterInstance) -> None:
    register_landing_dates(instance, "shop", [MONDAY])

    assert run_tags(instance, "web", [MONDAY]) == {}


@pytest.mark.parametrize(
    ("asked", "worked_on"),
    [
        ([MONDAY], [MONDAY]),
        ([MONDAY, TUESDAY], [MONDAY, TUESDAY]),
        # Sunday was registered first, so a range from it to Tuesday goes over Monday.
        ([SUNDAY, TUESDAY], [MONDAY, TUESDAY, SUNDAY]),
    ],
)
def test_one_run_covers_the_days_asked_for(
    instance: dg.DagsterInstance, asked: list[date], worked_on: list[date]
) -> None:
    seen: list[date] = []

    @dg.asset(partitions_def=landing_dates("shop"), backfill_policy=dg.BackfillPolicy.single_run())
    def order(context: dg.AssetExecutionContext) -> None:
        seen.extend(days_of(context.partition_keys))

    register_landing_dates(instance, "shop", [SUNDAY])
    register_landing_dates(instance, "shop", [MONDAY, TUESDAY])
    dg.materialize([order], instance=instance, tags=run_tags(instance, "shop", asked))

    assert seen == worked_on
    events = instance.fetch_materializations(dg.AssetKey("order"), limit=10).records
    assert {event.partition_key for event in events} == {day.isoformat() for day in worked_on}
