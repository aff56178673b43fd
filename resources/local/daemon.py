"""One daemon for each home: a second one, however it was started, is refused with the first named.

Two daemons would start every run twice and end each other's. A daemon shows itself by its first
heartbeat, before it does anything; so that is where it takes the home, by a lock of the operating
system on `daemon.lock`, which ends with the process however that ends. The file says who holds it.

The hazard is a name out of date: a file outlives its writer. Only the lock says that the home is
taken; the name is read when it is.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._daemon.types import DaemonHeartbeat

from resources.environments import settings
from resources.errors import DeadlineExceeded, HomeTaken
from resources.owners import Owner, this_process
from resources.polling import wait_until

LOCK_NAME = "daemon.lock"
# A daemon that was told to end, and one that only looks who is there, need a moment.
PATIENCE_SECONDS = 5.0

_logger = logging.getLogger("dagster.daemon")
_taking = threading.Lock()
# The homes that this process has taken: closing the file would give the home back.
_taken: dict[Path, int] = {}
# A daemon has many threads; what one was told, the others need not wait for.
_refused: dict[Path, HomeTaken] = {}


def take_home(home: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Make this process the one daemon of a home, until it ends. Again is no error.

    Raises:
        HomeTaken: another daemon works on it; also said once in the daemon's log.
    """
    with _taking:
        if home in _refused:
            raise _refused[home]
        if home in _taken:
            return
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(home / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            wait_until(
                lambda: _try(descriptor, fcntl.LOCK_EX),
                deadline_seconds=patience_seconds,
                what=f"the home {home}",
            )
        except DeadlineExceeded as error:
            os.close(descriptor)
            _refused[home] = home_taken(home, _named(home))
            _logger.error("%s", _refused[home])
            raise _refused[home] from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(this_process("a daemon"))).encode(), 0)
        _taken[home] = descriptor


def expect_no_daemon(home: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Expect a home on which no daemon works.

    Raises:
        HomeTaken: one does.
    """
    with suppress(FileNotFoundError):
        descriptor = os.open(home / LOCK_NAME, os.O_RDONLY)
        try:
            wait_until(
                lambda: _try(descriptor, fcntl.LOCK_SH),
                deadline_seconds=patience_seconds,
                what=f"the home {home}",
            )
        except DeadlineExceeded as error:
            raise home_taken(home, _named(home)) from error
        finally:
            os.close(descriptor)


def home_taken(home: Path, owner: Owner | None) -> HomeTaken:
    """The error for a home on which a daemon works."""
    who = (
        f"process {owner.pid} on {owner.host}" if owner else "a process that has not said its name"
    )
    end = f"kill {owner.pid} on {owner.host}" if owner else "see which process holds daemon.lock"
    return HomeTaken(
        f"home {home}",
        found=f"another daemon at work on it: {who}",
        expected="one daemon for each home: two would start every run twice",
        next_move=f"use the one that runs, or end it (Ctrl-C where it was started, or {end}), or "
        "choose another home with PRODUCT360_HOME",
    )


class OneDaemonRunStorage(SqliteRunStorage):
    """Dagster's runs on SQLite; of two daemons on one home, only the first may say that it lives.

    The hazard: Dagster goes on when a heartbeat fails. So the refusal ends the daemon's thread, as
    nothing but the end of a process does, and Dagster ends a daemon that has lost its threads.
    """

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        """Record that a daemon lives.

        Raises:
            SystemExit: another daemon works on this home.
        """
        try:
            take_home(settings().home)
        except HomeTaken as taken:
            raise SystemExit(1) from taken
        super().add_daemon_heartbeat(daemon_heartbeat)


def _try(descriptor: int, kind: int) -> bool | None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return True


def _named(home: Path) -> Owner | None:
    """Who the file says holds the home; None in the moment before it is written."""
    try:
        return Owner(**json.loads((home / LOCK_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
