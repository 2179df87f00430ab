"""Who rests, why and until when: the circuit breakers of shops, stores, accounts and units of work.

When a pause runs out, one probe is allowed; success ends the pause, another failure makes it longer. Times
are the steady clock's seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection, Float, Row, delete, insert, select, update
from sqlmodel import Field

from connector.model.backoff import Backoff
from connector.model.errors import AuthError, ConnectorError, Unavailable
from connector.model.states import BreakerKind, BreakerScope
from connector.runtime import faults
from connector.state.database import Record, UtcTime, table_of

PATIENCE = 3  # failures in a row before a passing fault makes a breaker open
READING_PATIENCE = 6  # failures in a row, seconds apart at first, before a fault of a shop is worth a word
AUTH = Backoff(60.0, 3600.0)  # after refused credentials of Privy, where each try is a call of the budget
SHOP_AUTH = Backoff(15.0, 300.0)  # after refused credentials of a shop
FAULT = Backoff(5.0, 300.0)  # after passing faults
MAX_WAIT = 24 * 3600.0
_SHOWN_GAPS = 3


class PauseRecord(Record, table=True):
    """``scope`` and ``kind`` are BreakerScope and BreakerKind; ``strikes`` counts failures in a row."""

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

    scope: BreakerScope
    name: str
    kind: BreakerKind
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
        match self.kind:
            case BreakerKind.AUTH | BreakerKind.IDENTITY | BreakerKind.INTERNAL | BreakerKind.REFUSALS:
                return True
            case BreakerKind.FAULT:
                sending = self.scope in (BreakerScope.STORE, BreakerScope.ACCOUNT)
                return self.strikes >= (PATIENCE if sending else READING_PATIENCE)
            case BreakerKind.LIMIT | BreakerKind.GAP:
                return False
            case _:
                assert_never(self.kind)


def get(connection: Connection, scope: BreakerScope, name: str) -> Pause | None:
    """The pause of one scope and name, also when it has run out and waits for its probe."""
    row = connection.execute(select(PAUSES).where(PAUSES.c.scope == scope, PAUSES.c.name == name)).first()
    return _pause(row) if row else None


def every(connection: Connection) -> list[Pause]:
    """All pauses."""
    return [_pause(row) for row in connection.execute(_EVERY)]


def fault(
    connection: Connection,
    scope: BreakerScope,
    name: str,
    error: Exception,
    *,
    now: datetime,
    steady: float,
    progress: bool = False,
) -> Pause:
    """Note the exception that ended a unit of work, whatever it is, with a sentence that holds no data.

    After ``progress`` it is the first in a row, however many there were before.
    """
    if progress:
        succeed(connection, scope, name)
    kind, wait, said = BreakerKind.FAULT, None, faults.sentence(error)
    if isinstance(error, AuthError):
        kind = BreakerKind.AUTH
    elif isinstance(error, Unavailable):
        wait = error.retry_after
    elif not isinstance(error, ConnectorError):
        kind = BreakerKind.INTERNAL
    if scope is not BreakerScope.SHOP or kind is BreakerKind.INTERNAL:
        said = f"{scope.doing}: {said}"
    return fail(connection, scope, name, kind, said, now=now, steady=steady, wait=wait)


def fail(
    connection: Connection,
    scope: BreakerScope,
    name: str,
    kind: BreakerKind,
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
    again = known is not None and _alike(known.kind, kind)
    strikes = known.strikes + 1 if known and again else 1
    own = _wait(scope, kind, strikes)
    if wait is None:
        wait = own
    elif kind is BreakerKind.FAULT:
        wait = max(wait, own)  # who always asks for a second is asked less and less often all the same
    pause = Pause(
        scope=scope,
        name=name,
        kind=kind,
        message=message,
        strikes=strikes,
        since=known.since if known and again else now,
        until=steady + min(wait, MAX_WAIT),
    )
    connection.execute(delete(PAUSES).where(PAUSES.c.scope == scope, PAUSES.c.name == name))
    connection.execute(insert(PAUSES).values(**msgspec.structs.asdict(pause)))
    return pause


def succeed(connection: Connection, scope: BreakerScope, name: str) -> bool:
    """Note a success: ends a pause. True when there was one."""
    done = connection.execute(delete(PAUSES).where(PAUSES.c.scope == scope, PAUSES.c.name == name))
    return done.rowcount > 0


def gaps(
    connection: Connection, scope: BreakerScope, name: str, sentences: Sequence[str], now: datetime
) -> bool:
    """Note what a shop could not show and reading stepped over, all that stands now; nothing rests for it.

    True when that is news: there were none before, and now there are.
    """
    known = get(connection, scope, name)
    if not sentences:
        if known is not None:
            succeed(connection, scope, name)
        return False
    shown = sentences[:_SHOWN_GAPS]
    more = f"; and {len(sentences) - len(shown)} more" if len(sentences) > len(shown) else ""
    pause = Pause(
        scope=scope,
        name=name,
        kind=BreakerKind.GAP,
        message=f"{scope.doing}: {'; '.join(shown)}{more}",
        strikes=len(sentences),
        since=known.since if known else now,
        until=0.0,
    )
    connection.execute(delete(PAUSES).where(PAUSES.c.scope == scope, PAUSES.c.name == name))
    connection.execute(insert(PAUSES).values(**msgspec.structs.asdict(pause)))
    return known is None


def probe_now(connection: Connection, steady: float) -> None:
    """Let every pause but a wait that Privy asked for run out: after a start or a changed configuration.

    Waits longer than any of ours come from a clock that was set back; they are cut to size.
    """
    connection.execute(update(PAUSES).where(PAUSES.c.kind != BreakerKind.LIMIT).values(until=steady))
    connection.execute(
        update(PAUSES).where(PAUSES.c.until > steady + MAX_WAIT).values(until=steady + MAX_WAIT)
    )


def drop(connection: Connection, scope: BreakerScope, keep: Collection[str]) -> None:
    """Forget the pauses of a unit of work that is done for the names in ``keep`` only."""
    connection.execute(delete(PAUSES).where(PAUSES.c.scope == scope, PAUSES.c.name.not_in(keep)))


def _pause(row: Row[Any]) -> Pause:
    return Pause(
        BreakerScope(row.scope),
        row.name,
        BreakerKind(row.kind),
        row.message,
        row.strikes,
        row.since,
        row.until,
    )


def _alike(before: BreakerKind, now: BreakerKind) -> bool:
    """Whether the two are failures of one row: a shop that fails in turns in two ways has failed twice."""
    ours = (BreakerKind.FAULT, BreakerKind.INTERNAL)
    return before is now or (before in ours and now in ours)


def _wait(scope: BreakerScope, kind: BreakerKind, strikes: int) -> float:
    match kind:
        case BreakerKind.FAULT:
            return FAULT.wait(strikes - PATIENCE + 1) if strikes >= PATIENCE else 0.0
        case BreakerKind.INTERNAL:
            return FAULT.wait(strikes)
        case (
            BreakerKind.AUTH
            | BreakerKind.IDENTITY
            | BreakerKind.LIMIT
            | BreakerKind.GAP
            | BreakerKind.REFUSALS
        ):
            sending = scope in (BreakerScope.STORE, BreakerScope.ACCOUNT)
            return (AUTH if sending else SHOP_AUTH).wait(strikes)
        case _:
            assert_never(kind)
