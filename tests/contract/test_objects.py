"""What every object store does: the same sentences for a folder and for S3."""

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from resources.aws import client
from resources.errors import (
    DeleteRefused,
    KeyInvalid,
    ObjectChanged,
    ObjectExists,
    ObjectMissing,
)
from resources.objects import LakeResource, ObjectStore, Zone

T = TypeVar("T")
R = TypeVar("R")

# More than one part of a multipart upload, and no multiple of it.
LARGE = random.Random(7).randbytes(17 * 1024 * 1024 + 123)

KEYS = [
    "catalog/product/landing_date=2017-01-09/batch=2017-01-09-0a/LOAD0000000A.parquet",
    "marketing/coupon/spaces and ümlauts.json",
    "a+b/c&d,e;f@g(h)!$'.csv",
    "_manifests/pricing/price_week/x.json",
]

REFUSED_KEYS = [
    *("", "/a", "a/", "a//b", "a/../b", "./a", "a/.hidden", "_temporary/0/a"),
    *("a#1", "a:b", "a*", "a?b", "a[1]", "a{1}", "a%20b", "a\nb", "a\\b"),
    *("k" * 256, "/".join(["k" * 200] * 6)),
]


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.aws)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> LakeResource:
    if request.param == "folder":
        return LakeResource(uri=f"file://{tmp_path}/my lake")
    return LakeResource(uri=f"s3://{request.getfixturevalue('lake_prefix')}")


@pytest.fixture
def landing(lake: LakeResource) -> ObjectStore:
    return lake.zone("landing")


@pytest.fixture
def raw(lake: LakeResource) -> ObjectStore:
    return lake.zone("raw")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- writing once -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_what_was_put_is_read_and_listed_as_it_was(raw: ObjectStore, key: str) -> None:
    info = raw.put(key, b"four\nrows\nof\ndata\n")
    assert (info.key, info.size) == (key, 18)
    assert raw.head(key) == info
    assert list(raw.list()) == [info]
    assert raw.read(key) == b"four\nrows\nof\ndata\n"


def test_an_object_is_never_overwritten(landing: ObjectStore, tmp_path: Path) -> None:
    before = landing.put("p/a.csv", b"first")
    (tmp_path / "other").write_bytes(b"other")
    attempts: list[Callable[[], object]] = [
        lambda: landing.put("p/a.csv", b"other"),
        lambda: landing.put("p/a.csv", b"first"),
        lambda: landing.put_file("p/a.csv", tmp_path / "other"),
    ]
    for again in attempts:
        with pytest.raises(ObjectExists, match=r"p/a\.csv"):
            again()
    assert landing.head("p/a.csv") == before
    assert landing.read("p/a.csv") == b"first"


def test_large_files_arrive_whole_and_once(raw: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    info = raw.put_file("p/large", tmp_path / "large")
    assert info.size == len(LARGE)
    assert raw.read("p/large") == LARGE
    assert b"".join(raw.stream("p/large", chunk_bytes=1_000_000)) == LARGE
    with pytest.raises(ObjectExists):
        raw.put_file("p/large", tmp_path / "large")


def test_an_empty_object_is_an_object(raw: ObjectStore, landing: ObjectStore) -> None:
    landing.put("p/empty", b"")
    assert landing.read("p/empty") == b""
    assert raw.accept(landing, "p/empty", "p/empty").sha256 == sha256(b"")


def test_a_key_that_some_reader_would_not_find_is_refused(raw: ObjectStore) -> None:
    for key in REFUSED_KEYS:
        with pytest.raises(KeyInvalid):
            raw.put(key, b"x")
    assert list(raw.list()) == []


def test_what_is_missing_is_said_by_name(raw: ObjectStore, landing: ObjectStore) -> None:
    questions: list[Callable[[], object]] = [
        lambda: landing.head("p/none"),
        lambda: landing.read("p/none"),
        lambda: landing.stream("p/none"),
        lambda: raw.accept(landing, "p/none", "p/copy"),
    ]
    for ask in questions:
        with pytest.raises(ObjectMissing, match="p/none"):
            ask()
    assert list(raw.list()) == []


# --- listing and deleting ---------------------------------------------------------------------


def test_a_listing_is_by_key_and_a_prefix_is_text(landing: ObjectStore) -> None:
    keys = ["a/b/1", "a/b/10", "a/b/2", "a/b2/1", "a/B/1", "ab", "z é/1"]
    for key in reversed(keys):
        landing.put(key, key.encode())

    def listed(prefix: str) -> list[str]:
        return [info.key for info in landing.list(prefix)]

    assert listed("") == sorted(keys)
    assert listed("a/b") == ["a/b/1", "a/b/10", "a/b/2", "a/b2/1"]
    assert listed("a/b/") == ["a/b/1", "a/b/10", "a/b/2"]
    assert listed("a/b/1") == ["a/b/1", "a/b/10"]
    assert listed("nothing/here/") == []


def test_unfinished_writes_are_listed_only_where_they_are_asked_for(landing: ObjectStore) -> None:
    landing.put("p/a.csv", b"whole")
    unfinished = ["p/.staging-unit=1/rows/b.parquet", "p/unit=2/_temporary/0/c.parquet"]
    for key in unfinished:
        write_as_engines_do(landing, key)
    assert [info.key for info in landing.list("p/")] == ["p/a.csv"]
    found = [info.key for info in landing.list("p/", unfinished=True)]
    assert found == sorted(["p/a.csv", *unfinished])


def write_as_engines_do(store: ObjectStore, key: str) -> None:
    """Past the store, which refuses such keys."""
    if store.uri.startswith("file://"):
        path = Path(store.uri.removeprefix("file://")) / key
        path.parent.mkdir(parents=True)
        path.write_bytes(b"half")
    else:
        client("s3").put_object(Bucket=store.bucket, Key=key, Body=b"half")


def test_landing_forgets_what_is_deleted_and_deleting_again_is_no_error(
    landing: ObjectStore,
) -> None:
    landing.put("p/a.csv", b"first")
    landing.delete("p/a.csv")
    landing.delete("p/a.csv")
    landing.delete("never/there")
    assert list(landing.list()) == []
    landing.put("p/a.csv", b"again")


def test_zones_that_keep_refuse_to_delete(lake: LakeResource) -> None:
    zones: list[Zone] = ["raw", "clean", "curated", "forecast"]
    for zone in zones:
        store = lake.zone(zone)
        store.put("p/a", b"kept")
        with pytest.raises(DeleteRefused, match="p/a"):
            store.delete("p/a")
        assert store.read("p/a") == b"kept"


def test_only_clean_loses_what_tells_of_an_erased_subject(lake: LakeResource) -> None:
    zones: list[Zone] = ["raw", "curated", "forecast", "clean"]
    *kept, clean = (lake.zone(zone) for zone in zones)
    for store in (*kept, clean):
        store.put("p/b", b"hers")
    for store in kept:
        with pytest.raises(DeleteRefused, match="p/b"):
            store.delete("p/b", erased=True)
        assert store.read("p/b") == b"hers"
    clean.delete("p/b", erased=True)
    assert list(clean.list("p/b")) == []


def test_a_rewritten_object_has_another_version(landing: ObjectStore) -> None:
    versions = set()
    for number in range(20):
        versions.add(landing.put("p/a.csv", f"row {number:02d}".encode()).etag)
        landing.delete("p/a.csv")
    assert len(versions) == 20


# --- acceptance -------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"product_id,week\n1,1\n", LARGE], ids=["small", "large"])
def test_an_object_is_accepted_unchanged_and_hashed(
    landing: ObjectStore, raw: ObjectStore, data: bytes
) -> None:
    delivered = landing.put("p/delivered 1.csv", data)
    copied = raw.accept(landing, delivered.key, "p/day=1/a.csv", version=delivered.etag)
    assert (copied.key, copied.size, copied.sha256, copied.created) == (
        "p/day=1/a.csv",
        len(data),
        sha256(data),
        True,
    )
    assert raw.read("p/day=1/a.csv") == data
    assert landing.head(delivered.key) == delivered


@pytest.mark.parametrize("data", [b"product_id,week\n1,1\n", LARGE], ids=["small", "large"])
def test_accepting_the_same_bytes_again_writes_nothing(
    landing: ObjectStore, raw: ObjectStore, data: bytes
) -> None:
    landing.put("p/one", data)
    landing.put("p/two", data)
    first = raw.accept(landing, "p/one", "p/a")
    written = raw.head("p/a")
    again = raw.accept(landing, "p/one", "p/a")
    other_source = raw.accept(landing, "p/two", "p/a")
    assert (again.created, other_source.created) == (False, False)
    assert again.sha256 == other_source.sha256 == first.sha256
    assert raw.head("p/a") == written


@pytest.mark.parametrize("other", [b"othes", b"longer than the first"], ids=["size", "longer"])
def test_other_bytes_under_an_accepted_key_are_refused(
    landing: ObjectStore, raw: ObjectStore, other: bytes
) -> None:
    landing.put("p/one", b"bytes")
    landing.put("p/two", other)
    raw.accept(landing, "p/one", "p/a")
    with pytest.raises(ObjectExists, match="p/a"):
        raw.accept(landing, "p/two", "p/a")
    assert raw.read("p/a") == b"bytes"


def test_an_object_rewritten_after_it_was_listed_is_not_accepted(
    landing: ObjectStore, raw: ObjectStore
) -> None:
    listed = landing.put("p/a.csv", b"first")
    landing.delete("p/a.csv")
    landing.put("p/a.csv", b"other")
    with pytest.raises(ObjectChanged, match=r"p/a\.csv"):
        raw.accept(landing, "p/a.csv", "p/a.csv", version=listed.etag)
    assert list(raw.list()) == []


@pytest.mark.aws
@pytest.mark.parametrize("data", [b"rows", LARGE], ids=["small", "large"])
def test_objects_are_accepted_from_folder_to_bucket_and_back(
    lake_prefix: str, tmp_path: Path, data: bytes
) -> None:
    folder = LakeResource(uri=f"file://{tmp_path}").zone("landing")
    bucket = LakeResource(uri=f"s3://{lake_prefix}").zone("landing")
    folder.put("p/a", data)
    assert bucket.accept(folder, "p/a", "p/b").sha256 == sha256(data)
    assert folder.accept(bucket, "p/b", "p/c").sha256 == sha256(data)
    assert folder.read("p/c") == data


# --- races ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [20, len(LARGE)], ids=["small", "large"])
def test_of_many_threads_that_write_one_key_one_wins(raw: ObjectStore, size: int) -> None:
    contents = [bytes([65 + number]) * size for number in range(4)]

    def write(data: bytes) -> bytes | None:
        try:
            raw.put("p/contested", data)
        except ObjectExists:
            return None
        return data

    winners = [winner for winner in in_threads(write, contents) if winner is not None]
    assert len(winners) == 1
    assert raw.read("p/contested") == winners[0]


def test_of_many_threads_that_accept_one_object_one_writes_and_all_agree(
    landing: ObjectStore, raw: ObjectStore
) -> None:
    landing.put("p/a", LARGE)
    copies = in_threads(lambda _: raw.accept(landing, "p/a", "p/a"), range(4))
    assert sorted(copy.created for copy in copies) == [False, False, False, True]
    assert {copy.sha256 for copy in copies} == {sha256(LARGE)}


RACER = """
import sys
from resources.errors import ObjectExists
from resources.objects import LakeResource
raw = LakeResource(uri=sys.argv[1]).zone("raw")
print("ready", flush=True)
sys.stdin.readline()
try:
    raw.put("p/contested", sys.argv[2].encode())
    print(sys.argv[2])
except ObjectExists:
    pass
"""


def test_of_several_processes_that_write_one_key_one_wins(lake: LakeResource) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, lake.uri, f"process-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number in range(3)
    ]
    assert [racer.stdout.readline() for racer in racers if racer.stdout] == ["ready\n"] * 3
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    winners = [line for racer in racers for line in racer.communicate(timeout=120)[0].split()]
    assert [racer.returncode for racer in racers] == [0] * len(racers)
    assert len(winners) == 1
    assert lake.zone("raw").read("p/contested").decode() == winners[0]


def in_threads(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, items))
