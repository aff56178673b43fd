"""One hash of a row's content, equal on every engine: the last word where nothing else decides."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql.functions import coalesce, col, concat_ws, lit, sha2, xxhash64

_SEPARATOR = "\x1f"
_NULL = "\x00"


def content_hash(types: Mapping[str, str]) -> Column:
    """SHA-256 over the values of columns (name to Spark type), equal on every engine."""
    texts = [
        # Engines write doubles differently, and Sail writes NaN as another row's value.
        (xxhash64(name) if kind in ("double", "float") else col(name)).cast("string")
        for name, kind in types.items()
    ]
    return sha2(concat_ws(_SEPARATOR, *(coalesce(text, lit(_NULL)) for text in texts)), 256)
