"""Processes that load and deliver changes, killed with SIGKILL at each of their durable steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from following import Source, read

from product360_assets.core.contract import SourceContract
from product360_assets.ingestion.arrivals import arrivals
from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource, ObjectStore

DYING = Path(__file__).with_name("dying.py")
KILLED = -9
CONTRACT: dict[str, Any] = {
    "name": "shop",
    "kind": "database",
    "description": "A shop.",
    "owners": ["team:shop"],
    "connection": "shop",
    "tables": [
        {
            "name": "order",
            "source_name": "shop.orders",
            "description": "Orders.",
            "format": "parquet",
            "key": ["order_id"],
            "cadence": "daily",
            "freshness_hours": 24,
            "columns": [
                {"name": "order_id", "type": "bigint", "description": "The order."},
                {"name": "note", "type": "string", "description": "A note.", "nullable": True},
            ],
        }
    ],
}


class Ingestions:
    """Ingestions of one source into one home, each in a process of its own."""

    def __init__(self, source: Source, home: Path) -> None:
        self._source = source
        self._ledger = str(home / "ledger.db")
        self._lake = f"file://{home}/lake"

    def run(self, *, before: int = 0, after: int = 0) -> int | None:
        """Ingest, and die at a step, if there is such a one; how many steps were taken, if not."""
        asked = {
            "contract": CONTRACT,
            "connection": self._source.connection,
            "ledger": self._ledger,
            "lake": self._lake,
            "before": before,
            "after": after,
        }
        done = subprocess.run(
            [sys.executable, str(DYING)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[3],
            env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"},
        )
        if done.returncode == KILLED:
            return None
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    def folded(self) -> dict[int, Any]:
        """What the files that count say of the table."""
        ledger = SqliteLedgerResource(path=self._ledger).open()
        landing: ObjectStore = LakeResource(uri=self._lake).zone("landing")
        contract = SourceContract.model_validate(CONTRACT)
        found = arrivals(contract, contract.tables[0], ledger=ledger, landing=landing)
        rows = [
            (arrival.epoch, row["dms_timestamp"], row["ar_h_change_seq"], row)
            for arrival in found.by_day
            for landed in arrival.objects
            for row in read(landing, landed.key)
        ]
        assert len({place[:3] for place in rows}) == len(rows), "a change that counts twice"
        state: dict[int, Any] = {}
        for *_, row in sorted(rows, key=lambda place: place[:3]):
            state.pop(row["order_id"], None)
            if row["Op"] != "D":
                state[row["order_id"]] = row["note"]
        return state


@pytest.fixture
def ingestions(source: Source, tmp_path: Path) -> Ingestions:
    source.sql(
        "CREATE TABLE shop.orders (order_id bigint PRIMARY KEY, note text)",
        "INSERT INTO shop.orders SELECT n, 'loaded' FROM generate_series(1, 5) n",
    )
    return Ingestions(source, tmp_path)


def standing(source: Source) -> dict[int, Any]:
    return dict(source.rows("SELECT order_id, note FROM shop.orders"))


def test_a_load_that_is_killed_at_any_step_is_made_up_for(
    ingestions: Ingestions, source: Source
) -> None:
    killed = 0
    for step in range(1, 30):
        source.sql(f"INSERT INTO shop.orders VALUES ({100 + step}, 'while loading')")
        if ingestions.run(before=step) is not None:
            break
        killed += 1
        assert ingestions.folded().items() <= standing(source).items()
    assert killed >= 3
    assert ingestions.folded() == standing(source)


@pytest.mark.parametrize("where", ["before", pytest.param("after", marks=pytest.mark.long)])
def test_changes_that_are_killed_at_any_step_come_again_once(
    ingestions: Ingestions, source: Source, where: str
) -> None:
    assert ingestions.run() is not None
    killed = 0
    for step in range(1, 30):
        first = 1000 * step
        source.sql(
            f"INSERT INTO shop.orders SELECT n, 'x' FROM generate_series({first}, {first + 9}) n",
            f"UPDATE shop.orders SET note = 'step {step}' WHERE order_id = 1",
            f"DELETE FROM shop.orders WHERE order_id = {first + 3}",
            f"UPDATE shop.orders SET order_id = -order_id WHERE order_id = {first + 4}",
        )
        if ingestions.run(**{where: step}) is not None:
            break
        killed += 1
    # A file, the report, the stream's record, the table's delivery, the stream's record again.
    assert killed >= 5
    assert ingestions.folded() == standing(source)
