"""Every platform under the contract, one line each; a platform's quirks are in ``test_<platform>_….py``."""

from __future__ import annotations

from connector import registry
from tests.contract import AdapterContract


class TestSample(AdapterContract, platform="sample"): ...


class TestWooCommerce(AdapterContract, platform="woocommerce"): ...


def test_every_platform_is_under_contract() -> None:
    tested = {contract.platform for contract in AdapterContract.__subclasses__()}
    assert set(registry.platforms()) == tested
