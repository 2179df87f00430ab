"""Buyers' data is kept only as long as it is needed."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Connection, delete, exists, or_

from connector.model.errors import StateError
from connector.state.audit import EVENTS
from connector.state.database import Database
from connector.state.documents import DOCUMENTS
from connector.state.inbox import INBOX, LOOK, NOTE
from connector.state.outbox.payloads import BODIES
from connector.state.outbox.schema import OUTBOX

log = structlog.get_logger()


async def retain(db: Database, limit: datetime) -> None:
    """Drop what is older than ``limit`` (aware UTC), and leave no bytes of it in the database's files."""
    if await db.run(drop, limit):
        try:
            await db.scrub()
        except StateError as error:
            log.warning("database.scrub_waits", error=str(error))  # the log empties itself later


def drop(connection: Connection, limit: datetime) -> int:
    """Drop payloads and documents of orders that are done with since before ``limit`` (aware UTC).

    Done with means delivered or skipped; hash, statuses and times stay. Time-lines go too, but for orders
    that still wait or failed. Returns how many orders lost data.
    """
    old = (
        OUTBOX.c.state.in_(("delivered", "skipped")),
        OUTBOX.c.claimed_at.is_(None),
        or_(OUTBOX.c.told_at.is_(None), OUTBOX.c.told_at < limit),
        OUTBOX.c.fetched_at < limit,
    )
    dropped = [
        connection.execute(
            delete(table).where(
                exists().where(OUTBOX.c.store == table.c.store, OUTBOX.c.ref == table.c.ref, *old)
            )
        ).rowcount
        for table in (DOCUMENTS, BODIES)
    ]
    busy = exists().where(
        OUTBOX.c.store == EVENTS.c.store,
        OUTBOX.c.ref == EVENTS.c.ref,
        OUTBOX.c.state.in_(("waiting", "failed")),
    )
    connection.execute(delete(EVENTS).where(EVENTS.c.at < limit, ~busy))
    # What is left of looks belongs to stores that are no longer configured: others are given up in a day.
    connection.execute(delete(INBOX).where(INBOX.c.kind.in_((NOTE, LOOK)), INBOX.c.came_at < limit))
    return max(dropped)
