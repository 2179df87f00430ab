"""A sandbox on a real port for the time of a test."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from connector.sandbox.faults import Fault
from connector.sandbox.journal import Arrival
from connector.sandbox.ledger import Ledger
from connector.sandbox.limits import PER_DAY, PER_MINUTE, Kind, Limits
from connector.sandbox.privy import Business, Sandbox
from connector.sandbox.server import serving

TOKEN = "privy_" + "0123456789" * 4


class Hands:
    """A clock that tests move by hand; in unix seconds, in the middle of a minute and a day."""

    def __init__(self) -> None:
        self.now = 1_777_636_830.0  # 2026-05-01T12:00:30Z

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that listens: where it is, a token of its business ``main``, and what it knows."""

    base_url: str
    token: str
    sandbox: Sandbox

    @property
    def business(self) -> Business:
        return self.sandbox.first

    @property
    def ledger(self) -> Ledger:
        """Orders by id, contacts and flows of the business ``main``."""
        return self.sandbox.first.ledger

    @property
    def arrivals(self) -> list[Arrival]:
        """Every request for *Order placed*, refused ones too, in the order they were judged."""
        return self.sandbox.arrivals

    def script(self, *faults: Fault) -> None:
        """Play these faults after those that wait already."""
        self.sandbox.faults.add(faults)


@asynccontextmanager
async def running_sandbox(
    *,
    per_minute: int | None = PER_MINUTE,
    per_day: int | None = PER_DAY,
    window: Kind = "fixed",
    minute: float = 60.0,
    day: float = 86_400.0,
    token: str = TOKEN,
    clients: Mapping[str, str] | None = None,
    integrations: Iterable[str] = (),
    others: Mapping[str, str] | None = None,
    data: Path | None = None,
    token_seconds: float = 7200.0,
    latency: float = 0.0,
    clock: Callable[[], float] = time.time,
    port: int = 0,
) -> AsyncIterator[RunningSandbox]:
    """A sandbox in the test's own event loop, stopped at the end of the block.

    ``minute`` and ``day`` are the windows' lengths in seconds, for tests that wait for one to pass;
    ``clock`` gives unix seconds, for tests that do not want to wait. ``clients`` maps OAuth client ids
    to secrets. ``others`` maps names of further businesses to a token of each.
    """
    business = Business(
        limits=Limits(per_minute, per_day, window, minute=minute, day=day), integrations=integrations
    )
    further = [Business(name) for name in others or {}]
    sandbox = Sandbox(
        business, *further, data=data, token_seconds=token_seconds, latency=latency, clock=clock
    )
    sandbox.access.add_token(business.name, token)
    for client_id, secret in (clients or {}).items():
        sandbox.access.add_application(business.name, client_id, secret)
    for name, own in (others or {}).items():
        sandbox.access.add_token(name, own)
    async with serving(sandbox, port=port) as base_url:
        yield RunningSandbox(base_url, token, sandbox)
