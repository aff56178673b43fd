"""What is asked of any machine that runs the platform: its Python, packages, clock and zones.

The hazard is a package that is there in another version than the locked one: everything starts, and
one function answers otherwise. So each locked package is compared, also those nobody names.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from resources.doctor import Check, Finding, ok

DISTRIBUTION = "product360"
LOCK = Path(__file__).parents[1] / "requirements.lock"
INSTALL = ".venv/bin/uv pip install -p .venv/bin/python --require-hashes -r requirements.lock"
NAMED = 8
_LOCKED = re.compile(r"^(?P<requirement>[A-Za-z0-9][^\\#]*)", re.MULTILINE)


def machine_checks(zone: str | None, lock: Path = LOCK) -> list[Check]:
    """The checks of this machine.

    Args:
        zone: what the variable TZ says.
        lock: the file of locked packages.
    """
    return [
        Check("python", look_at_python),
        Check("packages", lambda: look_at_packages(lock), needs=("python",)),
        Check("time zone", lambda: look_at_zone(zone)),
    ]


def look_at_python() -> Iterator[Finding]:
    """Whether this Python is one that the project is made for."""
    from packaging.specifiers import SpecifierSet

    found = platform.python_version()
    try:
        wanted = metadata(DISTRIBUTION)["Requires-Python"]
    except PackageNotFoundError:
        yield Finding(
            "Python",
            "failed",
            f"{found} without the project {DISTRIBUTION}",
            "a Python into which the project was installed",
            "make install, then .venv/bin/product360 doctor",
        )
        return
    if found in SpecifierSet(wanted):
        yield ok("Python", f"{found} at {sys.executable}")
    else:
        yield Finding(
            "Python",
            "failed",
            f"{found} at {sys.executable}",
            wanted,
            "rm -rf .venv && make install, with a Python that fits in PATH",
        )


def look_at_packages(lock: Path) -> Iterator[Finding]:
    """Whether what is installed is what is locked."""
    thing = "locked packages"
    if not lock.is_file():
        yield Finding(
            thing,
            "skipped",
            f"no {lock}: this is no checkout of the project",
            "requirements.lock beside the code",
            "run the doctor where the project was cloned",
        )
        return
    locked = dict(_locked(lock.read_text(encoding="utf-8")))
    installed = {name: _installed(name) for name in locked}
    wrong = [
        f"{name} {installed[name] or 'missing'} (locked: {locked[name]})"
        for name in locked
        if installed[name] != locked[name]
    ]
    if not wrong:
        yield ok(thing, f"all {len(locked)} as locked")
        return
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    is_missing = any(installed[name] is None for name in locked)
    yield Finding(
        thing,
        "failed" if is_missing else "warning",
        f"{', '.join(wrong[:NAMED])}{more}",
        "the versions in requirements.lock, which everything was tested with",
        INSTALL,
    )


def look_at_zone(zone: str | None) -> Iterator[Finding]:
    """Whether the zone of this machine means something; what is stored is UTC in any case."""
    if zone:
        try:
            # A colon says that a file of the zone's name is meant.
            ZoneInfo(zone.removeprefix(":"))
        except (ZoneInfoNotFoundError, ValueError):
            yield Finding(
                "time zone",
                "warning",
                f"TZ={zone!r}, which is no zone that this machine knows, so UTC is taken silently",
                "a name of the IANA database, such as Europe/Berlin, or no TZ",
                "unset TZ, or correct it; on a bare image also apt-get install tzdata",
            )
            return
    now = datetime.now(UTC).astimezone()
    yield ok("time zone", f"{now:%Z} ({now:%z}); it is {datetime.now(UTC):%Y-%m-%d %H:%M} in UTC")


def _locked(text: str) -> Iterator[tuple[str, str]]:
    """Name and version of every package that the lock file asks of this machine."""
    from packaging.requirements import Requirement

    for match in _LOCKED.finditer(text):
        requirement = Requirement(match["requirement"].strip())
        if requirement.marker is None or requirement.marker.evaluate():
            (pin,) = requirement.specifier
            yield requirement.name, pin.version


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
