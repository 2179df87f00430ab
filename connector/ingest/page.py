"""A page of documents into the outbox: the one way in, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from connector.ingest.source import Shop
from connector.ingest.transform import Known, judge
from connector.model.errors import BadOrder
from connector.model.order import Document
from connector.sdk.contract import Adapter, Page
from connector.state import documents
from connector.state.outbox import acceptance
from connector.state.outbox.schema import FORGOTTEN


def as_of(page: Page, fetched_at: datetime) -> datetime:
    """When the documents of a page that was asked for at ``fetched_at`` were true, for their versions."""
    return min(page.as_of, fetched_at) if page.as_of else fetched_at


def as_fetched(adapter: Adapter[Any, Any], document: Document, fetched_at: datetime) -> Document:
    """A change cannot be later than the fetch that showed it: a wrong date would keep later states out."""
    if not adapter.dated or document.changed_at <= fetched_at:
        return document
    return msgspec.structs.replace(document, changed_at=fetched_at)


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
    anew: bool = False,
    gone: bool = False,
) -> acceptance.Accepted:
    """Judge documents and give them to the outbox, in the caller's transaction.

    ``force`` and ``anew`` as in ``acceptance.accept``; ``gone`` says that the shop no longer has them.
    """
    if not found:
        return acceptance.Accepted()
    found = [as_fetched(shop.adapter, document, fetched_at) for document in found]
    rows = acceptance.known(connection, shop.name, [document.ref for document in found])
    bench = shop.bench
    memory = shop.memory(connection, [document.ref for document in found])
    versions = []
    for document in found:
        row = rows.get(document.ref)
        known = Known.of(row)
        versions.append(
            judge(bench, document, known, feed=feed, fetched_at=fetched_at, now=now, gone=gone, memory=memory)
        )
    newest = {document.ref: document for document in sorted(found, key=lambda one: one.changed_at)}
    accepted = acceptance.accept(
        connection,
        shop.name,
        shop.account,
        versions,
        rows,
        now=now,
        steady=steady,
        source=lambda ref: documents.source(newest[ref].body, gone),
        force=force,
        anew=anew,
    )
    forgotten = {version.ref for version in versions if version.rule == FORGOTTEN}
    memory.keep()
    if memory.marks:
        documents.drop(connection, shop.name, list(memory.marks))
    changed = set(accepted.changed) - forgotten
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
            try:
                body = kept.unpacked()
            except BadOrder:
                missing.append(ref)
                continue
            held[kept.gone].append(Document(ref=ref, changed_at=kept.changed_at, body=body))
    for gone, found in held.items():
        take(connection, shop, found, feed, now, now, steady, force=True, gone=gone)
    return missing
