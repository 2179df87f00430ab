"""The contract of platforms in this repository's layout: ``tests/shops/<platform>/contract.py``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from connector.sdk import testing

ROOT = Path(__file__).parents[1]


class PlatformContract(testing.PlatformContract):
    """A platform of this repository whose orders are pushed."""

    def __init_subclass__(cls, *, platform: str = "") -> None:
        super().__init_subclass__(platform=platform, root=ROOT)


class AdapterContract(testing.AdapterContract):
    """A platform of this repository with a shop that can be asked."""

    def __init_subclass__(cls, *, platform: str = "") -> None:
        stand_in = import_module(f"tests.shops.{platform}.contract").stand_in if platform else None
        super().__init_subclass__(platform=platform, root=ROOT, shops=stand_in)
