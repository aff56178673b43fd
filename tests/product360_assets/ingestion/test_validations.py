"""Table statistics and validations as Dagster runs them, on a real PostgreSQL and real files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pyarrow.parquet as pq
import pytest
from psycopg.conninfo import make_conninfo

from product360_assets.core.checks import ROWS_ARE_THOSE_OF_THE_SOURCE
from product360_assets.core.contract import SourceContract, SourceKind
from product360_assets.core.keys import landing_key
from product360_assets.core.partitions import landing_dates
from product360_assets.ingestion.assets import landing_assets
from product360_assets.ingestion.statistics import table_statistics
from product360_assets.ingestion.validation import validation_checks
from product360_assets.raw.assets import raw_asset
from resources.ledger import Ledger, LedgerResource
from resources.local.publication import stream_name
from resources.local.registry import SqliteRegistryResource
from resources.local.replication import LocalReplication
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource, ObjectStore

DAY = "2017-05-01"


@pytest.fixture(name="contract")
def database_contract(shop: Callable[[SourceKind], SourceContract]) -> SourceContract:
    return shop("database")


class Platform:
    """The database, and what runs on the platform for it."""

    def __init__(
        self,
        contract: SourceContract,
        connection: Mapping[str, str],
        instance: dg.DagsterInstance,
        resources: Mapping[str, Any],
    ) -> None:
        self.contract, self.instance, self.resources = contract, instance, resources
        self._connection = {k: v for k, v in connection.items() if k not in ("clock", "changes")}

    def sql(self, *statements: str) -> None:
        with psycopg.connect(make_conninfo(**self._connection)) as session:
            for statement in statements:
                session.execute(statement)

    def ingest(self, *, reload: bool = False) -> dict[str, Any]:
        """Ingest; what landing says of the orders."""
        name = f"ingest_{self.contract.name}"
        done = dg.materialize(
            [landing_assets(self.contract)],
            instance=self.instance,
            resources=dict(self.resources),
            run_config={"ops": {name: {"config": {"reload": reload}}}},
        )
        [said] = [
            event
            for event in done.asset_materializations_for_node(name)
            if event.asset_key == landing_key("shop", "order")
        ]
        shown = said.metadata["table statistics"]
        assert isinstance(shown, dg.TableMetadataValue)
        return {str(row.data["statistic"]): row.data["value"] for row in shown.records}

    def accept(self) -> None:
        for table in self.contract.tables:
            self.instance.add_dynamic_partitions(landing_dates("shop").name or "", [DAY])
            assert dg.materialize(
                [raw_asset(self.contract, table)],
                instance=self.instance,
                resources=dict(self.resources),
                partition_key=DAY,
            ).success

    def validate(self, *, everything: bool = False) -> dict[str, Any]:
        """Validate; the orders' result by what it says."""
        checks = validation_checks(self.contract)
        done = dg.Definitions(
            asset_checks=[checks], assets=[landing_assets(self.contract)],
            resources=dict(self.resources),
            jobs=[dg.define_asset_job("validate", dg.AssetSelection.checks(checks))],
        ).resolve_job_def("validate").execute_in_process(
            instance=self.instance,
            run_config={"ops": {"validate_shop": {"config": {"everything": everything}}}},
        )  # fmt: skip
        [result] = [
            evaluated
            for evaluated in done.get_asset_check_evaluations()
            if evaluated.asset_key == landing_key("shop", "order")
        ]
        assert result.check_name == ROWS_ARE_THOSE_OF_THE_SOURCE
        shown = result.metadata.get("failures")
        records = shown.records if isinstance(shown, dg.TableMetadataValue) else []
        said: dict[str, Any] = {name: value.value for name, value in result.metadata.items()}
        said["failures"] = [dict(row.data) for row in records]
        return {**said, "passed": result.passed}


@pytest.fixture
def platform(
    contract: SourceContract,
    tmp_path: Path,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    database: Mapping[str, str],
) -> Iterator[Platform]:
    connection = {name: value for name, value in database.items() if name != "changes"}
    secrets = LocalSecrets(path=str(tmp_path / "secrets.json"))
    secrets.publish("shop_connection", connection)
    resources = {
        "lake": lake,
        "ledger": ledger_resource,
        "registry": SqliteRegistryResource(path=str(tmp_path / "registry.db")),
        "secrets": secrets,
        "replication": LocalReplication(),
    }
    with dg.DagsterInstance.ephemeral() as instance:
        made = Platform(contract, connection, instance, resources)
        made.sql("DELETE FROM shop.orders", "INSERT INTO shop.orders VALUES (1, 1), (2, 2), (3, 3)")
        yield made
    name = stream_name("shop")
    with psycopg.connect(make_conninfo(**made._connection), autocommit=True) as session:
        session.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE slot_name = %s", (name,),
        )  # fmt: skip
        session.execute(f"DROP PUBLICATION IF EXISTS {name}")


def landed(landing: ObjectStore) -> list[Path]:
    """The orders' files in landing."""
    return [
        Path(landing.uri_of(info.key).removeprefix("file://"))
        for info in landing.list("shop/")
        if "/orders/" in info.key and info.key.endswith(".parquet")
    ]


def test_statistics_have_the_names_and_counts_of_dms(platform: Platform, ledger: Ledger) -> None:
    order = platform.contract.table("order")
    before = table_statistics(platform.contract, order, ledger=ledger)
    assert (before["TableState"], before["ValidationState"]) == (
        "Before load",
        "Pending validation",
    )

    said = platform.ingest()
    assert list(said) == [
        "SchemaName", "TableName", "Inserts", "Deletes", "Updates", "Ddls",
        "AppliedInserts", "AppliedDeletes", "AppliedUpdates", "AppliedDdls",
        "FullLoadRows", "FullLoadStartTime", "FullLoadEndTime", "FullLoadReloaded",
        "LastUpdateTime", "TableState", "ValidationState", "ValidationPendingRecords",
        "ValidationFailedRecords", "ValidationSuspendedRecords",
    ]  # fmt: skip
    assert (said["SchemaName"], said["TableName"], said["FullLoadRows"]) == ("shop", "orders", "3")
    assert (said["TableState"], said["FullLoadReloaded"]) == ("Table completed", "False")
    assert said["ValidationState"] == "Pending validation"
    assert said["FullLoadEndTime"] == "2017-05-01T12:00:00+00:00"

    platform.sql(
        "INSERT INTO shop.orders VALUES (4, 4), (5, 5)",
        "UPDATE shop.orders SET total = 0 WHERE order_id <= 3",
        "DELETE FROM shop.orders WHERE order_id = 5",
    )
    said = platform.ingest()
    assert [said[name] for name in ("Inserts", "Updates", "Deletes", "Ddls")] == list("2310")
    assert [said[f"Applied{name}"] for name in ("Inserts", "Updates", "Deletes")] == list("231")
    # They can be read afterwards, by anybody.
    after = table_statistics(platform.contract, order, ledger=ledger)
    assert {name: str(value) for name, value in after.items()} == said

    said = platform.ingest(reload=True)
    assert (said["FullLoadRows"], said["Inserts"], said["FullLoadReloaded"]) == ("4", "0", "True")


def test_what_was_delivered_is_validated_and_then_only_what_comes(platform: Platform) -> None:
    assert platform.validate()["state"] == "Pending validation"
    platform.ingest()
    said = platform.validate()
    assert (said["state"], said["rows compared now"], said["passed"]) == ("Validated", 3, True)
    assert platform.ingest()["ValidationState"] == "Validated"

    assert platform.validate()["rows compared now"] == 0
    platform.sql("UPDATE shop.orders SET total = 9 WHERE order_id = 2")
    said = platform.ingest()
    assert (said["ValidationState"], said["ValidationPendingRecords"]) == ("Pending records", "1")
    said = platform.validate()
    assert (said["state"], said["rows compared now"]) == ("Validated", 1)
    assert platform.validate(everything=True)["rows compared now"] == 3


def test_a_difference_stands_until_it_is_gone_and_is_named_in_the_shape_of_dms(
    platform: Platform, landing: ObjectStore, lake: LakeResource
) -> None:
    platform.ingest()
    [path] = landed(landing)
    whole, rows = path.read_bytes(), pq.read_table(path)
    path.unlink()
    pq.write_table(rows.slice(1), path)

    said = platform.validate()
    assert (said["state"], said["passed"]) == ("Mismatched records", False)
    [failure] = said["failures"]
    assert failure == {
        "TASK_NAME": "shop", "TABLE_OWNER": "shop", "TABLE_NAME": "orders", "KEY_TYPE": "Row",
        "KEY": '{"key": ["1"]}', "FAILURE_TYPE": "MISSING_TARGET", "DETAILS": "", "FILE": "",
        "ROW": "",
    }  # fmt: skip
    key = said["all failures"].removeprefix("results/")
    assert json.loads(lake.zone("results").read(key))["KEY"] == failure["KEY"]

    # Nothing came, and it is looked at again all the same.
    assert platform.validate()["state"] == "Mismatched records"
    path.write_bytes(whole)
    assert platform.validate()["state"] == "Validated"


def test_what_raw_holds_counts_more_than_what_landing_became(
    platform: Platform, landing: ObjectStore, lake: LakeResource
) -> None:
    platform.ingest()
    platform.accept()
    [path] = landed(landing)
    path.unlink()
    assert platform.validate(everything=True)["state"] == "Validated"

    [accepted] = [i.key for i in lake.zone("raw").list("shop/order/") if i.key.endswith(".parquet")]
    raw_path = Path(lake.zone("raw").uri_of(accepted).removeprefix("file://"))
    raw_path.chmod(0o600)
    raw_path.unlink()
    said = platform.validate(everything=True)
    assert (said["state"], said["passed"]) == ("Table error", False)
    told = [failure["DETAILS"] for failure in said["failures"]]
    assert f"raw/{accepted} was accepted and is gone" in told
    assert sum(f["FAILURE_TYPE"] == "MISSING_TARGET" for f in said["failures"]) == 3


def test_a_file_that_left_landing_before_it_was_accepted_is_missed(
    platform: Platform, landing: ObjectStore
) -> None:
    platform.ingest()
    [path] = landed(landing)
    path.unlink()
    said = platform.validate()
    assert said["state"] == "Table error"
    assert "has 0 of 1 files" in said["failures"][0]["DETAILS"]


def test_a_source_that_is_not_followed_is_not_validated(
    platform: Platform, database: Mapping[str, str]
) -> None:
    platform.resources["secrets"].publish("shop_connection", {**database, "changes": "none"})
    platform.ingest()
    said = platform.validate()
    assert (said["state"], said["passed"], said["rows compared now"]) == ("Not enabled", True, 0)
