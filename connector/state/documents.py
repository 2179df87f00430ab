"""The newest document of each order as the shop gave it, kept until retention or ``forget`` drops it."""

from __future__ import annotations

import zlib
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from isal import isal_zlib
from sqlalchemy import Connection, LargeBinary, delete, select
from sqlmodel import Field

from connector.model.errors import BadOrder
from connector.runtime import exact_json
from connector.state import bulk
from connector.state.database import Record, UtcTime, table_of


class DocumentRecord(Record, table=True):
    """``body`` is compressed JSON: buyers' data, so it goes when it is no longer needed."""

    __tablename__ = "document"

    store: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    changed_at: datetime = Field(sa_type=UtcTime)
    fetched_at: datetime = Field(sa_type=UtcTime)
    feed: str
    gone: bool = False
    body: bytes = Field(sa_type=LargeBinary)


DOCUMENTS = table_of(DocumentRecord)
_SORTED = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Kept(msgspec.Struct, frozen=True):
    """A stored document; ``body`` packed by ``pack``. Times are aware UTC.

    ``gone`` is true when the shop no longer had the order when it was last looked for.
    """

    store: str
    ref: str
    changed_at: datetime
    fetched_at: datetime
    feed: str
    gone: bool
    body: bytes

    def unpacked(self) -> dict[str, Any]:
        """The document's JSON, exact. Raises BadOrder when what is held is damaged."""
        try:
            document: dict[str, Any] = exact_json.decode(zlib.decompress(self.body))
        except (zlib.error, exact_json.NotJSON):
            raise BadOrder(
                "document",
                f"what is held of order {self.ref} is damaged; connector replay {self.store} {self.ref} "
                "fetches it afresh",
            ) from None
        return document


def source(body: Mapping[str, Any], gone: bool) -> str:
    """The hash by which an unchanged document is known, whatever the order of its keys (128 bits, hex).

    ``gone`` makes another one: that the shop no longer has the order is a change of it.
    """
    try:
        text = _SORTED.encode(body)
    except RecursionError:
        text = _SORTED.encode(exact_json.shallow(dict(body)))
    return sha256(b"gone" + text if gone else text).hexdigest()[:32]


def pack(body: dict[str, Any]) -> bytes:
    """The document's JSON, compressed lightly; of one that is nested too deeply, the upper levels."""
    try:
        text = exact_json.encode(body)
    except RecursionError:
        text = exact_json.encode(exact_json.shallow(body))
    return isal_zlib.compress(text, 1)  # the same format for a third of zlib's work


def keep(connection: Connection, kept: Sequence[Kept], seen: Container[str]) -> None:
    """Store documents over older ones of the same orders; ``seen`` are the refs that may have one."""
    older = [(one.store, one.ref) for one in kept if one.ref in seen]
    bulk.replace(connection, DOCUMENTS, [msgspec.structs.asdict(one) for one in kept], older)


def get(connection: Connection, store: str, ref: str) -> Kept | None:
    """The newest document of an order, if it is still held."""
    row = connection.execute(
        select(DOCUMENTS).where(DOCUMENTS.c.store == store, DOCUMENTS.c.ref == ref)
    ).first()
    return Kept(*row) if row else None


def several(connection: Connection, store: str, refs: Sequence[str]) -> dict[str, Kept]:
    """The newest documents of these orders that are still held, by ref."""
    rows = connection.execute(select(DOCUMENTS).where(DOCUMENTS.c.store == store, DOCUMENTS.c.ref.in_(refs)))
    return {row.ref: Kept(*row) for row in rows}


def newest(connection: Connection, store: str, count: int) -> list[Kept]:
    """The documents last changed at the shop, newest first."""
    rows = connection.execute(
        select(DOCUMENTS)
        .where(DOCUMENTS.c.store == store)
        .order_by(DOCUMENTS.c.changed_at.desc(), DOCUMENTS.c.ref)
        .limit(count)
    )
    return [Kept(*row) for row in rows]


def drop(connection: Connection, store: str, refs: Sequence[str]) -> None:
    """Forget the documents of these orders."""
    connection.execute(delete(DOCUMENTS).where(DOCUMENTS.c.store == store, DOCUMENTS.c.ref.in_(refs)))
