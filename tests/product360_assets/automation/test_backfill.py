"""A range of landing dates that is backfilled from the UI is one run and one job of the engine.

What the UI's dialogue sends is sent here, as text to Dagster's own GraphQL interface; a real daemon
does what it asks for.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from product360_assets.core.keys import clean_key, raw_key
from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

REPOSITORY = Path(__file__).parents[3]
DAYS = [f"2017-01-{day:02}" for day in range(1, 8)]
ASKED = DAYS[1:6]
KEYS = [raw_key("shop", "price"), clean_key("shop", "price")]

LOCATION = """
import dagster as dg

from product360_assets.clean.assets import clean_asset
from product360_assets.core.contract import SourceContract
from product360_assets.raw.assets import raw_asset
from resources.environments import platform_resources

SHOP = SourceContract.model_validate({
    "name": "shop", "kind": "files", "description": "A shop.", "owners": ["team:shop"],
    "tables": [{
        "name": "price", "description": "Prices.", "format": "csv", "key": ["id"],
        "cadence": "weekly", "freshness_hours": 24,
        "columns": [{"name": "id", "type": "bigint", "description": "Article."}],
    }],
})
TABLE = SHOP.tables[0]
defs = dg.Definitions(
    assets=[raw_asset(SHOP, TABLE), clean_asset(SHOP, TABLE, jobs_version="1")],
    resources=platform_resources(),
    executor=dg.in_process_executor,
)
"""

LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""


def test_a_range_of_days_from_the_ui_is_one_run_one_job_and_a_materialization_for_each_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "dagster").mkdir(parents=True)
    (home / "dagster/dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())
    (home / "location.py").write_text(LOCATION)
    monkeypatch.setenv("PRODUCT360_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    landing = LakeResource(uri=f"file://{home}/lake").zone("landing")
    for number, day in enumerate(DAYS):
        landing.put(f"shop/price/{day}/price.csv", f"id\n{number}\n".encode())

    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("landing_date_shop", DAYS)
        launched = _launch(home)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        _work_until_done(home, instance, launched["backfillId"])

        assert instance.get_runs_count() == 1
        for key in KEYS:
            records = instance.fetch_materializations(key, limit=50).records
            assert sorted(str(each.partition_key) for each in records) == ASKED
    # One folder for each job that was started, however many events it told.
    assert len(list((home / "lake/results/job-reports").glob("*/*"))) == 1
    clean = SqliteLedgerResource(path=str(home / "ledger.db")).open()
    assert len(clean.zone_states("shop", "price", "clean")) == len(ASKED)


def _launch(home: Path) -> dict[str, Any]:
    """Send what the UI sends; the answer's data."""
    params = {
        "assetSelection": [{"path": key.path} for key in KEYS],
        "partitionNames": ASKED,
        "title": "A week of prices",
    }
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("dagster-graphql")),
            *("-f", "location.py", "-d", str(REPOSITORY)),
            *("-t", LAUNCH, "-v", json.dumps({"params": params})),
        ],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    # Around it, its code server says how it starts and ends.
    [answered] = [line for line in done.stdout.splitlines() if line.startswith('{"')]
    data: dict[str, Any] = json.loads(answered)["data"]
    return data


def _work_until_done(home: Path, instance: dg.DagsterInstance, backfill: str) -> None:
    """Let a daemon work until the backfill has ended well."""
    log = home / "daemon.log"
    daemon = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("dagster-daemon")),
            *("run", "-f", str(home / "location.py"), "-d", str(REPOSITORY)),
        ],
        cwd=home,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 400
        while (found := instance.get_backfill(backfill)) and found.status.value != (
            "COMPLETED_SUCCESS"
        ):
            assert daemon.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            assert not found.status.value.endswith("FAILED"), found.error
            time.sleep(0.5)
    finally:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
