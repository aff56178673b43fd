"""A year of clicks, streamed in a few steps, is the tables that the batch made of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from lineage import Lineage
from test_clicks import compare_events, compare_visits

from product360_assets.curated.click_stream import (
    EVENTS,
    NAME,
    TABLES,
    StreamedClicks,
    time_zone,
)
from resources.local import engines
from resources.streams import now
from spark.tables.curated import CLICK_EVENT

pytestmark = [pytest.mark.flow, pytest.mark.long, pytest.mark.spark, pytest.mark.timeout(1_800)]


def test_a_streamed_year_is_the_batchs_and_the_oracles(fresh: Lineage) -> None:
    fresh.demo()
    resources: dict[str, Any] = dict(fresh.resources())
    catalog, ledger = resources["catalog"], resources["ledger"].open()
    names = [table.identifier for table in TABLES]
    batched = {name: catalog.digest(name) for name in names}
    forget(fresh, catalog)

    # The clean batches become known one part after the other, as they did in that year.
    clean = sorted(ledger.batches(EVENTS.source, EVENTS.table), key=lambda each: each.landing_date)
    steps = [len(clean) * part // 4 for part in (1, 2, 3)]
    stream = StreamedClicks(
        ledger,
        catalog,
        resources["warehouse"],
        resources["lake"],
        now(NAME, resources["runner"], resources["lake"]),
        time_zone(resources["registry"]),
        print,
        "streamed",
    )
    taken = 0
    for step in [*steps, len(clean)]:
        with hidden(fresh, [batch.batch_id for batch in clean[step:]]):
            taken += len(stream.take_in().batch_ids)
    engines.stop_engine()

    assert taken == len(clean)
    assert {name: catalog.digest(name) for name in names} == batched
    compare_events(fresh)
    compare_visits(fresh)


def forget(lineage: Lineage, catalog: Any) -> None:
    """Both tables and what the ledger knows of them, as if nothing had been published."""
    for table in TABLES:
        catalog.load().drop_table(table.identifier)
    with closing(sqlite3.connect(lineage.home / "ledger.db")) as connection, connection:
        connection.execute("DELETE FROM zone_state WHERE zone = ?", [CLICK_EVENT.identifier])


@contextmanager
def hidden(lineage: Lineage, batches: list[str]) -> Iterator[None]:
    """Clean states that are not there yet, for the length of the block."""
    rename(lineage, batches, "clean", "not yet clean")
    try:
        yield
    finally:
        rename(lineage, batches, "not yet clean", "clean")


def rename(lineage: Lineage, batches: list[str], before: str, after: str) -> None:
    """Move states of these batches from one zone to another."""
    with closing(sqlite3.connect(lineage.home / "ledger.db")) as connection, connection:
        connection.executemany(
            "UPDATE zone_state SET zone = ? WHERE zone = ? AND batch_id = ?",
            [(after, before, batch) for batch in batches],
        )
