"""What is wrong though nothing failed: found in what is known, before anyone asks.

An alarm is a sentence for the operator, without a buyer's data; ``status`` and the page show it, and
``check`` counts it as an error.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
from sqlalchemy import Connection

from connector.mapping.settings import NO_CONTACT
from connector.state import inbox, subscriptions
from connector.state.outbox import queries

RECENT = 200  # the orders that tell how often this shop sells
FEWEST = 20  # below that nothing is usual
PATIENCE = 1.5  # times the longest gap among them, nights and weekends included
SHORTEST = timedelta(hours=2)


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """``kind`` is no-news, no-contacts, webhooks (the shop does not send them) or shop (what it told us)."""

    kind: str
    message: str


def of_store(connection: Connection, store: str, now: datetime) -> list[Alarm]:
    """Everything of one store that a person should look into; ``now`` is aware UTC."""
    found = (_no_news(connection, store, now), _no_contacts(connection, store))
    return [
        *(alarm for alarm in found if alarm is not None),
        *(
            Alarm(kind="webhooks", message=f"{one.message} (since {one.since:%Y-%m-%d %H:%M}Z)")
            for one in subscriptions.findings(connection, store)
        ),
        *(
            Alarm(kind="shop", message=f"{one.subject} (the shop, {one.came_at:%Y-%m-%d %H:%M}Z)")
            for one in inbox.notes(connection, store)
        ),
    ]


def _no_news(connection: Connection, store: str, now: datetime) -> Alarm | None:
    """No new order for half as long again as the longest gap of late."""
    times = queries.placed_times(connection, store, now, RECENT)
    if len(times) < FEWEST:
        return None
    usual = max(newer - older for newer, older in pairwise(times))
    quiet = now - times[0]
    if quiet <= max(PATIENCE * usual, SHORTEST):
        return None
    return Alarm(
        kind="no-news",
        message=f"no new order since {times[0]:%Y-%m-%d %H:%M}Z ({_hours(quiet)}); the longest gap between "
        f"the last {len(times)} was {_hours(usual)}. Look whether the shop sells, and at connector check",
    )


def _no_contacts(connection: Connection, store: str) -> Alarm | None:
    """Nearly every new order comes without e-mail and phone: the shop began to hide them."""
    hidden, all_of_them = queries.skipped_of_newest(connection, store, NO_CONTACT, FEWEST)
    if all_of_them < FEWEST / 2 or hidden < 0.8 * all_of_them:
        return None
    return Alarm(
        kind="no-contacts",
        message=f"{hidden} of the newest {all_of_them} orders have neither e-mail nor phone, so they are not "
        "sent. Some platforms and plans hide buyers' data from an app: look at connector check",
    )


def _hours(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} h"
