"""The zip that goes to a cluster: whole, runnable, and equal wherever it is made."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from spark.bundle import PACKAGE, bundle, code_version


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of four files."""
    root = tmp_path / "spark"
    (root / "jobs").mkdir(parents=True)
    for name in ("__init__.py", "cli.py", "jobs/__init__.py", "jobs/clean.py"):
        (root / name).write_text(f"# {name}\n")
    return root


def test_it_holds_every_python_file_and_nothing_else(package: Path) -> None:
    (package / "notes.txt").write_text("not code")
    (package / "jobs" / "__pycache__").mkdir()
    (package / "jobs" / "__pycache__" / "clean.pyc").touch()
    with zipfile.ZipFile(BytesIO(bundle(package))) as archive:
        assert archive.namelist() == [
            "spark/__init__.py",
            "spark/cli.py",
            "spark/jobs/__init__.py",
            "spark/jobs/clean.py",
        ]
        assert archive.read("spark/jobs/clean.py") == b"# jobs/clean.py\n"


def test_dates_and_rights_of_the_files_do_not_show(package: Path) -> None:
    before = bundle(package)
    os.utime(package / "cli.py", (0, 0))
    (package / "cli.py").chmod(0o600)
    assert bundle(package) == before


def test_the_version_is_the_hash_of_the_bytes_and_sees_every_change(package: Path) -> None:
    before = code_version(package)
    assert before == hashlib.sha256(bundle(package)).hexdigest()[:16]
    (package / "cli.py").write_text("# cli.py \n")
    changed = code_version(package)
    (package / "cli.py").rename(package / "main.py")
    assert len({before, changed, code_version(package)}) == 3


def test_the_real_bundle_runs_from_the_zip_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.zip"
    path.write_bytes(bundle())
    code = "import spark, spark.cli, spark.tables; print(spark.__file__, spark.cli.job_names())"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(path)!r}); {code}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.startswith(str(path))
    jobs = [file.stem for file in (PACKAGE / "jobs").glob("[!_]*.py")]
    assert all(repr(job) in done.stdout for job in jobs)
