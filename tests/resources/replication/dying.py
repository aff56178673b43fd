"""One ingestion in a process that is killed at its n-th durable step.

A step is a create in landing or a write in the ledger; the request on standard input says at which
one the process dies, before or after it was made. Writes how many steps there were.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from product360_assets.core.contract import SourceContract
from product360_assets.ingestion.databases import DatabaseIngestion
from resources.local.folder import Folder
from resources.local.ledger import SqliteLedger, SqliteLedgerResource
from resources.local.replication import LocalReplication
from resources.objects import LakeResource


class Steps:
    """Counts durable steps and ends the process at one of them."""

    def __init__(self, before: int, after: int) -> None:
        self.taken = 0
        self._before, self._after = before, after

    def counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            self.taken += 1
            self._die_at(self._before)
            done = method(*arguments, **named)
            self._die_at(self._after)
            return done

        return step

    def _die_at(self, number: int) -> None:
        if self.taken == number:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    asked = json.loads(sys.stdin.read())
    steps = Steps(asked["before"], asked["after"])
    contract = SourceContract.model_validate(asked["contract"])
    ledger = SqliteLedgerResource(path=asked["ledger"]).open()
    ingestion = DatabaseIngestion(
        contract,
        ledger,
        LakeResource(uri=asked["lake"]).zone("landing"),
        LocalReplication(change_file_bytes=500),
        lambda _message: None,
    )
    Folder.create = steps.counted(Folder.create)  # type: ignore[method-assign]
    SqliteLedger.record_delivery = steps.counted(  # type: ignore[method-assign]
        SqliteLedger.record_delivery
    )
    ingestion.load(contract.tables, connection=asked["connection"], reload=False)
    ingestion.changes(connection=asked["connection"])
    sys.stdout.write(str(steps.taken))


if __name__ == "__main__":
    main()
