"""A search for a subject's key in everything that is not a table: every object's bytes as text.

The hazard is a key that says nothing: `17` stands in any file. So only a key of six characters and
more is searched for as text; for a shorter one the proof rests on the declared columns alone. Which
of the two it was, the proof says under `searched as text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from resources.objects import LakeResource, Zone

SHORTEST = 6
ZONES: tuple[Zone, ...] = ("clean", "curated", "forecast", "results")
# Compressed, so that no text is found in it; `subjects` looks into its declared columns.
PARQUET = ".parquet"


def can_be_searched(key: str) -> bool:
    """Whether the key is long enough to mean something wherever it stands."""
    return len(key) >= SHORTEST


def mentions(lake: LakeResource, beside: Iterable[Path], key: str) -> Iterator[dict[str, Any]]:
    """Objects outside landing and raw, and files beside the lake, that hold the key as a word.

    Parquet files of the lake are left out: see `subjects`.
    """
    if not can_be_searched(key):
        return
    word = re.compile(rb"(?<![0-9A-Za-z_])" + re.escape(key).encode() + rb"(?![0-9A-Za-z_])")
    for zone in ZONES:
        store = lake.zone(zone)
        for info in store.list():
            if not info.key.endswith(PARQUET) and word.search(store.read(info.key)):
                yield {"zone": zone, "object": info.key}
    for folder in beside:
        for path in (folder, *sorted(folder.rglob("*"))):
            if path.is_file() and word.search(path.read_bytes()):
                yield {"zone": folder.name, "object": str(path)}
