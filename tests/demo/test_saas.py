"""The services over real HTTP: tokens, pages, windows of time, the rate limit, refusals."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from demo.panel import open_panel
from demo.saas import Client, Limits, services
from demo.saas_objects import ServiceObject
from resources.local.secrets import LocalSecrets

DAY_MS = 86_400_000
VISITS = ServiceObject(
    system="shop",
    name="visit",
    fields=(("visit_id", "bigint"), ("modified_at", "timestamp")),
    modified_ms=[0, DAY_MS, DAY_MS, 2 * DAY_MS],
    records=[
        (1, "1970-01-01T00:00:00Z"),
        (2, "1970-01-02T00:00:00Z"),
        (3, "1970-01-02T00:00:00Z"),
        (4, "1970-01-03T00:00:00Z"),
    ],
)


class Clock:
    """A clock that moves when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(clock: Clock) -> Iterator[httpx.Client]:
    """A client, with a token, of a service that allows 5 requests in 10 s."""
    limits = Limits(token_seconds=60, requests=5, window_seconds=10)
    application = services([VISITS], {"shop": Client("me", "secret")}, limits=limits, clock=clock)
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/shop") as client:
        client.headers["Authorization"] = f"Bearer {token_of(client, 'me', 'secret')}"
        yield client
    server.should_exit = True
    thread.join()


def token_of(client: httpx.Client, client_id: str, client_secret: str) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
    }
    answer = client.post("/oauth/token", data=form)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] > 0
    return str(answer.json()["access_token"])


def ids(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [record["visit_id"] for record in answer.json()["records"]]


def test_pages_are_complete_and_without_duplicates(shop: httpx.Client) -> None:
    seen: list[int] = []
    query = {"page_size": "3"}
    while True:
        page = shop.get("/v1/objects/visit", params=query)
        seen += ids(page)
        assert page.json()["total"] == 4
        if page.json()["next_cursor"] is None:
            break
        query["cursor"] = page.json()["next_cursor"]
    assert seen == [1, 2, 3, 4]


def test_a_window_holds_its_beginning_and_not_its_end(shop: httpx.Client) -> None:
    day = {"modified_since": "1970-01-02T00:00:00Z", "modified_until": "1970-01-03T00:00:00+00:00"}
    page = shop.get("/v1/objects/visit", params=day)
    assert ids(page) == [2, 3]
    assert page.json()["total"] == 2
    assert ids(
        shop.get("/v1/objects/visit", params={"modified_since": "1970-01-03T00:00:00Z"})
    ) == [4]
    backwards = {"modified_since": "1970-01-03T00:00:00Z", "modified_until": "1970-01-01T00:00:00Z"}
    assert ids(shop.get("/v1/objects/visit", params=backwards)) == []


def test_haste_is_answered_with_the_time_to_wait(shop: httpx.Client, clock: Clock) -> None:
    answers = [shop.get("/v1/objects/visit") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["error"] == "too_many_requests"
    wait = int(answers[-1].headers["Retry-After"])
    assert wait == 10
    clock.now += wait
    assert shop.get("/v1/objects/visit").status_code == 200


def test_a_token_expires_and_is_needed(shop: httpx.Client, clock: Clock) -> None:
    clock.now += 59.9
    assert shop.get("/v1/objects").status_code == 200
    clock.now += 0.1
    late = shop.get("/v1/objects")
    assert (late.status_code, late.json()["error"]) == (401, "invalid_token")
    assert late.headers["WWW-Authenticate"].startswith("Bearer")
    assert shop.get("/v1/objects", headers={"Authorization": ""}).status_code == 401
    shop.headers["Authorization"] = f"Bearer {token_of(shop, 'me', 'secret')}"
    assert shop.get("/v1/objects").status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "me", "client_secret": "guess"}, 401, "invalid_client"),
        ({"client_id": "you", "client_secret": "secret"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_token_is_given_to_the_client_only(
    shop: httpx.Client, form: dict[str, str], status: int, error: str
) -> None:
    answer = shop.post("/oauth/token", data={"grant_type": "client_credentials", **form})
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/v1/objects/nothing", {}, 404),
        ("/v1/nothing", {}, 404),
        ("/v1/objects/visit", {"page_size": "0"}, 400),
        ("/v1/objects/visit", {"page_size": "5001"}, 400),
        ("/v1/objects/visit", {"page_size": "many"}, 400),
        ("/v1/objects/visit", {"modified_since": "yesterday"}, 400),
        ("/v1/objects/visit", {"modified_since": "2017-01-01T00:00:00"}, 400),
        ("/v1/objects/visit", {"cursor": "bm90IG91cnM="}, 400),
        ("/v1/objects/visit", {"cursor": "é"}, 400),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    shop: httpx.Client, path: str, query: dict[str, str], status: int
) -> None:
    answer = shop.get(path, params=query)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "detail"}
    assert answer.json()["detail"]


def test_a_cursor_belongs_to_its_window(shop: httpx.Client) -> None:
    cursor = shop.get("/v1/objects/visit", params={"page_size": "1"}).json()["next_cursor"]
    other = {"cursor": cursor, "modified_since": "1970-01-02T00:00:00Z"}
    assert shop.get("/v1/objects/visit", params=other).status_code == 400
    assert "visit" not in cursor


def test_the_objects_describe_themselves(shop: httpx.Client) -> None:
    fields = [{"name": "visit_id", "type": "bigint"}, {"name": "modified_at", "type": "timestamp"}]
    assert shop.get("/v1/objects").json() == {"objects": [{"name": "visit", "fields": fields}]}


@pytest.fixture
def marketing(secrets: LocalSecrets) -> Iterator[httpx.Client]:
    """A client of the company's own service, in its own process."""
    secret = secrets.get("marketing_api")
    with httpx.Client(base_url=secret["base_url"]) as client:
        token = token_of(client, secret["client_id"], secret["client_secret"])
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_the_company_serves_its_real_coupons_with_their_duplicates(marketing: httpx.Client) -> None:
    query = {"page_size": "5000", "modified_until": "2018-01-01T08:00:00Z"}
    coupons: Counter[tuple[str, int, int]] = Counter()
    waits = 0
    while True:
        answer = marketing.get("/v1/objects/coupon", params=query)
        if answer.status_code == 429:
            waits += 1
            threading.Event().wait(float(answer.headers["Retry-After"]))
            continue
        assert answer.status_code == 200
        coupons.update(
            (record["coupon_upc"], record["product_id"], record["campaign_id"])
            for record in answer.json()["records"]
        )
        if (cursor := answer.json()["next_cursor"]) is None:
            break
        query["cursor"] = cursor
    with open_panel("smoke") as panel:
        expected = panel.execute(
            "SELECT coupon_upc::VARCHAR, product_id, campaign_id FROM coupons"
        ).fetchall()
    assert coupons == Counter(expected)
    assert coupons.total() - len(coupons) == 4_872
    assert waits <= 2


def test_a_token_of_one_service_is_none_of_another(
    marketing: httpx.Client, secrets: LocalSecrets
) -> None:
    other = f"{secrets.get('crm_api')['base_url']}/v1/objects"
    assert marketing.get(other).status_code == 401
