"""One host of the platform, as a process of its own: what it does, on whatever clock it has.

accept HOME DAY …    accept the deliveries of these days into raw
clean HOME DAY …     make them clean, and once more; prints what was made and what stands
write HOME           begin to write an object, say so, and finish when standard input ends
sweep HOME           write an object, which clears away what dead writers left
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from product360_assets.clean.watch import in_time, watched
from product360_assets.clean.work import Cleaning
from product360_assets.core.calendar import today
from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from resources.local import engines
from resources.local.ledger import SqliteLedger
from resources.local.runner import LocalJobRunner
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource

CONTRACT = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "files",
        "description": "A shop.",
        "owners": ["team:shop"],
        "time_zone": "America/New_York",
        "tables": [
            {
                "name": "order",
                "description": "Orders.",
                "format": "csv",
                "key": ["order_id"],
                "order": "modified_at",
                "cadence": "daily",
                "freshness_hours": 24,
                "columns": [
                    {"name": "order_id", "type": "bigint", "description": "Order."},
                    {"name": "total", "type": "bigint", "description": "Euros."},
                    {"name": "modified_at", "type": "timestamp", "description": "When."},
                ],
            }
        ],
    }
)
ORDER = CONTRACT.table("order")
WHOSE = ("_batch_id", "_source_file", "_ingested_at")


class Host:
    """The platform in one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lake = LakeResource(uri=f"file://{home}/lake")
        self.ledger = SqliteLedger(home / "ledger.db")

    def accept(self, days: list[date]) -> None:
        landing, raw = self.lake.zone("landing"), self.lake.zone("raw")
        Acceptance(CONTRACT, ORDER, self.ledger, landing, raw).accept(days)

    def clean(self, days: list[date]) -> dict[str, object]:
        """What was made at the first and at the second call, and what stands afterwards."""
        secrets = LocalSecrets(path=str(self.home / "secrets.json"))
        runner = LocalJobRunner(home=str(self.home))
        cleaning = Cleaning(
            CONTRACT, ORDER, self.ledger, self.lake, runner, lambda _: None, secrets
        )
        made = [sum(batch.made for batch in cleaning.clean(days).batches) for _ in range(2)]
        states = self.ledger.zone_states("shop", "order", "clean").values()
        places = [Path(state.location.removeprefix("file://")) for state in states]
        files = [file for place in places for file in sorted(place.glob("*.parquet"))]
        stands = self._folded(files)
        now = today(self.ledger, [CONTRACT])
        rows = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
        return {
            "made": made,
            "rows": sorted(map(str, rows.drop_columns([*WHOSE]).to_pylist())),
            "stands": stands,
            "in time": in_time(watched(self.ledger, CONTRACT, ORDER, now=now)).holds,
            "today": str(now),
            "raw": sorted(
                f"{info.key.rpartition('/')[2]} {raw_digest(self.lake, info.key)}"
                for info in self.lake.zone("raw").list("shop/")
            ),
        }

    def _folded(self, files: list[Path]) -> list[str]:
        """The last change of each key, as every published table takes it."""
        from spark.session import open_session
        from spark.transforms.fold import latest_changes

        with engines.lease_engine("sail", home=self.home):
            changes = open_session().read.parquet(*(f"file://{file}" for file in files))
            rows = latest_changes(changes, ORDER.key).select("order_id", "total").collect()
        return sorted(str(tuple(row)) for row in rows)


def raw_digest(lake: LakeResource, key: str) -> str:
    """What an object of raw holds."""
    from resources.hashing import sha256_of

    return sha256_of(lake.zone("raw").stream(key))


def slowly() -> Iterator[bytes]:
    """Half of an object, and the other half when standard input ends."""
    yield b"half "
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    sys.stdin.read()
    yield b"and half"


def write(home: Path) -> None:
    """Write one object, slowly."""
    from resources.local.folder import Folder

    Folder(home / "zone").create("slow", slowly(), size=13)


def sweep(home: Path) -> None:
    """Write one object, at once."""
    from resources.local.folder import Folder

    Folder(home / "zone").create(f"quick-{uuid.uuid4()}", [b"quick"], size=5)


def main() -> None:
    """Do one thing."""
    what, where, *days = sys.argv[1:]
    home = Path(where)
    if what in ("write", "sweep"):
        (write if what == "write" else sweep)(home)
        return
    host, named = Host(home), [date.fromisoformat(day) for day in days]
    if what == "accept":
        host.accept(named)
    else:
        sys.stdout.write(json.dumps(host.clean(named)) + "\n")
        engines.stop_engine()


if __name__ == "__main__":
    main()
