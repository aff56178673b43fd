"""The folder as an object store: durable, atomic under kill -9, clean, and small in memory."""

import os
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.errors import KeyInvalid, ObjectChanged
from resources.keys import safe_name, valid_key
from resources.local import folder
from resources.local.folder import Folder
from resources.objects import LakeResource, ObjectStore

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def landing(home: Path) -> ObjectStore:
    return LakeResource(uri=f"file://{home}").zone("landing")


def test_a_lake_is_described_without_touching_anything(home: Path) -> None:
    store = LakeResource(uri=f"file://{home}").zone("raw")
    assert (store.bucket, store.uri) == ("raw", f"file://{home}/raw")
    assert list(store.list()) == []
    assert not home.exists()
    bucket = LakeResource(uri="s3://acme").zone("raw")
    assert (bucket.bucket, bucket.uri) == ("acme-raw", "s3://acme-raw")


def test_an_unknown_zone_is_refused(home: Path) -> None:
    with pytest.raises(KeyError, match="attic"):
        LakeResource(uri=f"file://{home}").zone("attic")  # type: ignore[arg-type]


def test_a_uri_is_the_path_that_engines_open(landing: ObjectStore) -> None:
    landing.put("p/day=1/a b.csv", b"rows")
    uri = landing.uri_of("p/day=1/a b.csv")
    assert Path(uri.removeprefix("file://")).read_bytes() == b"rows"
    assert landing.uri_of("p/day=1/") == f"{landing.uri}/p/day=1/"
    with pytest.raises(KeyInvalid):
        landing.uri_of("p/a%20b.csv")


def test_bytes_are_on_disk_before_they_have_a_name(
    landing: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, link = os.fsync, os.link

    def synced(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        steps.append(f"sync {kind}")
        fsync(descriptor)

    def linked(source: Path, target: Path) -> None:
        steps.append("name")
        link(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    landing.put("a.csv", b"rows")
    assert steps == ["sync file", "name", "sync folder"]
    steps.clear()
    landing.put("new/b.csv", b"rows")
    assert steps == ["sync file", "sync folder", "name", "sync folder"]


def test_a_write_in_progress_is_never_listed_and_a_failed_one_leaves_nothing(
    landing: ObjectStore, home: Path
) -> None:
    landing.put("p/a", b"whole")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        assert [info.key for info in landing.list()] == ["p/a"]
        raise OSError("the source broke")

    with pytest.raises(OSError, match="the source broke"):
        Folder(home / "landing").create("p/b", chunks(), size=8)
    assert [info.key for info in landing.list()] == ["p/a"]
    assert [path for path in home.rglob("*") if path.is_file()] == [home / "landing/p/a"]


WRITER = """
import sys
from pathlib import Path
from resources.local.folder import Folder
store = Folder(Path(sys.argv[1]))
print("ready", flush=True)
number = 0
while True:
    data = f"{number:08d}".encode() * 65536
    store.create(f"p/{number:05d}", (data[at:at + 4096] for at in range(0, len(data), 4096)),
                 size=len(data))
    number += 1
"""


@pytest.mark.parametrize("milliseconds", [3, 17, 42, 90])
def test_after_kill_9_every_listed_object_is_whole(
    landing: ObjectStore, home: Path, milliseconds: int
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home / "landing")], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    time.sleep(milliseconds / 1000)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    listed = list(landing.list())
    for number, info in enumerate(listed):
        assert info.key == f"p/{number:05d}"
        assert landing.read(info.key) == f"{number:08d}".encode() * 65536
    landing.put(f"p/{len(listed):05d}", b"the key that the killed writer did not finish is free")


def test_what_a_killed_writer_left_is_swept_a_day_later(home: Path) -> None:
    staging = home / "landing" / folder.STAGING
    staging.mkdir(parents=True)
    for name, age_seconds in (("old", folder.STAGING_KEPT_SECONDS + 60), ("at-work", 60)):
        (staging / name).write_bytes(b"half")
        moment = time.time() - age_seconds
        os.utime(staging / name, (moment, moment))
    LakeResource(uri=f"file://{home}").zone("landing").put("p/a", b"rows")
    assert [path.name for path in staging.iterdir()] == ["at-work"]


def test_files_of_engines_that_are_not_data_are_not_listed(
    landing: ObjectStore, home: Path
) -> None:
    landing.put("clean/unit=1/part-0.parquet", b"data")
    for name in (".part-0.parquet.crc", "_temporary/0/part-1.parquet", ".hidden/part-2.parquet"):
        path = home / "landing/clean/unit=1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not data")
    assert [info.key for info in landing.list("clean/")] == ["clean/unit=1/part-0.parquet"]


def test_bytes_changed_in_place_are_another_version(landing: ObjectStore, home: Path) -> None:
    before = landing.put("p/a", b"first")
    (home / "landing/p/a").write_bytes(b"other")
    after = landing.head("p/a")
    assert (after.size, after.etag != before.etag) == (before.size, True)
    assert list(landing.list()) == [after]


def test_an_object_that_changes_while_it_is_accepted_is_refused(
    landing: ObjectStore, home: Path
) -> None:
    raw = LakeResource(uri=f"file://{home}").zone("raw")
    landing.put("p/a", b"x" * 100_000)
    chunks = landing.stream("p/a", chunk_bytes=1000)
    next(chunks)
    with (home / "landing/p/a").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ObjectChanged, match="p/a"):
        list(chunks)
    assert raw.accept(landing, "p/a", "p/a").size == 100_004


def test_a_name_is_not_an_object_and_a_folder_at_once(landing: ObjectStore) -> None:
    landing.put("p/a", b"rows")
    with pytest.raises(KeyInvalid):
        landing.put("p/a/b", b"rows")
    with pytest.raises(KeyInvalid):
        landing.put("p", b"rows")
    assert [info.key for info in landing.list()] == ["p/a"]


def test_accepting_a_large_object_holds_only_a_few_chunks_in_memory(
    landing: ObjectStore, home: Path
) -> None:
    size = 128 * 1024 * 1024
    path = home / "landing/p/large"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(size)
    raw = LakeResource(uri=f"file://{home}").zone("raw")
    tracemalloc.start()
    try:
        assert raw.accept(landing, "p/large", "p/large").size == size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * 1024 * 1024


def test_any_text_becomes_a_valid_name_and_different_texts_different_names() -> None:
    texts = ["a:b", "a~3Ab", "a/b", "a~b", ".a", "a%b", "*?[]{}#\\\n", "plain-1.csv", "ü b=1"]
    names = [safe_name(text) for text in texts]
    assert len(set(names)) == len(texts)
    assert [valid_key(name) for name in names] == names
    assert names[-2:] == texts[-2:]
