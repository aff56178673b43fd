"""The embedded engine of this process: started when a job needs it, ended with the process.

A session costs seconds and a job often less, so all jobs of a process share one, with one bridge
to the catalog. pyspark holds one session per process, of one kind: asking for another engine or
another home ends the first. One job runs at a time, because whatever is committed meanwhile
carries its stamp.
"""

from __future__ import annotations

import atexit
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resources.catalog import LocalCatalogResource
from resources.errors import EngineUnavailable
from resources.local.bridge import CatalogBridge

EngineName = Literal["sail", "spark"]


class Engine(ABC):
    """Something that runs PySpark jobs and knows the catalog behind a bridge as `lake`."""

    @abstractmethod
    def start(self, bridge: CatalogBridge) -> None:
        """Open the session that `spark.session.open_session` will find.

        Raises:
            EngineUnavailable: it cannot run on this machine.
        """

    @abstractmethod
    def adopt(self) -> None:
        """Make this engine's session the one that the calling thread finds."""

    @abstractmethod
    def stop(self) -> None:
        """End the session and every process that belongs to it; harmless when there is none."""

    @abstractmethod
    def how_it_ended(self) -> str | None:
        """What ended the engine, where something did; None while it runs."""


@dataclass
class _Running:
    """The engine that this process has started."""

    name: EngineName
    home: Path
    engine: Engine
    bridge: CatalogBridge

    def close(self) -> None:
        self.engine.stop()
        self.bridge.close()


@dataclass(frozen=True)
class Lease:
    """An engine for the length of one job."""

    engine: Engine
    bridge: CatalogBridge


_lock = threading.RLock()
_running: _Running | None = None


@contextmanager
def lease_engine(name: EngineName, *, home: Path) -> Iterator[Lease]:
    """Hold this process's engine for one job; waits while another thread's job holds it.

    Raises:
        EngineUnavailable: the engine cannot run on this machine.
    """
    with _lock:
        running = _started(name, home)
        running.engine.adopt()
        try:
            yield Lease(running.engine, running.bridge)
        except Exception:
            raise
        except BaseException:
            # Interrupted: what the job asked for may still be at work, so its engine goes with it.
            stop_engine()
            raise


def stamping_bridge() -> CatalogBridge:
    """The bridge of the job that runs in another thread, for stamping what it commits.

    Raises:
        EngineUnavailable: no engine runs.
    """
    if _running is None:
        raise EngineUnavailable(
            "the engine of this process",
            found="none that runs",
            expected="one that a job in another thread holds",
            next_move="start the job first; if it has ended, its error says why",
        )
    return _running.bridge


def end_engine_under_its_job() -> None:
    """End the engine without waiting for the job that holds it: the job fails, and commits nothing.

    For a job that cannot be told to end.
    """
    if _running is not None:
        _running.engine.stop()


def stop_engine() -> None:
    """End the engine of this process, if it runs; the next job starts a new one."""
    global _running
    with _lock:
        if _running is not None:
            running, _running = _running, None
            running.close()


def _stop_at_exit() -> None:
    """Stop in good order, unless a job still runs in a thread that nobody waits for.

    Waiting for its lease could take for ever, and the engine ends with this process anyway.
    """
    if _lock.acquire(timeout=1):
        try:
            stop_engine()
        finally:
            _lock.release()


def _started(name: EngineName, home: Path) -> _Running:
    global _running
    if _running is not None and (
        (_running.name, _running.home) != (name, home) or _running.engine.how_it_ended()
    ):
        stop_engine()
    if _running is None:
        bridge = CatalogBridge(LocalCatalogResource(home=str(home)).load())
        engine = _new_engine(name, home)
        try:
            engine.start(bridge)
        except BaseException:
            engine.stop()
            bridge.close()
            raise
        _running = _Running(name, home, engine, bridge)
        atexit.unregister(_stop_at_exit)
        atexit.register(_stop_at_exit)
    return _running


def _new_engine(name: EngineName, home: Path) -> Engine:
    if name == "spark":
        from resources.local.apache_spark import ApacheSparkEngine

        return ApacheSparkEngine(home)
    from resources.local.sail import SailEngine

    return SailEngine(home)
