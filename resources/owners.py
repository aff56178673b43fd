"""Who holds something: a process of a machine, told from a later one that was given its number.

The hazard is a process id that has been used again. So an owner is known by its start time as well:
a process that is alive under the number and began at another time is somebody else.
"""

from __future__ import annotations

import os
import pwd
import socket
from dataclasses import dataclass

# The start time is computed from the machine's boot time, which may be told a little differently
# the next time; a number comes round again much later than this.
_SAME_START_SECONDS = 2.0


@dataclass(frozen=True)
class Owner:
    """One process at work.

    Attributes:
        host: the machine's name.
        started: when the process began, in seconds since 1970.
        work: what it does there, such as the id of a Dagster run.
    """

    host: str
    pid: int
    started: float
    work: str

    def __str__(self) -> str:
        return f"{self.work} (process {self.pid} on {self.host})"


def this_process(work: str) -> Owner:
    """This process, at this work."""
    import psutil

    pid = os.getpid()
    return Owner(socket.gethostname(), pid, psutil.Process(pid).create_time(), work)


def operator() -> str:
    """Who runs this process, as others are told: user@machine."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # Containers run as users that nobody has named.
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def is_gone(owner: Owner) -> bool:
    """Whether that very process has surely ended; of another machine's nobody can tell."""
    import psutil

    if owner.host != socket.gethostname():
        return False
    try:
        process = psutil.Process(owner.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(process.create_time() - owner.started) >= _SAME_START_SECONDS
    except psutil.NoSuchProcess:
        return True
