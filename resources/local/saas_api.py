"""A client for paged HTTP APIs that hand out tokens, limit rates and end pages with a cursor.

    POST {base_url}/oauth/token              client credentials -> access_token
    GET  {base_url}/v1/objects/{object}      records changed in a window, a page at a time;
                                             `fields` asks for some fields only

The hazard: a token may expire between two pages, a limit may be hit and a connection may drop on
any request. All are met here, per request, so that a pull of any length either has all of its pages
or fails.
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
from resources.local.backoff import asked_wait, backoff, is_passing
from resources.saas import PullRequest

if TYPE_CHECKING:
    import httpx


class SaasApi:
    """One session with one service. `requests` and `waits` count what it took."""

    def __init__(
        self,
        connection: Mapping[str, str],
        *,
        timeout_seconds: float,
        patience_seconds: float,
        deadline_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import httpx

        self.requests = 0
        self.waits = 0
        self._connection = connection
        self._patience_seconds = patience_seconds
        self._ends = time.monotonic() + deadline_seconds
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

    def pages(self, request: PullRequest, *, page_size: int) -> Iterator[list[dict[str, Any]]]:
        """The records that are asked for, a page at a time, in the service's order.

        Raises:
            SourceUnreachable: the service does not answer, or asks to wait for too long.
            SourceRejected: it refuses the credentials or the request, answers with something else
                than a page, or its pages never end.
        """
        path = f"/v1/objects/{quote(request.object_name, safe='')}"
        window = {**_window(request), "page_size": str(page_size)}
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            page = self._page(path, {**window, "cursor": cursor} if cursor else window)
            yield page["records"]
            cursor = page["next_cursor"]
            if cursor is None:
                return
            if cursor in seen:
                raise self._rejected(path, f"the cursor {cursor!r} a second time")
            seen.add(cursor)

    def _page(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        answer = self._get(path, query)
        try:
            page = answer.json()
            if isinstance(page["records"], list) and "next_cursor" in page:
                return dict(page)
        except (ValueError, LookupError, TypeError):
            pass
        raise self._rejected(path, f"an answer that is no page: {answer.text[:200]}")

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
        waited, attempt = 0.0, 0
        while True:
            self.requests += 1
            try:
                answer = self._http.request(method, path, params=query, data=form, headers=headers)
            except (httpx.TransportError, httpx.DecodingError) as error:
                problem, wait = f"{type(error).__name__}: {error}", backoff(attempt)
            else:
                if not is_passing(answer.status_code):
                    return answer
                problem = f"HTTP {answer.status_code} {answer.reason_phrase}"
                asked = asked_wait(answer.headers)
                wait = backoff(attempt) if asked is None else asked
            patience = min(self._patience_seconds - waited, self._ends - time.monotonic())
            if wait > patience:
                raise self._unreachable(f"{method} {path}", problem, waited=waited, next_wait=wait)
            self.waits += 1
            self._sleep(wait)
            waited, attempt = waited + wait, attempt + 1

    def _accepted(self, path: str, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        raise self._rejected(path, f"HTTP {answer.status_code}: {answer.text[:500]}")

    def _unreachable(
        self, asked: str, problem: str, *, waited: float, next_wait: float
    ) -> SourceUnreachable:
        return SourceUnreachable(
            f"{asked} of {self._connection['base_url']}",
            found=f"{problem}, after waiting {waited:.1f} s; another {next_wait:.1f} s to wait",
            expected=f"an answer within {self._patience_seconds:.0f} s, and the whole execution "
            "within its deadline",
            next_move="start the source (the demo company: python -m demo up) or wait",
        )

    def _rejected(self, path: str, found: str) -> SourceRejected:
        return SourceRejected(
            f"{self._connection['base_url']}{path}",
            found=found,
            expected="pages of records",
            next_move="check the secret, and `source_name` in the source's defs.yaml",
        )


def _window(request: PullRequest) -> dict[str, str]:
    """What is asked for: a window of changes, or some fields of everything there is.

    A list of keys has no window: a record that changes while it is read would leave one, and count
    as deleted.
    """
    if request.fields:
        return {"fields": ",".join(request.fields)}
    window = {"modified_until": request.modified_until.isoformat()}
    if request.modified_since is not None:
        window["modified_since"] = request.modified_since.isoformat()
    return window
