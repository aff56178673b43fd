"""Takes SQL expressions apart without running them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def columns_read(expression: str) -> frozenset[str]:
    """Names of columns that an expression reads; none where DuckDB's parser does not know it."""
    import duckdb

    with duckdb.connect(":memory:") as session:
        [(text,)] = session.execute(
            "SELECT json_serialize_sql(?)", [f"SELECT {expression.replace('`', '')}"]
        ).fetchall()
    parsed = json.loads(text)
    if parsed.get("error"):
        return frozenset()
    names = (node["column_names"] for node in _nodes(parsed) if node.get("type") == "COLUMN_REF")
    return frozenset(each[-1] for each in names)


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from _nodes(child)
