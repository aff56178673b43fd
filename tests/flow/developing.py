"""The UI and its daemon on a finished demo, in a checkout that leads to no other home."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from lineage import REPOSITORY, Lineage

PATIENCE_SECONDS = 300


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@contextmanager
def checkout_apart() -> Iterator[Path]:
    """A checkout without `.env`, which would lead Dagster to another home."""
    with tempfile.TemporaryDirectory(prefix="product360-checkout-") as folder:
        # PostgreSQL runs its programs from here as a user of its own, where we are root.
        Path(folder).chmod(0o755)
        for path in REPOSITORY.iterdir():
            if path.name not in {".env", ".git", ".product360"}:
                (Path(folder) / path.name).symlink_to(path)
        yield Path(folder)


@contextmanager
def developing(
    lineage: Lineage, checkout: Path, command: Sequence[str], port: int
) -> Iterator[str]:
    """Address of the UI that the command serves in the lineage's home, until the block ends."""
    log = lineage.home / "dev.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            command,
            cwd=checkout,
            env=lineage.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for_ui(f"http://127.0.0.1:{port}", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGINT)
                try:
                    server.wait(60)
                except subprocess.TimeoutExpired:
                    os.killpg(server.pid, signal.SIGKILL)


def ask(address: str, query: str) -> Any:
    """What the UI's GraphQL answers."""
    answer = httpx.post(f"{address}/graphql", json={"query": query}, timeout=120).json()
    assert "errors" not in answer, answer
    return answer["data"]


def _wait_for_ui(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert server.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < deadline, "the UI did not come up"
        try:
            if httpx.get(f"{address}/server_info").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
