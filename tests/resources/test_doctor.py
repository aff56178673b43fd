"""The doctor on a home that is well, and on the same with one thing broken at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from resources.catalog import LocalCatalogResource
from resources.doctor import Check, Finding, Wanted, examine, ok
from resources.doctor_machine import LOCK, look_at_packages, look_at_python, look_at_zone
from resources.environments import settings
from resources.errors import EngineUnavailable, SourceUnreachable
from resources.local.daemon import LOCK_NAME
from resources.local.doctor import local_checks
from resources.local.doctor_engine import look_at_java
from resources.local.ledger import SqliteLedger
from resources.local.registry import SqliteRegistry
from resources.local.secrets import LocalSecrets
from resources.owners import this_process
from spark.tables.forecast import WEEKLY_DEMAND

PASSWORD = "never-to-be-told"
HEAVY = ("java", "engine", "packages")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has worked: something in raw, a published contract, a table, a secret."""
    home = tmp_path_factory.mktemp("doctor") / "home"
    (home / "lake" / "raw" / "pos").mkdir(parents=True)
    SqliteLedger(home / "ledger.db").close()
    registry = SqliteRegistry(home / "registry.db")
    registry.publish("pos", {"name": "pos"}, expected=None, note="first", by="me")
    registry.close()
    catalog = LocalCatalogResource(home=str(home))
    catalog.ensure_table(WEEKLY_DEMAND)
    table = catalog.table(WEEKLY_DEMAND.identifier)
    rows = [{"item_id": "7", "week_start": date(2017, 12, 18), "demand": 2.0}]
    table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))
    catalog.load().engine.dispose()  # type: ignore[attr-defined]
    LocalSecrets(path=str(home / "secrets.json")).publish(
        "shop", {"host": "127.0.0.1", "password": PASSWORD}
    )
    return home


@pytest.fixture
def home(made: Path) -> Iterator[Path]:
    """The home, put back as it was afterwards: its tables know where they are."""
    kept = made.with_name("kept")
    shutil.copytree(made, kept)
    yield made
    shutil.rmtree(made)
    kept.rename(made)


def findings(home: Path, wanted: Wanted | None = None) -> list[tuple[str, Finding]]:
    """What is found, but for what takes seconds and is asked for by itself."""
    chosen = settings({"PRODUCT360_HOME": str(home)})
    checks = local_checks(chosen, wanted or Wanted(secrets=["shop"]), None)
    found = list(examine(check for check in checks if check.name not in HEAVY))
    assert PASSWORD not in repr(found)
    return found


def unwell(home: Path, wanted: Wanted | None = None) -> dict[str, Finding]:
    found = [(name, each) for name, each in findings(home, wanted) if each.state != "ok"]
    assert all(each.fix for _, each in found)
    return dict(found)


def content(home: Path) -> dict[str, tuple[int, str]]:
    """Every file with its time of change and its bytes."""
    return {
        str(path.relative_to(home)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in home.rglob("*")
        if path.is_file()
    }


def test_a_home_that_is_well_is_found_so_and_not_changed(home: Path) -> None:
    before = content(home)
    assert unwell(home) == {}
    assert content(home) == before
    said = {check: each.found for check, each in findings(home)}
    assert said["registry"] == "whole, 1 rows in contract"
    assert said["tables"] == "1 of 1 can be read"
    assert said["secret shop"] == "readable, 2 fields"


def test_a_new_home_is_not_made_and_has_nothing_that_failed(tmp_path: Path) -> None:
    found = unwell(tmp_path / "new")
    assert {each.state for each in found.values()} == {"skipped", "warning"}
    assert found["ledger"].found == "not there: this home is new"
    assert found["tables"].found == "not looked at, because the check 'catalog' was skipped"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_a_ledger_that_was_cut_fails_with_the_way_to_restore_it(kept: int, home: Path) -> None:
    ledger = home / "ledger.db"
    assert ledger.stat().st_size > 5000
    with ledger.open("r+b") as file:
        file.truncate(kept)
    before = content(home)
    found = unwell(home)
    assert set(found) == {"ledger"}
    assert found["ledger"].state == "failed"
    assert "put back ledger.db with its -wal from a backup" in found["ledger"].fix
    # SQLite would make a new ledger of an empty file.
    assert content(home) == before


def test_a_registry_that_is_gone_is_no_new_registry(home: Path) -> None:
    (home / "lake" / "raw" / "pos" / "object").write_bytes(b"1")
    (home / "registry.db").unlink()
    found = unwell(home)
    assert set(found) == {"registry"}
    assert found["registry"].found == "not there, though the lake holds objects in raw"
    assert "which versions of contracts were published" in found["registry"].expected
    # Nothing fails without it, which is why somebody has to be told.
    assert (found["registry"].state, "registry publish" in found["registry"].fix) == (
        "warning",
        True,
    )
    (home / "ledger.db").unlink()
    (home / "catalog.db").unlink()
    found = unwell(home)
    assert found["ledger"].state == found["catalog"].state == "failed"
    assert found["ledger"].fix.endswith("begin anew with another PRODUCT360_HOME")
    assert not (home / "registry.db").exists()


def test_a_registry_without_a_table_names_it(home: Path) -> None:
    connection = sqlite3.connect(home / "registry.db")
    connection.execute("DROP TABLE switches")
    connection.close()
    assert unwell(home)["registry"].found == "no table switches in it"


def test_a_damaged_catalog_leaves_its_tables_unasked(home: Path) -> None:
    catalog = home / "catalog.db"
    catalog.write_bytes(b"no database at all".ljust(8192, b"."))
    found = unwell(home)
    assert found["catalog"].state == "failed"
    assert "is not a database" in found["catalog"].found
    assert (found["tables"].state, found["tables"].found) == (
        "skipped",
        "not looked at, because the check 'catalog' failed",
    )


def test_a_table_whose_file_is_gone_names_the_file(home: Path) -> None:
    [lost] = (home / "lake" / "forecast").rglob("*.parquet")
    lost.unlink()
    found = unwell(home)["tables"]
    assert (found.thing, found.state) == (f"table {WEEKLY_DEMAND.identifier}", "failed")
    assert "FileNotFoundError" in found.found
    assert f"product360 rollback {WEEKLY_DEMAND.identifier} --to" in found.fix


def test_a_home_that_is_a_file_or_has_a_strange_name_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert unwell(tmp_path / "file" / "home")["home"].found.endswith("file is a file")
    strange = unwell(tmp_path / "my home")["home"]
    assert "PRODUCT360_HOME" in strange.fix
    assert "' '" in strange.found


def test_secrets_that_others_can_read_fail_and_unpublished_ones_are_warned_of(home: Path) -> None:
    (home / "secrets.json").chmod(0o644)
    found = unwell(home, Wanted(secrets=["shop", "stock"], databases=["shop", "stock"]))
    assert found["secrets file"].state == "failed"
    assert found["secrets file"].fix.startswith("chmod 600")
    assert found["secret stock"].state == "warning"
    # It is no database without a port and a name.
    assert found["database shop"].state == found["database stock"].state == "skipped"
    (home / "secrets.json").write_text(json.dumps({"shop": [PASSWORD]}))
    assert "publish the secret again" in unwell(home)["secret shop"].fix


def test_a_daemon_at_work_on_the_home_is_named(home: Path) -> None:
    # The lock belongs to the open file, so that this process may stand for another one.
    with (home / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(json.dumps(asdict(this_process("a daemon"))))
        lock.flush()
        found = dict(findings(home))["daemon"]
        assert (found.state, f"process {os.getpid()} on" in found.found) == ("ok", True)
        assert found.found.endswith("a second one would be refused")
    assert dict(findings(home))["daemon"].found == "no daemon is at work on it"


def test_packages_are_compared_with_those_that_are_locked(tmp_path: Path) -> None:
    [well] = look_at_packages(LOCK)
    assert well.state == "ok"
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "typer==0.0.1 \\\n    --hash=sha256:00\n    # via product360\n"
        "elsewhere==1.0 ; sys_platform == 'none' \\\n    --hash=sha256:00\n"
    )
    [other] = look_at_packages(lock)
    assert other.state == "warning"
    assert "(locked: 0.0.1)" in other.found
    assert other.fix.endswith("--require-hashes -r requirements.lock")
    lock.write_text("nobody-made-this==1.0\n")
    [missing] = look_at_packages(lock)
    assert (missing.state, missing.found) == (
        "failed",
        "nobody-made-this missing (locked: 1.0)",
    )
    [elsewhere] = look_at_packages(tmp_path / "none")
    assert elsewhere.state == "skipped"


def test_another_python_than_the_project_is_made_for_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    [found] = look_at_python()
    assert found == ok("Python", f"{sys.version.split()[0]} at {sys.executable}")
    monkeypatch.setattr("platform.python_version", lambda: "3.13.1")
    [found] = look_at_python()
    assert (found.state, found.expected) == ("failed", "<3.13,>=3.11")


def test_a_zone_that_means_nothing_is_warned_of() -> None:
    [wrong] = look_at_zone("Europe/Atlantis")
    assert wrong.state == "warning"
    assert "UTC is taken silently" in wrong.found
    zones = (None, "Europe/Berlin", ":UTC")
    assert {each.state for zone in zones for each in look_at_zone(zone)} == {"ok"}


def test_no_java_is_a_failure_where_spark_is_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.local.java._packaged_java", lambda: None)
    [found] = look_at_java("sail", str(tmp_path))
    assert found.state == "skipped"
    assert "no bin/java in it" in found.found
    chosen = settings({"PRODUCT360_HOME": str(tmp_path), "PRODUCT360_ENGINE": "spark"})
    checks = [c for c in local_checks(chosen, Wanted(), str(tmp_path)) if c.name in HEAVY]
    java, engine = examine(checks)
    assert java[1].state == "failed"
    assert "spark-engine" in java[1].fix
    assert engine[1].found == "not looked at, because the check 'java' failed"


def test_a_check_that_fails_or_is_skipped_takes_along_all_that_need_it() -> None:
    def broken() -> list[Finding]:
        raise EngineUnavailable("engine", found="none", expected="one", next_move="get one")

    def away() -> list[Finding]:
        raise SourceUnreachable("source", found="none", expected="one", next_move="start it")

    checks = [
        Check("a", broken),
        Check("b", lambda: [ok("b", "never asked")], needs=("a",)),
        Check("c", lambda: [ok("c", "never asked")], needs=("b",)),
        Check("d", lambda: [ok("d", "well"), Finding("d", "warning", "half", "all", "mend it")]),
        Check("e", lambda: [ok("e", "well")], needs=("d",)),
        Check("f", away),
    ]
    found = [(name, each.state) for name, each in examine(checks)]
    assert found == [
        ("a", "failed"),
        ("b", "skipped"),
        ("c", "skipped"),
        ("d", "ok"),
        ("d", "warning"),
        ("e", "ok"),
        ("f", "failed"),
    ]
