"""WooCommerce: sign-in, answers that went wrong, recordings of a real shop, webhooks and check."""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import vcr
from hypothesis import example, given
from hypothesis import strategies as st
from oauthlib.oauth1.rfc5849 import signature as oauthlib

from adapters.woocommerce import WooCommerce, webhooks
from adapters.woocommerce.client import Client, decoded
from adapters.woocommerce.configuration import Options
from adapters.woocommerce.oauth1 import signature
from adapters.woocommerce.orders import document
from connector.model.errors import AuthError, ConnectorError, Forged, Unavailable
from connector.runtime.http import Http, Reply
from connector.sdk.contract import Notice, Poll, ShopReport, WebhookRequest
from connector.sdk.findings import identity_of
from tests.shops.woocommerce import Key, Shop, serve

CASSETTES = Path(__file__).parents[2] / "cassettes" / "woocommerce"
SAMPLES = CASSETTES / "samples"
POLL = Poll(feed="orders", since=datetime(2026, 1, 1, tzinfo=UTC))


def adapter(
    url: str, http: Http, *, key: str = "ck_test", secret: str = "cs_test", **options: Any
) -> WooCommerce:
    """An adapter of a shop at ``url``."""
    credentials = WooCommerce.Credentials.model_validate({"consumer_key": key, "consumer_secret": secret})
    return WooCommerce(url=url, credentials=credentials, options=Options.model_validate(options), http=http)


@pytest.fixture
def shop() -> Shop:
    """A shop of five orders over plain http."""
    shop = Shop()
    shop.seed(5)
    return shop


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with serve(shop) as url:
        yield url


async def refused(reading: Any) -> ConnectorError:
    """The error that a read ends in."""
    with pytest.raises(ConnectorError) as caught:
        await reading
    return caught.value


# Sign-in


WORDS = st.text(max_size=8) | st.sampled_from(
    ["a", "a-b", "a.b", "a~", "a[0]", "a[]", "a b", "a+b", "a%41", "a/b"]
)


@given(st.sampled_from(["get", "POST"]), st.lists(st.tuples(WORDS, WORDS), max_size=6), st.text(max_size=20))
@example("get", [("a-b", "1"), ("a", "2")], "s")
@example("get", [("a", "2"), ("a", "10"), ("a", "-")], "s&%")
def test_a_request_is_signed_as_oauthlib_signs_it(
    method: str, parameters: list[tuple[str, str]], secret: str
) -> None:
    url = "http://shop.example.com:8080/wp-json/wc/v3/orders"
    base = oauthlib.signature_base_string(
        method, oauthlib.base_string_uri(url), oauthlib.normalize_parameters(parameters)
    )
    key = f"{quote(secret, safe='-._~')}&".encode()
    expected = b64encode(hmac.digest(key, base.encode(), sha256)).decode()
    assert signature(method, url, parameters, secret) == expected


async def test_plain_http_is_signed_and_every_try_anew(shop: Shop, url: str, http: Http) -> None:
    shop.fail("500", path="/orders$")
    page = await adapter(url, http).changed(POLL)
    assert len(page.documents) == 5
    signed = [query for _, path, query in shop.requests if path.endswith("/orders")]
    assert len({query["oauth_nonce"] for query in signed}) == len(signed) == 3


async def test_no_secret_travels_over_plain_http(shop: Shop, url: str, http: Http) -> None:
    await adapter(url, http).changed(POLL)
    assert "cs_test" not in str(shop.requests)


async def test_signing_helps_also_over_https_where_a_host_strips_the_header(
    shop: Shop, url: str, http: Http
) -> None:
    shop.secure = True
    assert (await adapter(url, http, authentication="oauth").changed(POLL)).documents
    assert (await adapter(url, http, authentication="basic").changed(POLL)).documents


async def test_a_wrong_secret_is_named_in_words(shop: Shop, url: str, http: Http) -> None:
    error = await refused(adapter(url, http, secret="cs_wrong").changed(POLL))
    assert isinstance(error, AuthError)
    assert "provided signature does not match" in str(error)
    shop.secure = True
    error = await refused(adapter(url, http, secret="cs_wrong", authentication="basic").changed(POLL))
    assert "Consumer secret is invalid; correct credentials.consumer_secret" in str(error)
    assert "cs_wrong" not in str(error)


async def test_an_unknown_key_and_a_stripped_header_look_alike_and_both_are_said(
    shop: Shop, url: str, http: Http
) -> None:
    error = await refused(adapter(url, http, authentication="basic").changed(POLL))  # Basic over plain http
    assert isinstance(error, AuthError)
    assert "does not know this consumer_key" in str(error)
    assert "options.authentication: oauth" in str(error)


async def test_a_key_that_may_only_write_is_told_to_read(shop: Shop, url: str, http: Http) -> None:
    shop.keys = {"ck_test": Key(permissions="write")}
    error = await refused(adapter(url, http).changed(POLL))
    assert isinstance(error, AuthError)
    assert "let the key read" in str(error)


# Answers that went wrong


@pytest.mark.parametrize(
    ("sample", "kind", "words", "retry_after"),
    [
        ("401_no_auth", AuthError, "does not know this consumer_key", None),
        ("401_wrong_consumer_secret", AuthError, "Consumer secret is invalid", None),
        ("401_oauth_nonce_replay", AuthError, "nonce has already been used", None),
        ("401_oauth_signature_mismatch", AuthError, "knows itself by another address", None),
        ("400_invalid_date", Unavailable, "Invalid parameter(s): modified_after", None),
        ("404_rest_no_route", Unavailable, "is WooCommerce active", None),
        ("500_php_fatal_accept_json", Unavailable, "There has been a critical error on this website.", None),
        ("500_php_fatal_html", Unavailable, "WordPress › Error", None),
        ("500_database_down_accept_json", Unavailable, "Error establishing a database connection", None),
        ("503_maintenance_html", Unavailable, "Maintenance", 60.0),
        ("504_gateway_timeout_html", Unavailable, "504 Gateway Time-out", None),
    ],
)
async def test_a_recorded_error_is_told_in_its_own_words(
    http: Http, sample: str, kind: type[ConnectorError], words: str, retry_after: float | None
) -> None:
    async with recorded_answer("errors", sample) as url:
        error = await refused(adapter(url, http, authentication="basic").changed(POLL))
    assert type(error) is kind
    assert words in str(error)
    assert "ck_test" not in str(error)
    assert "<" not in str(error)
    assert getattr(error, "retry_after", None) == retry_after


async def test_a_php_warning_before_the_json_is_stepped_over(http: Http) -> None:
    async with recorded_answer("errors", "200_php_warning_before_json") as url:
        client = Client(http, url, key="ck_test", secret="cs_test", oauth=False)
        answer = await client.get("orders")
    assert [row["id"] for row in answer.value] == [676]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"\xef\xbb\xbf[1]", [1]),
        (b"Notice: x[0] is undefined in y.php on line 3\n[1, 2]", [1, 2]),
        (b'<br />\n<b>Warning</b>: {"x"\n{"id":1}', {"id": 1}),
        (b'debug{"id":1}', {"id": 1}),
    ],
)
def test_json_is_found_among_warnings(body: bytes, value: Any) -> None:
    assert decoded(Reply(200, httpx.Headers(), body, "https://shop.example.com")) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"<html><script>window.dataLayer = window.dataLayer || [];</script></html>",
        b"<html>\n[]\n</html>",
        b'[{"id":1,"refunds":[]',
        b'<b>Warning</b>\n[{"id":1,"refunds":[],"x',
        b'[{"id":1}]\n<br />\n<b>Warning</b>: late',
        b"null\x00",
    ],
)
def test_what_is_not_whole_is_never_taken_for_an_empty_list(body: bytes) -> None:
    with pytest.raises(Unavailable):
        decoded(Reply(200, httpx.Headers(), body, "https://shop.example.com"))


AS_LIST = {"content-type": "application/json; charset=UTF-8", "x-wp-total": "1"}
WARNED = b"<br />\n<b>Warning</b>: items[0] and {} in y.php\n"


@pytest.mark.parametrize("before", [b"", WARNED, b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    "after", [b"\n<!-- cached [1] -->", b"\n<br />\n<b>Notice</b>: {0} in x.php", b"}", b"\n[]\n{}"]
)
@pytest.mark.parametrize("size", [0, 300_000])
def test_text_around_json_is_shaken_off_where_the_answer_says_that_it_is_json(
    before: bytes, after: bytes, size: int
) -> None:
    rows = b'[{"id":1,"note":"%s"}]' % (b"x" * size)
    (row,) = decoded(Reply(200, httpx.Headers(AS_LIST), before + rows + after, "https://shop.example.com"))
    assert row["id"] == 1


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/html", "x-wp-total": "1"}, b'[{"id":1}]<!-- cached -->'),
        (
            {"content-type": "application/json"},
            b'[{"id":1}]<!-- cached -->',
        ),  # how many there are is not said
        (AS_LIST, b'[{"id":1},{"id":2'),
        (AS_LIST, b'[{"id":1,"refunds":[]},{"id":2<!-- cached -->'),
        (AS_LIST, b"<html>nothing here</html>"),
    ],
)
def test_half_an_answer_is_none_though_it_says_that_it_is_json(headers: Any, body: bytes) -> None:
    with pytest.raises(Unavailable):
        decoded(Reply(200, httpx.Headers(headers), body, "https://shop.example.com"))


@pytest.mark.parametrize("fault", ["500", "500-html", "504", "503", "html", "truncated", "429"])
async def test_check_calls_no_passing_fault_of_the_index_plain_permalinks(
    shop: Shop, url: str, http: Http, fault: str
) -> None:
    shop.fail(fault, path="/wp-json/$")
    error = await refused(adapter(url, http).check())
    assert isinstance(error, Unavailable)
    assert "permalinks" not in str(error)


async def test_a_redirect_is_named_and_not_followed(shop: Shop, url: str, http: Http) -> None:
    shop.fail("redirect", path="/orders$")
    error = await refused(adapter(url, http).changed(POLL))
    assert isinstance(error, Unavailable)
    assert "https://www.shop.example.com/wp-json/" in str(error)
    assert "secret=1" not in str(error)


async def test_a_firewall_s_page_is_told_from_woocommerce_s_answer(shop: Shop, url: str, http: Http) -> None:
    shop.fail("403", path="/orders$")
    error = await refused(adapter(url, http).changed(POLL))
    assert isinstance(error, AuthError)
    assert "Access denied; this is not WooCommerce's answer" in str(error)


async def test_an_order_is_gone_only_when_woocommerce_says_so(shop: Shop, url: str, http: Http) -> None:
    reader = adapter(url, http)
    shop.trash(1)
    trashed = await reader.fetch("1")
    assert trashed is not None
    assert trashed.body["status"] == "trash"
    shop.delete(1)
    assert await reader.fetch("1") is None
    assert await reader.fetch("../orders") is None
    shop.plain_permalinks = True
    error = await refused(reader.fetch("2"))  # 404 as well, but of the web server
    assert "there is no REST API here" in str(error)


# Recordings


async def test_recorded_lists_order_and_refusal_are_read_as_they_were() -> None:
    player = vcr.VCR(
        record_mode=vcr.mode.NONE, match_on=["method", "scheme", "host", "port", "path", "query"]
    )
    asked = {"status": "any", "orderby": "modified", "order": "asc", "dates_are_gmt": "true"}
    asked |= {"modified_after": "2026-11-20T00:00:00", "per_page": "4"}
    async with Http(transport=httpx.AsyncHTTPTransport()) as http:
        with player.use_cassette(str(CASSETTES / "orders_list_fetch_401_httpx.yaml")):
            reader = adapter("https://shop.example.com", http, page_size=4)
            client = Client(http, "https://shop.example.com", key="ck", secret="cs", oauth=False)
            pages = [await client.get("orders", {**asked, "page": page}) for page in ("1", "2", "3")]
            order = await reader.fetch("249")
            error = await refused(client.get("orders", {"per_page": "1"}))
    first = [document(row) for row in pages[0].value]
    assert [one.ref for one in first] == ["221", "224", "225", "226"]
    assert first[-1].changed_at == datetime(2026, 11, 23, 7, 54, 38, tzinfo=UTC)
    assert all(page.number("x-wp-total") for page in pages)
    assert order is not None
    assert reader.parse(order).ref == "249"
    assert isinstance(error, AuthError)
    assert "Consumer secret is invalid" in str(error)


# Webhooks


def delivery(name: str) -> tuple[WebhookRequest, str]:
    """A delivery of a real shop, and its secret."""
    sample = json.loads((SAMPLES / "webhooks" / f"{name}.json").read_bytes())
    headers = {header.lower(): value for header, value in sample["headers"]}
    body = (SAMPLES / "webhooks" / f"{name}.body").read_bytes()
    return WebhookRequest(headers=headers, body=body), sample["secret"]


@pytest.mark.parametrize(
    ("name", "refs"),
    [
        ("guest_order_pending_created", ["679"]),
        ("guest_order_pending_updated", ["679"]),
        ("trashed_deleted", ["679"]),
        ("restored_from_trash_restored", ["679"]),
        ("order_gone_before_delivery_created", []),
        ("order_gone_before_delivery_updated", []),
    ],
)
def test_a_delivery_says_which_order_to_look_at(name: str, refs: list[str]) -> None:
    request, secret = delivery(name)
    assert list(webhooks.notice(request, [secret]).refs) == refs


def test_a_ping_is_no_order_and_needs_no_signature() -> None:
    request, secret = delivery("ping_on_create")
    assert webhooks.notice(request, [secret]) == Notice()
    with pytest.raises(Forged):
        webhooks.notice(WebhookRequest(headers={}, body=b'{"id":1}'), [secret])
    with pytest.raises(Forged):
        webhooks.notice(WebhookRequest(headers={}, body=b"webhook_id=9&id=1"), [secret])


def test_the_first_order_of_a_shop_is_one() -> None:
    body = b'{"id":1}'
    signature = b64encode(digest(b"s", body, sha256)).decode()
    request = WebhookRequest(headers={"x-wc-webhook-signature": signature}, body=body)
    assert webhooks.notice(request, ["s"]) == Notice(refs=("1",))


def test_an_empty_secret_never_verifies() -> None:
    request, secret = delivery("empty_secret_updated")
    assert secret == ""
    for secrets in ([""], ["", "another"], []):
        with pytest.raises(Forged):
            webhooks.notice(request, secrets)


def test_a_secret_entered_with_html_entities_signs_decoded() -> None:
    body = b'{"id":7}'
    signature = b64encode(digest(b"a&b<c", body, sha256)).decode()
    request = WebhookRequest(headers={"x-wc-webhook-signature": signature}, body=body)
    assert list(webhooks.notice(request, ["a&amp;b&lt;c"]).refs) == ["7"]
    assert list(webhooks.notice(request, ["a&b<c"]).refs) == ["7"]


@pytest.mark.parametrize("body", [b"[1]", b'{"id":0}', b'{"id":true}', b'{"id":"7"}', b"<html>", b"{}", b"7"])
def test_a_signed_body_without_an_id_is_no_order(body: bytes) -> None:
    signature = b64encode(digest(b"s", body, sha256)).decode()
    request = WebhookRequest(headers={"x-wc-webhook-signature": signature}, body=body)
    assert webhooks.notice(request, ["s"]) == Notice()
    with pytest.raises(Forged, match="not signed with this store's webhook_secret"):
        webhooks.notice(request, ["t"])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"code": "woocommerce_rest_cannot_view", "data": {"status": 403}}, "the user who owns them"),
        ({"code": "woocommerce_rest_cannot_view", "data": {"status": 401}}, "woocommerce_rest_cannot_view"),
        ({"code": "rest_forbidden", "message": "ann@shop.example", "data": {"status": 401}}, "--renew"),
        ({"code": "internal_server_error", "data": {"status": 500}}, "look into the shop's log"),
        ({"code": "<b>ann@shop.example</b>", "data": []}, "an error (an error)"),
        ({"code": "woocommerce_rest_shop_order_invalid_id", "data": {"status": 404}}, ""),
        ({"code": "woocommerce_rest_order_gone", "data": {"status": 410}}, ""),
        ({"code": 7}, ""),
    ],
)
def test_a_shops_error_in_an_orders_place_is_told_to_the_operator(error: dict[str, Any], said: str) -> None:
    body = json.dumps(error).encode()
    signature = b64encode(digest(b"s", body, sha256)).decode()
    request = WebhookRequest(headers={"x-wc-webhook-signature": signature}, body=body)
    notice = webhooks.notice(request, ["s"])
    assert notice.refs == ()
    assert said in notice.note
    assert bool(said) == bool(notice.note)
    assert "ann@" not in notice.note


def test_a_webhook_about_something_else_is_no_order() -> None:
    body = b'{"id":7}'
    signature = b64encode(digest(b"s", body, sha256)).decode()
    headers = {"x-wc-webhook-signature": signature, "x-wc-webhook-resource": "product"}
    assert webhooks.notice(WebhookRequest(headers=headers, body=body), ["s"]) == Notice()


# Check


async def found(url: str, http: Http) -> dict[str, tuple[str, str]]:
    """Findings by subject."""
    report: ShopReport = await adapter(url, http).check()
    return {finding.subject: (finding.level, finding.message) for finding in report.findings}


async def test_check_tells_versions_storage_clock_and_statuses(shop: Shop, url: str, http: Http) -> None:
    shop.clock.set(datetime(2026, 11, 23, 8, 5, 32, tzinfo=UTC))
    findings = await found(url, http)
    assert findings["shop"] == ("ok", "WooCommerce 10.5.0, WordPress 6.9.1, USD, 2 decimals")
    assert findings["storage"][0] == "ok"
    assert findings["clock"] == (
        "ok",
        "the shop's clock says 2026-11-23T08:05:32Z; time zone America/New_York",
    )
    assert "awaiting-pickup" in findings["statuses"][1]


async def test_check_warns_of_legacy_storage_and_old_versions(shop: Shop, url: str, http: Http) -> None:
    shop.storage = "legacy"
    shop.version = "5.7.1"
    findings = await found(url, http)
    assert findings["storage"][0] == "warning"
    assert findings["version"][0] == "error"


async def test_check_recognises_plain_permalinks(shop: Shop, url: str, http: Http) -> None:
    shop.plain_permalinks = True
    shop.home = "https://Shop.Example.com/store/"
    report = await adapter(url, http).check()
    assert [(finding.level, finding.subject) for finding in report.findings] == [("error", "permalinks")]
    assert report.identity == "shop.example.com/store"


async def test_check_goes_on_where_only_orders_can_be_read(shop: Shop, url: str, http: Http) -> None:
    shop.fail("401", times=None, path="/system_status")
    findings = await found(url, http)
    assert findings["orders"][0] == "ok"
    assert findings["system status"][0] == "warning"


async def test_a_site_that_closes_its_index_is_read_all_the_same(shop: Shop, url: str, http: Http) -> None:
    shop.fail("401", times=None, path="/wp-json/$")
    assert len((await adapter(url, http).changed(POLL)).documents) == 5
    assert (await found(url, http))["clock"][0] == "warning"
    assert (await adapter(url, http).check()).identity == url.removeprefix("http://")


@pytest.mark.parametrize(
    ("home", "expected"),
    [
        ("https://Shop.Example.com", "shop.example.com"),
        ("http://shop.example.com/", "shop.example.com"),
        ("https://shop.example.com:8443/Store/", "shop.example.com:8443/store"),
        ("", ""),
    ],
)
def test_a_shop_s_identity_is_its_address_without_scheme_and_slash(home: str, expected: str) -> None:
    assert identity_of(home) == expected


@asynccontextmanager
async def recorded_answer(folder: str, name: str) -> AsyncIterator[str]:
    """A server that gives every request for orders a recorded answer, and every other one the index."""
    sample = json.loads((SAMPLES / folder / f"{name}.response.json").read_bytes())
    (path,) = (path for path in (SAMPLES / folder).glob(f"{name}.body.*"))
    kept = [
        (header, value)
        for header, value in sample["headers"]
        if header not in ("transfer-encoding", "connection", "content-length")
    ]
    index = (SAMPLES / "related" / "wp_json_index_fields.body.json").read_bytes()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        orders = b"/wc/v3/" in request.splitlines()[0]
        status, body = (sample["status"], path.read_bytes()) if orders else (200, index)
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close"]
        lines += [f"{header}: {value}" for header, value in kept] if orders else []
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
