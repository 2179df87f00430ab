"""Orders that come by themselves, pushed or from a file: the unit of work for stores that nobody can ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection

from connector.ingest.page import as_fetched, take
from connector.ingest.source import Shop
from connector.model.errors import BadOrder, UsageError
from connector.model.order import Document
from connector.model.states import ArrivalState, Taken
from connector.sdk.contract import PushedAdapter
from connector.state import cursors
from connector.state.group_commit import GroupCommit
from connector.state.outbox import acceptance, queries

FEED = "push"  # the name of their cursor, which only tells when something arrived last
MOMENT = timedelta(microseconds=1)  # between two orders that arrive together
DATABASE_SECONDS = 10.0  # then the sender is told to try again; what was sent may still be taken
MOST = 250  # documents of one transaction: it keeps everything else waiting
WORDS = {
    Taken.WAITING: ArrivalState.ACCEPTED,
    Taken.DELIVERED: ArrivalState.UNCHANGED,
    Taken.SKIPPED: ArrivalState.SKIPPED,
    Taken.FAILED: ArrivalState.FAILED,
    Taken.UNCHANGED: ArrivalState.UNCHANGED,
    Taken.STALE: ArrivalState.STALE,
}


class Arrival(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one document; ``order`` is the sender's own id.

    ``state``: accepted (it waits to be sent); unchanged; stale (older than what is known); skipped, by
    ``rule``; failed, for ``reason`` (it is kept, and can be tried again); refused, for ``reason`` (it has no
    id, so that nothing of it is kept).
    """

    order: str
    state: ArrivalState
    lane: str = ""
    rule: str = ""
    reason: str = ""


class Arrivals(msgspec.Struct, frozen=True):
    """One answer for each document, in their order; what the outbox made of them together."""

    each: Sequence[Arrival]
    taken: acceptance.Accepted


Arriving = GroupCommit[Sequence[Any], Sequence[Arrival]]


class Reception:
    """Takes in what is pushed, in one transaction what comes together to a store."""

    def __init__(self) -> None:
        self._arriving: dict[str, tuple[Shop, Arriving]] = {}

    async def arrive(self, shop: Shop, bodies: Sequence[Any]) -> Sequence[Arrival]:
        """What became of the documents, once all of them are safe. Raises StateError."""
        known, arriving = self._arriving.get(shop.name, (None, None))
        if known is not shop or arriving is None:  # the first, or after a reload
            arriving = GroupCommit(
                partial(_take_together, shop),
                seconds=DATABASE_SECONDS,
                most=MOST,
                late="the database did not take pushed orders in time",
            )
            self._arriving[shop.name] = shop, arriving
        return await arriving.add(bodies, len(bodies))


async def _take_together(shop: Shop, pushes: Sequence[Sequence[Any]]) -> Sequence[Sequence[Arrival]]:
    """In one transaction; what became of each push's documents."""
    async with shop.lock:
        bodies = [body for push in pushes for body in push]
        arrivals = await shop.db.run(take_in, shop, bodies, FEED)
    shop.took(arrivals.taken)
    each = iter(arrivals.each)
    return [[next(each) for _ in push] for push in pushes]


def take_in(
    connection: Connection,
    shop: Shop,
    bodies: Sequence[Any],
    feed: str,
    as_of: datetime | None = None,
) -> Arrivals:
    """Judge pushed documents and give them to the outbox, in the caller's transaction.

    ``as_of`` (aware UTC) is when a file's documents were true, the first of ``bodies`` first; without it
    they arrive now, after everything that arrived before, however the clock was set.
    """
    adapter = pushed_adapter(shop)
    now, steady = shop.clock.now(), shop.clock.steady()
    arrived_at = min(as_of, now) if as_of else now
    found = _documents(adapter, bodies, arrived_at)
    refs = [one.ref for one in found if isinstance(one, Document)]
    if as_of is None:
        last = queries.last_fetched(connection, shop.name, refs)
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
    adapter: PushedAdapter[Any, Any], bodies: Sequence[Any], arrived_at: datetime
) -> list[Document | BadOrder]:
    found: list[Document | BadOrder] = []
    for index, body in enumerate(bodies):
        try:
            if not isinstance(body, dict):
                raise BadOrder("order", "is no JSON object")
            at = arrived_at + index * MOMENT
            found.append(as_fetched(adapter, adapter.document(body, at), at))
        except BadOrder as error:
            found.append(error)
    return found


def _arrival(
    one: Document | BadOrder, newest: Mapping[str, Document], results: Mapping[str, acceptance.Result]
) -> Arrival:
    if isinstance(one, BadOrder):
        return Arrival(order="", state=ArrivalState.REFUSED, reason=str(one))
    if newest[one.ref] is not one:
        return Arrival(
            order=one.ref, state=ArrivalState.STALE, reason="a newer state of the order came with it"
        )
    result = results[one.ref]
    state = WORDS[result.outcome]
    if result.outcome in (Taken.UNCHANGED, Taken.STALE) and result.reason:
        state = ArrivalState.SKIPPED if result.rule else ArrivalState.FAILED
    lane = result.lane if state is ArrivalState.ACCEPTED else ""
    reason = "older than what is known of the order" if state is ArrivalState.STALE else result.reason
    return Arrival(order=result.ref, state=state, lane=lane, rule=result.rule, reason=reason)
