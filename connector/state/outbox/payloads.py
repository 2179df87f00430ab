"""The body that waits to be sent to Privy, or was sent last, of each order.

Apart from the outbox, because each sending rewrites the order's row there twice, and with a body of some
kilobytes in it that was a third of all that went to the disk.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from sqlalchemy import Connection, LargeBinary, select
from sqlmodel import Field

from connector.state import bulk
from connector.state.database import Record, table_of


class BodyRecord(Record, table=True):
    """Buyers' data, so it goes when it is no longer needed."""

    __tablename__ = "body"

    store: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


BODIES = table_of(BodyRecord)


def keep(
    connection: Connection, store: str, bodies: Mapping[str, bytes | None], seen: Container[str]
) -> None:
    """Store the bodies of these orders, by ref; None for an order that has none (any more).

    ``seen`` are the refs that may have one.
    """
    fresh = [{"store": store, "ref": ref, "body": body} for ref, body in bodies.items() if body is not None]
    bulk.replace(connection, BODIES, fresh, [(store, ref) for ref in bodies if ref in seen])


def get(connection: Connection, store: str, ref: str) -> bytes | None:
    """The body of an order, if it has one and it is still held."""
    query = select(BODIES.c.body).where(BODIES.c.store == store, BODIES.c.ref == ref)
    return connection.execute(query).scalar()


def several(connection: Connection, store: str, refs: Sequence[str]) -> dict[str, bytes]:
    """The bodies of these orders that are still held, by ref."""
    query = select(BODIES.c.ref, BODIES.c.body).where(BODIES.c.store == store, BODIES.c.ref.in_(refs))
    return {row.ref: row.body for row in connection.execute(query)}
