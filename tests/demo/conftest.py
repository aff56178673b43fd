"""One small company for all tests of this folder: real servers, real files, stopped at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from demo.company import Company, Started
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource, ObjectStore


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that other users may be let into, as the database's user is when root runs it.

    pytest's own folders are no such place: every session of pytest closes them for all sessions.
    """
    with TemporaryDirectory(prefix="product360 ", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.fixture(scope="module")
def own_home() -> Iterator[Path]:
    """A home of one module alone."""
    with folder() as path:
        yield path


@pytest.fixture
def server_folder() -> Iterator[Path]:
    with folder() as path:
        yield path / "postgres"


@pytest.fixture(scope="session")
def company(home: Path) -> Iterator[Started]:
    """The company at the end of its year."""
    smoke = Company(home)
    started = smoke.start("smoke", owned=True)
    smoke.advance()
    yield started
    smoke.stop()


@pytest.fixture
def secrets(company: Started, home: Path) -> LocalSecrets:
    return LocalSecrets(path=str(home / "secrets.json"))


@pytest.fixture
def landing(company: Started, home: Path) -> ObjectStore:
    return LakeResource(uri=f"file://{home}/lake").zone("landing")
