"""The search for a key as text."""

from __future__ import annotations

from pathlib import Path

from product360_assets.governance.search import mentions
from resources.objects import LakeResource

KEY = "canary-7f3a91"


def found(home: Path, *beside: Path, key: str = KEY) -> list[str]:
    lake = LakeResource(uri=f"file://{home}/lake")
    return [each["object"] for each in mentions(lake, beside, key)]


def test_parquet_is_left_to_its_columns_and_everything_else_is_text(tmp_path: Path) -> None:
    lake = LakeResource(uri=f"file://{tmp_path}/lake")
    for zone, key in (("clean", "a.json"), ("curated", "b.parquet"), ("results", "c.csv")):
        lake.zone(zone).put(key, f"who, {KEY}, when".encode())  # type: ignore[arg-type]
    (tmp_path / "log").write_text(f"{KEY}x and {KEY}")
    assert found(tmp_path, tmp_path / "log") == ["a.json", "c.csv", str(tmp_path / "log")]


def test_a_part_of_a_word_and_a_short_key_say_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"{KEY}x 12288")
    assert found(tmp_path, log) == []
    assert found(tmp_path, log, key="12288") == []
