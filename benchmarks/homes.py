"""Homes to measure in: one that was landed and put aside, and copies of it to work on.

Every measured run begins with the same bytes at the same path, because paths are part of what the
ledger and the tables remember. The hazard: the machine writes back what a copy has left in memory
while the next run is measured. So a copy is synced before anything starts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

from benchmarks.measure import Measured, measured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from resources.catalog import CatalogResource
    from resources.ledger import Ledger

REPOSITORY = Path(__file__).parents[1]


# Where it is set, every process compiles thousands of modules; that is not the platform's cost.
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
OWN_PACKAGES = ("product360_assets", "resources", "spark", "demo", "benchmarks")


class BenchmarkFailed(Exception):
    """A measured command failed, or two sides that must agree do not; nothing is reported."""


@dataclass(frozen=True)
class Home:
    """One home of the platform at `path`, worked on at a scale and by an engine."""

    path: Path
    scale: str
    engine: str = "sail"

    @property
    def environment(self) -> dict[str, str]:
        """The process environment of everything that works in this home."""
        kept = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
        return {
            **kept,
            "PRODUCT360_ENV": "local",
            "PRODUCT360_HOME": str(self.path),
            "DAGSTER_HOME": str(self.path / "dagster"),
            "PRODUCT360_ENGINE": self.engine,
            "SCALE": self.scale,
        }

    def make(self) -> None:
        """Make it empty, whatever was there, with Dagster set up as `make demo` sets it up."""
        shutil.rmtree(self.path, ignore_errors=True)
        (self.path / "dagster").mkdir(parents=True)
        shutil.copy(REPOSITORY / "dagster.yaml", self.path / "dagster" / "dagster.yaml")

    def replace_by(self, original: Path) -> None:
        """Make it a copy of another home."""
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(original, self.path, symlinks=True)
        os.sync()

    def run(self, *arguments: str, deadline: float | None = None) -> Measured:
        """Measure one command of this Python in the home.

        Raises:
            BenchmarkFailed: it failed, or did not end before the deadline.
        """
        work = self.path / "measured"
        work.mkdir(parents=True, exist_ok=True)
        found = measured(
            [sys.executable, *arguments],
            environment=self.environment,
            folder=work,
            deadline=deadline,
        )
        if found.status != 0:
            last = (work / "log").read_text(errors="replace")[-3000:]
            raise BenchmarkFailed(f"{' '.join(arguments[:2])}: exit status {found.status}\n{last}")
        return found

    @contextmanager
    def company(self) -> Iterator[None]:
        """The demo company at work, outside of whatever is measured."""
        self._demo("up")
        try:
            yield
        finally:
            self._demo("down")

    def let_year_end(self) -> None:
        """What is left of the company's year happens in its databases, which are up."""
        self._demo("advance", "--rest-of-year")

    def let_day_pass(self) -> None:
        """After its year one day more happens in the company's databases, which are up."""
        self._demo("advance")

    def resources(self) -> Mapping[str, Any]:
        """The platform's resources, looking at this home."""
        from resources.environments import platform_resources

        with patch.dict(os.environ, self.environment):
            return platform_resources()

    def catalog(self) -> CatalogResource:
        """The catalog of published tables."""
        return cast("CatalogResource", self.resources()["catalog"])

    def ledger(self) -> Ledger:
        """The batch ledger."""
        ledger: Ledger = self.resources()["ledger"].open()
        return ledger

    def snapshots(self) -> int:
        """How many snapshots all published tables have together."""
        catalog = self.catalog()
        return sum(len(catalog.table(each).snapshots()) for each in catalog.identifiers())

    def zone_size(self, zone: str) -> tuple[int, int]:
        """Files of a zone that hold data, and their bytes; manifests of raw are none."""
        return folder_size(self.path / "lake" / zone)

    def _demo(self, *words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "demo", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BenchmarkFailed(f"python -m demo {words[0]}: {done.stdout}{done.stderr}")


def compile_everything() -> None:
    """Leave bytecode of all packages behind, as the first use of an installation does."""
    kept = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    packages = [sysconfig.get_path("purelib"), *(str(REPOSITORY / name) for name in OWN_PACKAGES)]
    # Some packages carry files that this Python cannot compile; nobody imports those.
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-j", "0", *packages],
        env=kept,
        stdout=subprocess.DEVNULL,
        check=False,
    )


def folder_size(folder: Path) -> tuple[int, int]:
    """Files below a folder, and their bytes; folders that are no data begin with "_" or "."."""
    sizes = [
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(("_", "."))
    ]
    return len(sizes), sum(sizes)


def move_files(files: Sequence[Path], source: Path, target: Path) -> None:
    """Move files from below one folder to the same place below another."""
    for file in files:
        moved = target / file.relative_to(source)
        moved.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, moved)
