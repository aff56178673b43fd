"""The server itself: a port in use, a folder of root's, a second start."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.os_user import let_walk_to
from demo.postgres import HOST, Postgres, free_port
from resources.errors import ServiceUnavailable


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_answered_with_another(server_folder: Path, taken_port: int) -> None:
    ports = iter([taken_port, taken_port, free_port()])
    server = Postgres(server_folder, choose_port=lambda: next(ports))
    server.initialise()
    try:
        assert server.start() != taken_port
        assert server.process() is not None
    finally:
        server.stop()
    assert server.process() is None
    server.stop()


def test_a_server_that_cannot_start_says_why(server_folder: Path, taken_port: int) -> None:
    server = Postgres(server_folder, choose_port=lambda: taken_port)
    server.initialise()
    with pytest.raises(ServiceUnavailable, match="Address already in use"):
        server.start()


def test_only_its_user_may_enter_its_folder(server_folder: Path) -> None:
    server = Postgres(server_folder)
    server.initialise()
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.folder / "password").stat().st_mode) == 0o600
    first = server.password
    server.initialise()
    assert server.password != first


def test_a_folder_is_opened_for_walking_through_and_no_more(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    let_walk_to(closed / "file")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701
