"""What the catalog bridge answers over HTTP: the part of the Iceberg REST protocol that engines use.

Sail and Apache Spark read the configuration, namespaces and tables, commit, and report metrics. All else
is refused by name with 406: tables are created, altered and dropped through `resources.catalog`.
"""

from __future__ import annotations

import hmac
import json
import re
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from resources.local.bridge import CatalogBridge

LOOPBACK = "127.0.0.1"
LARGEST_BODY_BYTES = 64 * 1024 * 1024
NAMESPACE_SEPARATOR = "\x1f"

Name = tuple[str, ...]


class BridgeServer(ThreadingHTTPServer):
    """Listens on an ephemeral port of loopback; one thread per connection."""

    daemon_threads = True

    def __init__(self, bridge: CatalogBridge) -> None:
        super().__init__((LOOPBACK, 0), BridgeHandler)
        self.bridge = bridge
        self.uri = f"http://{LOOPBACK}:{self.server_address[1]}"


class Refused(Exception):
    """A request that the bridge answers with an error of the Iceberg REST protocol."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class BridgeHandler(BaseHTTPRequestHandler):
    """One connection of an engine."""

    protocol_version = "HTTP/1.1"
    server_version = "product360-catalog"
    server: BridgeServer
    # Whole answers in one packet, at once: a commit costs several round trips.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:  # noqa: D102, N802
        self._answer("GET")

    def do_HEAD(self) -> None:  # noqa: D102, N802
        self._answer("HEAD")

    def do_POST(self) -> None:  # noqa: D102, N802
        self._answer("POST")

    def do_DELETE(self) -> None:  # noqa: D102, N802
        self._answer("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the engine reports what it could not do."""

    def _answer(self, method: str) -> None:
        from resources.local.bridge import FaultInjected

        try:
            body = self._body()
            self._require_token()
            status, document = self._route(method, body)
        except FaultInjected as fault:
            if fault.status is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, document = fault.status, _error(fault.status, "InjectedFault", str(fault))
        except Exception as error:  # noqa: BLE001 - no answer would mean "state unknown" to an engine
            refused = as_refused(error)
            status, document = refused.status, _error(refused.status, refused.kind, str(refused))
        self._send(status, document)

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY_BYTES or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise Refused(413, "BadRequestException", "the request has no or too great a length")
        return self.rfile.read(length)

    def _require_token(self) -> None:
        expected = f"Bearer {self.server.bridge.token}"
        if not hmac.compare_digest(
            self.headers.get("Authorization", "").encode(), expected.encode()
        ):
            raise Refused(401, "NotAuthorizedException", "this catalog answers its own engine only")

    def _route(self, method: str, body: bytes) -> tuple[int, str]:
        target = urlsplit(self.path)
        for verb, pattern, answer in ROUTES:
            match = re.fullmatch(pattern, target.path)
            if verb == method and match:
                name = tuple(
                    part
                    for group in match.groups()
                    for part in unquote(group).split(NAMESPACE_SEPARATOR)
                )
                query = {key: values[0] for key, values in parse_qs(target.query).items()}
                return answer(self.server.bridge, name, query, body)
        raise Refused(
            406,
            "UnsupportedOperationException",
            f"{method} {target.path}: engines read and commit; tables and namespaces are created, "
            "altered and dropped through the platform's catalog resource",
        )

    def _send(self, status: int, document: str) -> None:
        payload = document.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(payload)


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
    raise Refused(404, "NoSuchViewException", f"View does not exist: {'.'.join(name)}")


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


def as_refused(error: Exception) -> Refused:
    """The answer to an error; 5xx only where a commit's state is unknown, or for a read."""
    from pydantic import ValidationError
    from pyiceberg import exceptions
    from sqlalchemy.exc import OperationalError

    from resources.local.bridge import CommitStateUnknown

    if isinstance(error, Refused):
        return error
    if isinstance(error, OperationalError) and _is_lock(error):
        # SQLite gave up waiting before it wrote anything.
        return Refused(409, "CommitFailedException", str(error))
    known: tuple[tuple[type[Exception], int, str], ...] = (
        (exceptions.NoSuchTableError, 404, "NoSuchTableException"),
        (exceptions.NoSuchNamespaceError, 404, "NoSuchNamespaceException"),
        (exceptions.CommitFailedException, 409, "CommitFailedException"),
        (exceptions.TableAlreadyExistsError, 409, "AlreadyExistsException"),
        (CommitStateUnknown, 500, "CommitStateUnknownException"),
        (ValidationError, 400, "BadRequestException"),
    )
    for kind, status, name in known:
        if isinstance(error, kind):
            return Refused(status, name, str(error))
    return Refused(400, "BadRequestException", f"{type(error).__name__}: {error}")


def _is_lock(error: Exception) -> bool:
    return any(word in str(error) for word in ("is locked", "is busy"))


def _table_document(metadata_location: str, metadata: str) -> str:
    location = json.dumps(metadata_location)
    return f'{{"metadata-location": {location}, "metadata": {metadata}, "config": {{}}}}'


def _error(status: int, kind: str, message: str) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "code": status}})
