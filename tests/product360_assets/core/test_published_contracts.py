"""Which changes of a published table break its readers, and how one is announced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from product360_assets.core.published_contracts import changes, contracts_of, refuse_unannounced
from resources.errors import ContractBreaking
from spark.tables import Column, Table

ORDERS = Table(
    zone="curated",
    name="order",
    doc="Orders.",
    grain="one row per order",
    owner="shop",
    key=("order_id",),
    columns=(
        Column("order_id", "bigint", "Order.", nullable=False),
        Column("day", "date", "Day.", nullable=False),
        Column("pieces", "int", "Pieces."),
        Column("total", "decimal(12,2)", "Euros."),
    ),
    partition=("month(day)",),
)
ID, DAY, PIECES, TOTAL = ORDERS.columns
NAME = "curated.order"


def with_columns(*columns: Column) -> Table:
    return replace(ORDERS, columns=columns)


BREAKING = {
    "column pieces": with_columns(ID, DAY, TOTAL),
    "column items": with_columns(ID, DAY, Column("items", "int", "Pieces."), TOTAL),
    "column pieces, type": with_columns(ID, DAY, replace(PIECES, type="string"), TOTAL),
    "column total, type": with_columns(ID, DAY, PIECES, replace(TOTAL, type="decimal(10,2)")),
    "column day, nullable": with_columns(ID, replace(DAY, nullable=True), PIECES, TOTAL),
    "column total, nullable": with_columns(ID, DAY, PIECES, replace(TOTAL, nullable=False)),
    "column shop": with_columns(*ORDERS.columns, Column("shop", "int", "Shop.", nullable=False)),
    "key": replace(ORDERS, key=("order_id", "day")),
    "grain": replace(ORDERS, grain="one row per order and day"),
    "partition": replace(ORDERS, partition=("day",)),
    "freshness_hours": replace(ORDERS, freshness_hours=96),
}
COMPATIBLE = {
    "column shop": with_columns(*ORDERS.columns, Column("shop", "int", "Shop.")),
    "column pieces, type": with_columns(ID, DAY, replace(PIECES, type="bigint"), TOTAL),
    "column total, type": with_columns(ID, DAY, PIECES, replace(TOTAL, type="decimal(18,2)")),
    "column pieces, tag": with_columns(ID, DAY, replace(PIECES, tag="personal"), TOTAL),
    "owner": replace(ORDERS, owner="orders"),
    "freshness_hours": replace(ORDERS, freshness_hours=24),
}


@pytest.mark.parametrize("place", BREAKING)
def test_a_change_that_breaks_readers_is_refused_by_name(place: str) -> None:
    before, after = contracts_of([ORDERS]), contracts_of([BREAKING[place]])
    with pytest.raises(ContractBreaking) as refused:
        refuse_unannounced(before, after, "- `curated.order` version 2: …")
    if place == "column items":  # a new name is a lost column to whoever knows the old one
        place = "column pieces"
    assert f"{NAME}, {place}: " in refused.value.found
    assert "version=2" in refused.value.next_move


@pytest.mark.parametrize("place", COMPATIBLE)
def test_a_change_that_leaves_every_query_right_passes_and_is_named(place: str) -> None:
    before, after = contracts_of([ORDERS]), contracts_of([COMPATIBLE[place]])
    refuse_unannounced(before, after, "")
    assert [change.place for change in changes(before, after)] == [f"{NAME}, {place}"]


def test_a_breaking_change_passes_with_a_new_version_that_the_changelog_names() -> None:
    before, after = contracts_of([ORDERS]), contracts_of([replace(BREAKING["key"], version=2)])
    for silence in ("", "- `curated.order` is better.", "- `curated.orders` version 2."):
        with pytest.raises(ContractBreaking):
            refuse_unannounced(before, after, silence)
    refuse_unannounced(before, after, "- `curated.order` version 2: a row is of one day.")


def test_a_table_that_is_gone_has_to_be_said_to_be() -> None:
    before = contracts_of([ORDERS])
    with pytest.raises(ContractBreaking, match="was removed"):
        refuse_unannounced(before, {}, "")
    refuse_unannounced(before, {}, "- `curated.order` was removed: read `curated.sale`.")


def test_a_further_table_breaks_nobody() -> None:
    more = contracts_of([ORDERS, replace(ORDERS, name="sale")])
    refuse_unannounced(contracts_of([ORDERS]), more, "")
    assert [change.place for change in changes(contracts_of([ORDERS]), more)] == ["curated.sale"]
