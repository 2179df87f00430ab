"""Sessions of the status page that were signed out before their time; they must not live again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select
from sqlmodel import Field

from connector.state.database import Record, UtcTime, table_of


class EndedSessionRecord(Record, table=True):
    """One row a session, until it would have ended by itself. ``digest`` is a SHA-256 of what names it."""

    __tablename__ = "ended_session"

    digest: str = Field(primary_key=True)
    until: datetime = Field(sa_type=UtcTime)


ENDED = table_of(EndedSessionRecord)


def end(connection: Connection, digest: str, *, until: datetime, now: datetime) -> None:
    """Keep that the session was signed out; forget those whose time is over. Times are aware UTC."""
    connection.execute(delete(ENDED).where(ENDED.c.until <= now))
    if not has_ended(connection, digest):
        connection.execute(insert(ENDED).values(digest=digest, until=until))


def has_ended(connection: Connection, digest: str) -> bool:
    """Whether the session was signed out."""
    return connection.execute(select(ENDED.c.digest).where(ENDED.c.digest == digest)).first() is not None
