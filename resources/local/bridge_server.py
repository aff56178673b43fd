"""The catalog bridge's HTTP server: loopback only, a token in every request, one answer for each.

The hazard: an engine that gets no answer cannot know whether its commit was applied. So whatever
goes wrong is answered; only a cut connection is not.
"""

from __future__ import annotations

import hmac
import json
import re
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from resources.local.bridge_errors import InjectedFaultError, RefusedError, as_refused
from resources.local.bridge_routes import NAMESPACE_SEPARATOR, ROUTES

if TYPE_CHECKING:
    from resources.local.bridge import CatalogBridge

LOOPBACK = "127.0.0.1"
LARGEST_BODY_BYTES = 64 * 1024 * 1024


class BridgeServer(ThreadingHTTPServer):
    """Listens on an ephemeral port of loopback; one thread per connection."""

    daemon_threads = True

    def __init__(self, bridge: CatalogBridge) -> None:
        super().__init__((LOOPBACK, 0), BridgeHandler)
        self.bridge = bridge
        self.uri = f"http://{LOOPBACK}:{self.server_address[1]}"


class BridgeHandler(BaseHTTPRequestHandler):
    """One connection of an engine."""

    protocol_version = "HTTP/1.1"
    server_version = "product360-catalog"
    server: BridgeServer
    # Whole answers in one packet, at once: a commit costs several round trips.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:  # noqa: D102
        self._answer("GET")

    def do_HEAD(self) -> None:  # noqa: D102
        self._answer("HEAD")

    def do_POST(self) -> None:  # noqa: D102
        self._answer("POST")

    def do_DELETE(self) -> None:  # noqa: D102
        self._answer("DELETE")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the engine reports what it could not do."""

    def _answer(self, method: str) -> None:
        try:
            body = self._body()
            self._require_token()
            status, document = self._route(method, body)
        except InjectedFaultError as fault:
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
            raise RefusedError(
                413, "BadRequestException", "the request has no or too great a length"
            )
        return self.rfile.read(length)

    def _require_token(self) -> None:
        expected = f"Bearer {self.server.bridge.token}"
        if not hmac.compare_digest(
            self.headers.get("Authorization", "").encode(), expected.encode()
        ):
            raise RefusedError(401, "NotAuthorizedException", "a token is missing")

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
        raise RefusedError(
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


def _error(status: int, kind: str, message: str) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "code": status}})
