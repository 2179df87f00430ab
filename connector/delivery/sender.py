"""One account as delivery uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from prometheus_client import Histogram

from connector.delivery.answers import Outcome
from connector.delivery.privy import Privy
from connector.model.limits import Limits
from connector.runtime import instruments
from connector.runtime.clock import Clock
from connector.state import quota
from connector.state.database import Database
from connector.state.outbox.claims import Claim, SendingRules


@dataclass
class Run:
    """Refusals in a row, with what all of them name; ``orders`` maps (store, ref) to the hash sent."""

    common: frozenset[str] = frozenset()
    orders: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """What was found out of a store's integration token, and at which steady time."""

    at: float
    verdict: Verdict


class Verdict(Enum):
    """Whether Privy takes a store's integration token."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(kw_only=True)
class Sender:
    """One account as delivery uses it.

    ``rules`` and ``tokens`` are per store of the account; ``verified`` says whether a store's shop was
    found to be the right one since the program started: before that nothing of it is sent.
    """

    account: str
    privy: Privy
    limits: Limits
    rules: Mapping[str, SendingRules]
    tokens: Mapping[str, str | None]
    verified: Callable[[str], bool]
    db: Database
    clock: Clock
    pacer: quota.Pacer = field(init=False)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    fixed: set[str] = field(default_factory=set)
    seconds: Histogram = field(init=False)
    runs: dict[str, Run] = field(default_factory=dict)  # by store; under "" of all stores together
    verdicts: dict[str, Judged] = field(default_factory=dict)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.pacer = quota.Pacer(self.limits)
        self.seconds = instruments.PRIVY_SECONDS.labels(self.account)


@dataclass(frozen=True)
class Attempt:
    """A claim and what came of it."""

    claim: Claim
    outcome: Outcome
