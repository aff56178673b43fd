"""What every catalog of files does: the same sentences for SQLite and for the Glue Data Catalog."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from glue_passage import GluePassage, denied, lost, part_failed, refused, throttled

from resources.aws import client
from resources.errors import CatalogRefused, ServiceUnavailable, TableMissing, TableMoved
from resources.external_tables import (
    DESCRIBED,
    ExternalColumn,
    ExternalPartition,
    ExternalTable,
    ExternalTables,
    Registered,
    digest_of,
)
from resources.glue_tables import DIGEST, GlueTables, GlueTablesResource
from resources.local.external_tables import SqliteExternalTablesResource

BY_BATCH = (
    ExternalColumn("landing_date", "date", "Day."),
    ExternalColumn("batch", "string", "Batch."),
)


def table(name: str, **changes: Any) -> ExternalTable:
    told: dict[str, Any] = {
        "zone": "clean",
        "name": name,
        "doc": "Orders of a shop.",
        "owner": "team:shop",
        "columns": (
            ExternalColumn("order_id", "bigint", "Order.", {"product360.sensitivity": "public"}),
            ExternalColumn("total", "decimal(12,2)", "Euros."),
        ),
        "partitioned_by": BY_BATCH,
        "format": "parquet",
        "location": "s3://lake-clean/shop/order/",
        "properties": {"product360.key": "order_id"},
        **changes,
    }
    return ExternalTable(**told)


def partitions(count: int, unit: str = "1") -> list[ExternalPartition]:
    days = [date(2017, 1, 1) + timedelta(number) for number in range(count)]
    return [
        ExternalPartition(
            (day.isoformat(), f"{day}-a"), f"s3://lake-clean/shop/order/unit={unit}/batch={day}-a/"
        )
        for day in days
    ]


@dataclass
class Shelf:
    """A catalog, and a name in it that nobody has."""

    opened: ExternalTables
    name: str

    def register(self, entry: ExternalTable, wanted: list[ExternalPartition]) -> Registered:
        return self.opened.register(entry, wanted, digest=digest_of(entry, wanted))

    def held(self, zone: str = "clean") -> list[ExternalPartition]:
        return self.opened.partitions(f"{zone}.{self.name}")


@pytest.fixture(params=["sqlite", pytest.param("glue", marks=pytest.mark.aws)])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    name = f"shop_order_{secrets.token_hex(4)}"
    if request.param == "sqlite":
        return Shelf(SqliteExternalTablesResource(path=str(tmp_path / "catalog.db")).open(), name)
    request.getfixturevalue("passage")
    return Shelf(GlueTablesResource().open(), name)


@pytest.fixture
def glue(passage: GluePassage) -> Shelf:
    return Shelf(GlueTables(client("glue")), f"shop_order_{secrets.token_hex(4)}")


@pytest.mark.parametrize("zone", DESCRIBED)
def test_an_entry_is_told_as_it_was_registered(shelf: Shelf, zone: str) -> None:
    form = {"raw": "json", "clean": "parquet", "quarantine": "csv"}[zone]
    renamed = {"order_id": "Order No"} if form == "json" else {}
    entry = table(shelf.name, zone=zone, format=form, renamed=renamed)
    assert shelf.register(entry, partitions(2)) == Registered("created", added=2)
    standing = shelf.opened.standing()[entry.identifier]
    assert (standing.table, standing.digest) == (entry, digest_of(entry, partitions(2)))
    assert shelf.held(zone) == partitions(2)


def test_exactly_the_partitions_stand_that_were_named(shelf: Shelf) -> None:
    entry = table(shelf.name)
    shelf.register(entry, partitions(130))
    wanted = [*partitions(90), *partitions(95, unit="2")[90:], *partitions(132)[130:]]
    counts = Registered("unchanged", added=2, moved=5, removed=35)
    assert shelf.register(entry, wanted) == counts
    assert shelf.held() == wanted
    assert shelf.register(entry, wanted) == Registered("unchanged")
    assert shelf.register(entry, []) == Registered("unchanged", removed=97)
    assert shelf.held() == []


def test_other_columns_reach_every_partition_and_other_words_do_not(shelf: Shelf) -> None:
    entry = table(shelf.name)
    shelf.register(entry, partitions(3))
    reworded = replace(entry, doc="Orders, and more words.", properties={"product360.key": "x"})
    assert shelf.register(reworded, partitions(3)) == Registered("updated")
    wider = replace(entry, columns=(*entry.columns, ExternalColumn("note", "string", "")))
    assert shelf.register(wider, partitions(3)) == Registered("updated", described=3)
    assert shelf.opened.standing()[entry.identifier].table == wider
    assert shelf.register(wider, partitions(3)) == Registered("unchanged")


def test_an_entry_that_is_not_there_has_no_partitions(shelf: Shelf) -> None:
    with pytest.raises(TableMissing, match="no such entry"):
        shelf.held()
    with pytest.raises(TableMissing):
        shelf.opened.partitions("curated.product")


@pytest.mark.aws
def test_glue_is_told_what_athena_must_know(glue: Shelf) -> None:
    raw = table(glue.name, zone="raw", format="csv", location="s3://lake-raw/shop/order/")
    glue.register(raw, partitions(1))
    told = client("glue").get_table(DatabaseName="raw", Name=glue.name)["Table"]
    assert told["TableType"] == "EXTERNAL_TABLE"
    assert told["Description"] == raw.doc
    assert [(c["Name"], c["Type"], c["Comment"]) for c in told["StorageDescriptor"]["Columns"]] == [
        ("order_id", "bigint", "Order."),
        ("total", "decimal(12,2)", "Euros."),
    ]
    reader = told["StorageDescriptor"]["SerdeInfo"]
    assert reader["SerializationLibrary"] == "org.apache.hadoop.hive.serde2.OpenCSVSerde"
    said = told["Parameters"]
    assert (said["EXTERNAL"], said["classification"]) == ("TRUE", "csv")
    assert said["skip.header.line.count"] == "1"
    [found] = client("glue").get_partitions(DatabaseName="raw", TableName=glue.name)["Partitions"]
    assert found["StorageDescriptor"]["Location"] == partitions(1)[0].location
    assert found["StorageDescriptor"]["SerdeInfo"] == reader


@pytest.mark.aws
def test_where_nothing_is_new_one_look_at_each_database_is_all(
    glue: Shelf, passage: GluePassage
) -> None:
    entry = table(glue.name)
    glue.register(entry, partitions(3))
    passage.asked.clear()
    digest = digest_of(entry, partitions(3))
    assert glue.opened.standing()[entry.identifier].digest == digest
    assert set(passage.asked) == {"GetTables"}


@pytest.mark.aws
def test_partitions_are_written_by_the_hundred_and_removed_by_the_twenty_five(
    glue: Shelf, passage: GluePassage
) -> None:
    entry = table(glue.name)
    glue.register(entry, partitions(230))
    glue.register(entry, partitions(150, unit="2"))
    counted = passage.counted
    assert counted["BatchCreatePartition"] == 3
    assert counted["BatchUpdatePartition"] == 2
    assert counted["BatchDeletePartition"] == 4


@pytest.mark.aws
@pytest.mark.parametrize(
    "operation",
    ["GetTable", "CreateTable", "GetPartitions", "BatchCreatePartition", "UpdateTable"],
)
@pytest.mark.parametrize("fault", [throttled, lost])
def test_a_lost_answer_and_a_moment_of_throttling_change_nothing(
    glue: Shelf, passage: GluePassage, operation: str, fault: Any
) -> None:
    entry = table(glue.name)
    passage.fail(operation, fault)
    glue.register(entry, partitions(3))
    assert glue.held() == partitions(3)
    assert glue.opened.standing()[entry.identifier].digest == digest_of(entry, partitions(3))


@pytest.mark.aws
@pytest.mark.parametrize("operation", ["BatchUpdatePartition", "BatchDeletePartition"])
def test_the_answer_of_a_change_may_be_lost(
    glue: Shelf, passage: GluePassage, operation: str
) -> None:
    entry = table(glue.name)
    glue.register(entry, partitions(4))
    passage.fail(operation, lost)
    assert glue.register(entry, partitions(2, unit="2")) == Registered(
        "unchanged", moved=2, removed=2
    )
    assert glue.held() == partitions(2, unit="2")


@pytest.mark.aws
def test_throttling_that_does_not_end_is_worth_another_try(
    glue: Shelf, passage: GluePassage
) -> None:
    passage.fail("GetTable", *[throttled] * 10)
    with pytest.raises(ServiceUnavailable) as raised:
        glue.register(table(glue.name), [])
    assert raised.value.retryable


@pytest.mark.aws
@pytest.mark.parametrize(
    "operation", ["GetTable", "GetPartitions", "BatchCreatePartition", "UpdateTable"]
)
def test_a_right_that_is_missing_is_told_once_and_without_the_token(
    glue: Shelf, passage: GluePassage, operation: str
) -> None:
    passage.fail(operation, denied)
    with pytest.raises(CatalogRefused, match="product360 doctor") as raised:
        glue.register(table(glue.name), partitions(1))
    assert not raised.value.retryable
    assert "SECRET" not in str(raised.value)
    assert passage.counted[operation] == 1


@pytest.mark.aws
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("InvalidInputException", CatalogRefused),
        ("AccessDeniedException", CatalogRefused),
        ("InternalServiceException", ServiceUnavailable),
        ("ThrottlingException", ServiceUnavailable),
    ],
)
def test_a_part_that_failed_inside_a_good_answer_is_told_and_made_up_for(
    glue: Shelf, passage: GluePassage, code: str, error: type[Exception]
) -> None:
    def in_part(passed: GluePassage, operation: str, asked: dict[str, Any]) -> Any:
        first, *others = asked["PartitionInputList"]
        passed.pass_on(operation, {**asked, "PartitionInputList": others})
        return 200, {"Errors": [part_failed(first["Values"], code)]}

    entry, wanted = table(glue.name), partitions(3)
    passage.fail("BatchCreatePartition", in_part)
    with pytest.raises(error, match="2017-01-01/2017-01-01-a"):
        glue.register(entry, wanted)
    # Half-way is no state that anybody takes for done.
    assert glue.opened.standing()[entry.identifier].digest == ""
    assert glue.held() == wanted[1:]
    assert glue.register(entry, wanted) == Registered("unchanged", added=1)
    assert glue.held() == wanted


@pytest.mark.aws
def test_what_died_half_way_is_not_taken_for_the_state_before(
    glue: Shelf, passage: GluePassage
) -> None:
    entry = table(glue.name)
    glue.register(entry, partitions(3))
    passage.fail("BatchDeletePartition", denied)
    with pytest.raises(CatalogRefused):
        glue.register(entry, partitions(2, unit="2"))
    assert glue.opened.standing()[entry.identifier].digest == ""


@pytest.mark.aws
def test_a_partition_that_somebody_else_was_faster_with_is_looked_at_again(
    glue: Shelf, passage: GluePassage
) -> None:
    entry, wanted = table(glue.name), partitions(2)

    def faster(passed: GluePassage, operation: str, asked: dict[str, Any]) -> None:
        theirs = dict(asked["PartitionInputList"][0])
        theirs["StorageDescriptor"] = {**theirs["StorageDescriptor"], "Location": "s3://theirs/"}
        passed.pass_on(operation, {**asked, "PartitionInputList": [theirs]})

    passage.fail("BatchCreatePartition", faster)
    glue.register(entry, wanted)
    assert glue.held() == wanted


@pytest.mark.aws
def test_a_table_that_changed_meanwhile_is_described_from_its_new_version(
    glue: Shelf, passage: GluePassage
) -> None:
    entry = table(glue.name)
    glue.register(entry, [])

    def meanwhile(passed: GluePassage, operation: str, asked: dict[str, Any]) -> None:
        theirs = {**asked["TableInput"], "Parameters": {DIGEST: "", "theirs": "kept"}}
        passed.pass_on(operation, {"DatabaseName": "clean", "TableInput": theirs})

    passage.fail("UpdateTable", meanwhile)
    reworded = replace(entry, doc="Other words.")
    glue.register(reworded, [])
    told = client("glue").get_table(DatabaseName="clean", Name=glue.name)["Table"]
    assert told["Description"] == "Other words."
    assert told["Parameters"]["theirs"] == "kept"

    passage.fail("UpdateTable", *[meanwhile] * 20)
    with pytest.raises(TableMoved, match="another version") as raised:
        glue.register(entry, [])
    assert raised.value.retryable


@pytest.mark.aws
def test_a_table_of_somebody_else_stays_theirs(glue: Shelf) -> None:
    glue.register(table(f"{glue.name}_first"), [])
    theirs = {"Name": glue.name, "Parameters": {"made.by": "a crawler"}}
    client("glue").create_table(DatabaseName="clean", TableInput=theirs)
    with pytest.raises(CatalogRefused, match="somebody else"):
        glue.register(table(glue.name), partitions(1))
    assert f"clean.{glue.name}" not in glue.opened.standing()
    with pytest.raises(TableMissing):
        glue.held()


@pytest.mark.aws
def test_a_database_that_the_deployment_did_not_make_is_made_and_tagged(
    glue: Shelf, passage: GluePassage
) -> None:
    def nowhere(*_: object) -> tuple[int, dict[str, Any]]:
        return refused("EntityNotFoundException", "Database clean not found.")

    made: list[dict[str, Any]] = []

    def making(_: GluePassage, __: str, asked: dict[str, Any]) -> None:
        made.append(asked)

    glue.register(table(f"{glue.name}_first"), [])
    passage.fail("CreateTable", nowhere)
    passage.fail("CreateDatabase", making)
    glue.register(table(glue.name), [])
    assert [each["DatabaseInput"]["Name"] for each in made] == ["clean"]
    assert made[0]["Tags"] == {"product360": "catalog"}
