"""F25: real runs in processes of their own, on the same table and on another, at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource

ROOT = Path(__file__).parents[2]
DAYS = [f"2017-05-{day:02d}" for day in range(1, 11)]
RUN = """
import sys
from datetime import date
import dagster as dg
from product360_assets.core.contract import SourceContract
from product360_assets.core.partitions import register_landing_dates, run_tags
from product360_assets.raw.assets import raw_asset
from resources.local.ledger import SqliteLedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.objects import LakeResource
home, table = sys.argv[1:]
def declared(name):
    return {"name": name, "description": "-", "format": "csv", "key": ["id"], "cadence": "daily",
            "freshness_hours": 24, "columns": [{"name": "id", "type": "int", "description": "-"}]}
shop = SourceContract.model_validate({
    "name": "shop", "kind": "files", "description": "-", "owners": ["team:shop"],
    "tables": [declared("order"), declared("item")]})
days = [date(2017, 5, day) for day in range(1, 11)]
with dg.DagsterInstance.ephemeral() as instance:
    register_landing_dates(instance, "shop", days)
    print("ready", flush=True)
    sys.stdin.readline()
    result = dg.materialize(
        [raw_asset(shop, shop.table(table))],
        instance=instance,
        tags=run_tags(instance, "shop", days),
        resources={"lake": LakeResource(uri=f"file://{home}/lake"),
                   "ledger": SqliteLedgerResource(path=f"{home}/ledger.db"),
                   "registry": SqliteRegistryResource(path=f"{home}/registry.db")})
[said, *_] = result.asset_materializations_for_node(f"raw__shop__{table}")
print(said.metadata["objects copied by this run"].value)
"""


def test_f25_runs_on_one_table_take_turns_and_runs_on_two_tables_work_side_by_side(
    tmp_path: Path,
) -> None:
    landing = LakeResource(uri=f"file://{tmp_path}/lake").zone("landing")
    for table in ("order", "item"):
        for day in DAYS:
            landing.put(f"shop/{table}/{day}/a.csv", f"id\n{len(day)}\n".encode())
    runs = [
        (
            table,
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", RUN, str(tmp_path), table],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ),
        )
        for table in ("order", "order", "item")
    ]
    assert [run.stdout.readline() for _, run in runs if run.stdout] == ["ready\n"] * 3
    copied: dict[str, list[int]] = {}
    for _, run in runs:
        assert run.stdin
        run.stdin.write("go\n")
        run.stdin.flush()
    for table, run in runs:
        said, complaint = run.communicate(timeout=120)
        assert run.returncode == 0, complaint
        copied.setdefault(table, []).append(int(json.loads(said)))
    # Of two on one table, the second finds everything done.
    assert sorted(copied["order"]) == [0, len(DAYS)]
    assert copied["item"] == [len(DAYS)]
    ledger = SqliteLedgerResource(path=str(tmp_path / "ledger.db")).open()
    for table in ("order", "item"):
        states = ledger.zone_states("shop", table, "raw").values()
        assert [state.details["contract.version"] for state in states] == ["1"] * len(DAYS)
        assert ledger.lock(f"raw.shop.{table}") is None
