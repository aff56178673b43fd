"""What the catalog bridge answers: the part of the Iceberg REST protocol that engines use.

Sail and Apache Spark read the configuration, namespaces and tables, commit, and report metrics. All
else is refused by name: tables are created, altered and dropped through `resources.catalog`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from resources.local.bridge_errors import RefusedError

if TYPE_CHECKING:
    from resources.local.bridge import CatalogBridge

NAMESPACE_SEPARATOR = "\x1f"

Name = tuple[str, ...]


def configuration(
    bridge: CatalogBridge, _: Name, __: dict[str, str], ___: bytes
) -> tuple[int, str]:
    """Engines are configured by whoever starts them; nothing to add or to override."""
    return 200, json.dumps({"defaults": {}, "overrides": {}})


def namespaces(bridge: CatalogBridge, _: Name, query: dict[str, str], __: bytes) -> tuple[int, str]:
    """Namespaces below `parent`, or all of the first level."""
    parent = tuple(filter(None, query.get("parent", "").split(NAMESPACE_SEPARATOR)))
    return 200, json.dumps(
        {"namespaces": [list(n) for n in bridge.catalog.list_namespaces(parent)]}
    )


def namespace(bridge: CatalogBridge, name: Name, _: dict[str, str], __: bytes) -> tuple[int, str]:
    """One namespace with its properties."""
    properties = bridge.catalog.load_namespace_properties(name)
    return 200, json.dumps({"namespace": list(name), "properties": properties})


def tables(bridge: CatalogBridge, name: Name, _: dict[str, str], __: bytes) -> tuple[int, str]:
    """Tables of one namespace."""
    found = bridge.catalog.list_tables(name)
    identifiers = [{"namespace": list(parts[:-1]), "name": parts[-1]} for parts in found]
    return 200, json.dumps({"identifiers": identifiers})


def table(bridge: CatalogBridge, name: Name, _: dict[str, str], __: bytes) -> tuple[int, str]:
    """One table with its current metadata."""
    found = bridge.catalog.load_table(name)
    return 200, _table_document(found.metadata_location, found.metadata.model_dump_json())


def commit(bridge: CatalogBridge, name: Name, _: dict[str, str], body: bytes) -> tuple[int, str]:
    """Apply requirements and updates to one table, or nothing of them."""
    from pyiceberg.table import CommitTableRequest

    identifier = {"namespace": list(name[:-1]), "name": name[-1]}
    request = CommitTableRequest.model_validate({**json.loads(body), "identifier": identifier})
    response = bridge.commit(name, request.requirements, request.updates)
    return 200, _table_document(response.metadata_location, response.metadata.model_dump_json())


def view(bridge: CatalogBridge, name: Name, _: dict[str, str], __: bytes) -> tuple[int, str]:
    """No view ever: engines look for one where they find no table, and must hear "missing"."""
    raise RefusedError(404, "NoSuchViewException", f"View does not exist: {'.'.join(name)}")


def metrics(bridge: CatalogBridge, _: Name, __: dict[str, str], ___: bytes) -> tuple[int, str]:
    """A scan or commit report, which nobody keeps."""
    return 204, ""


View = Callable[["CatalogBridge", Name, dict[str, str], bytes], tuple[int, str]]
_TABLE = "/v1/namespaces/([^/]+)/tables/([^/]+)"
ROUTES: tuple[tuple[str, str, View], ...] = (
    ("GET", "/v1/config", configuration),
    ("GET", "/v1/namespaces", namespaces),
    ("GET", "/v1/namespaces/([^/]+)", namespace),
    ("HEAD", "/v1/namespaces/([^/]+)", namespace),
    ("GET", "/v1/namespaces/([^/]+)/tables", tables),
    ("GET", _TABLE, table),
    ("HEAD", _TABLE, table),
    ("POST", _TABLE, commit),
    ("POST", f"{_TABLE}/metrics", metrics),
    ("GET", "/v1/namespaces/([^/]+)/views/([^/]+)", view),
    ("HEAD", "/v1/namespaces/([^/]+)/views/([^/]+)", view),
)


def _table_document(metadata_location: str, metadata: str) -> str:
    location = json.dumps(metadata_location)
    return f'{{"metadata-location": {location}, "metadata": {metadata}, "config": {{}}}}'
