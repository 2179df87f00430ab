"""Shopify: tokens, refusals, points, scopes, what is withheld, check, subscriptions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.shopify import Shopify
from adapters.shopify.access import Access, shop_domain
from adapters.shopify.client import Client
from adapters.shopify.configuration import Credentials, Options
from connector.model.errors import AuthError, ConnectorError, Hidden, Unavailable
from connector.runtime.http import Http
from connector.sdk.contract import Poll
from tests.shops.shopify import Bucket, Shop, serve

APP = {"client_id": "client_test", "client_secret": "shpss_test"}
OLD_APP = {"access_token": "shpat_test", "client_secret": "shpss_test"}
ROOT = Path(__file__).parents[2]
SINCE = datetime(2025, 1, 1, tzinfo=UTC)
POLL = Poll(feed="orders", since=SINCE)


def adapter(url: str, http: Http, credentials: dict[str, str] = APP, **options: Any) -> Shopify:
    """An adapter of a shop at ``url``."""
    return Shopify(
        url=url,
        credentials=Credentials.model_validate(credentials),
        options=Options.model_validate(options),
        http=http,
    )


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop of five orders; it must understand whatever it is asked."""
    shop = Shop()
    shop.seed(5)
    yield shop
    assert not shop.mistakes


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with serve(shop) as url:
        yield url


def asked(shop: Shop, name: str) -> list[Any]:
    """The variables of each request with the operation ``name``."""
    return [body.get("variables") for _, _, body in shop.requests if f" {name}(" in str(body.get("query"))]


async def error_of(work: Any) -> ConnectorError:
    """What it raises."""
    with pytest.raises(ConnectorError) as caught:
        await work
    return caught.value


# Credentials and addresses


@pytest.mark.parametrize(
    "given",
    [
        {"client_secret": "s"},
        {"client_id": "i", "access_token": "t", "client_secret": "s"},
        {"client_id": "i"},
        {"client_id": "i", "client_secret": ""},
    ],
)
def test_credentials_are_of_one_kind_and_have_the_secret(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Credentials.model_validate(given)


@pytest.mark.parametrize("version", ["2026-07", "2026-11", "unstable", "latest", "26-10"])
def test_a_version_that_cannot_serve_is_refused(version: str) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate({"api_version": version})


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://acme.myshopify.com", "acme.myshopify.com"),
        ("https://ACME-2.myshopify.com/admin", "acme-2.myshopify.com"),
        ("acme.myshopify.com", "acme.myshopify.com"),
        ("http://127.0.0.1:8001", "127.0.0.1:8001"),
        ("http://localhost:8001/", "localhost:8001"),
    ],
)
def test_a_shops_own_address_is_taken(url: str, domain: str) -> None:
    assert shop_domain(url) == domain


@pytest.mark.parametrize(
    "url",
    [
        "https://www.acme.example",
        "http://acme.myshopify.com",
        "https://acme.myshopify.com.evil.example",
        "https://evil.example/acme.myshopify.com",
        "https://acme.myshopify.com@evil.example",
        "https://acme.myshopify.com:8443",
        "https://.myshopify.com",
        "https://a_b.myshopify.com",
        "https://10.0.0.1",
        "",
    ],
)
async def test_no_token_goes_to_any_other_address(url: str) -> None:
    def call(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"{request.url} was called")

    for work in (
        adapter(url, Http(transport=httpx.MockTransport(call))).check(),
        adapter(url, Http(transport=httpx.MockTransport(call)), OLD_APP).fetch("1"),
    ):
        error = await error_of(work)
        assert isinstance(error, AuthError)
        assert "myshopify.com" in str(error)


# Tokens


async def test_one_token_serves_many_requests(shop: Shop, url: str, http: Http) -> None:
    ours = adapter(url, http)
    await ours.check()
    await ours.changed(POLL)
    assert shop.granted == 1


async def test_a_token_that_is_no_longer_good_is_renewed_once(shop: Shop, url: str, http: Http) -> None:
    ours = adapter(url, http)
    await ours.changed(POLL)
    shop.expire_tokens()
    assert (await ours.changed(POLL)).documents
    assert shop.granted == 2
    shop.fail("401", times=None, path="graphql")
    assert isinstance(await error_of(ours.changed(POLL)), AuthError)
    assert shop.granted == 3


async def test_a_fixed_token_is_all_there_is(shop: Shop, url: str, http: Http) -> None:
    ours = adapter(url, http, OLD_APP)
    assert (await ours.changed(POLL)).documents
    shop.expire_tokens()
    error = await error_of(ours.changed(POLL))
    assert isinstance(error, AuthError)
    assert "shpat_test" not in str(error)
    assert shop.granted == 0


async def test_a_token_is_renewed_when_four_fifths_of_its_life_are_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr("adapters.shopify.access.time.monotonic", lambda: now)
    given = iter(range(10))

    def call(request: httpx.Request) -> httpx.Response:
        assert (
            request.content == b"grant_type=client_credentials&client_id=client_test&client_secret=shpss_test"
        )
        return httpx.Response(200, json={"access_token": f"t{next(given)}", "expires_in": 86_399})

    ours = Access(
        Http(transport=httpx.MockTransport(call)),
        "https://acme.myshopify.com",
        Credentials.model_validate(APP),
    )
    assert await ours.token() == "t0"
    now += 0.79 * 86_399
    assert await ours.token() == "t0"
    now += 0.02 * 86_399
    assert await ours.token() == "t1"


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("shop_not_permitted", "another organisation"),
        ("app_not_installed", "Install app"),
        ("application_cannot_be_found", "client_id"),
        ("invalid_client", "client_secret is wrong"),
    ],
)
async def test_a_grant_that_is_refused_says_what_to_do(
    shop: Shop, url: str, http: Http, reason: str, advice: str
) -> None:
    shop.grant_failure = reason
    error = await error_of(adapter(url, http).changed(POLL))
    assert isinstance(error, AuthError)
    assert advice in str(error)
    assert "shpss_test" not in str(error)


@pytest.mark.parametrize("fault", ["500", "502", "429", "hang"])
async def test_a_grant_that_fails_in_passing_is_tried_again_later(shop: Shop, url: str, fault: str) -> None:
    shop.fail(fault, path="access_token")
    async with Http(read_seconds=0.3) as http:
        assert isinstance(await error_of(adapter(url, http).changed(POLL)), Unavailable)


async def test_a_blanket_denial_is_met_with_a_new_token_first(shop: Shop, url: str, http: Http) -> None:
    denied = {
        "data": {"orders": None},
        "errors": [{"message": "no", "extensions": {"code": "ACCESS_DENIED"}}],
    }
    tokens = iter(["old", "new"])

    def call(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("access_token"):
            return httpx.Response(200, json={"access_token": next(tokens), "expires_in": 86_399})
        good = request.headers["x-shopify-access-token"] == "new"
        return httpx.Response(200, json={"data": {"orders": {}}} if good else denied)

    transport = httpx.MockTransport(call)
    client = Client(
        Http(transport=transport), "https://acme.myshopify.com", Credentials.model_validate(APP), Options()
    )
    assert (await client.ask("{ orders }")).data == {"orders": {}}


# Refusals


@pytest.mark.parametrize("status", ["402", "404", "423", "430"])
async def test_a_shop_that_is_closed_to_us_is_asked_again_in_an_hour(
    shop: Shop, url: str, http: Http, status: str
) -> None:
    shop.fail(status, path="graphql")
    error = await error_of(adapter(url, http).changed(POLL))
    assert isinstance(error, Unavailable)
    assert error.retry_after == 3600
    assert status in str(error)


async def test_a_renamed_shop_is_named_and_never_followed(shop: Shop, url: str, http: Http) -> None:
    shop.fail("redirect", path="graphql")
    error = await error_of(adapter(url, http).changed(POLL))
    assert "renamed.example.com" in str(error)
    assert "secret=1" not in str(error)


async def test_an_empty_bucket_says_how_long_to_wait(shop: Shop, url: str, http: Http) -> None:
    shop.bucket = Bucket(maximum=2000, restore=1)
    ours = adapter(url, http)
    await ours.changed(POLL)
    shop.bucket.drain()
    error = await error_of(ours.changed(POLL))
    assert isinstance(error, Unavailable)
    assert error.retry_after is not None
    assert 100 < error.retry_after < 1000


async def test_a_page_waits_until_the_next_one_can_be_paid(shop: Shop, url: str, http: Http) -> None:
    shop.seed(30)
    shop.bucket = Bucket(maximum=2000, restore=1)
    ours = adapter(url, http, page_size=10)
    assert (await ours.changed(POLL)).wait == 0
    cost = 2000 - shop.bucket.available()
    shop.bucket.take(shop.bucket.available() - cost - 1)
    page = await ours.changed(POLL)
    assert page.more
    assert page.wait > 10


async def test_a_page_that_is_too_dear_is_halved_and_stays_so(shop: Shop, url: str, http: Http) -> None:
    tries: list[int] = []

    def dear(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"errors": [{"message": "Query cost is 1800", **code}]})

    code = {"extensions": {"code": "MAX_COST_EXCEEDED"}}
    inner = httpx.AsyncHTTPTransport()

    class Half(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            content = request.content.decode()
            if " Orders(" in content:
                size = int(content.rpartition('"first":')[2].partition("}")[0])
                tries.append(size)
                if size > 12:
                    return dear(request)
            return await inner.handle_async_request(request)

    async with inner, Http(transport=Half()) as http:
        ours = adapter(url, http, page_size=50)
        assert len((await ours.changed(POLL)).documents) == 5
        await ours.changed(POLL)
    assert tries == [50, 25, 12, 12]


async def test_a_page_that_the_shop_fails_on_is_no_smaller_for_it(shop: Shop, url: str, http: Http) -> None:
    ours = adapter(url, http, page_size=40)
    await ours.changed(POLL)
    shop.fail("internal", path="graphql", times=None)
    with pytest.raises(Unavailable):
        await ours.changed(POLL)
    shop.calm()
    shop.fail("internal", path="graphql")
    await ours.changed(POLL)  # asked for once more
    assert {variables["first"] for variables in asked(shop, "Orders")} == {40}


async def test_a_filter_that_the_shop_ignores_is_an_error(shop: Shop, url: str, http: Http) -> None:
    client = Client(http, url, Credentials.model_validate(APP), Options())
    with pytest.raises(Unavailable, match="ignored a filter"):
        await client.ask(
            "query Q($q: String) { ordersCount(query: $q) { count } }", {"q": "changed_at:>='2026-01-01'"}
        )


# Scopes, what is withheld, what is hidden


async def test_a_missing_scope_is_named(shop: Shop, url: str, http: Http) -> None:
    shop.scopes.remove("read_orders")
    ours = adapter(url, http)
    for work in (ours.changed(POLL), ours.fetch("1"), ours.check()):
        error = await error_of(work)
        assert isinstance(error, AuthError)
        assert "read_orders" in str(error)


async def test_without_customers_the_orders_come_without_them(shop: Shop, url: str, http: Http) -> None:
    shop.scopes.remove("read_customers")
    ours = adapter(url, http)
    page = await ours.changed(POLL)
    assert len(page.documents) == 5
    orders = [ours.parse(document) for document in page.documents]
    assert all(order.email and not order.customer_id and order.email_consent is None for order in orders)
    shop.scopes.add("read_customers")
    await ours.check()  # what it may read is learned again here
    assert any(ours.parse(document).customer_id for document in (await ours.changed(POLL)).documents)


async def test_a_scope_that_is_taken_away_costs_one_try(shop: Shop, url: str, http: Http) -> None:
    ours = adapter(url, http)
    await ours.changed(POLL)
    shop.scopes.remove("read_customers")
    assert "read_customers" in str(await error_of(ours.changed(POLL)))
    assert len((await ours.changed(POLL)).documents) == 5


async def test_masked_orders_come_with_what_is_left(shop: Shop, url: str, http: Http) -> None:
    shop.masked = True
    ours = adapter(url, http)
    page = await ours.changed(POLL)
    orders = [ours.parse(document) for document in page.documents]
    assert len(orders) == 5
    assert all(order.total and not order.email and not order.phones for order in orders)


async def test_an_order_that_may_only_be_too_old_is_hidden_and_not_gone(
    shop: Shop, url: str, http: Http
) -> None:
    old = str(shop.add(placed_at="2020-01-01T00:00:00Z"))
    shop.scopes.remove("read_all_orders")
    ours = adapter(url, http)
    error = await error_of(ours.fetch(old))
    assert isinstance(error, Hidden)
    assert timedelta(days=58) < shop.clock.now() - error.before < timedelta(days=60)
    assert await ours.fetch(str(shop.ids()[0])) is not None
    shop.scopes.add("read_all_orders")
    ours = adapter(url, http)
    assert await ours.fetch(old) is not None
    assert await ours.fetch("2") is None


async def test_several_orders_come_with_one_request(shop: Shop, url: str, http: Http) -> None:
    ours = adapter(url, http)
    refs = [str(id) for id in shop.ids()]
    found = await ours.fetch_many([*refs, "77"])
    assert {document.ref for document in found} == set(refs)
    assert len(asked(shop, "Several")) == 1
    for document in found:
        assert document == await ours.fetch(document.ref)


# Check


async def findings(ours: Shopify) -> dict[str, str]:
    report = await ours.check()
    return {finding.subject: f"{finding.level}: {finding.message}" for finding in report.findings}


async def test_check_is_content_with_a_good_shop(shop: Shop, url: str, http: Http) -> None:
    found = await findings(adapter(url, http))
    assert all(text.startswith("ok") for text in found.values())
    assert (await adapter(url, http).check()).identity == "example-shop.myshopify.com"


async def test_check_names_scopes_and_the_window_of_sixty_days(shop: Shop, url: str, http: Http) -> None:
    shop.scopes -= {"read_customers", "read_fulfillments", "read_all_orders"}
    report = await adapter(url, http).check()
    text = "\n".join(finding.message for finding in report.findings if finding.level == "warning")
    for word in ("read_customers", "read_fulfillments", "read_all_orders", "60 days"):
        assert word in text


async def test_check_tells_that_buyers_data_is_withheld(shop: Shop, url: str, http: Http) -> None:
    shop.masked = True
    found = await findings(adapter(url, http))
    assert found["buyers' data"].startswith("warning")
    assert "plan" in found["buyers' data"]


async def test_check_tells_of_a_version_that_fell_forward(shop: Shop, url: str, http: Http) -> None:
    shop.versions = ("2027-01", "2027-04", "2027-07", "2027-10")
    found = await findings(adapter(url, http))
    assert "2027-01 instead of 2026-10" in found["api version"]
    assert "2027-10" in found["api version"]


@pytest.mark.parametrize(("today", "level"), [("2027-06-01", "ok"), ("2027-08-01", "warning")])
async def test_check_warns_before_a_version_ends(today: str, level: str) -> None:
    date = datetime.fromisoformat(today).strftime("%a, %d %b %Y %H:%M:%S GMT")
    data: dict[str, Any] = {
        "shop": {"myshopifyDomain": "acme.myshopify.com"},
        "currentAppInstallation": {
            "accessScopes": [{"handle": "read_orders"}, {"handle": "customer_read_x"}]
        },
        "publicApiVersions": [
            {"handle": "2027-07", "supported": True},
            {"handle": "unstable", "supported": False},
        ],
        "orders": {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}},
    }
    headers = {"date": date, "x-shopify-api-version": "2026-10"}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=headers, json={"data": data}))
    ours = adapter("https://other.myshopify.com", Http(transport=transport), OLD_APP)
    found = await findings(ours)
    assert found["api version"].startswith(level)
    assert "acme.myshopify.com" in found["address"]


# Subscriptions


async def test_webhooks_are_registered_listed_and_ended(shop: Shop, url: str, http: Http) -> None:
    ours = adapter(url, http)
    assert await ours.subscriptions() == []
    for topic in ours.topics:
        await ours.subscribe(topic, "http://127.0.0.1:9/hook", "")
    found = await ours.subscriptions()
    assert sorted(one.topic for one in found) == sorted(ours.topics)
    assert {one.address for one in found} == {"http://127.0.0.1:9/hook"}
    assert all(one.active for one in found)
    with pytest.raises(AuthError, match="taken"):
        await ours.subscribe(ours.topics[0], "http://127.0.0.1:9/hook", "")
    for one in found:
        await ours.unsubscribe(one.id)
        await ours.unsubscribe(one.id)
    assert await ours.subscriptions() == []


async def test_a_webhook_that_the_app_may_not_have_is_an_auth_error(shop: Shop, url: str, http: Http) -> None:
    shop.scopes.remove("read_fulfillments")
    error = await error_of(adapter(url, http).subscribe("FULFILLMENTS_UPDATE", "http://127.0.0.1:9/hook", ""))
    assert isinstance(error, AuthError)


def test_of_shopifyapi_no_more_is_loaded_than_is_used() -> None:
    program = "import sys; import adapters.shopify; sys.exit('shopify' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
