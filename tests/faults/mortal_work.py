"""The work that dies: accepting, making clean and publishing, and what must be there in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from mortality import Mortality, mortal_ledger

from product360_assets.clean.request import SET_ASIDE_AT
from product360_assets.clean.work import Cleaning
from product360_assets.core.contract import SourceContract, known_contracts
from product360_assets.core.states import CLEAN, RAW
from product360_assets.curated.gate import unaudited
from product360_assets.curated.price_week import PUBLICATION
from product360_assets.curated.publish import Publisher
from product360_assets.raw.acceptance import Acceptance
from resources.catalog import LocalCatalogResource
from resources.ledger import ZoneState
from resources.local import engines
from resources.local.ledger import SqliteLedger
from resources.local.runner import LocalJobRunner
from resources.objects import LakeResource

DAYS = [date(2017, 5, 1), date(2017, 5, 8)]
LONG_AGO = datetime(2017, 1, 1, tzinfo=UTC)
SHOP = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "files",
        "description": "A shop.",
        "owners": ["team:shop"],
        "tables": [
            {
                "name": "order",
                "description": "Orders.",
                "format": "csv",
                "key": ["order_id"],
                "cadence": "daily",
                "freshness_hours": 24,
                "unique": {"action": "quarantine", "why": "Twice is once too often."},
                "columns": [
                    {"name": "order_id", "type": "bigint", "description": "Order."},
                    {"name": "total", "type": "decimal(12,2)", "description": "Euros."},
                ],
                "rules": [
                    {
                        "name": "total_is_positive",
                        "expression": "total > 0",
                        "action": "quarantine",
                        "why": "Nothing is free.",
                    }
                ],
            }
        ],
    }
)
ORDERS = {
    "2017-05-01/till-1.csv": "order_id,total\n1,1.10\n2,2.20\nx,3.30\n",
    "2017-05-01/till-2.csv": "order_id,total\n3,4.40\n3,4.40\n",
    "2017-05-08/till-1.csv": "order_id,total\n4,5.50\n1,-1\n",
}
PRICE_FILE = "product_id,week,shelf_price,loyalty_price,lines\n"
PRICES = {
    "2017-05-01/prices.csv": f"{PRICE_FILE}1,18,2.00,1.50,3\n2,18,5.00,5.00,1\n",
    "2017-05-08/prices.csv": f"{PRICE_FILE}1,19,2.10,1.60,4\n",
}


@dataclass(frozen=True)
class Delivered:
    """A source's table and what landed of it."""

    contract: SourceContract
    table: str
    landing: dict[str, str]

    @property
    def name(self) -> tuple[str, str]:
        return self.contract.name, self.table


def accept(home: Path, delivered: Delivered, mortality: Mortality) -> None:
    """Take what landed into raw."""
    lake = LakeResource(uri=f"file://{home}/lake")
    Acceptance(
        delivered.contract,
        delivered.contract.table(delivered.table),
        mortal_ledger(SqliteLedger(home / "ledger.db"), mortality),
        lake.zone("landing"),
        lake.zone("raw"),
    ).accept(DAYS)


def clean(home: Path, delivered: Delivered, mortality: Mortality) -> None:
    """Make what is in raw clean, with a real engine."""
    cleaned = Cleaning(
        delivered.contract,
        delivered.contract.table(delivered.table),
        mortal_ledger(SqliteLedger(home / "ledger.db"), mortality),
        LakeResource(uri=f"file://{home}/lake"),
        LocalJobRunner(home=str(home)),
        lambda _: None,
    ).clean(DAYS)
    assert cleaned.unaccounted == {}, cleaned.unaccounted


def publish(home: Path, _: Delivered, mortality: Mortality) -> None:
    """Take clean batches into a published table, through the catalog's bridge."""
    Publisher(
        mortal_ledger(SqliteLedger(home / "ledger.db"), mortality),
        LocalCatalogResource(home=str(home)),
        LocalJobRunner(home=str(home)),
        lambda _: None,
        "run",
        mortality.before("audit", unaudited),
    ).publish(PUBLICATION, {})


def prepared(template: Path, stage: Stage) -> None:
    """Let everything happen that precedes the work."""
    landing = LakeResource(uri=f"file://{template}/lake").zone("landing")
    for key, text in stage.delivered.landing.items():
        landing.put(f"{'/'.join(stage.delivered.name)}/{key}", text.encode())
    SqliteLedger(template / "ledger.db").close()
    for work in stage.after:
        work(template, stage.delivered, Mortality(None, template))
    engines.stop_engine()


def outcome(home: Path, delivered: Delivered) -> dict[str, Any]:
    """Everything that the work leaves behind, without the times of writing."""
    lake, ledger = LakeResource(uri=f"file://{home}/lake"), SqliteLedger(home / "ledger.db")
    raw, batches = lake.zone("raw"), ledger.batches(*delivered.name)
    zones = (RAW, CLEAN, PUBLICATION.zone)
    states = {zone: ledger.zone_states(*delivered.name, zone) for zone in zones}
    units = {state.unit for state in states[CLEAN].values()}
    there = {info.key.split("/unit=")[1][:12] for info in lake.zone("clean").list()}
    table = _published(home)
    return {
        "raw": {info.key: raw.read(info.key).decode() for info in raw.list()},
        "batches": [str(batch) for batch in batches],
        "accepted": [str(ledger.accepted_objects(batch.batch_id)) for batch in batches],
        "states": [str(_timeless(state)) for found in states.values() for state in found.values()],
        "rows": {batch: _rows(state.location) for batch, state in states[CLEAN].items()},
        "units that nobody knows": len(there - units),
        "published": sorted(map(str, table.scan().to_arrow().to_pylist())) if table else [],
        "commits": len(table.metadata.snapshot_log) if table else 0,
    }


def _timeless(state: ZoneState) -> ZoneState:
    """A state as it would be in any home, whenever and as whichever unit it was made."""
    details = {name: each for name, each in state.details.items() if name != SET_ASIDE_AT}
    return replace(
        state, recorded_at=LONG_AGO, location="", unit="", snapshot_id=None, details=details
    )


def seen_wrongly(home: Path, delivered: Delivered) -> str | None:
    """What a reader would be told that is not so, right after a death; None when nothing."""
    lake, ledger = LakeResource(uri=f"file://{home}/lake"), SqliteLedger(home / "ledger.db")
    raw, landed = lake.zone("raw"), delivered.landing.values()
    listed = {info.key: raw.read(info.key).decode() for info in raw.list(f"{delivered.name[0]}/")}
    for key, text in listed.items():
        if text not in landed:
            return f"{key} is listed with {text!r}"
    for batch_id in ledger.zone_states(*delivered.name, RAW):
        accepted = ledger.accepted_objects(batch_id)
        if not accepted or any(each.raw_key not in listed for each in accepted):
            return f"{batch_id} counts as accepted, and is not all there"
    for batch_id, state in ledger.zone_states(*delivered.name, CLEAN).items():
        if len(_rows(state.location)) != state.rows_out:
            return f"{batch_id} counts as clean, and its rows are not there"
    return _seen_in_part(home, sum(text.count("\n") - 1 for text in landed))


def _seen_in_part(home: Path, rows: int) -> str | None:
    """A published table holds nothing of the batches or all of them."""
    table = _published(home)
    found = table.scan().to_arrow().num_rows if table else 0
    return None if found in (0, rows) else f"{found} rows of {rows} are published"


def _published(home: Path) -> Any:
    catalog = LocalCatalogResource(home=str(home)).load()
    identifier = PUBLICATION.table.identifier
    return catalog.load_table(identifier) if catalog.table_exists(identifier) else None


def _rows(location: str) -> list[str]:
    path = Path(location.removeprefix("file://"))
    return sorted(
        str(row)
        for file in path.rglob("*.parquet")
        for row in pq.ParquetFile(file).read().to_pylist()
    )


@dataclass(frozen=True)
class Stage:
    """One piece of work, on what was delivered, after the work that has to precede it.

    Attributes:
        left: everything that the work leaves behind, without the times of writing.
        seen: what a reader would be told that is not so, right after a death.
    """

    work: Callable[[Path, Delivered, Mortality], None]
    delivered: Delivered
    after: tuple[Callable[[Path, Delivered, Mortality], None], ...] = ()
    left: Callable[[Path, Delivered], dict[str, Any]] = outcome
    seen: Callable[[Path, Delivered], str | None] = seen_wrongly


_ORDERED = Delivered(SHOP, "order", ORDERS)
_PRICED = Delivered(known_contracts()["pricing"], "price_week", PRICES)
STAGES: dict[str, Stage] = {
    "accept": Stage(accept, _ORDERED),
    "clean": Stage(clean, _ORDERED, after=(accept,)),
    "publish": Stage(publish, _PRICED, after=(accept, clean)),
}
