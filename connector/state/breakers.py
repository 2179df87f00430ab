"""Who rests, why and until when: the circuit breakers of shops, stores and accounts.

Scopes: ``shop`` (reading from a store's shop), ``store`` (sending a store's orders), ``account``
(sending anything for a Privy account). When a pause runs out, one probe is allowed; success ends the
pause, another failure makes it longer. Times are the steady clock's seconds.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, Float, delete, insert, select, update
from sqlmodel import Field

from connector.model.backoff import Backoff
from connector.state.database import Record, UtcTime, table_of

PATIENCE = 3  # failures in a row before a passing fault makes a breaker open
AUTH = Backoff(60.0, 3600.0)  # after refused credentials
FAULT = Backoff(5.0, 300.0)  # after passing faults
MAX_WAIT = 24 * 3600.0


class PauseRecord(Record, table=True):
    """``kind`` is auth, fault, limit, identity; ``strikes`` counts failures in a row."""

    __tablename__ = "pause"

    scope: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    kind: str
    message: str
    strikes: int
    since: datetime = Field(sa_type=UtcTime)
    until: float = Field(sa_type=Float)


PAUSES = table_of(PauseRecord)

_EVERY = select(PAUSES).order_by(PAUSES.c.scope, PAUSES.c.name)  # built once: every turn of delivery asks


class Pause(msgspec.Struct, frozen=True):
    """``until`` in steady seconds; ``since`` aware UTC. Open while ``until`` lies ahead."""

    scope: str
    name: str
    kind: str
    message: str
    strikes: int
    since: datetime
    until: float

    def rests(self, steady: float) -> bool:
        """Whether nothing at all is to be tried now."""
        return self.until > steady

    @property
    def lasts(self) -> bool:
        """Whether a person should know: not for a lost packet, nor for a wait that Privy asked for."""
        return self.kind in ("auth", "identity") or (self.kind == "fault" and self.strikes >= PATIENCE)


def get(connection: Connection, scope: str, name: str) -> Pause | None:
    """The pause of one scope and name, also when it has run out and waits for its probe."""
    row = (
        connection.execute(select(PAUSES).where(PAUSES.c.scope == scope, PAUSES.c.name == name))
        .mappings()
        .first()
    )
    return Pause(**row) if row else None


def every(connection: Connection, scope: str | None = None) -> list[Pause]:
    """All pauses (of a scope)."""
    query = _EVERY if scope is None else _EVERY.where(PAUSES.c.scope == scope)
    return [Pause(*row) for row in connection.execute(query)]


def fail(
    connection: Connection,
    scope: str,
    name: str,
    kind: str,
    message: str,
    *,
    now: datetime,
    steady: float,
    wait: float | None = None,
) -> Pause:
    """Note a failure. ``wait`` in seconds is a wait that the other side asked for.

    Refused credentials (auth) and another shop's address (identity) pause at once; passing faults
    only from the third in a row on, so that one lost packet delays nobody. While a pause lasts, answers
    to what had left before it can lengthen it to a wait that the other side asked for, and no more.
    """
    known = get(connection, scope, name)
    if known and known.rests(steady) and (wait is None or steady + min(wait, MAX_WAIT) <= known.until):
        return known
    strikes = known.strikes + 1 if known and known.kind == kind else 1
    if wait is None:
        wait = _wait(kind, strikes)
    pause = Pause(
        scope=scope,
        name=name,
        kind=kind,
        message=message,
        strikes=strikes,
        since=known.since if known and known.kind == kind else now,
        until=steady + min(wait, MAX_WAIT),
    )
    connection.execute(delete(PAUSES).where(PAUSES.c.scope == scope, PAUSES.c.name == name))
    connection.execute(insert(PAUSES).values(**msgspec.structs.asdict(pause)))
    return pause


def succeed(connection: Connection, scope: str, name: str) -> bool:
    """Note a success: ends a pause. True when there was one."""
    done = connection.execute(delete(PAUSES).where(PAUSES.c.scope == scope, PAUSES.c.name == name))
    return done.rowcount > 0


def probe_now(connection: Connection, steady: float) -> None:
    """Let every pause but a wait that Privy asked for run out: after a start or a changed configuration.

    Waits longer than any of ours come from a clock that was set back; they are cut to size.
    """
    connection.execute(update(PAUSES).where(PAUSES.c.kind != "limit").values(until=steady))
    connection.execute(
        update(PAUSES).where(PAUSES.c.until > steady + MAX_WAIT).values(until=steady + MAX_WAIT)
    )


def _wait(kind: str, strikes: int) -> float:
    if kind != "fault":
        return AUTH.wait(strikes)
    return FAULT.wait(strikes - PATIENCE + 1) if strikes >= PATIENCE else 0.0
