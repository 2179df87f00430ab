"""The stand-in for a WooCommerce shop keeps the rules seen on the real one, wrong results included."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adapters.woocommerce.oauth1 import OAuth1
from connector.runtime import listener
from tests.shops.woocommerce import Key, Shop, serve
from tests.shops.woocommerce.hooks import signature

NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)  # 08:00 in New York


@pytest.fixture
def shop() -> Shop:
    """Orders 1 to 5, a minute apart, the last at noon."""
    shop = Shop(secure=True)
    shop.clock.set(NOON)
    shop.seed(5)
    return shop


@pytest.fixture
def client(shop: Shop) -> Iterator[httpx.Client]:
    with (
        serve(shop) as url,
        httpx.Client(base_url=f"{url}/wp-json/wc/v3", auth=("ck_test", "cs_test")) as client,
    ):
        yield client


def ids(client: httpx.Client, **query: Any) -> list[int]:
    """The ids of a list."""
    answer = client.get("/orders", params={"_fields": "id", **query})
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()]


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and WordPress's error code."""
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    ("zone", "after", "gmt", "found"),
    [
        ("America/New_York", "2026-07-15T11:57:00", True, [3, 4, 5]),  # exclusive, UTC
        ("America/New_York", "2026-07-15T07:57:00", False, [3, 4, 5]),  # local time of the site
        ("America/New_York", "2026-07-15T11:57:00Z", False, [3, 4, 5]),
        ("America/New_York", "2026-07-15T13:57:00+02:00", False, [3, 4, 5]),
        ("America/New_York", "2026-07-15T11:57:00Z", True, [1, 2, 3, 4, 5]),  # four hours too early
        ("Asia/Tokyo", "2026-07-15T11:57:00Z", True, []),  # nine hours too late
        ("America/New_York", "2026-07-15T11:57:00.9", True, [3, 4, 5]),  # fractions are dropped
    ],
)
def test_bounds_are_read_as_woocommerce_reads_them(
    zone: str, after: str, gmt: bool, found: list[int]
) -> None:
    shop = Shop(secure=True, zone=zone)
    shop.clock.set(NOON)
    shop.seed(5)
    with serve(shop) as url:
        query = {"after": after, "order": "asc", "dates_are_gmt": str(gmt).lower(), "_fields": "id"}
        answer = httpx.get(f"{url}/wp-json/wc/v3/orders", params=query, auth=("ck_test", "cs_test"))
    assert [row["id"] for row in answer.json()] == found


def test_lists_are_sorted_and_cut_as_asked(client: httpx.Client, shop: Shop) -> None:
    assert ids(client) == [5, 4, 3, 2, 1]
    assert ids(client, order="asc", per_page=2, page=2) == [3, 4]
    shop.clock.advance(60)
    shop.edit(2, customer_note="x")
    assert ids(client, orderby="modified")[0] == 2
    assert ids(client, orderby="id", order="asc") == [1, 2, 3, 4, 5]
    assert ids(client, include="4,2,99", orderby="include") == [4, 2]
    for per_page in ("0", "101", "x"):
        assert refused(client.get("/orders", params={"per_page": per_page})) == (400, "rest_invalid_param")
    for date in ("2026-10-15", "2026-10-15T11:59", "1760000000", "2026-07-15T11:00:00+0200"):
        assert refused(client.get("/orders", params={"after": date})) == (400, "rest_invalid_param")


def test_totals_and_links_are_told_and_forgotten_past_the_end(client: httpx.Client, shop: Shop) -> None:
    first = client.get("/orders", params={"per_page": 2})
    assert (first.headers["x-wp-total"], first.headers["x-wp-totalpages"]) == ("5", "3")
    assert 'rel="next"' in first.headers["link"]
    past = client.get("/orders", params={"per_page": 2, "page": 9})
    assert (past.json(), past.headers["x-wp-total"], past.headers["x-wp-totalpages"]) == ([], "0", "0")
    assert "page=0" in past.headers["link"]
    shop.storage = "legacy"
    assert client.get("/orders", params={"per_page": 2, "page": 9}).headers["x-wp-total"] == "5"


def test_any_leaves_out_trash_drafts_and_statuses_whose_plugin_is_gone(
    client: httpx.Client, shop: Shop
) -> None:
    shop.trash(1)
    shop.edit(2, status="partial-payment")
    shop.edit(3, status="auto-draft")
    shop.edit(4, status="awaiting-pickup")
    assert ids(client) == [5, 4]
    assert ids(client, status="any,trash") == [5, 4]
    assert ids(client, status="trash") == [1]
    assert ids(client, status="awaiting-pickup") == [4]
    assert refused(client.get("/orders", params={"status": "partial-payment"})) == (400, "rest_invalid_param")
    assert client.get("/orders/2").json()["status"] == "partial-payment"


def test_fields_are_top_level_only(client: httpx.Client) -> None:
    (row, *_) = client.get("/orders", params={"_fields": "id,line_items.sku,status"}).json()
    assert set(row) == {"id", "status"}
    assert set(client.get("/orders/1", params={"_fields": "id"}).json()) == {"id", "_links"}


def test_deleting_trashes_then_deletes_for_good(client: httpx.Client, shop: Shop) -> None:
    before = client.get("/orders/1").json()["status"]
    assert client.delete("/orders/1").json()["status"] == before
    assert client.get("/orders/1").json()["status"] == "trash"
    assert refused(client.delete("/orders/1")) == (410, "woocommerce_rest_already_trashed")
    assert client.put("/orders/1", json={"status": before}).json()["status"] == before
    assert client.delete("/orders/1", params={"force": "true"}).status_code == 200
    assert refused(client.get("/orders/1")) == (404, "woocommerce_rest_shop_order_invalid_id")


def test_a_write_can_be_seen_late(client: httpx.Client, shop: Shop) -> None:
    late = shop.add(commit_after=30)
    shop.edit(1, commit_after=30, customer_note="late")
    assert ids(client) == [5, 4, 3, 2, 1]
    shop.clock.advance(31)
    assert ids(client) == [late, 5, 4, 3, 2, 1]
    assert client.get("/orders/1").json()["customer_note"] == "late"
    assert client.get(f"/orders/{late}").json()["date_created_gmt"] == "2026-07-15T12:00:00"


def test_refunds_end_in_the_status_refunded(client: httpx.Client, shop: Shop) -> None:
    paid = shop.add()
    shop.refund(paid, "5.00")
    assert client.get(f"/orders/{paid}").json()["status"] == "processing"
    shop.refund(paid)
    order = client.get(f"/orders/{paid}").json()
    assert order["status"] == "refunded"
    assert [refund["total"] for refund in order["refunds"]] == ["-5.00", "-80.71"]


def test_over_plain_http_only_a_fresh_signature_is_let_in(shop: Shop, client: httpx.Client) -> None:
    shop.secure = False
    assert refused(client.get("/orders")) == (401, "woocommerce_rest_cannot_view")
    signed = client.get("/orders", params={"per_page": "1"}, auth=OAuth1("ck_test", "cs_test"))
    assert signed.status_code == 200
    with httpx.Client() as unsigned:
        again = unsigned.get(signed.url)
        assert again.json()["message"] == "Invalid nonce - nonce has already been used."
        forged = unsigned.get(str(signed.url).replace("per_page=1", "per_page=9"))
        assert "signature does not match" in forged.json()["message"]
    old = client.get("/orders", auth=OAuth1("ck_test", "cs_test", now=lambda: 1_700_000_000))
    assert old.json()["message"] == "Invalid timestamp."


def test_a_key_does_only_what_it_may(shop: Shop, client: httpx.Client) -> None:
    shop.keys["ck_test"] = Key(permissions="read")
    assert client.get("/orders").status_code == 200
    assert refused(client.put("/orders/1", json={})) == (401, "woocommerce_rest_authentication_error")


def test_it_runs_as_a_process_and_is_told_what_to_do_over_http() -> None:
    command = [sys.executable, "-m", "tests.shops.woocommerce", "--orders", "3", "--secure"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            added = httpx.post(f"{url}/control/add", json={"status": "on-hold"}).json()["result"]
            assert httpx.post(f"{url}/control/trash", json={"id": 1}).json() == {"result": None}
            assert httpx.get(f"{url}/control/").json() == {"orders": 3, "trash": 1, "requests": 0}
            assert (
                httpx.post(f"{url}/control/order", json={"id": added}).json()["result"]["status"] == "on-hold"
            )
            assert httpx.post(f"{url}/control/edit", json={"id": 99}).status_code == 400
            assert httpx.post(f"{url}/control/nothing").status_code == 404
        finally:
            process.terminate()


# Webhooks


class Receiver:
    """What listens at a webhook's address: counts what comes, answers ``status``."""

    def __init__(self) -> None:
        self.status = 200
        self.came: list[tuple[dict[str, str], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.came.append((dict(request.headers), await request.body()))
        await Response(status_code=self.status)(scope, receive, send)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    async with listener.serving(receiver, listener.bind("127.0.0.1", 0)) as server:
        yield receiver, f"{server.url}/hook"


@pytest.fixture
async def api(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    with serve(shop) as url:
        auth = ("ck_test", "cs_test")
        async with httpx.AsyncClient(base_url=f"{url}/wp-json/wc/v3", auth=auth) as client:
            yield client


async def subscribe(api: httpx.AsyncClient, address: str, *topics: str) -> list[int]:
    """Create webhooks; their ids."""
    numbers = []
    for topic in topics:
        wanted = {"topic": topic, "delivery_url": address, "secret": "a&amp;b"}
        made = await api.post("/webhooks", json=wanted)
        assert made.status_code == 201, made.text
        assert "secret" not in made.json()
        numbers.append(int(made.json()["id"]))
    return numbers


async def test_a_webhook_is_pinged_unsigned_and_delivers_signed(
    shop: Shop, api: httpx.AsyncClient, receiver: tuple[Receiver, str]
) -> None:
    there, address = receiver
    await subscribe(api, address, "order.created", "order.updated")
    assert [body for _, body in there.came] == [b"webhook_id=1", b"webhook_id=2"]
    assert not any(name.startswith("x-wc-") for headers, _ in there.came for name in headers)
    there.came.clear()
    number = shop.add()
    assert await asyncio.to_thread(shop.deliver) == [200, 200]
    assert {headers["x-wc-webhook-topic"] for headers, _ in there.came} == {"order.created", "order.updated"}
    for headers, body in there.came:
        assert json.loads(body)["id"] == number
        assert headers["x-wc-webhook-signature"] == signature(body, "a&b")  # entities are decoded


async def test_changes_before_the_queue_runs_are_one_delivery_of_the_present_state(
    shop: Shop, api: httpx.AsyncClient, receiver: tuple[Receiver, str]
) -> None:
    there, address = receiver
    await subscribe(api, address, "order.updated", "order.deleted", "order.restored")
    there.came.clear()
    for status in ("on-hold", "processing", "completed"):
        shop.edit(1, status=status)
    await asyncio.to_thread(shop.deliver)
    assert [json.loads(body)["status"] for _, body in there.came] == ["completed"]
    there.came.clear()
    shop.trash(1)
    await asyncio.to_thread(shop.deliver)
    assert [body for _, body in there.came] == [b'{"id": 1}']
    shop.untrash(1)
    shop.edit(2, customer_note="changed")
    shop.delete(2)  # for good: no webhook of its own, and the one that waits carries an error
    there.came.clear()
    await asyncio.to_thread(shop.deliver)
    bodies = {headers["x-wc-webhook-topic"]: json.loads(body) for headers, body in there.came}
    assert bodies["order.restored"]["id"] == 1
    assert bodies["order.updated"]["code"] == "woocommerce_rest_shop_order_invalid_id"


async def test_two_orders_of_one_second_share_a_delivery_id(
    shop: Shop, api: httpx.AsyncClient, receiver: tuple[Receiver, str]
) -> None:
    there, address = receiver
    await subscribe(api, address, "order.updated")
    there.came.clear()
    shop.edit(1, customer_note="changed")
    shop.edit(2, customer_note="changed")
    await asyncio.to_thread(shop.deliver)
    assert len({headers["x-wc-webhook-delivery-id"] for headers, _ in there.came}) == 1
    assert len({body for _, body in there.came}) == 2


async def test_the_seventh_failure_in_a_row_disables_and_switching_on_again_does_not_reset_the_count(
    shop: Shop, api: httpx.AsyncClient, receiver: tuple[Receiver, str]
) -> None:
    there, address = receiver
    (number,) = await subscribe(api, address, "order.updated")

    async def delivered(status: int) -> str:
        there.status = status
        shop.edit(1, customer_note="changed")
        await asyncio.to_thread(shop.deliver)
        return str((await api.get(f"/webhooks/{number}")).json()["status"])

    assert [await delivered(500) for _ in range(6)] == ["active"] * 6
    assert await delivered(302) == "active"  # a success, which sets the count back
    assert [await delivered(404) for _ in range(7)] == ["active"] * 6 + ["disabled"]
    assert (await api.put(f"/webhooks/{number}", json={"status": "active"})).json()["status"] == "active"
    assert await delivered(500) == "disabled"
    there.came.clear()
    await delivered(200)
    assert there.came == []


async def test_webhooks_are_deleted_for_good_only_and_need_a_key_that_may_write(
    shop: Shop, api: httpx.AsyncClient, receiver: tuple[Receiver, str]
) -> None:
    (number,) = await subscribe(api, receiver[1], "order.updated")
    assert refused(await api.delete(f"/webhooks/{number}")) == (501, "woocommerce_rest_trash_not_supported")
    shop.keys["ck_test"] = Key(permissions="read")
    assert (await api.delete(f"/webhooks/{number}", params={"force": "true"})).status_code == 401
    assert len((await api.get("/webhooks")).json()) == 1
    shop.keys["ck_test"] = Key()
    assert (await api.delete(f"/webhooks/{number}", params={"force": "true"})).status_code == 200
    gone = await api.delete(f"/webhooks/{number}", params={"force": "true"})
    assert refused(gone) == (404, "woocommerce_rest_shop_webhook_invalid_id")
