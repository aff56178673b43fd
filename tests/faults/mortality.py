"""Counting durable calls, and dying before the n-th: ports that are wrapped from outside.

The platform knows nothing of it: stores, ledger, catalog, the engine's writes, the disk and the
SQLite file below them are replaced in a process that was forked to die.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spark.io
import spark.jobs.clean as clean_job
from product360_assets.curated import gate
from product360_assets.raw import acceptance
from resources.catalog import LocalCatalogResource
from resources.local import folder, sqlite
from resources.local.bridge import CatalogBridge
from resources.objects import LakeResource
from spark import judging
from spark.report import Report

WRITES = ("BEGIN", "INSERT", "REPLACE", "UPDATE", "COMMIT")


class Mortality:
    """Counts durable calls, and ends this process when the n-th is about to be made."""

    def __init__(self, dies_at: int | None, told: Path) -> None:
        self._dies_at = dies_at
        self._told = told
        self._calls = 0
        self._lock = threading.Lock()

    def reach(self, call: str) -> None:
        with self._lock:
            self._calls += 1
            if self._calls == self._dies_at:
                self._told.write_text(call)
                os.kill(os.getpid(), signal.SIGKILL)

    def before(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, which counts before it is made."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.reach(name)
            return call(*args, **kwargs)

        return counted

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, which counts before it is made, and again before anybody hears of it."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.reach(name)
            made = call(*args, **kwargs)
            self.reach(f"{name}.answer")
            return made

        return counted


class Port:
    """Something whose durable calls count; everything else passes through."""

    def __init__(self, inner: Any, name: str, durable: set[str], mortality: Mortality) -> None:
        self._wrapped = (inner, name, durable, mortality)

    def __getattr__(self, attribute: str) -> Any:
        inner, name, durable, mortality = self._wrapped
        found = getattr(inner, attribute)
        if attribute in durable:
            return mortality.before(f"{name}.{attribute}", found)
        return found


def mortal_ledger(ledger: Any, mortality: Mortality) -> Any:
    """A ledger whose records count."""
    return Port(ledger, "ledger", {"open_batch", "accept_objects", "record_zone"}, mortality)


def wrap_ports(mortality: Mortality) -> None:
    """Let every other durable call of this process count."""
    # So that the n-th call is the same one whenever the work is done.
    acceptance.COPIES_AT_ONCE = 1
    folder.os = Port(os, "disk", {"open", "write", "fsync", "link"}, mortality)  # type: ignore[assignment]
    open_zone = LakeResource._open_zone

    def mortal_zone(lake: LakeResource, name: Any) -> Any:
        store = open_zone(lake, name)
        return Port(store, name, {"put", "put_file", "accept", "delete"}, mortality)

    LakeResource._open_zone = mortal_zone  # type: ignore[method-assign]
    for name in ("rows", "many"):
        setattr(sqlite.Database, name, _statement(getattr(sqlite.Database, name), mortality))
    for name in ("write_rows", "write_no_rows", "forget"):
        write = mortality.before("engine.write", getattr(spark.io, name))
        for module in (clean_job, judging):
            if hasattr(module, name):
                setattr(module, name, write)
    _replace(Report, "_write", mortality.before("report", Report._write))
    _replace(CatalogBridge, "commit", mortality.around("catalog.commit", CatalogBridge.commit))
    ensure = mortality.before("catalog.ensure", LocalCatalogResource.ensure_table)
    _replace(LocalCatalogResource, "ensure_table", ensure)
    gate.begin = mortality.before("catalog.begin", gate.begin)
    gate.publish = mortality.around("catalog.publish", gate.publish)


def _replace(owner: type, name: str, method: Callable[..., Any]) -> None:
    setattr(owner, name, method)


def _statement(run: Callable[..., Any], mortality: Mortality) -> Callable[..., Any]:
    def counted(database: sqlite.Database, statement: str, *values: Any) -> Any:
        if (word := statement.partition(" ")[0]) in WRITES:
            mortality.reach(f"sqlite.{word}")
        return run(database, statement, *values)

    return counted
