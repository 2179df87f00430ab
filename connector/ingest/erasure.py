"""Forgetting a buyer: every copy of their data held here goes, leaves no bytes behind, and stays away.

The search reads beside all writers, and each transaction takes a few orders: a shop's webhooks must not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
import structlog
from sqlalchemy import Connection

from connector.ingest import contacts
from connector.ingest.source import Shop
from connector.model.errors import BadOrder, UsageError
from connector.model.order import Document
from connector.runtime import exact_json
from connector.state import documents, forgotten, stores
from connector.state.database import Database
from connector.state.outbox import payloads

log = structlog.get_logger()

SEARCHED = 200  # documents of one look
PAGE = 50  # orders of one transaction
PAUSE = 0.02  # seconds between two, so that others come to write


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """Orders of a store whose buyer's data went, or may come again; ``refs`` are the platform's ids."""

    store: str
    refs: list[str]


async def forget(
    db: Database, shops: Mapping[str, Shop], contact: str, now: datetime, who: str, *, scope: str = ""
) -> list[Forgotten]:
    """Drop what is held of the buyer with this e-mail address or phone number, and remember to keep it away.

    In every store that the database knows, or in the one named by ``scope``. ``Database.scrub`` removes what
    is left in the files. Raises UsageError for what is no contact.
    """
    asked = contacts.asked(contact)
    if not asked:
        raise UsageError(f"{contact!r} is neither an e-mail address nor a phone number")
    its = await db.run(forgotten.hold, scope, asked, (), now)  # first: what comes in meanwhile is recognised
    found = []
    for store in [scope] if scope else await known_stores(db, shops):
        refs: list[str] = []
        after: str | None = ""
        while after is not None:
            some, spellings, after = await db.read(_search, store, shops.get(store), asked, after)
            refs += some
            if spellings:
                await db.run(forgotten.hold, scope, asked, spellings, now)
        await purge(db, store, refs, now, who, contact=its)
        found.append(Forgotten(store=store, refs=refs))
    return found


async def purge(
    db: Database, store: str, refs: Sequence[str] | None, now: datetime, who: str, *, contact: str = ""
) -> None:
    """Drop the data of these orders, or of all the store's, page by page; ``contact`` is a held hash."""
    if refs is not None:
        for start in range(0, len(refs), PAGE):
            await db.run(forgotten.purge, store, refs[start : start + PAGE], contact, who, now)
            await asyncio.sleep(PAUSE)
        return
    after = ""
    while page := await db.read(forgotten.refs_after, store, after, PAGE):
        await db.run(forgotten.purge, store, page, contact, who, now)
        after = page[-1]
        await asyncio.sleep(PAUSE)


async def lift(db: Database, shops: Mapping[str, Shop], contact: str, now: datetime) -> list[Forgotten]:
    """Let a forgotten buyer's orders be orders again. Raises UsageError for one who was not forgotten."""
    asked = contacts.asked(contact)
    scopes = ["", *await known_stores(db, shops)]
    lifted: dict[str, list[str]] = {}
    held = False
    while (its := await db.run(forgotten.lift, scopes, asked) if asked else None) is not None:
        held = True
        while page := await db.read(forgotten.marked, its, PAGE):
            for store, ref in page:
                if await db.run(forgotten.unmark, store, ref, its, now):
                    lifted.setdefault(store, []).append(ref)
    if not held:
        raise UsageError(f"{contact!r} was not forgotten here, or was written another way then")
    return [Forgotten(store=store, refs=refs) for store, refs in sorted(lifted.items())]


async def lift_orders(db: Database, store: str, refs: Sequence[str], now: datetime) -> Forgotten:
    """Let orders be orders again that the shop named itself, when it asked for a buyer's data to go."""
    for ref in refs:
        await db.run(forgotten.unmark, store, ref, None, now)
    return Forgotten(store=store, refs=list(refs))


async def known_stores(db: Database, shops: Collection[str]) -> list[str]:
    """Every store that the database knows, also those taken out of the configuration."""
    return sorted({one.name for one in await db.read(stores.every)}.union(shops))


def _search(
    connection: Connection, store: str, shop: Shop | None, asked: str, after: str
) -> tuple[list[str], set[str], str | None]:
    """The buyer's orders among the next documents, other spellings of the contact, and where to go on."""
    found: list[str] = []
    spellings: set[str] = set()
    refs = forgotten.refs_after(connection, store, after, SEARCHED)
    held = documents.several(connection, store, refs)
    bodies = payloads.several(connection, store, refs)
    for ref in refs:
        kept, body = held.get(ref), bodies.get(ref)
        groups: list[contacts.Group] = []
        if body is not None:
            with suppress(exact_json.NotJSON):
                groups += contacts.of_payload(exact_json.decode(body))
        unread = kept is not None and shop is None
        try:
            document = kept.unpacked() if kept is not None else {}
        except BadOrder as error:  # nobody can read it, whose it is neither
            log.warning("document.damaged", store=store, ref=ref, error=str(error))
            continue
        if kept is not None and shop is not None:
            try:
                order = shop.adapter.parse(Document(ref=ref, changed_at=kept.changed_at, body=document))
                groups += contacts.of_order(order, shop.mapper.settings.default_phone_region or "")
            except BadOrder:
                unread = True  # better one order too many than a buyer kept
        its = {one for group in groups if asked in group for one in group}
        if its or (unread and contacts.in_text(document, asked)):
            found.append(ref)
            spellings |= its - {asked}
    return found, spellings, refs[-1] if refs else None
