"""The lists of orders, by change time and by the time of creation.

Bounds are ``$gte`` (inclusive) and ``$lt``, in milliseconds as the server writes them. An offset in a list
sorted by ``updated_at`` loses rows (seen on 2.21.2, November 2026: an edited order leaves its page), so parts
of it are asked for sorted by id, from the last to the first: ``connector.sdk.keyset``.

A parameter that Medusa does not know, or one misspelt, is ignored in silence with status 200 and all orders
(seen), so every answer is held against the bounds that were asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from adapters.medusa.client import FIELDS, Client, document
from connector.sdk import keyset

# Times are written by the server before its transaction ends, and the clocks of several servers differ.
OVERLAP = timedelta(seconds=120)


def listed(client: Client, time: str) -> keyset.List:
    """The list of orders bounded by ``time``: updated_at or created_at."""

    def query(ask: keyset.Ask, fields: str) -> dict[str, str]:
        bounds = {f"{time}[$gte]": text(ask.low)}
        if ask.high is not None:
            bounds[f"{time}[$lt]"] = text(ask.high)
        return {**bounds, "order": "id", "limit": str(ask.size), "offset": str(ask.start), "fields": fields}

    async def fetch(ask: keyset.Ask) -> keyset.Rows:
        answer = await client.get("orders", query(ask, FIELDS))
        documents = [document(row) for row in answer.rows]
        return keyset.Rows(documents=documents, count=answer.count, date=answer.date)

    async def locate(ask: keyset.Ask) -> str:
        answer = await client.get("orders", query(ask, "id"))
        return "".join(document(row).ref for row in answer.rows[:1])

    return keyset.List(
        fetch=fetch,
        time=time,
        resolution=timedelta(milliseconds=1),
        overlap=OVERLAP,
        needs="this adapter is for Medusa 2",
        locate=locate,
        one=client.order,
    )


def text(time: datetime) -> str:
    """Medusa takes a zone of ``Z`` only in this form; without one the database's zone would count."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
