"""A client for paged HTTP APIs that hand out tokens, limit rates and end pages with a cursor.

    POST {base_url}/oauth/token              client credentials -> access_token
    GET  {base_url}/v1/objects/{object}      records changed in a window, a page at a time

The hazard: a token may expire between two pages and a limit may be hit on any request. Both are
met here, per request, so that a pull of any length either has all of its pages or fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from resources.errors import SourceRejected, SourceUnreachable

if TYPE_CHECKING:
    import httpx

DEFAULT_WAIT_SECONDS = 1.0


class SaasApi:
    """One session with one service. `requests` and `waits` count what it took."""

    def __init__(
        self,
        connection: Mapping[str, str],
        *,
        timeout_seconds: float,
        patience_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import httpx

        self.requests = 0
        self.waits = 0
        self._connection = connection
        self._patience_seconds = patience_seconds
        self._sleep = sleep
        self._token: str | None = None
        address = connection["base_url"]
        # Reading the machine's certificates takes longer than a page, and plain HTTP has no use
        # for them; redirects to another scheme are not followed.
        secure = not address.startswith("http://")
        self._http = httpx.Client(base_url=address, timeout=timeout_seconds, verify=secure)

    def __enter__(self) -> SaasApi:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def clock(self) -> datetime:
        """The service's time now, in UTC, as its answers carry it."""
        return parsedate_to_datetime(self._authorise().headers["Date"]).astimezone(UTC)

    def pages(
        self,
        object_name: str,
        *,
        modified_since: datetime | None,
        modified_until: datetime,
        page_size: int,
    ) -> Iterator[list[dict[str, Any]]]:
        """The object's records changed in the window, a page at a time, in the service's order.

        Raises:
            SourceUnreachable: the service does not answer, or asks to wait for too long.
            SourceRejected: it refuses the credentials or the request, or its pages never end.
        """
        path = f"/v1/objects/{quote(object_name, safe='')}"
        window = {"modified_until": modified_until.isoformat(), "page_size": str(page_size)}
        if modified_since is not None:
            window["modified_since"] = modified_since.isoformat()
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            page = self._get(path, {**window, "cursor": cursor} if cursor else window).json()
            yield page["records"]
            cursor = page["next_cursor"]
            if cursor is None:
                return
            if cursor in seen:
                raise self._rejected(path, f"the cursor {cursor!r} a second time")
            seen.add(cursor)

    def _get(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        for fresh in (self._token is None, True):
            if fresh:
                self._token = self._authorise().json()["access_token"]
            answer = self._send("GET", path, query=query)
            # A token that was good may have expired since; a fresh one decides.
            if answer.status_code != HTTPStatus.UNAUTHORIZED:
                break
        return self._accepted(path, answer)

    def _authorise(self) -> httpx.Response:
        credentials = {
            "grant_type": "client_credentials",
            "client_id": self._connection["client_id"],
            "client_secret": self._connection["client_secret"],
        }
        return self._accepted("/oauth/token", self._send("POST", "/oauth/token", form=credentials))

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One answer that is neither "wait" nor a failure of the service itself."""
        import httpx

        headers = {"Authorization": f"Bearer {self._token}"} if form is None else {}
        waited = 0.0
        while True:
            self.requests += 1
            try:
                answer = self._http.request(method, path, params=query, data=form, headers=headers)
            except httpx.TransportError as error:
                problem, wait = f"{type(error).__name__}: {error}", DEFAULT_WAIT_SECONDS
            else:
                busy = answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
                if not busy and answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    return answer
                problem = f"HTTP {answer.status_code} {answer.reason_phrase}"
                wait = _retry_after(answer.headers.get("Retry-After"))
            if waited + wait > self._patience_seconds:
                raise SourceUnreachable(
                    f"{method} {self._connection['base_url']}{path}",
                    found=f"{problem}, after waiting {waited:.1f} s",
                    expected=f"an answer within {self._patience_seconds:.0f} s",
                    next_move="start the source (the demo company: python -m demo up) or wait",
                )
            self.waits += 1
            self._sleep(wait)
            waited += wait

    def _accepted(self, path: str, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        raise self._rejected(path, f"HTTP {answer.status_code}: {answer.text[:500]}")

    def _rejected(self, path: str, found: str) -> SourceRejected:
        return SourceRejected(
            f"{self._connection['base_url']}{path}",
            found=found,
            expected="pages of records",
            next_move="check the secret, and `source_name` in the source's defs.yaml",
        )


def _retry_after(header: str | None) -> float:
    try:
        return max(0.0, float(header or DEFAULT_WAIT_SECONDS))
    except ValueError:
        return DEFAULT_WAIT_SECONDS
