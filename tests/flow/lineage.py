"""One run of the demo in a home of its own, and ways to look at what it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Lineage:
    """One home in which the demo ran, and ways to look at it."""

    home: Path
    engine: str
    scale: str = "smoke"

    @property
    def told(self) -> Path:
        """The file that keeps what the first demo printed, where somebody wrote it down."""
        return self.home / "told.txt"

    @property
    def environment(self) -> dict[str, str]:
        """The process environment of everything that works in this home."""
        return {
            **os.environ,
            "PRODUCT360_HOME": str(self.home),
            "DAGSTER_HOME": str(self.home / "dagster"),
            "PRODUCT360_ENGINE": self.engine,
            "SCALE": self.scale,
        }

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run this Python with arguments, from the repository."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=540 if self.scale == "smoke" else 3_000,
            check=False,
        )

    def demo(self) -> str:
        """Run `make demo`'s command to its end and return what it printed."""
        done = self.python("-m", "demo")
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the product360 command."""
        return self.python("-m", "product360_assets.cli", *arguments)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of one query, through the command that a reader uses."""
        done = self.command("query", sql, "--format", "json")
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    def resources(self) -> Mapping[str, Any]:
        """The platform's resources, looking at this home."""
        from resources.environments import platform_resources

        with patch.dict(os.environ, self.environment):
            return platform_resources()

    def tables(self) -> list[str]:
        """Identifiers of every table in the catalog."""
        catalog = self.resources()["catalog"].load()
        return sorted(
            ".".join(identifier)
            for namespace in catalog.list_namespaces()
            for identifier in catalog.list_tables(namespace)
        )

    def digests(self) -> dict[str, str]:
        """Content digest of every table."""
        catalog = self.resources()["catalog"]
        return {table: catalog.digest(table) for table in self.tables()}

    def snapshots(self) -> dict[str, list[str]]:
        """Snapshot ids of every table, newest first."""
        catalog = self.resources()["catalog"]
        return {
            table: [summary["snapshot-id"] for summary in catalog.snapshot_summaries(table)]
            for table in self.tables()
        }
