"""Every platform under the contract, one line each; a platform's quirks are in ``test_<platform>_….py``."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from hmac import digest

import pytest

from connector.model.errors import Forged, Unavailable
from connector.runtime.http import Http
from connector.sdk import registry
from connector.sdk.contract import (
    PLUGIN_SIGNATURE,
    History,
    Notice,
    Poll,
    WebhookRequest,
    order_notice,
)
from connector.sdk.testing import StandIn
from tests.contract import AdapterContract, PlatformContract
from tests.shops.oscar.contract import stand_in as oscar
from tests.state import NOW


class TestPush(PlatformContract, platform="push"):
    async def test_nobody_can_be_asked_for_pushed_orders(self) -> None:
        push = self.offline()
        for read in (Poll(feed="orders", since=NOW, cursor=None), History(since=NOW, until=NOW, cursor=None)):
            with pytest.raises(Unavailable, match="are pushed; there is no shop that could be read"):
                await push.changed(read)
        with pytest.raises(Unavailable, match="are pushed; there is no shop that could be read"):
            await push.fetch("1")
        with pytest.raises(Forged, match="are pushed to /orders/STORE, not to /webhooks/STORE"):
            push.read_webhook(WebhookRequest(headers={}, body=b"{}"), ["secret"])


class TestOscar(AdapterContract, platform="oscar"): ...


class TestOscarInPages(TestOscar):
    counts = False

    @pytest.fixture
    def shop(self) -> Iterator[StandIn]:
        with oscar(paged=30) as shop:
            yield shop


class TestSample(AdapterContract, platform="sample"): ...


class TestShopify(AdapterContract, platform="shopify"): ...


class TestVendure(AdapterContract, platform="vendure"): ...


class TestWooCommerce(AdapterContract, platform="woocommerce"): ...


class TestMedusa(AdapterContract, platform="medusa"): ...


def test_every_platform_is_under_contract() -> None:
    assert list(registry.platforms()) == sorted(PlatformContract.tested)


def test_a_slash_at_the_end_of_a_shops_address_is_none() -> None:
    push = registry.adapter("push")
    for url in ("https://shop.example/INDEX", "https://shop.example/INDEX/"):
        adapter = push(url=url, credentials=push.Credentials(), options=push.Options(), http=Http())
        assert adapter.url == "https://shop.example/INDEX"


def plugin_notice(body: bytes, *, secret: str = "s") -> Notice:
    signature = b64encode(digest(secret.encode(), body, sha256)).decode()
    return order_notice(WebhookRequest(headers={PLUGIN_SIGNATURE: signature}, body=body), ["s", "t"])


def test_a_plugin_of_ours_says_which_order_to_look_at() -> None:
    assert plugin_notice(b'{"order_id": "order_1", "event": "placed"}') == Notice(refs=("order_1",))
    assert plugin_notice(b'{"order_id": "2"}', secret="t") == Notice(refs=("2",))


@pytest.mark.parametrize(
    "body", [b'{"order_id": ""}', b'{"order_id": 7}', b'["order_id"]', b"{}", b"<html>", b""]
)
def test_what_a_plugin_signed_without_an_order_is_no_order(body: bytes) -> None:
    assert plugin_notice(body) == Notice()


def test_what_no_plugin_of_ours_signed_is_forged() -> None:
    for headers in ({}, {PLUGIN_SIGNATURE: ""}, {PLUGIN_SIGNATURE: "forged"}):
        with pytest.raises(Forged, match="is not signed with this store's webhook_secret"):
            order_notice(WebhookRequest(headers=headers, body=b'{"order_id": "1"}'), ["s"])
    with pytest.raises(Forged):
        plugin_notice(b'{"order_id": "1"}', secret="u")
