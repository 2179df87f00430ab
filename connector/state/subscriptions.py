"""What was wrong with the stores' webhook subscriptions when they were last looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Text, delete, func, insert, select
from sqlmodel import Field

from connector.state.database import Record, UtcTime, table_of


class SubscriptionFindingRecord(Record, table=True):
    """A topic whose webhooks do not come as they should, since when it was first found so."""

    __tablename__ = "subscription_finding"

    store: str = Field(primary_key=True)
    topic: str = Field(primary_key=True)
    message: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=UtcTime)


FINDINGS = table_of(SubscriptionFindingRecord)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as it was kept: ``message`` is a sentence for the operator, ``since`` aware UTC."""

    store: str
    topic: str
    message: str
    since: datetime


def findings(connection: Connection, store: str) -> list[Found]:
    """What was wrong with the store's subscriptions when they were last looked at."""
    rows = connection.execute(select(FINDINGS).where(FINDINGS.c.store == store).order_by(FINDINGS.c.topic))
    return [Found(**row) for row in rows.mappings()]


def counts(connection: Connection) -> dict[str, int]:
    """How many topics of each store are wrong; stores without any are left out."""
    rows = connection.execute(select(FINDINGS.c.store, func.count()).group_by(FINDINGS.c.store))
    return {row[0]: row[1] for row in rows}


def keep(connection: Connection, store: str, wrong: Mapping[str, str], now: datetime) -> list[Found]:
    """Keep what is wrong (topic: message) in place of what was; returns what was not known before."""
    known = {one.topic: one for one in findings(connection, store)}
    rows = [
        Found(store=store, topic=topic, message=message, since=known[topic].since if topic in known else now)
        for topic, message in wrong.items()
    ]
    connection.execute(delete(FINDINGS).where(FINDINGS.c.store == store))
    if rows:
        connection.execute(insert(FINDINGS), [msgspec.structs.asdict(one) for one in rows])
    return [one for one in rows if one.topic not in known]


def drop_others(connection: Connection, stores: Sequence[str]) -> None:
    """Forget what was found at stores that no longer expect webhooks; ``stores`` still do."""
    connection.execute(delete(FINDINGS).where(FINDINGS.c.store.not_in(stores)))
