"""Every platform under the contract, one line each; a platform's quirks are in ``test_<platform>_….py``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.oscar.paging import whole
from adapters.shopify.documents import document
from connector import registry
from connector.adapter import Adapter, PushedAdapter
from connector.order import Document
from tests.contract import AdapterContract, PlatformContract, StandIn
from tests.shops.oscar.contract import stand_in as oscar


class TestPush(PlatformContract, platform="push"):
    def as_document(self, adapter: Adapter[Any, Any], body: dict[str, Any]) -> Document:
        assert isinstance(adapter, PushedAdapter)
        return adapter.document(body, datetime(2026, 11, 23, tzinfo=UTC))


class TestOscar(AdapterContract, platform="oscar"):
    def as_document(self, adapter: Adapter[Any, Any], body: dict[str, Any]) -> Document:
        return whole(body["order"], body["lines"])


class TestOscarInPages(TestOscar):
    counts = False

    @pytest.fixture
    def shop(self) -> Iterator[StandIn]:
        with oscar(paged=30) as shop:
            yield shop


class TestSample(AdapterContract, platform="sample"): ...


class TestShopify(AdapterContract, platform="shopify"):
    def as_document(self, adapter: Adapter[Any, Any], body: dict[str, Any]) -> Document:
        return document(body, body["lineItems"])


class TestVendure(AdapterContract, platform="vendure"): ...


class TestWooCommerce(AdapterContract, platform="woocommerce"): ...


class TestMedusa(AdapterContract, platform="medusa"): ...


def test_every_platform_is_under_contract() -> None:
    assert list(registry.platforms()) == sorted(PlatformContract.tested)
