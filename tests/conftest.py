"""What takes seconds to start is shared by all rooms: engines, a database server, a whole demo.

Tests run in two processes, as most of them keep one of a laptop's processors busy. A room, which is
a folder, stays in one process, so that nothing it shares is started twice. The rooms that take
longest come first: the other process has enough to do beside them.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from zlib import crc32

import pytest
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["databases", "lineages", "sessions", "synthesised"]

LONGEST = [
    *("flow", "spark/parity", "faults", "contract", "spark/jobs", "resources"),
    *("product360_assets/curated", "faults/jobs", "spark/transforms"),
]
# Looks at the run of the demo that the flow tests look at.
OF_THE_FLOW = "tests/faults/test_f26_replay.py"

# Whose tests run on each engine in turn. Of those on Apache Spark, which cost many times as much,
# `make test` runs one in three, always the same ones; the parity tests compare every job there.
ON_EACH_ENGINE = ("spark/jobs", "spark/transforms", "faults/jobs")
ONE_IN = 3
# None of these: they publish whole tables, as tests/spark/parity/test_published_agree.py does.
PUBLISHING = "tests/spark/jobs/test_published"

# A JVM of a test lives for minutes: what its second compiler makes is hardly run. Without it, and
# with one thread that collects garbage, Spark's tests take half the CPU.
SHORT_LIVED_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def pytest_configure() -> None:
    """Tell every JVM that Spark starts for a test, in whatever process, that it lives shortly."""
    os.environ.setdefault("SPARK_SUBMIT_OPTS", SHORT_LIVED_JVM)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the rooms into their order, and leave what is not in the sample to the long tests."""
    for item in items:
        is_sampled = crc32(item.nodeid.encode()) % ONE_IN == 0 and PUBLISHING not in item.nodeid
        if _runs_on_spark(item) and not is_sampled:
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: _place(room_of(item.nodeid)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Give a process one room after the other."""
    return RoomScheduling(config, log)


class RoomScheduling(LoadScopeScheduling):
    """Keeps the tests of a room together."""

    def _split_scope(self, nodeid: str) -> str:
        return room_of(nodeid)


def room_of(nodeid: str) -> str:
    """The folder of a test below `tests`."""
    path = nodeid.partition("::")[0]
    if path == OF_THE_FLOW:
        return "flow"
    return PurePosixPath(path).parent.relative_to("tests").as_posix()


def _runs_on_spark(item: pytest.Item) -> bool:
    """Whether it is the same test again, on Apache Spark."""
    if not isinstance(item, pytest.Function) or room_of(item.nodeid) not in ON_EACH_ENGINE:
        return False
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return any(isinstance(each, str) and each == "spark" for each in given)


def _place(room: str) -> int:
    return LONGEST.index(room) if room in LONGEST else len(LONGEST)
