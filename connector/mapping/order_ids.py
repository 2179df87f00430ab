"""How a store's orders are numbered at Privy, and whether two stores of one account could meet.

Privy keys orders on a positive 64-bit integer per account. ``native`` takes the platform's integer as it is,
``offset`` adds a number to it, ``hash`` makes one of (store, id). Hashed numbers have bit 62 set and bit 63
clear, so they lie in [2^62, 2^63); where stores share an account, the others must stay below.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from itertools import groupby, pairwise
from operator import attrgetter

import msgspec

from connector.model.errors import BadOrder
from connector.model.payload import MAX_ORDER_ID

HASH_START = 2**62
MIN_DISTANCE = 10**9
MAX_OFFSET = HASH_START - MIN_DISTANCE


class Strategy(StrEnum):
    """How an order's number is made from the platform's id."""

    NATIVE = "native"
    OFFSET = "offset"
    HASH = "hash"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What one store's configuration says about its numbers. ``offset`` counts for ``offset`` only.

    ``source`` is the expression that finds the id in the document; empty means the platform's own id.
    """

    store: str
    account: str
    strategy: Strategy
    offset: int = 0
    source: str = ""


class Numbering(msgspec.Struct, frozen=True, kw_only=True):
    """Makes the numbers of one store. Native and offset numbers lie in (offset, limit)."""

    store: str
    strategy: Strategy
    offset: int = 0
    limit: int = MAX_ORDER_ID + 1
    source: str = ""

    @property
    def text(self) -> str:
        """What is recorded when the first order goes out; another text later means other numbers."""
        return numbering_text(self.strategy, self.offset, self.store, self.source)

    def number(self, value: int | str) -> int:
        """The ``order_id`` for a platform's id. Raises BadOrder naming ``order_id``."""
        if self.strategy is Strategy.HASH:
            return _hashed(self.store, value)
        number = _integer(value) + self.offset
        if number < self.limit:
            return number
        if self.limit > MAX_ORDER_ID:
            raise BadOrder("order_id", f"{number} is beyond 64 bits; set order_id.strategy to hash")
        raise BadOrder(
            "order_id",
            f"{number} reaches into the numbers of another store of the account, which begin at "
            f"{self.limit}; the offsets of these stores lie too close together",
        )


def numbering_text(strategy: Strategy, offset: int, store: str, source: str = "") -> str:
    """The numbering in words: ``native``, ``offset 1000000000``, ``hash v1 of acme``; then its source."""
    text = {
        Strategy.NATIVE: "native",
        Strategy.OFFSET: f"offset {offset}",
        Strategy.HASH: f"hash v1 of {store}",
    }[strategy]
    return f"{text} from {source}" if source else text


def numberings(claims: Iterable[Claim]) -> dict[str, Numbering]:
    """Each store's numbering; its limit is where the next store of the account begins."""
    found: dict[str, Numbering] = {}
    for _, sharing in _by_account(claims):
        limit = HASH_START if len(sharing) > 1 else MAX_ORDER_ID + 1
        for claim in sorted(sharing, key=_start, reverse=True):
            found[claim.store] = Numbering(
                store=claim.store,
                strategy=claim.strategy,
                offset=_start(claim),
                limit=limit,
                source=claim.source,
            )
            if claim.strategy is not Strategy.HASH:
                limit = _start(claim)
    return found


def collisions(claims: Iterable[Claim]) -> list[tuple[str, str]]:
    """(store, sentence) for each store whose numbers could meet those of another store of its account."""
    problems = []
    for account, sharing in _by_account(claims):
        counting = sorted(
            (claim for claim in sharing if claim.strategy is not Strategy.HASH),
            key=lambda claim: (_start(claim), claim.store),
        )
        problems += [
            (
                second.store,
                f"stores {first.store} and {second.store} both deliver to account {account}, and their "
                f"order_ids could meet (they count from {_start(first)} and {_start(second)}; at least "
                f"{MIN_DISTANCE} must lie between). Give the newer of the two another numbering: "
                f"strategy: hash, or strategy: offset with offset: {_start(counting[-1]) + MIN_DISTANCE}",
            )
            for first, second in pairwise(counting)
            if _start(second) - _start(first) < MIN_DISTANCE
        ]
    return problems


def _by_account(claims: Iterable[Claim]) -> list[tuple[str, list[Claim]]]:
    key = attrgetter("account")
    return [(account, list(group)) for account, group in groupby(sorted(claims, key=key), key)]


def _start(claim: Claim) -> int:
    return claim.offset if claim.strategy is Strategy.OFFSET else 0


def _hashed(store: str, value: int | str) -> int:
    text = str(value)
    if not text:
        raise BadOrder("order_id", "the order has no id")
    digest = sha256(f"{store}\0{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % HASH_START + HASH_START


def _integer(value: int | str) -> int:
    """Exact and unambiguous: two different texts never give one integer."""
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit()):
            raise BadOrder(
                "order_id", "the platform's id is not a whole number; set order_id.strategy to hash"
            )
        if value.startswith("0"):
            raise BadOrder("order_id", "the platform's id begins with a zero; set order_id.strategy to hash")
        if len(value) > len(str(MAX_ORDER_ID)):
            raise BadOrder("order_id", "the platform's id is beyond 64 bits; set order_id.strategy to hash")
        value = int(value)
    if not 0 < value <= MAX_ORDER_ID:
        raise BadOrder(
            "order_id", "the platform's id is not between 1 and 2^63-1; set order_id.strategy to hash"
        )
    return value
