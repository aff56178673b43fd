"""What takes seconds to start is shared by all rooms: engines, a database server, a whole demo.

Tests run in two processes, as most of them keep one of a laptop's processors busy. A room stays in
one process, so that nothing it shares is started twice; whatever looks at one run of the demo is a
room, too. The rooms that take longest come first: the other process has enough to do beside them.
"""

from __future__ import annotations

import pytest

pytest_plugins = ["databases", "lineages", "sessions"]

LINEAGES = {"sail", "spark", "full", "retailer", "fresh"}
LONGEST = ["flow", "spark/parity", "spark/jobs", "faults", "faults/jobs", "resources"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say of each test in which room it is, and bring the rooms into their order."""
    places = {item: _room(item, config) for item in items}
    for item, room in places.items():
        item.add_marker(pytest.mark.xdist_group(room))
    items.sort(key=lambda item: _place(places[item]))


def _room(item: pytest.Item, config: pytest.Config) -> str:
    if LINEAGES & set(getattr(item, "fixturenames", ())):
        return "flow"
    return item.path.parent.relative_to(config.rootpath / "tests").as_posix()


def _place(room: str) -> int:
    return LONGEST.index(room) if room in LONGEST else len(LONGEST)
