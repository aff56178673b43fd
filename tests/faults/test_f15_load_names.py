"""F15: files of a DMS load are counted in hexadecimal, come in segments and in folders of dates.

Every one of them is found and accepted once, in the order of their numbers; two of one name in
different folders stay two.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from product360_assets.core.contract import SourceContract
from product360_assets.core.states import RAW
from product360_assets.raw import keys
from product360_assets.raw.acceptance import Acceptance
from resources.errors import Product360Error
from resources.ledger import Delivery, Ledger
from resources.local.ledger import SqliteLedger
from resources.objects import LakeResource

DAY = date(2017, 5, 1)
NOON = datetime(2017, 5, 1, 12, tzinfo=UTC)
PREFIX = "shop/20170501T120000Z-0001/public/account/"
LOADED = [f"LOAD{number:08X}.parquet" for number in (1, 9, 10, 15, 16, 255, 256)]
SEGMENTS = ["SEGMENT1/LOAD00000001.parquet", "SEGMENT2/LOAD00000001.parquet"]
CHANGED = [
    "2017/05/01/20170501-115959999.parquet",
    "2017/05/02/20170501-115959999.parquet",
    "2017/12/31/20171231-235959999.parquet",
]
SHOP = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "database",
        "description": "A shop.",
        "owners": ["team:shop"],
        "connection": "shop",
        "tables": [
            {
                "name": "account",
                "source_name": "public.account",
                "description": "Accounts.",
                "format": "parquet",
                "key": ["id"],
                "cadence": "daily",
                "freshness_hours": 24,
                "columns": [{"name": "id", "type": "bigint", "description": "Account."}],
            }
        ],
    }
)


@pytest.fixture
def lake(tmp_path: Path) -> LakeResource:
    """Landing as a load leaves it: one row in each file, whose number says which file it is."""
    lake = LakeResource(uri=f"file://{tmp_path}/lake")
    # Put in another order than the one in which they count.
    for number, name in reversed(list(enumerate([*LOADED, *SEGMENTS, *CHANGED]))):
        file = io.BytesIO()
        pq.write_table(pa.table({"id": [number]}), file)
        lake.zone("landing").put(PREFIX + name, file.getvalue())
    return lake


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.record_delivery(
        Delivery("shop", "account", "1", DAY, PREFIX, "successful", NOON, NOON, 12, 0, {})
    )
    return ledger


def accept(lake: LakeResource, ledger: Ledger) -> None:
    Acceptance(SHOP, SHOP.table("account"), ledger, lake.zone("landing"), lake.zone("raw")).accept(
        [DAY]
    )


def test_f15_every_file_is_accepted_once_and_loads_in_the_order_of_their_numbers(
    lake: LakeResource, ledger: Ledger
) -> None:
    accept(lake, ledger)
    accept(lake, ledger)

    [batch] = ledger.batches("shop", "account")
    accepted = ledger.accepted_objects(batch.batch_id)
    names = [each.landed.key.removeprefix(PREFIX) for each in accepted]
    assert sorted(names) == sorted([*LOADED, *SEGMENTS, *CHANGED])
    assert [name for name in names if name in LOADED] == LOADED
    rows = [
        pq.read_table(io.BytesIO(lake.zone("raw").read(each.raw_key)))["id"][0].as_py()
        for each in accepted
    ]
    assert sorted(rows) == list(range(12))
    state = ledger.zone_state(batch.batch_id, RAW)
    assert state is not None


def test_f15_without_their_folders_files_of_one_name_cannot_all_be_accepted(
    lake: LakeResource, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "Counter", lambda _: {"": 1})
    with pytest.raises(Product360Error):
        accept(lake, ledger)

    assert ledger.zone_states("shop", "account", RAW) == {}
