"""The entries of the catalog are what the ledger says: every row readable exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forgotten import clean
from reconciled import DAYS, FIRST, SECOND, Shop

from product360_assets.clean.corrections import Releasing
from product360_assets.clean.fixes import Fix
from product360_assets.clean.quarantine import rejected_rows
from product360_assets.clean.replays import Replay
from product360_assets.clean.work import Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.core.in_force import publish
from product360_assets.governance.catalog_entries import catalog_entries_asset
from product360_assets.governance.described import refuse_shared_names
from resources.errors import ContractInvalid
from resources.external_tables import ExternalPartition, ExternalTables
from resources.ledger import ZoneState
from resources.local.external_tables import SqliteExternalTablesResource
from resources.local.registry import SqliteRegistryResource

MONDAY, TUESDAY = DAYS


@dataclass
class Catalogued:
    """A shop, and the catalog that its files are described in."""

    shop: Shop
    folder: Path

    def run(self, *, everything: bool = False) -> Mapping[str, Any]:
        """Register; what the asset said."""
        key = "catalog__entries"
        result = dg.materialize(
            [catalog_entries_asset([self.shop.contract])],
            instance=self.shop.instance,
            resources={
                "lake": self.shop.lake,
                "ledger": self.shop.ledger,
                "registry": self.registry,
                "entries": SqliteExternalTablesResource(path=str(self.folder / "catalog.db")),
            },
            run_config=dg.RunConfig(ops={key: {"config": {"everything": everything}}}),
        )
        [event] = result.asset_materializations_for_node(key)
        return {name: value.value for name, value in event.metadata.items()}

    @property
    def registry(self) -> SqliteRegistryResource:
        return SqliteRegistryResource(path=str(self.folder / "registry.db"))

    @property
    def entries(self) -> ExternalTables:
        return SqliteExternalTablesResource(path=str(self.folder / "catalog.db")).open()

    def partitions(self, zone: str) -> list[ExternalPartition]:
        return self.entries.partitions(f"{zone}.shop_order")

    def read(self, zone: str) -> dict[str, int]:
        """Rows by batch, as a reader of exactly the registered partitions counts them."""
        return {each.values[1]: rows_at(each.location) for each in self.partitions(zone)}

    def states(self) -> dict[str, ZoneState]:
        return self.shop.ledger.open().zone_states("shop", "order", "clean")

    def agrees(self) -> bool:
        """Whether clean and quarantine give each batch's rows as the ledger counts them."""
        states = self.states().values()
        kept = {each.batch_id: each.rows_out for each in states}
        aside = {each.batch_id: each.rows_quarantined for each in states if each.rows_quarantined}
        return self.read("clean") == kept and self.read("quarantine") == aside

    def clean(self, **more: Any) -> None:
        shop = self.shop
        [table] = shop.contract.tables
        opened, log = shop.ledger.open(), (lambda _: None)
        Cleaning(shop.contract, table, opened, shop.lake, shop.runner, log, **more).clean(DAYS)


def rows_at(location: str) -> int:
    """Rows of a partition's folder, by a reader that is no engine of ours."""
    folder = location.removeprefix("file://")
    files = f"read_parquet('{folder}*.parquet', hive_partitioning = false)"
    [(count,)] = duckdb.sql(f"SELECT count(*) FROM {files}").fetchall()
    return int(count)


@pytest.fixture
def catalogued(shop: Shop, tmp_path: Path) -> Catalogued:
    found = Catalogued(shop, tmp_path)
    found.run()
    return found


def test_every_row_is_readable_exactly_once(catalogued: Catalogued) -> None:
    assert [each.values[0] for each in catalogued.partitions("raw")] == ["2017-05-01", "2017-05-02"]
    assert sorted(catalogued.read("clean").values()) == [1, 3]
    assert list(catalogued.read("quarantine").values()) == [1]
    assert catalogued.agrees()
    texts = [
        path.read_text()
        for each in catalogued.partitions("raw")
        for path in Path(each.location.removeprefix("file://")).iterdir()
    ]
    assert texts == [FIRST, SECOND]


def test_where_nothing_is_new_nothing_is_written(catalogued: Catalogued) -> None:
    before = (catalogued.folder / "catalog.db").read_bytes()
    said = catalogued.run()
    assert said["outcome"] == "unchanged"
    assert (said["added"], said["moved"], said["removed"]) == (0, 0, 0)
    assert (catalogued.folder / "catalog.db").read_bytes() == before


def test_a_replay_of_one_day_takes_its_partitions_along(catalogued: Catalogued) -> None:
    before = {zone: catalogued.partitions(zone) for zone in ("raw", "clean", "quarantine")}
    # Both days were made clean by one job, whose files stay.
    assert len({each.unit for each in catalogued.states().values()}) == 1
    catalogued.clean(replay=Replay("2017-05-02..2017-05-02@1", TUESDAY, TUESDAY))
    said = catalogued.run()
    assert (said["added"], said["moved"], said["removed"]) == (0, 2, 0)
    assert catalogued.agrees()
    assert catalogued.partitions("raw") == before["raw"]
    monday, tuesday = catalogued.partitions("clean")
    assert monday == before["clean"][0]
    assert tuesday.location != before["clean"][1].location
    assert catalogued.partitions("quarantine")[0].location != before["quarantine"][0].location


def test_what_no_longer_stands_is_gone(catalogued: Catalogued) -> None:
    [aside] = catalogued.partitions("quarantine")
    [table] = catalogued.shop.contract.tables
    # A contract by which the row is right: it leaves quarantine when its batch is made again.
    better = table.model_copy(update={"rules": ()})
    changed = catalogued.shop.contract.model_copy(update={"tables": (better,)})
    catalogued.shop.contract = changed
    catalogued.clean()
    said = catalogued.run()
    assert said["removed"] == 1
    assert catalogued.partitions("quarantine") == []
    assert sorted(catalogued.read("clean").values()) == [2, 3]
    assert Path(aside.location.removeprefix("file://")).is_dir()


def test_a_correction_is_a_partition_of_clean_and_none_of_raw(catalogued: Catalogued) -> None:
    shop, opened = catalogued.shop, catalogued.shop.ledger.open()
    [state] = [each for each in catalogued.states().values() if each.rows_quarantined]
    batch = opened.batch(state.batch_id)
    assert batch is not None
    [row] = rejected_rows(batch, state, shop.zone("clean"))
    at = datetime(2017, 5, 3, tzinfo=UTC)
    releasing = Releasing(
        {"shop": shop.contract}, opened, shop.lake, shop.secrets, by="jo", at=at, why="a typo"
    )
    releasing.release([Fix(batch.batch_id, row.row_id, {"total": "4.40"})])
    raw = catalogued.partitions("raw")
    shop.accept()
    catalogued.clean()
    said = catalogued.run()
    assert (said["added"], said["moved"]) == (1, 0)
    assert catalogued.partitions("raw") == raw
    assert sorted(catalogued.read("clean").values()) == [1, 1, 3]
    assert catalogued.agrees()


def test_who_was_erased_is_in_no_partition(
    make_asked: Callable[[str], Shop], tmp_path: Path
) -> None:
    shop = make_asked("remove")
    found = Catalogued(shop, tmp_path)
    found.run()
    before = found.read("clean")
    clean(shop)
    said = found.run()
    assert (sorted(before.values()), sorted(found.read("clean").values())) == ([1, 3], [0, 1])
    # What was theirs is set aside without what it said, and so the first batch has a new partition.
    assert (said["added"], said["moved"], said["removed"]) == (1, 3, 0)
    assert found.agrees()
    aside = [
        row
        for each in found.partitions("quarantine")
        for file in Path(each.location.removeprefix("file://")).glob("*.parquet")
        for row in pq.read_table(file, partitioning=None).to_pylist()
    ]
    assert sorted(str(row["raw_text"]) for row in aside if row["rule"] == "erased") == ["None"] * 3
    assert len(aside) == 4


def test_what_lies_beside_a_batch_is_not_read(catalogued: Catalogued) -> None:
    rows = pa.table({"order_id": pa.array([9], pa.int64())})
    clean = Path(catalogued.shop.zone("clean").uri.removeprefix("file://"))
    for folder in ("shop/order/unit=dead/batch=2017-05-01-dead", "shop/order"):
        (clean / folder).mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, clean / folder / "part.parquet")
    assert catalogued.run()["outcome"] == "unchanged"
    assert catalogued.agrees()


def test_a_file_whose_header_is_another_is_left_out_of_raw_and_counted(
    catalogued: Catalogued,
) -> None:
    # Clean reads by name and, in this mode, takes it; by position it would be misread.
    [table] = catalogued.shop.contract.tables
    freezing = table.model_copy(update={"drift": "freeze"})
    catalogued.shop.contract = catalogued.shop.contract.model_copy(update={"tables": (freezing,)})
    turned = "member,order_id,total\nd,6,6.60\n"
    catalogued.shop.deliver({"2017-05-02/turned.csv": turned})
    said = catalogued.run()
    assert "1 batches whose files have another header" in said["tables"]
    assert len(catalogued.partitions("raw")) == 2
    assert len(catalogued.partitions("clean")) == 3
    assert catalogued.agrees()
    # It stays said for as long as it is so.
    said = catalogued.run()
    assert said["outcome"] == "unchanged"
    assert "1 batches whose files have another header" in said["tables"]


def test_what_an_earlier_version_set_aside_together_is_counted_and_not_read(
    catalogued: Catalogued,
) -> None:
    opened = catalogued.shop.ledger.open()
    [state] = [each for each in catalogued.states().values() if each.rows_quarantined]
    details = {name: text for name, text in state.details.items() if name != "set aside at"}
    opened.record_zone(replace(state, details=details), replacing=state)
    said = catalogued.run()
    assert catalogued.partitions("quarantine") == []
    assert "1 batches of which an earlier version rejected rows" in said["tables"]


def test_everything_of_the_contract_is_told(catalogued: Catalogued) -> None:
    standing = catalogued.entries.standing()
    raw, clean, aside = (
        standing[f"{zone}.shop_order"].table for zone in ("raw", "clean", "quarantine")
    )
    assert raw.doc == "Orders. As it was delivered, byte for byte."
    assert raw.format == "csv"
    assert {column.type for column in raw.columns} == {"string"}
    assert [column.name for column in raw.columns] == ["order_id", "member", "total"]
    assert raw.columns[2].properties["product360.type"] == "decimal(12,2)"
    assert clean.columns[2].type == "decimal(12,2)"
    assert clean.columns[2].comment == "Euros."
    assert {"_batch_id", "_landing_date"} <= {column.name for column in clean.columns}
    assert [column.name for column in aside.columns[:4]] == ["column", "rule", "reason", "raw_text"]
    for table in (raw, clean, aside):
        assert table.owner == "team:shop"
        assert table.properties["product360.freshness.hours"] == "24"
        assert table.properties["product360.contract.version"] == "1"
        assert [column.name for column in table.partitioned_by] == ["landing_date", "batch"]


def test_the_columns_of_an_entry_are_those_of_its_files(catalogued: Catalogued) -> None:
    for zone in ("clean", "quarantine"):
        told = [c.name for c in catalogued.entries.standing()[f"{zone}.shop_order"].table.columns]
        for each in catalogued.partitions(zone):
            for file in Path(each.location.removeprefix("file://")).glob("*.parquet"):
                assert pq.read_schema(file).names == told


def test_a_contract_that_changed_describes_every_partition_anew(catalogued: Catalogued) -> None:
    shop = catalogued.shop
    [table] = shop.contract.tables
    note = {"name": "note", "type": "string", "nullable": True, "description": "A word."}
    document = table.model_dump(mode="json", exclude_defaults=True)
    document["columns"].append(note)
    evolved = SourceContract.model_validate(
        {**shop.contract.model_dump(mode="json", exclude_defaults=True), "tables": [document]}
    )
    registry = catalogued.registry.open()
    publish(registry, evolved, latest=registry.latest("shop"), note="a word", by="jo")
    said = catalogued.run()
    assert "clean.shop_order | parquet | 14 | 2 | updated | 0 | 0 | 2 | 0" in said["tables"]
    told = catalogued.entries.standing()["clean.shop_order"].table
    assert "note" in [column.name for column in told.columns]
    assert told.properties["product360.contract.version"] == "2"


def test_what_somebody_else_wrote_into_an_entry_is_put_right(catalogued: Catalogued) -> None:
    held = catalogued.entries.standing()["clean.shop_order"]
    theirs = replace(held.table, doc="Not ours.")
    partitions = catalogued.partitions("clean")
    catalogued.entries.register(theirs, partitions, digest=held.digest)
    assert catalogued.run()["outcome"] == "1 entries changed"
    assert catalogued.entries.standing()["clean.shop_order"].table == held.table
    # Partitions are looked at again where somebody asks for it.
    catalogued.entries.register(held.table, partitions[:1], digest=held.digest)
    assert catalogued.run()["outcome"] == "unchanged"
    assert catalogued.run(everything=True)["added"] == 1
    assert catalogued.partitions("clean") == partitions


def test_a_table_that_nobody_declares_any_more_keeps_its_entry_and_is_named(
    catalogued: Catalogued,
) -> None:
    [table] = catalogued.shop.contract.tables
    other = table.model_copy(update={"name": "return", "description": "Returns."})
    catalogued.shop.contract = SourceContract.model_validate(
        {**catalogued.shop.contract.model_dump(), "name": "outlet", "tables": [other.model_dump()]}
    )
    said = catalogued.run()
    assert said["declared by no source"] == (
        "clean.shop_order, quarantine.shop_order, raw.shop_order"
    )
    assert len(catalogued.partitions("clean")) == 2
    assert "clean.outlet_return" in catalogued.entries.standing()


def test_treated_columns_are_described_as_they_are_in_clean(
    make_shop: Callable[..., Shop], tmp_path: Path
) -> None:
    shop = make_shop("json")
    document = shop.contract.model_dump(mode="json", exclude_defaults=True)
    columns = document["tables"][0]["columns"]
    columns[1] |= {"treatment": "hash", "sensitivity": "personal", "source_name": "Member"}
    columns.append(
        {"name": "birth", "type": "date", "description": "Birth.", "treatment": "drop"},
    )
    columns.append(
        {
            "name": "visit",
            "type": "date",
            "description": "Visit.",
            "treatment": "generalise",
            "generalise": {"period": "month"},
        }
    )
    shop.contract = SourceContract.model_validate(document)
    found = Catalogued(shop, tmp_path)
    found.run()
    standing = found.entries.standing()
    clean = {each.name: each for each in standing["clean.shop_order"].table.columns}
    assert "birth" not in clean
    assert (clean["member"].type, clean["member"].comment) == (
        "string",
        "Who ordered. Kept as a keyed hash.",
    )
    assert clean["member"].properties == {
        "product360.sensitivity": "personal",
        "product360.treatment": "hash",
    }
    assert clean["visit"].type == "string"
    raw = standing["raw.shop_order"].table
    assert "birth" in {each.name for each in raw.columns}
    assert raw.renamed == {"member": "Member"}
    assert raw.properties["product360.sensitivity"] == "personal"


def test_two_tables_of_one_name_are_refused(shop: Shop) -> None:
    document = shop.contract.model_dump()
    [table] = document["tables"]
    first = {**document, "name": "shop_eu", "tables": [{**table, "name": "order"}]}
    second = {**document, "name": "shop", "tables": [{**table, "name": "eu_order"}]}
    with pytest.raises(ContractInvalid, match="shop_eu_order"):
        refuse_shared_names(map(SourceContract.model_validate, (first, second)))
