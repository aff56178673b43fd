"""Sail as the embedded engine: a Spark Connect server in Rust, in a child process, without Java.

Sail is not Spark; where it differs silently is written down with the jobs. Two hazards here: it
reads timestamps right only with TZ=UTC, hence a process of its own; and when it dies in the middle
of a job, the Spark Connect client would go on knocking for ten minutes, so it is told to give up
after seconds and its channel is closed at once. And one of the client's: a session that is long
closed closes once more when it is collected, and with itself what all sessions share (`_end`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from resources.errors import EngineUnavailable
from resources.local.bridge import CatalogBridge
from resources.local.bridge_server import LOOPBACK
from resources.local.engines import Engine

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

HOST_SCRIPT = Path(__file__).with_name("sail_host.py")
# Beyond this, sorts and aggregations spill to disk instead of growing.
MEMORY_SHARE = 0.5
# After 15 minutes without a request, the default, the server would drop the session for good.
IDLE_SECONDS = 30 * 24 * 60 * 60
# Four seconds in all. The server is on this machine: if it does not answer then, it never will, and
# closing the channel waits for whoever still knocks.
PATIENCE = {"max_retries": 6, "max_backoff": 1000}


class SailEngine(Engine):
    """The Sail server of one process."""

    def __init__(self, home: Path) -> None:
        self._log = home / "logs" / "sail.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._session: Any = None
        self._stopping = False

    def start(self, bridge: CatalogBridge) -> None:
        """See `Engine.start`."""
        from resources.environments import export_variables, inherited_variables

        export_variables(without_proxy(inherited_variables()))
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                # -P: the script's folder holds modules named like the standard library's.
                [sys.executable, "-P", str(HOST_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**inherited_variables(), **server_settings(bridge)},
                # Ctrl-C is for the parent, which ends the engine when it is done with it.
                start_new_session=True,
            )
        address = _first_line(self._process.stdout)
        if not address:
            self._process.wait()
            raise EngineUnavailable(
                "engine sail",
                found=f"a server that ended at its start ({self.how_it_ended()})",
                expected="a server that listens on loopback",
                next_move=f"read {self._log}, or use the other engine: PRODUCT360_ENGINE=spark",
            )
        # Every later `builder.getOrCreate()` goes by this variable.
        export_variables({"SPARK_REMOTE": f"sc://{address}"})
        from pyspark.sql.connect.session import SparkSession

        self._session = SparkSession.builder.remote(f"sc://{address}").create()
        # Only the client's constructor takes a policy, and the session makes the client.
        self._session.client._retry_policy.update(PATIENCE)
        threading.Thread(
            target=self._watch, args=(self._process,), name="sail-watch", daemon=True
        ).start()

    def adopt(self) -> None:
        """See `Engine.adopt`."""
        from pyspark.sql.connect.session import SparkSession

        # pyspark remembers a session per thread, even after another thread has closed it.
        SparkSession._active_session.session = self._session
        SparkSession._default_session = self._session

    def stop(self) -> None:
        """See `Engine.stop`."""
        from resources.environments import export_variables

        self._stopping = True
        if self._session is not None:
            _end(self._session)
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
        # pyspark sets the second one itself and would refuse a session of the other kind.
        export_variables({"SPARK_REMOTE": None, "SPARK_CONNECT_MODE_ENABLED": None})

    def how_it_ended(self) -> str | None:
        """See `Engine.how_it_ended`."""
        status = None if self._process is None else self._process.poll()
        if status is None:
            return None
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if not self._stopping:
            # Each request under way would say it; the job's own failure says it better.
            warnings.filterwarnings("ignore", "ReleaseExecute failed", UserWarning)
            _end(self._session)


def _end(session: SparkSession) -> None:
    """Close a session for good: collecting it does nothing more.

    Python collects it at any moment, in any thread. Closing waits for the threads in which all
    sessions give back what they have read; in one of these, it would wait for itself, and whoever
    asks the engine next would wait with it.
    """
    session.stop()
    session.client.close = _do_nothing  # type: ignore[method-assign]


def _do_nothing() -> None:
    pass


def without_proxy(variables: Mapping[str, str]) -> dict[str, str]:
    """What to set so that client and server reach loopback directly where a proxy is declared."""
    exempt = variables.get("no_proxy") or variables.get("NO_PROXY") or ""
    hosts = ",".join(dict.fromkeys([*filter(None, exempt.split(",")), LOOPBACK]))
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def server_settings(bridge: CatalogBridge) -> dict[str, str]:
    """Environment of the server: catalogs, memory, time zone.

    PYTHONPATH is this process's own, so that functions sent to the server find their modules.
    """
    import psutil

    memory_bytes = int(psutil.virtual_memory().total * MEMORY_SHARE)
    catalogs = (
        '[{type="memory", name="mem", initial_database=["default"]}, '
        f'{{type="iceberg-rest", name="lake", uri="{bridge.uri}", '
        f'bearer_access_token="{bridge.token}"}}]'
    )
    return {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "RUST_LOG": "warn",
        "SAIL_CATALOG__DEFAULT_CATALOG": "mem",
        "SAIL_CATALOG__LIST": catalogs,
        "SAIL_RUNTIME__MEMORY_POOL__GREEDY__MAX_SIZE": str(memory_bytes),
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "greedy",
        "SAIL_SPARK__SESSION_TIMEOUT_SECS": str(IDLE_SECONDS),
        "TZ": "UTC",
    }


def _first_line(stream: IO[bytes] | None) -> str:
    return "" if stream is None else stream.readline().decode().strip()
