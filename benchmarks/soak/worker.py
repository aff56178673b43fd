"""One of the processes of a soak that stay alive; it works until its standard input is closed.

    python -m benchmarks.soak.worker publish    takes in sales whenever some wait
    python -m benchmarks.soak.worker keep       keeps all tables, again and again
    python -m benchmarks.soak.worker read       asks the warehouse a quarter of a second after it
                                                has answered

Each says what it did, a line of JSON for each turn. In an ordinary installation a run publishes and
ends, and its engine with it; here one process does so for half an hour, so that whatever it leaves
behind adds up. Its engine has the life of a long run: Sail's server keeps about a megabyte of each
job, and is ended after so many.

The hazard is a worker that has stopped working and does not say so: an error ends it, and the soak
with it.
"""

from __future__ import annotations

import json
import select
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from benchmarks.soak.shop import LIVING_LINES, NEW_EVENTS, ZONE
from product360_assets.curated.publish import Publisher
from product360_assets.curated.sales_line import PUBLICATION
from product360_assets.governance.upkeep import ACTIONS, DONE, Keeper
from resources.environments import platform_resources
from resources.errors import TableMissing
from resources.local import engines
from resources.locks import holding
from spark.tables.curated import CLICK_EVENT, PRODUCT, SALES_LINE

if TYPE_CHECKING:
    from resources.catalog import CatalogResource
    from resources.jobs import JobRunner
    from resources.ledger import LedgerResource
    from resources.maintenance import MaintenanceResource
    from resources.objects import LakeResource
    from resources.warehouse import WarehouseResource

Turn = Callable[[], Mapping[str, Any]]
JOBS_OF_AN_ENGINE = 20
PUBLISH_SECONDS, KEEP_SECONDS, READ_SECONDS = 2.0, 20.0, 0.25


def publisher(resources: Mapping[str, object]) -> Turn:
    """Takes in the sales that wait, in one commit."""
    ledger = cast("LedgerResource", resources["ledger"]).open()
    catalog = cast("CatalogResource", resources["catalog"])
    runner = cast("JobRunner", resources["runner"])
    catalog.ensure_table(PRODUCT)
    parameters = {"time_zone": ZONE, "product": f"lake.{PRODUCT.identifier}"}
    jobs = count(1)

    def turn() -> Mapping[str, Any]:
        began = time.monotonic()
        with holding(ledger, SALES_LINE.identifier, work="a soak", log=_note) as opened:
            taken = Publisher(opened, catalog, runner, _note, "soak").publish(
                PUBLICATION, parameters
            )
        seconds = round(time.monotonic() - began, 2)
        if taken.batch_ids and next(jobs) % JOBS_OF_AN_ENGINE == 0:
            engines.stop_engine()
        return {"batches": len(taken.batch_ids), "seconds": seconds}

    return turn


def keeper(resources: Mapping[str, object]) -> Turn:
    """Does all the upkeep there is to do."""
    ledger = cast("LedgerResource", resources["ledger"]).open()
    catalog = cast("CatalogResource", resources["catalog"])
    lake = cast("LakeResource", resources["lake"])
    limits = cast("MaintenanceResource", resources["maintenance"])

    def turn() -> Mapping[str, Any]:
        keeping = Keeper(ledger, catalog, lake, limits, _note, datetime.now(UTC))
        steps = list(keeping.apply(catalog.identifiers(), work="a soak"))
        done = [step for step in steps if step.outcome == DONE]
        said = dict.fromkeys(ACTIONS, 0)
        for step in done:
            said[step.action] += 1
        return {**said, "left": len(steps) - len(done)}

    return turn


def reader(resources: Mapping[str, object]) -> Turn:
    """Asks for both tables, and expects whole batches, none of which goes away again."""
    warehouse = cast("WarehouseResource", resources["warehouse"])
    reached = {"events": 0, "batch": -1}

    def turn() -> Mapping[str, Any]:
        events = _asked(warehouse, f"SELECT count(*) AS n FROM {CLICK_EVENT.identifier}")
        lines = _asked(
            warehouse,
            f"SELECT count(*) AS n, min(quantity) AS least, max(quantity) AS most "
            f"FROM {SALES_LINE.identifier}",
        )
        if events:
            _expect(events["n"] % NEW_EVENTS == 0 and events["n"] >= reached["events"], events)
            reached["events"] = events["n"]
        if lines and lines["n"]:
            _expect(lines["n"] == LIVING_LINES and lines["least"] == lines["most"], lines)
            _expect(lines["most"] >= reached["batch"], lines)
            reached["batch"] = lines["most"]
        return dict(reached)

    return turn


WORKERS: Mapping[str, tuple[Callable[[Mapping[str, object]], Turn], float]] = MappingProxyType(
    {
        "publish": (publisher, PUBLISH_SECONDS),
        "keep": (keeper, KEEP_SECONDS),
        "read": (reader, READ_SECONDS),
    }
)


def _asked(warehouse: WarehouseResource, sql: str) -> Mapping[str, Any]:
    try:
        return warehouse.query(sql).single()
    except TableMissing:
        return {}


def _expect(holds: bool, seen: Mapping[str, Any]) -> None:
    if not holds:
        raise AssertionError(f"a reader saw {dict(seen)}, which no commit left")


def _note(_message: str) -> None:
    """What is said on the way is not kept: for half an hour it would only grow."""


def work(name: str) -> None:
    """Take turns until nobody listens any more."""
    make, pause = WORKERS[name]
    turn = make(platform_resources())
    while not select.select([sys.stdin], [], [], pause)[0]:
        sys.stdout.write(f"{json.dumps({'at': time.time(), **turn()})}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    work(sys.argv[1])
