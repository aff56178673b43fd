"""The house rules that no linter knows: where names resolve, and who may know the demo company."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from spark.tables import TABLES

REPOSITORY = Path(__file__).parents[2]

# A word of the demo company's business, and the rooms that are about that business.
COMPANY_WORDS = re.compile(
    r"completejourney|complete_journey|household|basket|\bfuel\b|gasoline|dunnhumby|clickstream"
    r"|campaign|coupon|\bcrm\b|\bpos\b",
    re.IGNORECASE,
)
COMPANY_ROOMS = (
    "demo/",
    "product360_assets/sources/",
    "product360_assets/curated/",
    "spark/transforms/",
    "spark/tables/",
    # One job per published table; its name is a table of this company.
    *(f"spark/jobs/{table.name}.py" for table in TABLES.values()),
)


def python_files() -> list[Path]:
    return sorted(
        path
        for room in ("product360_assets", "resources", "spark", "demo", "infra")
        for path in (REPOSITORY / room).rglob("*.py")
    )


def test_only_the_rooms_about_the_company_know_the_company() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for path in python_files()
        if not str(path.relative_to(REPOSITORY)).startswith(COMPANY_ROOMS)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if COMPANY_WORDS.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("package", ["product360_assets", "resources", "spark", "demo"])
def test_a_generic_package_name_resolves_inside_this_repository(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(REPOSITORY)


def test_no_folder_under_tests_is_a_package() -> None:
    # With one, pytest would import tests/spark as `spark`.
    assert list((REPOSITORY / "tests").rglob("__init__.py")) == []


def test_only_one_place_reads_the_environment() -> None:
    allowed = {"resources/environments.py", "demo/settings.py"}
    readers = {
        str(path.relative_to(REPOSITORY))
        for path in python_files()
        if re.search(r"os\.environ\b|os\.getenv\b|getenv\(", path.read_text())
    }
    assert readers - allowed == set()


def test_no_module_is_named_for_nothing() -> None:
    empty_names = {"utils", "helpers", "common", "misc"}
    assert [path for path in python_files() if path.stem in empty_names] == []


def test_no_module_outgrows_its_subject() -> None:
    long = {
        str(path.relative_to(REPOSITORY)): lines
        for path in python_files()
        if (lines := len(path.read_text().splitlines())) > 300 and "spark/tables" not in str(path)
    }
    assert long == {}


def test_the_changelog_knows_the_version() -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog
    assert f"## [{version}]" in changelog


def test_the_lock_files_name_no_index() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock", "infra/requirements.lock"):
        text = (REPOSITORY / lock).read_text()
        assert "://" not in text, f"{lock} names an address"
        assert "--hash=sha256:" in text


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    locked = (REPOSITORY / "requirements.lock").read_text()
    names = [re.split(r"[\[=<>; ]", line, maxsplit=1)[0] for line in project["dependencies"]]
    assert [name for name in names if not re.search(rf"^{re.escape(name)}==", locked, re.M)] == []
