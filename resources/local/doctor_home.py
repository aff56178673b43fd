"""The home of the local environment: its name, its disk, whether it can be written, and its daemon.

The hazard is a question that changes the answer: a file made to see whether one can be made. What
is made here never has a name, and the system removes it with the process.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from resources.catalog import LocalCatalogResource
from resources.doctor import Finding, ok
from resources.errors import HomeTaken
from resources.storage import megabytes, writing_to

# Below the first, a small run does not fit any more; below the second, a large one.
FULL_BYTES = 500_000_000
SCARCE_BYTES = 5_000_000_000


def look_at_home(home: Path) -> Iterator[Finding]:
    """Whether the home can be written, and every engine understands its name.

    Raises:
        SettingInvalid: its path holds what an engine reads otherwise.
        StorageReadOnly: it cannot be written.
        StorageFull: there is no room for a single file.
    """
    thing = f"home {home}"
    LocalCatalogResource(home=str(home)).location("raw", "any")
    there = existing(home)
    if not there.is_dir():
        yield Finding(
            thing,
            "failed",
            f"{there} is a file",
            "a folder, or a place where one can be made",
            "choose a folder with PRODUCT360_HOME",
        )
        return
    with writing_to(home), tempfile.TemporaryFile(dir=there) as file:
        file.write(b"\0" * 4096)
        file.flush()
    yield ok(thing, "can be written" if there == home else f"not made yet; {there} can be written")


def look_at_disk(home: Path) -> Iterator[Finding]:
    """Whether the disk of the home has room."""
    disk = shutil.disk_usage(existing(home))
    thing, free = f"disk of {home}", f"{megabytes(disk.free)} of {megabytes(disk.total)} are free"
    if disk.free >= SCARCE_BYTES:
        yield ok(thing, free)
        return
    yield Finding(
        thing,
        "failed" if disk.free < FULL_BYTES else "warning",
        free,
        f"{megabytes(SCARCE_BYTES)} or more",
        "make room there, or choose a folder on another disk with PRODUCT360_HOME",
    )


def look_at_daemon(home: Path) -> Iterator[Finding]:
    """Whether a daemon is at work on the home; one is well, and a second would be refused."""
    from resources.local.daemon import expect_no_daemon

    try:
        expect_no_daemon(home, patience_seconds=0.0)
    except HomeTaken as taken:
        yield ok(taken.thing, f"{taken.found}; a second one would be refused")
    except PermissionError:
        yield Finding(
            f"home {home}",
            "warning",
            f"daemon.lock belongs to another user than number {os.geteuid()}",
            "one user for everything on a home",
            "run as the owner of the home, or choose another with PRODUCT360_HOME",
        )
    else:
        yield ok(f"home {home}", "no daemon is at work on it")


def look_at_secrets_file(path: Path) -> Iterator[Finding]:
    """Whether only its owner can read the file of secrets."""
    thing = f"file of secrets {path}"
    if not path.exists():
        yield Finding(
            thing,
            "skipped",
            "not there: nobody has published a secret",
            "the connections of sources that are running",
            "start the sources (the demo company: python -m demo up)",
        )
    elif mode := path.stat().st_mode & 0o077:
        yield Finding(
            thing,
            "failed",
            f"others than its owner may use it (mode {path.stat().st_mode & 0o777:o}, "
            f"of which {mode:o} is too much)",
            "a file that only its owner can read",
            f"chmod 600 {path}; whoever could read it may have: change what is in it",
        )
    else:
        yield ok(thing, "only its owner can read it")


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())
