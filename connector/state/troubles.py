"""The one place where an exception that ended a unit of work becomes a trouble: kept, and said once.

What is kept is a sentence; the places of the traceback go to the log alone, and the values in it nowhere.
"""

from __future__ import annotations

import structlog

from connector.model.states import BreakerKind, BreakerScope
from connector.runtime import faults
from connector.runtime.clock import Clock
from connector.state import breakers
from connector.state.database import Database

log = structlog.get_logger()

FRAMES = 30  # of a traceback in the log


async def begin(
    db: Database, clock: Clock, scope: BreakerScope, name: str, error: Exception, *, progress: bool = False
) -> breakers.Pause:
    """Note the fault; after ``progress`` it is the first in a row. Raises StateError if it cannot be kept."""
    pause = await db.run(
        breakers.fault,
        scope,
        name,
        error,
        now=clock.now(),
        steady=clock.steady(),
        progress=progress,
    )
    whose = {scope.owner: name} if name else {}
    if pause.strikes == 1:
        log.warning(f"{scope}.lost", **whose, kind=pause.kind, error=pause.message)
    if pause.kind is BreakerKind.INTERNAL and pause.strikes.bit_count() == 1:  # the 1st, 2nd, 4th, 8th …
        log.error(
            "unit.fault", unit=scope, **whose, fault=type(error).__name__, at=faults.frames(error, FRAMES)
        )
    return pause


async def end(db: Database, scope: BreakerScope, name: str) -> None:
    """What was done there went well. Raises StateError."""
    if await db.run(breakers.succeed, scope, name):
        over(scope, name)


def over(scope: BreakerScope, name: str) -> None:
    """Say it, once the transaction that ended the trouble is committed."""
    log.info(f"{scope}.back", **({scope.owner: name} if name else {}))
