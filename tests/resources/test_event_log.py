"""The reusing storage keeps the history that Dagster's own storage would keep."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from resources.local import event_log

DAYS = ["2017-05-01", "2017-05-02", "2017-05-03"]
REUSING = """
storage:
  custom:
    module: resources.local.event_log
    class: ReusingSqliteStorage
    config:
      base_dir: {env: DAGSTER_HOME}
"""


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(DAYS))
def order(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(metadata={"day": context.partition_key}, tags={"seen": "yes"})


@pytest.fixture(params=["Dagster's own storage", "the reusing storage"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    settings = REUSING if "reusing" in request.param else ""
    (tmp_path / "dagster.yaml").write_text(f"telemetry: {{enabled: false}}\n{settings}")
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def history(instance: dg.DagsterInstance) -> list[tuple[str | None, str]]:
    records = instance.fetch_materializations(dg.AssetKey("order"), limit=10).records
    return sorted(
        (record.partition_key, str(record.asset_materialization.metadata["day"].value))
        for record in records
        if record.asset_materialization
    )


def test_every_partition_is_remembered(instance: dg.DagsterInstance) -> None:
    for day in DAYS:
        assert dg.materialize([order], instance=instance, partition_key=day).success

    assert history(instance) == [(day, day) for day in DAYS]
    assert instance.get_materialized_partitions(dg.AssetKey("order")) == set(DAYS)
    assert instance.get_runs_count() == 3


def test_each_storage_reads_what_the_other_wrote(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as before:
        dg.materialize([order], instance=before, partition_key=DAYS[0])
    reuses = "storage:" in (home / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n" + ("" if reuses else REUSING)
    )

    with dg.DagsterInstance.from_config(str(home)) as after:
        dg.materialize([order], instance=after, partition_key=DAYS[1])
        assert history(after) == [(DAYS[0], DAYS[0]), (DAYS[1], DAYS[1])]
        assert len(after.all_logs(after.get_runs()[0].run_id)) > 5


def test_a_long_lived_process_keeps_few_files_open(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "ENGINES_KEPT", 2)
    runs = [dg.materialize([order], instance=instance, partition_key=day).run_id for day in DAYS]

    assert all(len(instance.all_logs(run_id)) > 5 for run_id in runs)
    storage = instance.event_log_storage
    if isinstance(storage, event_log.ReusingEventLogStorage):
        assert len(storage._engines) <= 2
    assert history(instance) == [(day, day) for day in DAYS]


def test_a_commit_of_the_history_waits_for_no_disk_and_the_file_stays_consistent(
    tmp_path: Path,
) -> None:
    storage = event_log.ReusingSqliteStorage(str(tmp_path))
    with storage.event_log_storage.index_connection() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    storage.dispose()
