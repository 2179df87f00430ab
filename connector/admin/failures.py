"""What an operator does about orders that could not be sent.

Retry and discard are units of work: the command line and the page do the same thing through them. They take
many orders in parts, so that in a running daemon nothing else waits long for the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import structlog
from sqlalchemy import Connection

from connector.ingest.page import remap
from connector.ingest.source import Shop
from connector.model.states import EventKind, OrderState
from connector.state import audit
from connector.state.outbox import acceptance
from connector.state.outbox.failed_orders import set_aside

log = structlog.get_logger()

PART = 100  # orders of one transaction


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a retry. ``missing`` are refs whose document is no longer held; ``still`` are
    (ref, reason) of those that failed again."""

    asked: int = 0
    waiting: int = 0
    missing: Sequence[str] = ()
    still: Sequence[tuple[str, str]] = ()


async def retry(shop: Shop, refs: Sequence[str], by: str) -> Retried:
    """Map failed orders again by today's configuration, and send what comes out.

    What is no longer failed by now is left alone. ``by`` says who asked, for the log and the time-lines.
    """
    done = Retried()
    for part in _parts(refs):
        one = await shop.db.run(_retry, shop, part, by)
        done = Retried(
            asked=done.asked + one.asked,
            waiting=done.waiting + one.waiting,
            missing=(*done.missing, *one.missing),
            still=(*done.still, *one.still),
        )
        if one.waiting:
            shop.wake()
    log.info("failed.retried", store=shop.name, orders=done.asked, waiting=done.waiting, by=by)
    return done


async def discard(shop: Shop, refs: Sequence[str], by: str) -> int:
    """Set failed orders aside, until they change at the shop; returns how many.

    They are counted as skipped: discarded. ``by`` says who asked, for the log and the time-lines.
    """
    count = 0
    for part in _parts(refs):
        count += await shop.db.run(_discard, shop, part, by)
    log.info("failed.discarded", store=shop.name, orders=count, by=by)
    return count


def _parts(refs: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(refs), PART):
        yield refs[start : start + PART]


def _retry(connection: Connection, shop: Shop, refs: Sequence[str], by: str) -> Retried:
    failed = _failed(connection, shop, refs)
    _note(connection, shop, failed, "retried", f"tried again by an operator ({by})")
    missing = remap(connection, shop, failed, shop.clock.now(), shop.clock.steady())
    rows = acceptance.known(connection, shop.name, failed)
    return Retried(
        asked=len(failed),
        waiting=sum(row.state == OrderState.WAITING for row in rows.values()),
        missing=missing,
        still=[
            (ref, row.reason)
            for ref, row in rows.items()
            if row.state == OrderState.FAILED and ref not in missing
        ],
    )


def _discard(connection: Connection, shop: Shop, refs: Sequence[str], by: str) -> int:
    failed = _failed(connection, shop, refs)
    set_aside(connection, shop.name, failed)
    _note(connection, shop, failed, "discarded", f"set aside by an operator ({by})")
    return len(failed)


def _failed(connection: Connection, shop: Shop, refs: Sequence[str]) -> list[str]:
    rows = acceptance.known(connection, shop.name, refs)
    return [ref for ref, row in rows.items() if row.state == OrderState.FAILED]


def _note(connection: Connection, shop: Shop, refs: Sequence[str], outcome: str, detail: str) -> None:
    now = shop.clock.now()
    audit.write(
        connection, [audit.Event(now, shop.name, ref, EventKind.NOTE, outcome, detail) for ref in refs]
    )
