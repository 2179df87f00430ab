"""Doing what webhooks asked for, a store's inbox at a time: fetch orders afresh, erase buyers' data.

A webhook is a nudge: its order is fetched from the shop, so forged, repeated or disordered bodies cannot
matter. The shop is fetched from at a bounded pace, with room for a burst.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import structlog
from sqlalchemy import Connection

from connector.ingest import erasure
from connector.ingest.lookup import look_at
from connector.ingest.source import Shop, everybodys
from connector.model.backoff import Backoff
from connector.model.errors import StateError, UsageError
from connector.model.states import BreakerScope, EventKind, InboxKind
from connector.runtime import faults
from connector.state import audit, breakers, inbox, troubles
from connector.state.inbox import Errand
from connector.state.outbox import acceptance

log = structlog.get_logger()

BURST = 10  # fetches that may follow each other at once
UNKNOWN_SECONDS = (2.0, 10.0, 60.0, 600.0)  # a new order can be visible later than its webhook comes
FAULT = Backoff(5.0, 600.0)  # after a fault of the shop
GIVE_UP = timedelta(days=1)  # poll and reconcile have found the order long since
SCRUB_SECONDS = 60.0  # the wait while another process reads the database
QUIET = 0.3  # seconds after a webhook in which those that follow it are gathered
ROUNDS = 3  # at most so many times
LONGEST = 3600.0  # seconds after which an empty inbox is looked into all the same
WHO = "because the shop asked for it"


class Next(msgspec.Struct, frozen=True):
    """The next errand, and the steady time from which it, or if there is none the one after, may be done."""

    errand: Errand | None
    free_at: float | None


class Errands:
    """One store's inbox at work. ``per_minute`` is how many orders may be fetched from its shop a minute."""

    def __init__(self, shop: Shop, per_minute: int) -> None:
        self._shop = shop
        self._each = 60.0 / per_minute
        self._burst = min(BURST, per_minute)
        self._spent_until = 0.0
        self._rests_until = 0.0
        self._strikes = 0
        self._troubled = True  # an earlier process may have been

    async def attend(self, stopping: asyncio.Event) -> float:
        """``run`` once what comes together is gathered. Returns in how many seconds to come again."""
        nudged = self._shop.nudged
        for _ in range(ROUNDS):
            await asyncio.sleep(QUIET)
            if not nudged.is_set():
                break
            nudged.clear()
        wait = await self.run(stopping)
        return LONGEST if wait is None else wait

    async def run(self, stopping: asyncio.Event) -> float | None:
        """Do what is due. Returns in how many seconds something is due again, None when nothing is left."""
        shop = self._shop
        following = await shop.db.run(_next, shop)
        while not stopping.is_set():
            steady = shop.clock.steady()
            errand, free_at = following.errand, following.free_at
            if errand is None and free_at is None:
                await self._good()
                return None
            if errand is None:
                return max((free_at or 0.0) - steady, 0.0)
            if errand.kind != InboxKind.LOOK:
                await self._erase(errand)
                following = await shop.db.run(_next, shop)
                continue
            wait = max(free_at or 0.0, self._rests_until, self._free_at()) - steady
            if wait > 0:
                return wait
            following = await self._look(errand)
        return 0.0

    def _free_at(self) -> float:
        """The steady time at which another fetch is within the pace."""
        return self._spent_until - (self._burst - 1) * self._each

    async def _look(self, errand: Errand) -> Next:
        """Take the order and settle the errand in one transaction, which says also what comes next."""
        shop = self._shop
        self._spent_until = max(self._spent_until, shop.clock.steady()) + self._each
        following = Next(None, None)

        def settle(connection: Connection, known: bool) -> None:
            nonlocal following
            _settle(connection, shop, errand, known)
            following = _next(connection, shop)

        try:
            await look_at(shop, errand.subject, "webhook", settle=settle)
        except StateError:
            raise
        except Exception as error:  # one order at which we fail must not keep the others waiting either
            return await self._fault(errand, error)
        self._strikes = 0
        await self._good()
        return following

    async def _fault(self, errand: Errand, error: Exception) -> Next:
        """The shop rests; what it asked for itself, or refused credentials, make everything of it rest."""
        shop = self._shop
        steady = shop.clock.steady()
        scope = BreakerScope.SHOP if everybodys(error) else BreakerScope.INBOX
        self._troubled = self._troubled or scope is BreakerScope.INBOX
        await troubles.begin(shop.db, shop.clock, scope, shop.name, error)
        if shop.clock.now() - errand.came_at > GIVE_UP:
            said = faults.sentence(error)
            detail = f"a webhook named this order, but it could not be fetched for a day: {said}"
            return await shop.db.run(_give_up, shop, errand, "unreachable", detail)
        self._strikes += 1
        self._rests_until = steady + FAULT.wait(self._strikes)
        # One order at which the shop always fails must not keep the others waiting, so it goes back furthest.
        return await shop.db.run(
            _put_off, shop, errand, max(self._rests_until, steady + FAULT.wait(errand.tries + 1))
        )

    async def _good(self) -> None:
        """An order was fetched, or nothing is left to do."""
        if self._troubled:
            await troubles.end(self._shop.db, BreakerScope.INBOX, self._shop.name)
            self._troubled = False

    async def _erase(self, errand: Errand) -> None:
        """Rows first, in one transaction with what remembers that their bytes must go too; then the bytes."""
        shop = self._shop
        if errand.kind != InboxKind.SCRUB:
            now = shop.clock.now()
            if errand.kind == InboxKind.CONTACT:
                await self._forget(errand.subject)
            else:
                refs = [errand.subject] if errand.kind == InboxKind.ORDER else None
                await erasure.purge(shop.db, shop.name, refs, now, WHO)
            await shop.db.run(inbox.replace, errand, InboxKind.SCRUB, now=now, steady=shop.clock.steady())
            log.info("buyer.forgotten", store=shop.name, what=errand.kind)
            return
        try:
            await shop.db.scrub()
        except StateError as error:
            log.warning("database.scrub_waits", error=str(error))
            await shop.db.run(inbox.later, errand, shop.clock.steady() + SCRUB_SECONDS)
        else:
            await shop.db.run(inbox.settle, errand)

    async def _forget(self, contact: str) -> None:
        shop = self._shop
        try:
            await erasure.forget(shop.db, {shop.name: shop}, contact, shop.clock.now(), WHO, scope=shop.name)
        except UsageError as error:  # a shop's word for "none"
            log.warning("buyer.not_recognised", store=shop.name, error=type(error).__name__)


def _next(connection: Connection, shop: Shop) -> Next:
    """What comes next. An order that was read after its newest webhook came, by a poll for instance, needs no
    fetch any more."""
    store, steady = shop.name, shop.clock.steady()
    pause = breakers.get(connection, BreakerScope.SHOP, store)
    rests_until = pause.until if pause is not None and pause.rests(steady) else None
    errand = inbox.due(connection, store, steady)
    if errand is not None and errand.kind == InboxKind.LOOK:
        row = acceptance.known(connection, store, [errand.subject]).get(errand.subject)
        if row is not None and row.fetched_at > errand.came_at:
            inbox.drop_read(connection, store)
            errand = inbox.due(connection, store, steady)
    if errand is None:
        return Next(None, inbox.next_at(connection, store))
    return Next(errand, rests_until if errand.kind == InboxKind.LOOK else None)


def _settle(connection: Connection, shop: Shop, errand: Errand, known: bool) -> None:
    """What a look came to; ``known`` says whether the shop or we know the order."""
    if known:
        inbox.settle(connection, errand)
    elif errand.tries < len(UNKNOWN_SECONDS):
        inbox.later(connection, errand, shop.clock.steady() + UNKNOWN_SECONDS[errand.tries])
    else:
        tries = errand.tries + 1
        detail = f"a webhook named this order, but the shop does not know it; given up after {tries} looks"
        _give_up(connection, shop, errand, "unknown", detail)


def _put_off(connection: Connection, shop: Shop, errand: Errand, due_at: float) -> Next:
    inbox.later(connection, errand, due_at)
    return _next(connection, shop)


def _give_up(connection: Connection, shop: Shop, errand: Errand, outcome: str, detail: str) -> Next:
    inbox.settle(connection, errand)
    event = audit.Event(shop.clock.now(), shop.name, errand.subject, EventKind.NOTE, outcome, detail)
    audit.write(connection, [event])
    return _next(connection, shop)
