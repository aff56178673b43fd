"""What runs for a home: written down before it matters, so that leftovers can be found.

Three files in the home's `company` folder: `lock`, held while something is started or stopped;
`state.json`, what was started and for whom; `home.json`, the scale the home belongs to. The hazard:
a state without its processes, and processes without their state, both happen after a kill; readers
check every process by number and start time.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from demo.processes import Process
from demo.settings import Scale
from resources.errors import HomeMismatch
from resources.polling import wait_until

# A start at full scale takes a minute or two, and its lock with it.
_LOCK_SECONDS: Final = 300.0


@dataclass(frozen=True)
class CompanyState:
    """What was started.

    Attributes:
        owner: the process it was started for; None when it stays until it is told to stop.
        processes: by name; PostgreSQL is known by its own pid file instead.
        ports: by name, once everything answers; none before.
        rows: rows by table of every system, as `system.table`.
    """

    scale: Scale
    owner: Process | None
    processes: Mapping[str, Process] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)


class StateFiles:
    """The files of one home's company."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = folder / "state.json"
        self._home = folder / "home.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else starts or stops this company meanwhile; a dead holder holds nothing.

        Raises:
            DeadlineExceeded: somebody held it for minutes.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            wait_until(
                lambda: _try_lock(descriptor),
                deadline_seconds=_LOCK_SECONDS,
                what=f"the lock of the demo company in {self.folder}",
                interval_seconds=0.05,
            )
            yield
        finally:
            os.close(descriptor)

    def read(self) -> CompanyState | None:
        """What was started last and not stopped since."""
        document = _document(self._state)
        return None if document is None else _state_of(document)

    def write(self, state: CompanyState) -> None:
        """Write down what has been started."""
        document = {
            "scale": state.scale,
            "owner": _shown(state.owner),
            "processes": {name: _shown(process) for name, process in state.processes.items()},
            "ports": dict(state.ports),
            "rows": dict(state.rows),
        }
        _replace(self._state, document)

    def clear(self) -> None:
        """Nothing runs any more."""
        self._state.unlink(missing_ok=True)

    def claim(self, scale: Scale) -> None:
        """Make this home one of that scale, for ever.

        Raises:
            HomeMismatch: it belongs to another.
        """
        claimed = (_document(self._home) or {}).get("scale")
        if claimed is None:
            _replace(self._home, {"scale": scale})
        elif claimed != scale:
            raise HomeMismatch(
                f"home {self.folder.parent}",
                found=f"the demo company at scale {claimed}",
                expected=f"none, or one at scale {scale}",
                next_move=f"make clean to remove what is there, make demo SCALE={claimed} to go on "
                "with it, or choose another folder with PRODUCT360_HOME",
            )


def _try_lock(descriptor: int) -> bool | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return True


def _document(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return document if isinstance(document, dict) else None


def _replace(path: Path, document: Mapping[str, object]) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def _state_of(document: Mapping[str, Any]) -> CompanyState:
    owner = document["owner"]
    return CompanyState(
        scale=document["scale"],
        owner=None if owner is None else Process(**owner),
        processes={name: Process(**shown) for name, shown in document["processes"].items()},
        ports=document["ports"],
        rows=document["rows"],
    )


def _shown(process: Process | None) -> dict[str, float] | None:
    return None if process is None else {"pid": process.pid, "started": process.started}
