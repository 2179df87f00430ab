"""What the pages show, read for them: the overview, orders that were looked for, and one order's story."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from connector.admin import explain, status
from connector.admin.explain import Explanation, Preview
from connector.admin.status import BackfillStatus, Status
from connector.daemon.app import App
from connector.ingest.source import Shop
from connector.model.errors import UsageError
from connector.model.order import Document
from connector.runtime import exact_json
from connector.runtime.clock import Clock
from connector.settings.models import Settings
from connector.state import audit, documents
from connector.state.audit import Hour
from connector.state.outbox import acceptance, payloads, queries
from connector.state.outbox.queries import Found
from connector.web import masking

FRESH_SECONDS = 2.0  # how old an overview may be that is shown again
SHARE = 10  # reading the overview may take a tenth of the time, however large the database is
LATELY = 400  # events that tell which orders something happened to of late
SHOWN = 50
BACKFILLS = 5

LIGHTS = {"red": "rests", "yellow": "look", "green": "up to date"}


class Overview(msgspec.Struct, frozen=True):
    """How everything stands, with the requests of the last day; what needs a person comes first."""

    status: Status
    hours: list[Hour]
    backfills: list[BackfillStatus]
    summary: str


class Glance:
    """The overview for all who look: read anew when it is old, once for all of them."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._seen: Overview | None = None
        self._app: App | None = None
        self._until = 0.0

    async def look(self, app: App) -> Overview:
        """Raises StateError."""
        async with self._lock:
            if self._seen is None or self._app is not app or app.clock.steady() >= self._until:
                begun = app.clock.steady()
                self._seen = await app.db.read(_overview, app.settings, app.clock)
                ended = app.clock.steady()
                self._app, self._until = app, ended + max(FRESH_SECONDS, SHARE * (ended - begun))
            return self._seen


class Field(msgspec.Struct, frozen=True):
    """A field of a payload: its value, masked where it has to be, and where it came from."""

    name: str
    value: Any
    origin: str
    differs: bool = False


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one order. ``document`` is None when it is not held, or not for this viewer."""

    explanation: Explanation
    preview: Preview | None
    fields: list[Field]
    kept_at: datetime | None
    gone: bool
    document: str | None


def lately(connection: Connection, names: Sequence[str]) -> list[Found]:
    """The orders that something happened to last."""
    found = []
    for store, ref in audit.latest(connection, names, LATELY)[:SHOWN]:
        found += queries.search(connection, [store], ref, 1)
    return found


def story(connection: Connection, shop: Shop, ref: str, now: datetime, open_: bool) -> Story:
    """Everything of one order; with ``open_`` its buyer's data too. Raises UsageError for one never seen."""
    if ref not in acceptance.known(connection, shop.name, [ref]):
        raise UsageError(f"store {shop.name} has no order {ref!r} here: it was never seen")
    kept = documents.get(connection, shop.name, ref)
    preview = None
    if kept is not None:
        document = Document(ref=ref, changed_at=kept.changed_at, body=kept.unpacked())
        preview = explain.preview(connection, shop, document, now)
    origins = {name: origin for name, _, origin in preview.fields} if preview else {}
    differs = set(preview.differs or ()) if preview else set()
    sent = payloads.get(connection, shop.name, ref)
    body = exact_json.decode(sent) if sent else preview.body if preview else {}
    fields = [
        Field(
            name,
            value if open_ else masking.masked(name, value),
            origins.get(name, ""),
            name in differs,
        )
        for name, value in body.items()
    ]
    return Story(
        explanation=explain.explain(connection, shop, ref, shop.clock.now()),
        preview=preview,
        fields=fields,
        kept_at=kept.fetched_at if kept else None,
        gone=kept.gone if kept else False,
        document=msgspec.json.format(exact_json.encode(kept.unpacked())).decode() if kept and open_ else None,
    )


def _overview(connection: Connection, settings: Settings, clock: Clock) -> Overview:
    now = status.collect(connection, settings, clock)
    order = list(LIGHTS)
    stores = sorted(now.stores, key=lambda one: order.index(one.light))
    going = [one for one in now.backfills if one.state in ("reading", "read")]
    ended = [one for one in now.backfills if one.state not in ("reading", "read")]
    return Overview(
        msgspec.structs.replace(now, stores=stores),
        audit.hourly(connection, now.at),
        [*going, *reversed(ended[-BACKFILLS:])],
        _summary(now),
    )


def _summary(now: Status) -> str:
    """A sentence that changes only when a person should know."""
    resting = [f"store {one.name}" for one in now.stores if one.light == "red"]
    resting += [f"account {one.name}" for one in now.accounts if one.troubles]
    failed = sum(one.failed for one in now.stores)
    parts = []
    if resting:
        parts.append(f"{', '.join(resting[:3])}{' and others' if len(resting) > 3 else ''} cannot work now.")
    if failed:
        parts.append(f"{failed:,} {'order' if failed == 1 else 'orders'} failed.")
    looking = sum(one.light == "yellow" and not one.failed for one in now.stores)
    if looking:
        parts.append(f"{looking} {'store needs' if looking == 1 else 'stores need'} a look.")
    if not now.stores:
        return "No store is configured."
    said = " ".join(parts) or "All is well."
    return said[0].upper() + said[1:]
