"""One published table without a subject: under its lock, off its branches, and after a death."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from customers import customers

from product360_assets.governance import table_erasure
from product360_assets.governance.table_erasure import TableEraser
from resources.audit_branches import begin, head_of, publish, waiting
from resources.audit_commits import branch_table
from resources.catalog import LocalCatalogResource
from resources.errors import TableMoved
from resources.local.ledger import SqliteLedger
from resources.locks import holding
from resources.objects import LakeResource
from spark.tables.curated import CUSTOMER

HOW = (CUSTOMER, "household_id", "remove")
NAME = CUSTOMER.identifier


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalogResource:
    """A catalog with three customers, of whom 1228 will be erased."""
    catalog = LocalCatalogResource(home=str(tmp_path))
    catalog.ensure_table(CUSTOMER)
    catalog.table(NAME).append(customers(catalog, 1, 1228, 3))
    return catalog


@pytest.fixture
def make_eraser(tmp_path: Path, catalog: LocalCatalogResource) -> Callable[..., TableEraser]:
    """Makes the eraser of household 1228."""

    def make(log: Callable[[str], None] = lambda _: None) -> TableEraser:
        ledger = SqliteLedger(tmp_path / "ledger.db")
        lake = LakeResource(uri=f"file://{tmp_path}/lake")
        return TableEraser("1228", "erasures/customer/00aa", ledger, lake, catalog, "code", log)

    return make


def on_disk(tmp_path: Path) -> set[int]:
    """Keys in whatever Parquet file lies under curated, by a reader of this test's own."""
    files = (tmp_path / "lake" / "curated").rglob("*.parquet")
    return {key for file in files for key in pq.read_table(file)["household_id"].to_pylist()}


def test_who_publishes_the_table_is_waited_for(
    tmp_path: Path, make_eraser: Callable[..., TableEraser]
) -> None:
    publishing, done = threading.Event(), threading.Event()

    def publishes() -> None:
        ledger = SqliteLedger(tmp_path / "ledger.db")
        with holding(ledger, NAME, work="run 7", log=lambda _: None):
            publishing.set()
            done.wait(30)

    told: list[str] = []

    def log(line: str) -> None:
        told.append(line)
        if line.startswith("waiting for"):
            assert 1228 in on_disk(tmp_path), "nothing was touched meanwhile"
            done.set()

    publisher = threading.Thread(target=publishes)
    publisher.start()
    assert publishing.wait(30)
    cleared = make_eraser(log).clear(*HOW)
    publisher.join()

    assert told[0].startswith(f"waiting for {NAME}: ")
    assert "run 7" in told[0]
    assert cleared.rows == 1
    assert on_disk(tmp_path) == {1, 3}


def test_what_waits_on_a_branch_goes_too_and_is_not_published_afterwards(
    tmp_path: Path, catalog: LocalCatalogResource, make_eraser: Callable[..., TableEraser]
) -> None:
    branch = begin(catalog, NAME, "commit")
    branch_table(catalog, branch).append(customers(catalog, 1228, 4))
    refused = head_of(catalog, branch)
    assert refused is not None

    make_eraser().clear(*HOW)

    assert waiting(catalog, NAME) == {}
    assert on_disk(tmp_path) == {1, 3}
    with pytest.raises(TableMoved):
        publish(catalog, branch, refused)
    assert sorted(catalog.table(NAME).scan().to_arrow()["household_id"].to_pylist()) == [1, 3]


@pytest.mark.parametrize("is_written_down", [True, False])
def test_files_are_written_down_before_what_names_them_goes(
    is_written_down: bool,
    tmp_path: Path,
    make_eraser: Callable[..., TableEraser],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(TableEraser, "_delete", die)
        if not is_written_down:
            patched.setattr(table_erasure, "intend", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            make_eraser().clear(*HOW)

    make_eraser().clear(*HOW)

    assert on_disk(tmp_path) == ({1, 3} if is_written_down else {1, 1228, 3})


def test_no_manifest_says_the_key_as_the_greatest_of_a_file_that_is_gone(
    tmp_path: Path,
    catalog: LocalCatalogResource,
    make_eraser: Callable[..., TableEraser],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(TableEraser, "_forget", lambda *_: False)
        make_eraser().clear(*HOW)
    assert on_disk(tmp_path) == {1, 3}
    assert "1228" in manifest_bounds(catalog)

    make_eraser().clear(*HOW)

    assert manifest_bounds(catalog) == {"1", "3"}
    assert sorted(catalog.table(NAME).scan().to_arrow()["household_id"].to_pylist()) == [1, 3]


def manifest_bounds(catalog: LocalCatalogResource) -> set[str]:
    """Bounds of households in what the snapshots' manifests say, by PyIceberg's own table of it."""
    table = catalog.table(NAME)
    told = [
        entry["readable_metrics"]["household_id"]
        for snapshot in table.metadata.snapshots
        for entry in table.inspect.entries(snapshot.snapshot_id).to_pylist()
    ]
    return {str(each[side]) for each in told for side in ("lower_bound", "upper_bound")}
