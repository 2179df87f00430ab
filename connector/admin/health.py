"""Whether the connector can do its work now, for whatever supervises it; nothing of buyers or secrets."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from connector.model.states import BreakerScope
from connector.settings.models import Settings
from connector.state import breakers, cursors

MISSED = 5  # polls that may be missed
SHORTEST = timedelta(minutes=2)
NEEDED = {  # without these no order arrives; any other unit of work is in the status
    BreakerScope.SHOP: "reading the shop of store",
    BreakerScope.STORE: "sending the orders of store",
    BreakerScope.ACCOUNT: "sending for account",
    BreakerScope.DELIVERY: "delivering for account",
}


def reasons(
    connection: Connection, settings: Settings, feeds: dict[str, tuple[str, ...]], now: datetime
) -> list[str]:
    """Why the connector is not ready, a sentence each; none when it is.

    ``feeds`` are those by which each store is polled. One that was never read is not ready.
    """
    found: list[str] = []
    for pause in breakers.every(connection):
        known = settings.accounts if pause.scope.owner == "account" else settings.stores
        if pause.lasts and pause.scope in NEEDED and pause.name in known:
            said = f"{NEEDED[pause.scope]} {pause.name} rests ({pause.kind})"
            found.append(f"{said} since {pause.since:%Y-%m-%dT%H:%M:%SZ}")
    for name, store in settings.stores.items():
        known_feeds = cursors.of_store(connection, name)
        read = {cursor.feed: cursor.read_at for cursor in known_feeds if cursor.feed in feeds[name]}
        if len(read) < len(feeds[name]):
            found.append(f"store {name} has not been read yet")
        elif read and now - (oldest := min(read.values())) > max(SHORTEST, MISSED * store.poll):
            found.append(f"store {name} was last read at {oldest:%Y-%m-%dT%H:%M:%SZ}")
    return found
