"""Records come apart into the source's cells, and untouched cells come back as they were."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from product360_assets.clean.cells import CellReader, shown, touched
from product360_assets.clean.quarantine import Rejected
from product360_assets.core.contract import SourceContract
from resources.ledger import Batch
from resources.objects import LakeResource

BATCH = Batch("2017-05-01-a", "shop", "order", date(2017, 5, 1), "file", "0", ())
Shop = Callable[..., SourceContract]


def rejected(text: str | None, *, rule: str = "type", **lineage: Any) -> Rejected:
    facts = {"_source_file": "a.csv", "_correction_id": None, "_operation": "U", **lineage}
    return Rejected("1-1", BATCH, None, rule, "because", text, facts)


def reader(contract: SourceContract, lake: LakeResource, header: bytes = b"") -> CellReader:
    if header:
        lake.zone("raw").put("a.csv", header)
    return CellReader(contract, contract.table("order"), lake.zone("raw"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_csv_is_read_by_the_header_of_its_own_file(
    shop: Shop, lake: LakeResource, pack: Callable[[bytes], bytes]
) -> None:
    cells = reader(shop(), lake, pack(b"\xef\xbb\xbfMember, order_id,extra\nann,1,\n")).cells(
        rejected('"ann, the ""first""",x,')
    )
    assert cells == {"Member": 'ann, the "first"', "order_id": "x", "extra": None}


@pytest.mark.parametrize("text", ["1,2", "1,2,3,4", '1,"2', None])
def test_a_record_of_another_shape_has_no_cells(
    shop: Shop, lake: LakeResource, text: str | None
) -> None:
    assert reader(shop(), lake, b"a,b,c\n").cells(rejected(text)) is None


def test_json_keeps_numbers_and_nested_values_as_they_were_delivered(
    shop: Shop, lake: LakeResource
) -> None:
    text = '{"order_id": 1.50, "Member": null, "total": {"a": [1e3, true]}, "open": false}'
    assert reader(shop(format="json"), lake).cells(rejected(text)) == {
        "order_id": "1.50",
        "Member": None,
        "total": '{"a":[1e3,true]}',
        "open": "false",
    }


@pytest.mark.parametrize("text", ["[1]", "{", "1", "nothing"])
def test_what_is_no_json_object_has_no_cells(shop: Shop, lake: LakeResource, text: str) -> None:
    assert reader(shop(format="json"), lake).cells(rejected(text)) is None


def test_a_repeated_row_is_shown_under_the_names_of_its_source(
    shop: Shop, lake: LakeResource
) -> None:
    row = rejected('{"order_id":"1","member":"ann","total":"2.00"}', rule="unique")
    assert reader(shop(), lake).cells(row) == {"order_id": "1", "Member": "ann", "total": "2.00"}


def test_the_columns_of_the_contract_come_first_and_lineage_is_not_shown(
    shop: Shop, lake: LakeResource
) -> None:
    cells = {"extra": "x", "total": "1", "_batch_id": "b", "_corrects": "1-1", "_own": "y"}
    assert reader(shop(), lake).columns([cells, None]) == [
        "order_id",
        "Member",
        "total",
        "extra",
        "_own",
    ]


def test_null_and_empty_text_look_alike_and_stay_what_they_were() -> None:
    cells = {"a": None, "b": "", "c": "x"}
    assert shown(cells, ["a", "b", "c", "d"]) == ["", "", "x", ""]
    assert touched(cells, {"a": "", "b": "", "c": "y"}) == {"c": "y"}


def test_a_cell_that_was_emptied_is_null() -> None:
    assert touched({"a": "x"}, {"a": ""}) == {"a": None}


def test_nothing_changed_is_no_correction() -> None:
    assert touched({"a": None, "b": "x"}, {"a": "", "b": "x"}) == {}
    assert touched(None, {"a": "", "b": ""}) == {}
