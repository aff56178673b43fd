"""What a service does wrong on request: the switches of whoever runs it.

A fault is planned for one of the coming requests for records and is used up by it. So a test says
what a real service would do to a client (expire its token, limit it, break, drop its connection in
the middle of an answer) at exactly the place where that hurts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


@dataclass(frozen=True)
class Fault:
    """One request that goes wrong.

    Attributes:
        status: answered instead of records, with these headers.
        forgets_tokens: every token given out so far is worth nothing from now on.
        cut_after: bytes of the right answer after which the connection drops.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    forgets_tokens: bool = False
    cut_after: int | None = None


@dataclass
class Faults:
    """The faults of one service: `planned` by the number of the request, from 1.

    `always` is what happens to every request that nothing is planned for.
    """

    planned: dict[int, Fault] = field(default_factory=dict)
    always: Fault | None = None
    requests: int = 0

    def next(self) -> Fault:
        """What happens to the request that has just come; by default nothing."""
        self.requests += 1
        return self.planned.pop(self.requests, self.always) or Fault()

    def plan(self, *faults: Fault, after: int = 0) -> None:
        """Plan faults for consecutive requests, after so many from now that go well."""
        for number, fault in enumerate(faults, start=self.requests + after + 1):
            self.planned[number] = fault


class CutAnswer(Response):
    """An answer whose connection drops after some bytes of its body."""

    def __init__(self, whole: Response, *, cut_after: int) -> None:
        super().__init__(whole.body, whole.status_code, dict(whole.headers))
        self._sent = bytes(self.body)[:cut_after]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise the whole length and stop earlier; the server then closes the connection."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": self._sent, "more_body": True})
