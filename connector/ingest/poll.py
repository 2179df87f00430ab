"""Reading shops: the units of work that bring orders in. There is no other way in.

Each page is one transaction: the outbox takes what is newer and different, and the cursor moves. One
lock a shop keeps readings apart, so that two fetches of one order can never overtake each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from connector.ingest.identity import verify
from connector.ingest.source import Shop
from connector.ingest.transform import Known, judge
from connector.model.errors import AuthError, Hidden, Unavailable
from connector.model.order import Document
from connector.sdk.contract import History, Page, Poll
from connector.state import audit, backfills, breakers, cursors, documents
from connector.state.outbox import acceptance

log = structlog.get_logger()

LONGEST_WAIT = 5.0  # seconds that a shop may ask for between two pages of a round
OVERLAP = timedelta(minutes=10)  # how far before the start a first poll looks, for late-visible orders


async def poll(shop: Shop, *, most_pages: int | None = None) -> bool:
    """Read every feed of a shop up to the present (or ``most_pages``); true when it went well.

    Faults are recorded as the shop's pause and logged once; they do not raise.
    """
    async with shop.lock:
        if await shop.db.run(_rests, shop.name, shop.clock.steady()):
            return False
        try:
            await verify(shop)
            try:
                await _poll_feeds(shop, most_pages)
            finally:
                if not shop.read_once:  # also after a fault: a feed that fails for good must not hold all
                    shop.read_once = True
                    shop.wake()
        except (AuthError, Unavailable) as error:
            await failed(shop, error)
            return False
        await _succeeded(shop)
        return True


async def _poll_feeds(shop: Shop, most_pages: int | None) -> None:
    for feed in shop.adapter.feeds:
        pages = 0
        while (wait := await _poll_page(shop, feed)) is not None:
            pages += 1
            if wait > LONGEST_WAIT or (most_pages is not None and pages >= most_pages):
                break  # the cursor is kept: the next round goes on from there
            await asyncio.sleep(wait)


async def read_backfill(shop: Shop, number: int) -> float | None:
    """Read one page of a backfill.

    Returns in how many seconds the shop may be asked for the next page, or None when there is none.
    Raises AuthError and Unavailable.
    """
    async with shop.lock:
        await verify(shop)
        backfill = await shop.db.run(backfills.get, number)
        if backfill.state != "reading":
            return None
        fetched_at = shop.clock.now()
        page = await shop.page(History(since=backfill.since, until=backfill.until, cursor=backfill.cursor))
        fetched_at = as_of(page, fetched_at)

        def keep(connection: Connection, now: datetime, steady: float) -> acceptance.Accepted:
            taken = take(connection, shop, page.documents, "backfill", fetched_at, now, steady)
            backfills.move(
                connection,
                number,
                page.cursor,
                found=len(page.documents),
                total=page.total,
                more=page.more,
                now=now,
            )
            return taken

        taken = await shop.db.run(keep, shop.clock.now(), shop.clock.steady())
    shop.took(taken)
    return page.wait if page.more else None


async def look(
    shop: Shop, refs: Sequence[str], feed: str, *, force: bool = False, pace: float = 0.0
) -> list[str]:
    """Fetch these orders afresh and take them; returns the refs that neither the shop nor we know.

    ``pace`` is a pause in seconds after each request. Raises AuthError and Unavailable.
    """
    unknown: list[str] = []
    size = shop.adapter.batch
    for start in range(0, len(refs), size):
        for ref in await _look_at_some(shop, refs[start : start + size], feed, force, pace):
            async with shop.lock:
                sent, fetched_at = shop.adapter.http.sent, shop.clock.now()
                hidden: datetime | None = None
                try:
                    document = await shop.adapter.fetch(ref)
                except Hidden as error:
                    document, hidden = None, error.before
                taken = await shop.db.run(_look, shop, ref, document, feed, fetched_at, force, hidden)
            if taken is None:
                unknown.append(ref)
            else:
                shop.took(taken)
            await rest(shop, sent, pace)
    return unknown


async def rest(shop: Shop, sent: int, pace: float, least: float = 0.0) -> None:
    """Keep ``pace`` seconds for each request that was made since there had been ``sent`` of them."""
    await asyncio.sleep(max(least, pace * (shop.adapter.http.sent - sent)))


async def _look_at_some(
    shop: Shop, refs: Sequence[str], feed: str, force: bool, pace: float
) -> Sequence[str]:
    """Take what one request brings; returns the refs that must be asked for one by one."""
    async with shop.lock:
        await verify(shop)
        if len(refs) == 1:
            return refs
        sent, fetched_at = shop.adapter.http.sent, shop.clock.now()
        found = await shop.adapter.fetch_many(refs)

        def keep(connection: Connection, now: datetime, steady: float) -> acceptance.Accepted:
            for document in found:
                acceptance.looked(connection, shop.name, document.ref, steady)
            return take(connection, shop, found, feed, fetched_at, now, steady, force=force)

        taken = await shop.db.run(keep, shop.clock.now(), shop.clock.steady())
    shop.took(taken)
    await rest(shop, sent, pace)
    brought = {document.ref for document in found}
    return [ref for ref in refs if ref not in brought]


def as_of(page: Page, fetched_at: datetime) -> datetime:
    """When the documents of a page that was asked for at ``fetched_at`` were true, for their versions."""
    return min(page.as_of, fetched_at) if page.as_of else fetched_at


def take(
    connection: Connection,
    shop: Shop,
    found: Sequence[Document],
    feed: str,
    fetched_at: datetime,
    now: datetime,
    steady: float,
    *,
    force: bool = False,
    gone: bool = False,
) -> acceptance.Accepted:
    """Judge documents and give them to the outbox, in the caller's transaction."""
    if not found:
        return acceptance.Accepted()
    rows = acceptance.known(connection, shop.name, [document.ref for document in found])
    bench = shop.bench
    versions = []
    for document in found:
        row = rows.get(document.ref)
        known = Known.of(row)
        versions.append(judge(bench, document, known, feed=feed, fetched_at=fetched_at, now=now, gone=gone))
    accepted = acceptance.accept(
        connection, shop.name, shop.account, versions, rows, now=now, steady=steady, force=force
    )
    changed = set(accepted.changed)
    newest = {document.ref: document for document in sorted(found, key=lambda one: one.changed_at)}
    documents.keep(
        connection,
        [
            documents.Kept(
                shop.name, ref, document.changed_at, fetched_at, feed, gone, documents.pack(document.body)
            )
            for ref, document in newest.items()
            if ref in changed
        ],
        rows,
    )
    return accepted


def remap(
    connection: Connection,
    shop: Shop,
    refs: Sequence[str],
    now: datetime,
    steady: float,
    *,
    feed: str = "retry",
) -> list[str]:
    """Judge the stored documents again and send whatever comes out; returns refs without a document."""
    missing: list[str] = []
    held: dict[bool, list[Document]] = {False: [], True: []}
    for ref in refs:
        kept = documents.get(connection, shop.name, ref)
        if kept is None:
            missing.append(ref)
        else:
            held[kept.gone].append(Document(ref=ref, changed_at=kept.changed_at, body=kept.unpacked()))
    for gone, found in held.items():
        take(connection, shop, found, feed, now, now, steady, force=True, gone=gone)
    return missing


async def _poll_page(shop: Shop, feed: str) -> float | None:
    cursor = await shop.db.run(cursors.get, shop.name, feed)
    # Orders since the store went live are this program's to deliver, so the first poll starts there.
    since = min(shop.facts.live_from, shop.facts.first_seen_at) - OVERLAP
    fetched_at = shop.clock.now()
    page = await shop.page(Poll(feed=feed, since=since, cursor=cursor.value if cursor else None))
    fetched_at = as_of(page, fetched_at)
    taken = await shop.db.run(_keep_poll, shop, feed, page, fetched_at, shop.clock.now(), shop.clock.steady())
    shop.took(taken)
    return page.wait if page.more else None


def _keep_poll(
    connection: Connection,
    shop: Shop,
    feed: str,
    page: Page,
    fetched_at: datetime,
    now: datetime,
    steady: float,
) -> acceptance.Accepted:
    taken = take(connection, shop, page.documents, f"poll of {feed}", fetched_at, now, steady)
    cursors.move(connection, shop.name, feed, page.cursor, page.position, now)
    return taken


def _look(
    connection: Connection,
    shop: Shop,
    ref: str,
    document: Document | None,
    feed: str,
    fetched_at: datetime,
    force: bool,
    hidden: datetime | None,
) -> acceptance.Accepted | None:
    now, steady = shop.clock.now(), shop.clock.steady()
    acceptance.looked(connection, shop.name, ref, steady)
    if document is not None:
        return take(connection, shop, [document], feed, fetched_at, now, steady, force=force)
    row = acceptance.known(connection, shop.name, [ref]).get(ref)
    if row is None:
        return None
    if hidden is not None and (row.placed_at is None or row.placed_at < hidden):
        return acceptance.Accepted()
    kept = documents.get(connection, shop.name, ref)
    if kept is None:
        detail = "the shop no longer has the order, and its document is no longer held: nothing can be sent"
        audit.write(connection, [audit.Event(now, shop.name, ref, "note", "gone", detail)])
        return acceptance.Accepted()
    last = Document(ref=ref, changed_at=kept.changed_at, body=kept.unpacked())
    return take(connection, shop, [last], feed, fetched_at, now, steady, gone=True)


def _rests(connection: Connection, name: str, steady: float) -> bool:
    pause = breakers.get(connection, "shop", name)
    return pause is not None and pause.rests(steady)


async def failed(shop: Shop, error: AuthError | Unavailable) -> None:
    """Record a shop's fault as its pause."""
    kind = "auth" if isinstance(error, AuthError) else "fault"
    pause = await shop.db.run(
        breakers.fail,
        "shop",
        shop.name,
        kind,
        str(error),
        now=shop.clock.now(),
        steady=shop.clock.steady(),
        wait=error.retry_after if isinstance(error, Unavailable) else None,
    )
    if pause.strikes == 1:
        log.warning("shop.lost", store=shop.name, kind=kind, error=str(error))


async def _succeeded(shop: Shop) -> None:
    if await shop.db.run(breakers.succeed, "shop", shop.name):
        log.info("shop.back", store=shop.name)
