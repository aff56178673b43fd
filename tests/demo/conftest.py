"""One small company for all tests of this folder: real servers, real files, stopped at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.company import Company, Started
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource, ObjectStore


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def company(home: Path) -> Iterator[Started]:
    smoke = Company(home)
    yield smoke.start("smoke", owned=True)
    smoke.stop()


@pytest.fixture
def secrets(company: Started, home: Path) -> LocalSecrets:
    return LocalSecrets(path=str(home / "secrets.json"))


@pytest.fixture
def landing(company: Started, home: Path) -> ObjectStore:
    return LakeResource(uri=f"file://{home}/lake").zone("landing")
