"""While `make dev` runs, a new file, event and row reach the published tables by themselves."""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from developing import ask, checkout_apart, developing, free_port
from lineage import Lineage

from resources.objects import LakeResource

pytestmark = [pytest.mark.flow, pytest.mark.long, pytest.mark.timeout(1_800)]

PATIENCE_SECONDS = 900
TICKS = """
query { sensorsOrError(repositorySelector: {
  repositoryName: "__repository__", repositoryLocationName: "product360"
}) { ... on Sensors { results { name sensorState {
  ticks(limit: 40) { runIds logEvents { events { message } } }
} } } } }
"""


@pytest.fixture
def dev(fresh: Lineage) -> Iterator[str]:
    """Address of the UI that `make dev` serves on a finished demo; its daemon runs beside it."""
    fresh.demo()
    port = free_port()
    command = [sys.executable, "-m", "demo", "dev", "-p", str(port)]
    with checkout_apart() as folder, developing(fresh, folder, command, port) as address:
        yield address


def test_a_copied_file_an_announced_event_and_a_committed_row_become_visible(
    fresh: Lineage, dev: str, record_property: Callable[[str, object], None]
) -> None:
    [[product]] = [list(row.values()) for row in fresh.query(A_PRICED_PRODUCT)]
    file = fresh.home / "lake/landing/pricing/price_week/2018-01-08/by-hand.csv"
    file.parent.mkdir(parents=True)
    # As a person does, past the platform: nothing announces it.
    file.write_text(
        f"product_id,week,shelf_price,loyalty_price,lines\n{product},53,777.77,777.76,1\n"
    )
    lake = LakeResource(uri=f"file://{fresh.home}/lake", events=str(fresh.home / "events"))
    key = "clickstream/click_event/2018/01/08/12/by-hand.json.gz"
    lake.zone("landing").put(key, gzip.compress(json.dumps(EVENT).encode()))

    # A day happens in the databases, in one transaction each.
    assert fresh.python("-m", "demo", "advance").returncode == 0

    visible: dict[str, float] = {}
    began = time.monotonic()
    while len(visible) < len(WANTED):
        assert time.monotonic() - began < PATIENCE_SECONDS, (visible, fresh.home)
        for name, sql in WANTED.items():
            if name not in visible and fresh.query(sql)[0]["n"] == 1:
                visible[name] = round(time.monotonic() - began)
        time.sleep(2)
    record_property("visible after seconds", visible)
    said = _said(dev, "landing_arrivals")
    assert f"taken: {key}: it is new, delivered on 2018-01-08" in said
    assert "taken: pricing/price_week/2018-01-08/by-hand.csv: the listing found it" in said
    assert "pos: asked" in _said(dev, "source_changes")


A_PRICED_PRODUCT = "SELECT min(product_id) AS product FROM price_week"
WANTED = {
    "file": "SELECT count(*) AS n FROM price_week WHERE shelf_price = 777.77",
    # Baskets of days after the year are numbered from here.
    "row": "SELECT least(count(*), 1) AS n FROM sales_line WHERE basket_id >= 200000000000",
    "event": "SELECT count(*) AS n FROM click_event WHERE event_id = 'by-hand'",
}
EVENT = {
    "event_id": "by-hand",
    "session_id": "by-hand",
    "visitor_id": "by-hand",
    "household_id": None,
    "event_type": "view",
    "event_time": "2018-01-08T11:59:00.000Z",
    "product_id": 1,
    "quantity": None,
    "basket_id": None,
    "synthetic": True,
    "generator": "by-hand",
    "seed": 1,
}


def _said(address: str, sensor: str) -> list[str]:
    """Every line in the logs of the sensor's last ticks."""
    found = ask(address, TICKS)["sensorsOrError"]["results"]
    [state] = [each["sensorState"] for each in found if each["name"] == sensor]
    return [line["message"] for tick in state["ticks"] for line in tick["logEvents"]["events"]]
