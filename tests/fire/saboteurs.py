"""Faults of the program's own, put into it on purpose: each must be caught, or the tests prove nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete

from connector.delivery import answers, dispatcher
from connector.delivery.answers import Outcome
from connector.ingest import poll
from connector.ingest.source import Shop
from connector.mapping import lanes
from connector.model import payload
from connector.model.facts import Version
from connector.model.states import AttemptOutcome, Lane
from connector.runtime.http import Reply
from connector.sdk.keyset import Listing, reader, window
from connector.sdk.keyset.window import Part, Window
from connector.state import cursors, quota
from connector.state.outbox import acceptance, claims
from connector.state.outbox.schema import OUTBOX


def cursor_before_commit() -> None:
    """The cursor moves in a transaction of its own, before what was read is stored."""
    plain = poll._keep_poll

    async def poll_page(shop: Shop, feed: str, *place: Any) -> Any:
        run = shop.db.run

        async def run_twice(work: Any, *given: Any, **named: Any) -> Any:
            if work is plain:
                _, _, page, _, _ = given
                await run(cursors.move, shop.name, feed, page.cursor, page.position, shop.clock.now())
            return await run(work, *given, **named)

        shop.db.run = run_twice  # type: ignore[method-assign,assignment]
        try:
            return await poll_one_page(shop, feed, *place)
        finally:
            shop.db.run = run  # type: ignore[method-assign]

    poll_one_page = poll._poll_page
    poll._poll_page = poll_page  # type: ignore[assignment]


def counted_for_read() -> None:
    """The first page of a window, which was asked for to count it, is taken for read."""
    plain = window.step

    async def step(listing: Listing, given: Window) -> Part:
        part = await plain(listing, given)
        left = part.window.left
        if left is None or left > listing.size.rows:
            return part
        return msgspec.structs.replace(part, window=msgspec.structs.replace(part.window, left=0))

    vars(reader)["step"] = step


def flag_lost_on_retry() -> None:
    """What is sent a second time goes without ``initial_sync``."""
    plain = payload.with_initial_sync
    seen: set[bytes] = set()

    def with_initial_sync(body: bytes, initial_sync: bool) -> bytes:
        again = body in seen
        seen.add(body)
        return plain(body, initial_sync and not again)

    vars(dispatcher)["with_initial_sync"] = with_initial_sync


def spending_in_memory() -> None:
    """A restart forgets what was spent."""

    def recover(connection: Connection, account: str, steady: float) -> None:
        connection.execute(delete(quota.SLOTS))

    quota.recover = recover


def delivered_before_sent() -> None:
    """A claim is recorded as delivered."""
    claims._CLAIM = claims._CLAIM.values(state="delivered", told_hash=OUTBOX.c.hash)


def no_version_check() -> None:
    """Whatever is read last counts as the newest."""
    plain = acceptance.accept

    def accept(
        connection: Connection,
        store: str,
        account: str,
        versions: list[Version],
        rows: dict[str, Row[Any]],
        *,
        now: datetime,
        **named: Any,
    ) -> acceptance.Accepted:
        known = {ref: row.changed_at for ref, row in rows.items()}
        newest = [
            msgspec.structs.replace(
                one, changed_at=max(one.changed_at, known.get(one.ref, one.changed_at)), fetched_at=now
            )
            for one in versions
        ]
        return plain(connection, store, account, newest, rows, now=now, **named)

    acceptance.accept = accept  # type: ignore[assignment]


def every_order_live() -> None:
    """The rule that tells history from live orders fails."""
    lanes.decide = lambda *facts: lanes.Decision(lane=Lane.LIVE, initial_sync=False, reason="sabotage")


def no_second_guard() -> None:
    """The rule fails, and nobody asks again."""
    every_order_live()
    vars(dispatcher)["may_send"] = lambda *facts, **flag: True


def any_answer_counts() -> None:
    """Every 200 is taken for Privy's."""
    plain = answers.read_answer

    def read_answer(reply: Reply, has_integration_token: bool, order_id: int) -> Outcome:
        if reply.status == 200:
            return Outcome(kind=AttemptOutcome.DELIVERED, detail="200")
        return plain(reply, has_integration_token, order_id)

    answers.read_answer = read_answer
