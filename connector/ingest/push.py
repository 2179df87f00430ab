"""Orders that come by themselves, pushed or from a file: the unit of work for stores that nobody can ask."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from connector.ingest.page import take
from connector.ingest.source import Shop
from connector.model.errors import BadOrder, StateError, UsageError
from connector.model.order import Document
from connector.sdk.contract import PushedAdapter
from connector.state import cursors
from connector.state.outbox import acceptance
from connector.state.outbox.schema import OUTBOX

FEED = "push"  # the name of their cursor, which only tells when something arrived last
MOMENT = timedelta(microseconds=1)  # between two orders that arrive together
DATABASE_SECONDS = 10.0  # then the sender is told to try again; what was sent may still be taken
MOST = 250  # documents of one transaction: it keeps everything else waiting
WORDS = {"waiting": "accepted", "delivered": "unchanged"}


class Arrival(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one document; ``order`` is the sender's own id.

    ``state``: accepted (it waits to be sent); unchanged; stale (older than what is known); skipped, by
    ``rule``; failed, for ``reason`` (it is kept, and can be tried again); refused, for ``reason`` (it has no
    id, so that nothing of it is kept).
    """

    order: str
    state: str
    lane: str = ""
    rule: str = ""
    reason: str = ""


class Arrivals(msgspec.Struct, frozen=True):
    """One answer for each document, in their order; what the outbox made of them together."""

    each: Sequence[Arrival]
    taken: acceptance.Accepted


class Reception:
    """Takes in what is pushed. What comes while a transaction runs shares the next one, so a burst is few."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[_Push]] = {}
        self._working: set[asyncio.Task[None]] = set()

    async def arrive(self, shop: Shop, bodies: Sequence[dict[str, Any]]) -> Sequence[Arrival]:
        """What became of the documents, once all of them are safe. Raises StateError."""
        push = _Push(shop, bodies, asyncio.get_running_loop().create_future())
        waiting = self._waiting.setdefault(shop.name, deque())
        waiting.append(push)
        if len(waiting) == 1:
            task = asyncio.create_task(self._receive(waiting))
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        try:
            return await asyncio.wait_for(push.answer, DATABASE_SECONDS)
        except TimeoutError:
            raise StateError("the database did not take pushed orders in time") from None

    async def _receive(self, waiting: deque[_Push]) -> None:
        """Until none waits. The first stays in the line until it is answered, and so shows that we work."""
        while waiting:
            shop, together = waiting[0].shop, [waiting[0]]
            for push in list(waiting)[1:]:
                if push.shop is not shop or sum(len(one.bodies) for one in (*together, push)) > MOST:
                    break
                together.append(push)
            await _take_together(shop, together)
            for _ in together:
                waiting.popleft()


@dataclass
class _Push:
    """One request's documents, and its answer to come."""

    shop: Shop
    bodies: Sequence[dict[str, Any]]
    answer: asyncio.Future[Sequence[Arrival]]


async def _take_together(shop: Shop, pushes: Sequence[_Push]) -> None:
    """Each push gets its answer, or the fault. A fault of ours with one is not shared by the others."""
    try:
        async with shop.lock:
            bodies = [body for push in pushes for body in push.bodies]
            arrivals = await shop.db.run(take_in, shop, bodies, FEED)
    except Exception as fault:
        if len(pushes) > 1 and not isinstance(fault, StateError):
            for push in pushes:
                await _take_together(shop, [push])
            return
        for push in pushes:
            if not push.answer.done():  # its sender may have gone
                push.answer.set_exception(fault)
        return
    shop.took(arrivals.taken)
    each = iter(arrivals.each)
    for push in pushes:
        own = [next(each) for _ in push.bodies]
        if not push.answer.done():
            push.answer.set_result(own)


def take_in(
    connection: Connection,
    shop: Shop,
    bodies: Sequence[dict[str, Any]],
    feed: str,
    as_of: datetime | None = None,
) -> Arrivals:
    """Judge pushed documents and give them to the outbox, in the caller's transaction.

    ``as_of`` (aware UTC) is when a file's documents were true, the first of ``bodies`` first; without it
    they arrive now, after everything that arrived before, however the clock was set.
    """
    adapter = pushed_adapter(shop)
    now, steady = shop.clock.now(), shop.clock.steady()
    arrived_at = as_of or now
    found = _documents(adapter, bodies, arrived_at)
    refs = [one.ref for one in found if isinstance(one, Document)]
    if as_of is None:
        last = connection.scalar(
            select(func.max(OUTBOX.c.fetched_at)).where(OUTBOX.c.store == shop.name, OUTBOX.c.ref.in_(refs))
        )
        if last is not None and last >= now:
            arrived_at = last + MOMENT
            found = _documents(adapter, bodies, arrived_at)
    documents = [one for one in found if isinstance(one, Document)]
    fetched_at = arrived_at + len(bodies) * MOMENT
    taken = take(connection, shop, documents, feed, fetched_at, now, steady)
    cursors.move(connection, shop.name, FEED, "", None, now)
    newest = {one.ref: one for one in sorted(documents, key=lambda one: one.changed_at)}
    results = {result.ref: result for result in taken.results}
    return Arrivals([_arrival(one, newest, results) for one in found], taken)


def pushed_adapter(shop: Shop) -> PushedAdapter[Any, Any]:
    """The adapter of a store whose orders are pushed. Raises UsageError for any other store."""
    if not isinstance(shop.adapter, PushedAdapter):
        raise UsageError(
            f"store {shop.name}: its orders are read from the shop, so none can be brought in another way; "
            f"for those of the past: connector backfill --store {shop.name} --since DATE"
        )
    return shop.adapter


def _documents(
    adapter: PushedAdapter[Any, Any], bodies: Sequence[dict[str, Any]], arrived_at: datetime
) -> list[Document | BadOrder]:
    found: list[Document | BadOrder] = []
    for index, body in enumerate(bodies):
        try:
            found.append(adapter.document(body, arrived_at + index * MOMENT))
        except BadOrder as error:
            found.append(error)
    return found


def _arrival(
    one: Document | BadOrder, newest: Mapping[str, Document], results: Mapping[str, acceptance.Result]
) -> Arrival:
    if isinstance(one, BadOrder):
        return Arrival(order="", state="refused", reason=str(one))
    if newest[one.ref] is not one:
        return Arrival(order=one.ref, state="stale", reason="a newer state of the order came with it")
    result = results[one.ref]
    state = WORDS.get(result.outcome, result.outcome)
    if result.outcome in ("unchanged", "stale") and result.reason:
        state = "skipped" if result.rule else "failed"
    lane = result.lane if state == "accepted" else ""
    reason = "older than what is known of the order" if state == "stale" else result.reason
    return Arrival(order=result.ref, state=state, lane=lane, rule=result.rule, reason=reason)
