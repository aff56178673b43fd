"""Deletions at a service, found by comparing keys: what it no longer lists was deleted there.

At the cadence that the contract declares, the service is asked for the keys of everything it has.
The keys that are current here and not in its list are delivered as deletions, below an execution of
their own, so that they go through raw and clean as everything else does.

Why this is safe, whenever it dies and however often it is done:
- What is current here is fixed before the list is asked for. What comes later is not judged, so a
  record that is new to the list cannot pass for one that the list lacks.
- A deletion has its time: the last instant of the window that was pulled before. A record that
  comes back afterwards is later, and stands; a deletion delivered twice is one deletion.
- Rows that are not clean yet are not current yet. The next comparison finds them.

The hazard is a list that is not whole: a permission withdrawn, a filter added. So a comparison that
would delete more than its share of the keys deletes none, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from product360_assets.core.contract import SourceContract, TableContract
from product360_assets.core.fetching import Cadence
from product360_assets.core.states import CLEAN
from product360_assets.ingestion.arrivals import execution_id
from product360_assets.ingestion.current_keys import Missing, key_columns, missing_keys
from product360_assets.ingestion.executions import begun, counted, ended, purpose_of, recorded
from resources.errors import SourceRejected
from resources.ledger import Delivery, Ledger
from resources.objects import LakeResource
from resources.saas import OPERATION, PullReport, PullRequest, SaasResource

KEYS_THERE = "keys there"
KEYS_HERE = "keys here"
_SMALLEST_STEP = timedelta(microseconds=1)
_BETWEEN: Mapping[Cadence, timedelta] = {
    "continuous": timedelta(0),
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=28),
}


@dataclass(frozen=True)
class KeyComparison:
    """Compares the keys of one source's tables; `log` tells the run what happens."""

    contract: SourceContract
    ledger: Ledger
    lake: LakeResource
    saas: SaasResource
    log: Callable[[str], None]

    def compare(
        self,
        table: TableContract,
        *,
        until: datetime,
        connection: Mapping[str, str],
        at_once: bool = False,
    ) -> Missing | None:
        """Deliver what the service deleted; None when there is nothing to compare or not yet.

        Args:
            table: the table to compare.
            until: the source's time, up to which its changes have been pulled.
            connection: how to reach the service.
            at_once: whether to compare before its time has come.

        Raises:
            SourceUnreachable: see SaasResource.pull.
            SourceRejected: so too, and when the service lists too little to be believed.
        """
        earlier = self.ledger.deliveries(self.contract.name, table.name)
        if table.pull.compare_keys is None or not (at_once or _is_due(table, earlier, until)):
            return None
        clean = self.ledger.zone_states(self.contract.name, table.name, CLEAN)
        if not clean:
            return None
        request = self._request(table, earlier, until)
        running = begun(request, "keys")
        with recorded(self.ledger, running), TemporaryDirectory(prefix="keys-") as scratch:
            report = self.saas.pull(
                request, connection=connection, landing=self.lake.zone("landing"), log=self.log
            )
            missing = missing_keys(
                table,
                clean=self.lake.zone("clean"),
                locations=[state.location for state in clean.values()],
                listed=self._local_copies(report, Path(scratch)),
                before=until,
                scratch=Path(scratch),
            )
            _believe(table, missing)
            size = self._deliver(table, running, missing)
        self._finish(running, report, missing, size)
        return missing

    def _request(
        self, table: TableContract, earlier: list[Delivery], until: datetime
    ) -> PullRequest:
        return PullRequest(
            source=self.contract.name,
            table=table.name,
            object_name=table.delivered_name,
            execution_id=execution_id(
                until,
                (found.delivery_id for found in earlier),
                landing=self.lake.zone("landing"),
                folder=f"{self.contract.name}/{table.delivered_name}",
            ),
            modified_since=None,
            modified_until=until,
            fields=tuple(column.delivered_name for column in key_columns(table)),
        )

    def _local_copies(self, report: PullReport, folder: Path) -> list[Path]:
        landing = self.lake.zone("landing")
        paths = []
        for number, info in enumerate(landing.list(report.prefix)):
            paths.append(folder / f"listed-{number}.json")
            with paths[-1].open("wb") as file:
                file.writelines(landing.stream(info.key))
        return paths

    def _deliver(self, table: TableContract, running: Delivery, missing: Missing) -> int:
        """Write the deletions and return their size; none, no file."""
        if not missing.missing:
            return 0
        [order] = [column.delivered_name for column in table.columns if column.name == table.order]
        deleted_at = (running.started_at - _SMALLEST_STEP).isoformat()
        path = missing.keys.with_name("deleted.json")
        with missing.keys.open(encoding="utf-8") as keys, path.open("w", encoding="utf-8") as file:
            for key in map(json.loads, keys):
                record = {**key, order: deleted_at, OPERATION: "D"}
                file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
        key = f"{running.prefix}{table.delivered_name}-deleted.json"
        return self.lake.zone("landing").put_file(key, path).size

    def _finish(self, running: Delivery, report: PullReport, missing: Missing, size: int) -> None:
        details = {
            KEYS_THERE: str(missing.listed),
            KEYS_HERE: str(missing.current),
            **counted(report),
        }
        self.ledger.record_delivery(
            ended(
                running,
                rows=missing.missing,
                size=size,
                files=int(missing.missing > 0),
                details=details,
            )
        )
        # The list has answered; it may be as long as the table, and is no data.
        for info in self.lake.zone("landing").list(report.prefix):
            self.lake.zone("landing").delete(info.key)
        self.log(
            f"{running.table}: {missing.listed} keys there, {missing.current} here, "
            f"{missing.missing} deleted"
        )


def _is_due(table: TableContract, earlier: list[Delivery], until: datetime) -> bool:
    compared = [
        found.started_at
        for found in earlier
        if found.status == "successful" and purpose_of(found) == "keys"
    ]
    if not compared or table.pull.compare_keys is None:
        return True
    # A clock that stands still has nothing new to say, however often it is looked at.
    return until > max(compared) and until >= max(compared) + _BETWEEN[table.pull.compare_keys]


def _believe(table: TableContract, missing: Missing) -> None:
    """Refuse a list that lacks more than the contract lets a comparison delete."""
    most = table.pull.deletes_at_most_percent
    if missing.missing * 100 <= missing.current * most:
        return
    raise SourceRejected(
        f"the keys of {table.delivered_name}",
        found=f"{missing.missing} of {missing.current} current keys missing from the service's "
        f"list of {missing.listed}",
        expected=f"at most {most} % of them; nothing was deleted",
        next_move="look whether the service shows everything to this client; if they are deleted "
        "indeed, raise `deletes_at_most_percent` of the table for one run",
    )
