"""What a file system refuses, as errors of ours: no room, or no leave to write.

Everything here writes, and every layer wraps what the operating system said in an error of its own
kind: SQLite, SQLAlchemy, PyArrow, PostgreSQL, an engine. So it is looked for along the whole chain
of an error, by number where there is one. The hazard: an engine hands on nothing but text; there
the operating system's own sentence is what counts.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resources.errors import Product360Error, StorageFull, StorageReadOnly

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_SQLITE = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS}
_NO_ROOM = 1_000_000
# SQLSTATE `disk_full` of PostgreSQL.
_POSTGRES_FULL = "53100"


@contextmanager
def writing_to(folder: Path, *, needed: int | None = None) -> Iterator[None]:
    """Turn what the file system refuses in this block into an error of ours.

    Args:
        folder: where is written.
        needed: how many bytes, where the caller knows.

    Raises:
        StorageFull: there is no room.
        StorageReadOnly: the folder cannot be written.
    """
    try:
        yield
    except Exception as error:
        if (refused := refusal_in(error, folder, needed=needed)) is not None:
            raise refused from error
        raise


def refusal_in(
    error: BaseException, folder: Path, *, needed: int | None = None
) -> Product360Error | None:
    """What the file system refused, if that is behind the error; None when it is not.

    An error of ours has said already what it is about.

    Args:
        error: any error.
        folder: where was written, as far as the caller knows.
        needed: how many bytes, as far as the caller knows.
    """
    if isinstance(error, Product360Error):
        return None
    for cause in _chain(error):
        number = _number(cause, folder)
        if number in _FULL or says_full(str(cause)):
            return storage_full(_where(cause, folder), needed=needed)
        if number is not None and number in _READ_ONLY:
            return storage_read_only(_where(cause, folder), os.strerror(number))
    return None


def says_full(text: str) -> bool:
    """Whether an engine's message holds the operating system's word for a full disk."""
    return os.strerror(errno.ENOSPC) in text


def storage_full(folder: Path, *, needed: int | None = None) -> StorageFull:
    """The error of a disk that had no room; `needed` is in bytes."""
    disk = shutil.disk_usage(_existing(folder))
    what = "what was being written" if needed is None else f"the {needed:,} bytes being written"
    return StorageFull(
        f"the disk of {folder}",
        found=f"no room for {what}; {megabytes(disk.free)} of {megabytes(disk.total)} are free now",
        expected="a disk that holds everything the platform writes",
        next_move="make room there, or choose a folder on another disk with PRODUCT360_HOME; "
        "nothing is half written, and the same command goes on where it stopped",
    )


def storage_read_only(
    folder: Path, reason: str, *, setting: str = "PRODUCT360_HOME"
) -> StorageReadOnly:
    """The error of a folder that this user may not write; `reason` in the system's words.

    `setting` is the variable by which another one can be chosen.
    """
    return StorageReadOnly(
        f"the folder {folder}",
        found=f"{reason[:1].lower()}{reason[1:]}, as user number {os.geteuid()}",
        expected="a folder that this user may write to",
        next_move="give it to this user (chown, chmod, or mount it for writing), or choose "
        f"another one with {setting}",
    )


def _number(error: BaseException, folder: Path) -> int | None:
    """The operating system's number of this error, if it has one."""
    if isinstance(error, OSError):
        return error.errno
    if isinstance(error, sqlite3.Error):
        # The low byte is the kind; the rest says more about it.
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if kind == sqlite3.SQLITE_IOERR and shutil.disk_usage(_existing(folder)).free < _NO_ROOM:
            # Without room for its shared memory SQLite cannot even read, and does not say why.
            return errno.ENOSPC
        if kind == sqlite3.SQLITE_CANTOPEN:
            return _why_not_writable(_existing(folder))
        return _SQLITE.get(kind)
    return errno.ENOSPC if getattr(error, "sqlstate", None) == _POSTGRES_FULL else None


def _why_not_writable(folder: Path) -> int | None:
    """SQLite only says that it cannot open a file; the folder knows why."""
    if os.access(folder, os.W_OK):
        return None
    return errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, to the first."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _where(error: BaseException, folder: Path) -> Path:
    """The folder of the file that the error names, else the one that the caller knows."""
    named = getattr(error, "filename", None)
    return Path(named).absolute().parent if isinstance(named, str) else folder


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def megabytes(size: int) -> str:
    """A size in bytes as a person reads it."""
    return f"{size / 1e6:,.0f} MB"
