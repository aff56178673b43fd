"""CPU goes to the step that ran while it was used, and what is left to the orchestration."""

from __future__ import annotations

import time

import dagster as dg
import pytest

from benchmarks.attribution import ORCHESTRATION, StepTime, by_table, by_zone, cost, steps_since
from benchmarks.measure import Measured


def measured(*moments: tuple[float, float, float], cpu: float, wall: float) -> Measured:
    return Measured(
        status=0,
        wall=wall,
        cpu_user=cpu,
        cpu_system=0,
        peak_tree=0,
        peak_process=0,
        bytes_read=0,
        bytes_written=0,
        storage_read=0,
        storage_written=0,
        orphans=0,
        moments=moments,
    )


def step(zone: str, table: str, began: float, ended: float) -> StepTime:
    return StepTime("job", f"{zone}__{table}", zone, (table,), False, began, ended)


TREE = measured((100, 0, 0), (101, 1, 0), (102, 1, 2), (103, 2, 2), cpu=4.5, wall=3.5)
STEPS = [step("raw", "a.b", 100, 101), step("clean", "a.b", 101, 102.5)]


def test_a_step_costs_what_was_used_between_its_start_and_its_end() -> None:
    found = cost(STEPS[1], TREE)
    assert (found.wall, found.python, found.engine) == pytest.approx((1.5, 0.5, 2.0))


def test_nothing_of_the_whole_is_lost() -> None:
    zones = by_zone(STEPS, TREE)
    assert sum(zone.cpu for zone in zones.values()) == pytest.approx(TREE.cpu)
    assert sum(zone.wall for zone in zones.values()) == pytest.approx(TREE.wall)
    # Half a second between samples, and half after the last one.
    assert zones[ORCHESTRATION].cpu == pytest.approx(1.0)


def test_each_zone_of_a_table_is_apart() -> None:
    assert set(by_table(STEPS, TREE)) == {"raw a.b", "clean a.b"}


def test_dagster_s_own_record_says_which_step_made_or_checked_what() -> None:
    @dg.asset(key=["clean", "shop", "order"])
    def order() -> None:
        time.sleep(0.01)

    @dg.asset_check(asset=dg.AssetKey(["clean", "shop", "order"]))
    def has_rows() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    with dg.DagsterInstance.ephemeral() as instance:
        began = time.time()
        definitions = dg.Definitions(assets=[order], asset_checks=[has_rows])
        job = definitions.get_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance).success
        made, checked = steps_since(instance, began)
        assert steps_since(instance, time.time()) == []
    assert (made.zone, made.tables, made.is_check) == ("clean", ("shop.order",), False)
    assert (checked.zone, checked.tables, checked.is_check) == ("clean", ("shop.order",), True)
    assert began <= made.began < made.ended <= checked.began
