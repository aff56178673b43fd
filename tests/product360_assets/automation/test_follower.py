"""What a run's own events tell of it while it works: real runs of assets that say what ours say."""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

import time
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from product360_assets.automation.follower import RunFollower
from product360_assets.automation.progress import Finished, Seen, Working

DAYS = dg.StaticPartitionsDefinition(["2017-01-09", "2017-01-16"])


@dg.asset(key=["clean", "shop", "price"], partitions_def=DAYS)
def price(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    for day, rows in (("2017-01-09", 3), ("2017-01-16", 4)):
        said = {"rows": rows, "rows quarantined": 1, "batches": [f"b-{day}"]}
        context.add_asset_metadata(said, partition_key=day)
    return dg.MaterializeResult()


@dg.asset(key=["clean", "shop", "order"])
def order(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    context.log.info("half-way")
    time.sleep(0.3)
    said = {"rows": 10, "rows quarantined": 0, "batches": ["b-1", "b-2"]}
    return dg.MaterializeResult(metadata=said)


@dg.asset(key=["curated", "sale"], deps=[order])
def sale() -> dg.MaterializeResult[None]:
    said = {"outcome": "published", "rows taken in": 10, "dagster/row_count": 9}
    return dg.MaterializeResult(metadata={**said, "batches taken in": 2})


@dg.multi_asset_check(
    specs=[dg.AssetCheckSpec("key_is_unique", asset=sale), dg.AssetCheckSpec("warns", asset=sale)]
)
def sale_checks() -> Iterator[dg.AssetCheckResult]:
    yield dg.AssetCheckResult(asset_key=sale.key, check_name="key_is_unique", passed=True)
    yield dg.AssetCheckResult(
        asset_key=sale.key,
        check_name="warns",
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset(key=["curated", "broken"])
def broken() -> None:
    raise ZeroDivisionError


@dg.asset(key=["serving", "answer"], deps=[broken])
def answer() -> None: ...


Follow = Callable[..., list[Seen]]


@pytest.fixture
def follow(instance: dg.DagsterInstance) -> Follow:
    def followed(*definitions: Any, run_tags: dict[str, str] | None = None) -> list[Seen]:
        checks = [each for each in definitions if isinstance(each, dg.AssetChecksDefinition)]
        assets = [each for each in definitions if each not in checks]
        job = dg.define_asset_job("job", selection=dg.AssetSelection.all())
        repository = dg.Definitions(assets, asset_checks=checks, jobs=[job]).get_repository_def()
        seen: list[Seen] = []
        follower = RunFollower(seen.append)
        run_id = "11111111-1111-4111-8111-111111111111"
        instance.add_event_listener(run_id, follower)
        repository.get_job("job").execute_in_process(
            instance=instance, run_id=run_id, raise_on_error=False, tags=run_tags
        )
        follower.close()
        assert [one for one in seen if isinstance(one, Finished)] == follower.finished
        return seen

    return followed


def finished(seen: list[Seen]) -> dict[tuple[str, str], Finished]:
    found = [one for one in seen if isinstance(one, Finished)]
    assert len({(one.zone, one.name) for one in found}) == len(found)
    return {(one.zone, one.name): one for one in found}


def test_a_table_is_told_once_with_its_checks(follow: Follow) -> None:
    done = finished(follow(order, sale, sale_checks))["curated", "sale"]
    assert (done.rows_in, done.rows_out, done.rows_quarantined) == (10, 9, None)
    assert (done.checks, done.checks_passed) == (2, 1)
    assert (done.outcome, done.batches, done.failed) == ("published", 2, False)


def test_a_part_is_told_when_its_last_step_has_ended(follow: Follow) -> None:
    seen = follow(order, sale, sale_checks)
    order_ended = seen.index(finished(seen)["clean", "shop"])
    sale_began = seen.index(Working("curated", "sale", "curated__sale"))
    assert order_ended < sale_began
    assert isinstance(seen[-1], Finished)


def test_what_a_step_says_is_told_while_it_works(follow: Follow) -> None:
    seen = follow(order)
    said = Working("clean", "shop", "clean__shop__order", "half-way")
    assert seen.index(said) < seen.index(finished(seen)["clean", "shop"])
    assert finished(seen)["clean", "shop"].seconds >= 0.3


def test_partitions_and_tables_of_a_system_are_added_up(follow: Follow) -> None:
    tags = {
        "dagster/asset_partition_range_start": "2017-01-09",
        "dagster/asset_partition_range_end": "2017-01-16",
    }
    done = finished(follow(price, run_tags=tags))["clean", "shop"]
    assert (done.batches, done.rows_in, done.rows_out, done.rows_quarantined) == (2, 9, 7, 2)


def test_failed_and_not_reached_are_told_apart(follow: Follow) -> None:
    done = finished(follow(broken, answer))
    assert (done["curated", "broken"].failed, done["curated", "broken"].reached) == (True, True)
    assert (done["serving", "answer"].failed, done["serving", "answer"].reached) == (True, False)
