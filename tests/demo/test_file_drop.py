from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.file_drop import Delivered, FileDrop, Parcel
from resources.errors import ServiceUnavailable
from resources.objects import LakeResource, ObjectStore


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return LakeResource(uri=f"file://{tmp_path}/lake").zone("landing")


def parcels(drop: FileDrop, *names: str) -> Iterator[Parcel]:
    for name in names:
        path = drop.outbox / name
        path.write_text(f"rows of {name}")
        yield Parcel(f"shop/prices/{name}", path, rows=2)


def test_a_delivery_is_put_under_its_keys_and_remembered(
    store: ObjectStore, tmp_path: Path
) -> None:
    drop = FileDrop(store, tmp_path / "outbox")
    assert drop.delivered("shop/prices/") is None
    done = drop.deliver("shop/prices/", parcels(drop, "a.csv", "b.csv"))
    assert done == Delivered("shop/prices/", files=2, rows=4, size=26)
    assert [info.key for info in store.list()] == ["shop/prices/a.csv", "shop/prices/b.csv"]
    assert [path.suffix for path in drop.outbox.iterdir()] == [".json"]
    assert FileDrop(store, drop.outbox).delivered("shop/prices/") == done


def test_a_delivery_that_was_cut_short_goes_on_where_it_was(
    store: ObjectStore, tmp_path: Path
) -> None:
    drop = FileDrop(store, tmp_path / "outbox")
    stopping = FileDrop(store, tmp_path / "outbox")

    def until_stopped() -> Iterator[Parcel]:
        yield from parcels(stopping, "a.csv")
        stopping.cancel()
        yield from parcels(stopping, "b.csv")

    with pytest.raises(ServiceUnavailable, match="being stopped"):
        stopping.deliver("shop/prices/", until_stopped())
    assert drop.delivered("shop/prices/") is None
    first = store.head("shop/prices/a.csv")
    drop.deliver("shop/prices/", parcels(drop, "a.csv", "b.csv"))
    assert store.head("shop/prices/a.csv") == first
    assert len(list(store.list())) == 2


def test_a_lake_that_was_removed_gets_its_delivery_again(
    store: ObjectStore, tmp_path: Path
) -> None:
    drop = FileDrop(store, tmp_path / "outbox")
    drop.deliver("shop/prices/", parcels(drop, "a.csv"))
    store.delete("shop/prices/a.csv")
    assert drop.delivered("shop/prices/") is None
