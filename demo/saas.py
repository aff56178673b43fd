"""The services that the company rents: an HTTP API with tokens, pages and a rate limit.

    POST {base}/oauth/token            client_id, client_secret, grant_type=client_credentials
    GET  {base}/v1/objects             the objects and their fields
    GET  {base}/v1/objects/{object}    modified_since, modified_until, fields, page_size, cursor

A window of time holds its beginning and not its end, so that neighbouring windows neither lose nor
repeat a record; `fields` asks for some fields only. Every error is `{"error": code, "detail":
sentence}`. The hazard for a client: a cursor belongs to the window it was given for, and 429 is
normal: wait as long as it says.
"""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from demo.saas_faults import CutAnswer, Faults
from demo.saas_objects import ServiceObject
from demo.saas_pages import Refusal, page


@dataclass(frozen=True)
class Client:
    """Who may ask a service."""

    client_id: str
    client_secret: str


@dataclass(frozen=True)
class Limits:
    """How long a token lives, and how many requests a client has per window of seconds."""

    token_seconds: float = 600.0
    requests: int = 20
    window_seconds: float = 1.0


@dataclass
class _Service:
    """One service: its records, its one client, and what that client used up."""

    objects: Mapping[str, ServiceObject]
    client: Client
    limits: Limits
    clock: Callable[[], float]
    faults: Faults
    cursor_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    tokens: dict[str, float] = field(default_factory=dict)
    window_started: float = -math.inf
    window_requests: int = 0


def services(
    objects: Iterable[ServiceObject],
    clients: Mapping[str, Client],
    *,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
    faults: Mapping[str, Faults] | None = None,
) -> Starlette:
    """One application with every service below its own name.

    Args:
        objects: the records of all services.
        clients: the client of each service, by its name.
        limits: of each service.
        clock: seconds that never go back.
        faults: what goes wrong, by service.
    """
    known = list(objects)
    return Starlette(
        routes=[
            Mount(
                f"/{system}",
                app=_application(
                    _Service(
                        objects={each.name: each for each in known if each.system == system},
                        client=client,
                        limits=limits or Limits(),
                        clock=clock,
                        faults=(faults or {}).get(system) or Faults(),
                    )
                ),
            )
            for system, client in clients.items()
        ],
        exception_handlers={404: _unknown_path},
    )


def _application(service: _Service) -> Starlette:
    async def token(request: Request) -> Response:
        return _issue_token(service, parse_qs((await request.body()).decode("utf-8", "replace")))

    async def objects(request: Request) -> Response:
        _admit(service, request)
        described = [
            {"name": each.name, "fields": [{"name": n, "type": t} for n, t in each.fields]}
            for each in service.objects.values()
        ]
        return JSONResponse({"objects": described})

    async def records(request: Request) -> Response:
        fault = service.faults.next()
        if fault.forgets_tokens:
            service.tokens.clear()
        _admit(service, request)
        if fault.status is not None:
            raise Refusal(fault.status, "out_of_order", "try again", headers=fault.headers)
        answer = JSONResponse(_page(service, request))
        return answer if fault.cut_after is None else CutAnswer(answer, cut_after=fault.cut_after)

    return Starlette(
        routes=[
            Route("/oauth/token", token, methods=["POST"]),
            Route("/v1/objects", objects),
            Route("/v1/objects/{name}", records),
        ],
        exception_handlers={Refusal: _explained, 404: _unknown_path},
    )


def _page(service: _Service, request: Request) -> dict[str, object]:
    name = request.path_params["name"]
    if name not in service.objects:
        raise Refusal(404, "unknown_object", f"no object {name!r}; see /v1/objects")
    return page(service.objects[name], request.query_params, cursor_key=service.cursor_key)


def _issue_token(service: _Service, form: Mapping[str, list[str]]) -> Response:
    def given(name: str) -> str:
        return form.get(name, [""])[0]

    if given("grant_type") != "client_credentials":
        raise Refusal(400, "unsupported_grant_type", "grant_type must be client_credentials")
    known = hmac.compare_digest(given("client_id").encode(), service.client.client_id.encode())
    fits = hmac.compare_digest(
        given("client_secret").encode(), service.client.client_secret.encode()
    )
    if not (known and fits):
        raise Refusal(401, "invalid_client", "no client has this id and secret")
    now = service.clock()
    service.tokens = {old: end for old, end in service.tokens.items() if end > now}
    token = secrets.token_urlsafe(32)
    service.tokens[token] = now + service.limits.token_seconds
    return JSONResponse(
        {
            "access_token": token,
            "expires_in": int(service.limits.token_seconds),
            "token_type": "Bearer",
        },
        headers={"Cache-Control": "no-store"},
    )


def _admit(service: _Service, request: Request) -> None:
    """Let the request pass, or answer 401 for its token or 429 for its haste."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    now = service.clock()
    if scheme.lower() != "bearer" or service.tokens.get(token, -math.inf) <= now:
        raise Refusal(
            401,
            "invalid_token",
            "the token is missing, unknown or expired",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    limits = service.limits
    if now >= service.window_started + limits.window_seconds:
        service.window_started, service.window_requests = now, 0
    service.window_requests += 1
    if service.window_requests > limits.requests:
        wait = math.ceil(service.window_started + limits.window_seconds - now)
        raise Refusal(
            429,
            "too_many_requests",
            f"{limits.requests} requests are allowed in {limits.window_seconds:g} s",
            headers={"Retry-After": str(max(wait, 1))},
        )


async def _explained(_: Request, problem: Exception) -> Response:
    if not isinstance(problem, Refusal):
        raise problem
    return JSONResponse(
        {"error": problem.error, "detail": problem.detail},
        status_code=problem.status,
        headers=dict(problem.headers),
    )


async def _unknown_path(request: Request, _: Exception) -> Response:
    return await _explained(request, Refusal(404, "not_found", f"no page {request.url.path}"))
