"""What must hold before the demo begins, asked first: a sentence now instead of a traceback later.

Each function looks at one thing of this machine and raises an error that names it. The hazard is
time: what is free now may be taken a moment later, so whoever writes or listens must still say well
what it met.
"""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from resources.errors import PortTaken, StorageFull
from resources.storage import megabytes, storage_full, storage_read_only

if TYPE_CHECKING:
    from demo.settings import DemoSettings, Scale

# Measured, with as much again to be safe: 123 MB at the end at smoke, 229 MB at the highest at demo
# scale, 1,800 MB at the end at full scale.
NEEDED_MEGABYTES: Final = {"smoke": 250, "demo": 500, "full": 4000}
_LONGEST_COMMAND: Final = 60


def expect_ready(settings: DemoSettings) -> None:
    """Expect everything that the company and the platform need of this machine.

    Raises:
        StorageReadOnly, StorageFull: see `expect_writable` and `expect_room`.
        EngineUnavailable: the chosen engine cannot run here.
    """
    expect_writable(settings.home, setting="PRODUCT360_HOME")
    expect_writable(settings.dagster_home, setting="DAGSTER_HOME")
    expect_room(settings.home, settings.scale)
    expect_engine()


def expect_writable(folder: Path, *, setting: str) -> None:
    """Expect a folder that can be made and written; `setting` is the variable that names it.

    Raises:
        StorageReadOnly: this user may not write there, or it is no folder.
        StorageFull: not even an empty file has room.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise storage_full(folder) from error
        raise storage_read_only(folder, os.strerror(error.errno or 0), setting=setting) from error


def expect_room(home: Path, scale: Scale) -> None:
    """Expect as much free space as this scale needs beyond what the home holds already.

    Raises:
        StorageFull: there is less.
    """
    needed = NEEDED_MEGABYTES[scale] * 1_000_000 - _size_of(home)
    disk = os.statvfs(home)
    free = disk.f_bavail * disk.f_frsize
    if free < needed:
        raise StorageFull(
            f"the disk of {home}",
            found=f"{megabytes(free)} free",
            expected=f"{megabytes(needed)} for the demo at scale {scale}",
            next_move="make room there, choose a folder on another disk with PRODUCT360_HOME, or "
            "take a smaller scale: make demo SCALE=smoke",
        )


def expect_engine() -> None:
    """Expect what the chosen engine needs: nothing for Sail, Java and a jar for Apache Spark.

    Raises:
        EngineUnavailable: it is not there, or broken.
    """
    from resources.environments import inherited_variables
    from resources.environments import settings as platform

    if platform().engine == "spark":
        from resources.local.java import find_java, iceberg_jar

        find_java(inherited_variables().get("JAVA_HOME"))
        iceberg_jar()


def expect_free_port(host: str, port: int) -> None:
    """Expect a port that can be listened on.

    Raises:
        PortTaken: it cannot; the message says who listens on it, where the system tells.
    """
    if (reason := _why_not(host, port)) is None:
        return
    raise PortTaken(
        f"port {port} of {host}",
        found=_holder(port) if reason == errno.EADDRINUSE else os.strerror(reason).lower(),
        expected="a port that the Dagster UI can listen on",
        next_move="end that program, or take another port: "
        f'make dev DEV_OPTIONS="-p {_next_free(host, port)}"',
    )


def _why_not(host: str, port: int) -> int | None:
    """The number of the error with which the system refuses the port; None when it does not."""
    try:
        with socket.create_server((host, port)):
            return None
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL


def _next_free(host: str, port: int) -> int:
    """The next port that can be listened on; 0, which means any, where none is near."""
    candidates = range(max(port, 1023) + 1, min(port + 100, 65536))
    return next((one for one in candidates if _why_not(host, one) is None), 0)


def _holder(port: int) -> str:
    """Who listens on a port, in words."""
    import psutil

    try:
        pid = next(
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and port in connection.laddr
        )
        command = " ".join(psutil.Process(pid).cmdline())[:_LONGEST_COMMAND]
    except (StopIteration, psutil.Error):
        return "another program that listens on it"
    return f"process {pid} that listens on it: {command}"


def _size_of(folder: Path) -> int:
    """Bytes that the folder takes on disk; what vanishes meanwhile counts nothing."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(parent, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return size
