"""What a real shop brings to the live proof: how it is started, how customers order, what it says itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a customer orders. ``lines`` are (number of the variant, quantity); ``country`` in lower case."""

    buyer: int = 0
    country: str = "de"
    lines: Sequence[tuple[int, int]] = ((0, 1),)
    codes: Sequence[str] = ()


@dataclass(frozen=True)
class Journey:
    """An order and what becomes of it, step by step, in the shop's own words for steps."""

    wish: Wish
    steps: Sequence[str] = ()


@dataclass(frozen=True)
class Line:
    """One line: the unit price is before discounts and tax."""

    sku: str
    quantity: int
    price: Decimal


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What Privy should hold of one order, worked out from the shop's raw answers without the adapter.

    ``total`` is what was sold, rounded to the currency; ``tax`` is the sum of all taxes, unrounded.
    """

    order_id: int
    placed_at: datetime
    currency: str
    total: Decimal
    financial: str
    fulfillment: str
    email: str
    customer: str = ""  # left out where the shop names none
    phone: str = ""
    lines: Sequence[Line] = ()
    codes: frozenset[str] = frozenset()
    tax: Decimal = Decimal(0)
    city: str = ""
    country: str = ""


@dataclass(frozen=True)
class Seen:
    """One request of the daemon, as the relay saw it. ``at`` is in seconds of a steady clock."""

    at: float
    method: str
    target: str
    body: bytes = field(repr=False, default=b"")


class LiveShop(ABC):
    """One real shop in ``folder``, which keeps what was installed for the next run."""

    platform: ClassVar[str]
    title: ClassVar[str]
    path: ClassVar[str] = ""  # below ``url``, where its API is: what an operator writes into the store's url
    past: ClassVar[Sequence[Journey]]  # placed, and all steps done, before the store goes live
    later: ClassVar[
        Sequence[tuple[int, str]]
    ] = ()  # (number of a past journey, a step after the store went live)
    live: ClassVar[Sequence[Journey]]
    dated: ClassVar[bool] = True  # whether orders have a change time; a first poll then shows changes, too
    silent: ClassVar[frozenset[str]]  # steps after which the order's own change time stands still

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the shop answers."""

    @property
    @abstractmethod
    def store(self) -> Mapping[str, Any]:
        """What an operator configures besides the address: ``credentials``, ``options``, ``mapping``.

        Strings may name environment variables, whose values are in ``variables``.
        """

    @property
    @abstractmethod
    def variables(self) -> Mapping[str, str]:
        """The secrets."""

    @abstractmethod
    async def open(self) -> None:
        """Install what is missing, start the shop on an empty database, and fill it with goods."""

    @abstractmethod
    async def restart(self, hook: str, secret: str) -> None:
        """Stop and start it. From then on it sends webhooks to ``hook``, where it can."""

    @abstractmethod
    async def close(self) -> None:
        """Stop everything that was started."""

    @abstractmethod
    async def place(self, wish: Wish) -> str:
        """A customer orders; returns the platform's own id as the connector names it."""

    @abstractmethod
    async def step(self, ref: str, step: str) -> None:
        """The merchant does something with an order."""

    @abstractmethod
    async def truth(self, ref: str) -> Truth:
        """Read the order from the shop's raw API."""

    @abstractmethod
    def is_sweep(self, requests: Sequence[Seen], index: int) -> bool:
        """Whether a request that the daemon made belongs to the sweep over open orders."""
