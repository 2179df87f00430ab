"""Delivering an account's waiting orders: claim as the quota allows, send, settle.

One turn is one transaction: it settles the answers that came in and claims what may leave next.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from prometheus_client import Histogram
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from connector.delivery.privy import Outcome, Privy
from connector.mapping.lanes import may_send
from connector.model.errors import StateError
from connector.model.limits import Limits
from connector.model.payload import with_initial_sync
from connector.runtime import instruments
from connector.runtime.clock import Clock
from connector.state import breakers, quota
from connector.state.database import Database
from connector.state.outbox import claims
from connector.state.outbox.claims import Claim, SendingRules, Settled

log = structlog.get_logger()

MOST_IN_FLIGHT = 32
GROUP, GROUP_SECONDS = 8, 0.015  # from so many in flight on, answers are gathered for so long
BACKOFF_SECONDS = (5.0, 1800.0)  # first and longest wait of one order after passing faults
STATE_FAULT_SECONDS = 2.0
PREVENTED_SECONDS = 60.0  # before an order that the second guard held back is judged again


@dataclass(kw_only=True)
class Sender:
    """One account as delivery uses it.

    ``rules`` and ``tokens`` are per store of the account; ``verified`` says whether a store's shop was
    found to be the right one since the program started: before that nothing of it is sent.
    """

    account: str
    privy: Privy
    limits: Limits
    rules: Mapping[str, SendingRules]
    tokens: Mapping[str, str | None]
    verified: Callable[[str], bool]
    db: Database
    clock: Clock
    pacer: quota.Pacer = field(init=False)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    fixed: set[str] = field(default_factory=set)
    seconds: Histogram = field(init=False)

    def __post_init__(self) -> None:
        self.pacer = quota.Pacer(self.limits)
        self.seconds = instruments.PRIVY_SECONDS.labels(self.account)


@dataclass(frozen=True)
class Turn:
    """What one turn decided: claims to send now, and the steady time to look again (None: nothing waits)."""

    claims: list[Claim]
    again_at: float | None


async def deliver(sender: Sender, stopping: asyncio.Event) -> float | None:
    """Send until nothing may leave now; returns the steady time to come again, None when nothing waits.

    When ``stopping`` is set nothing more is claimed, and what is in flight is finished.
    """
    flying: dict[asyncio.Task[Attempt], Claim] = {}
    answered: list[Attempt] = []
    while True:
        sender.wake.clear()
        try:
            turn = await sender.db.run(_turn, sender, answered, len(flying), stopping.is_set())
        except (StateError, SQLAlchemyError) as error:
            # The answers are kept until they can be recorded; nothing new is claimed meanwhile.
            told = str(error) if isinstance(error, StateError) else type(error).__name__
            log.error("database.fault", account=sender.account, error=told)
            if stopping.is_set() and all(task.done() for task in flying):
                return None  # the next start finds the claims and sends them again
            await asyncio.sleep(STATE_FAULT_SECONDS)
            continue
        instruments.sent((one.claim.store, one.claim.lane, one.outcome.kind) for one in answered)
        answered = []
        sender.fixed.update(claim.store for claim in turn.claims)
        for claim in turn.claims:
            flying[asyncio.create_task(_send(sender, claim))] = claim
        if not flying:
            return turn.again_at
        answered = await _answers(sender, flying, turn.again_at, stopping)


@dataclass(frozen=True)
class Attempt:
    """A claim and what came of it."""

    claim: Claim
    outcome: Outcome


async def _answers(
    sender: Sender,
    flying: dict[asyncio.Task[Attempt], Claim],
    again_at: float | None,
    stopping: asyncio.Event,
) -> list[Attempt]:
    """Wait for an answer, for news, or for the time to look again; returns the answers that came."""
    wakers = [asyncio.ensure_future(sender.wake.wait())]
    if not stopping.is_set():
        wakers.append(asyncio.ensure_future(stopping.wait()))
    timeout = None if again_at is None else max(0.0, again_at - sender.clock.steady())
    await asyncio.wait([*flying, *wakers], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    if len(flying) >= GROUP and any(task.done() for task in flying):
        # Answers that come close together share one transaction, and so one flush of the disk.
        await asyncio.sleep(GROUP_SECONDS)
    for waker in wakers:
        waker.cancel()
    done = [task for task in flying if task.done()]
    for task in done:
        del flying[task]
    return [task.result() for task in done]


async def _send(sender: Sender, claim: Claim) -> Attempt:
    rules = sender.rules[claim.store]
    allowed = may_send(
        body_initial_sync=claim.initial_sync,
        placed_at=claim.placed_at,
        live_from=rules.live_from,
        first_told_live=claim.told_live,
        historical_updates=rules.historical_updates,
        due_since=claim.due_since,
        now=sender.clock.now(),
        live_window=rules.live_window,
    )
    if not allowed:
        return Attempt(claim, Outcome(kind="prevented", detail="a message about an old order was prevented"))
    body = with_initial_sync(claim.body, claim.initial_sync)
    try:
        with sender.seconds.time():
            outcome = await sender.privy.send(body, sender.tokens.get(claim.store))
    except Exception as error:
        # A fault of ours must not leave the claim without an answer: it would count as in flight for ever.
        log.error("delivery.fault", store=claim.store, ref=claim.ref, fault=type(error).__name__)
        outcome = Outcome(
            kind="later", detail=f"internal fault ({type(error).__name__}); please report it", maybe=True
        )
    return Attempt(claim, outcome)


def _turn(
    connection: Connection, sender: Sender, answered: list[Attempt], flying: int, stopping: bool
) -> Turn:
    now, steady = sender.clock.now(), sender.clock.steady()
    known = {(pause.scope, pause.name): pause for pause in breakers.every(connection)}
    if answered:
        _settle(connection, sender, answered, known, now, steady)
    if stopping:
        return Turn([], None)
    resting = _resting(known, sender, steady)
    active = [store for store in sender.rules if store not in resting]
    pause = known.get(("account", sender.account))
    if pause is not None and pause.rests(steady):
        return Turn([], pause.until)
    ends = [one.until for one in known.values() if one.scope == "store" and one.name in sender.rules]
    pauses_end = min((until for until in ends if until > steady), default=None)
    room = (1 if pause is not None else MOST_IN_FLIGHT) - flying
    if room <= 0 or not active:
        return Turn([], pauses_end)
    grant = quota.grant(
        connection,
        sender.account,
        sender.limits,
        claims.in_flight(connection, sender.account),
        steady,
        sender.pacer,
    )
    probing = {name for name in active if ("store", name) in known}
    taken = _claim(connection, sender, set(active) - probing, probing, grant, room, now, steady)
    sender.pacer.take(sum(claim.lane == "history" for claim in taken), steady)
    if len(taken) == room:
        return Turn(taken, None)  # an answer must come before another can leave
    active = [name for name in active if name not in probing or not claims.any_in_flight(connection, name)]
    if claims.any_due(connection, sender.account, active, steady):
        return Turn(taken, grant.again_at)
    times = (claims.next_due(connection, sender.account, active), pauses_end)
    return Turn(taken, min((time for time in times if time is not None), default=None))


def _claim(
    connection: Connection,
    sender: Sender,
    active: Collection[str],
    probing: Collection[str],
    grant: quota.Grant,
    room: int,
    now: datetime,
    steady: float,
) -> list[Claim]:
    """Take what may leave now. A store whose pause ran out sends one order, and then waits for its answer."""
    probes = [name for name in probing if not claims.any_in_flight(connection, name)]
    taken: list[Claim] = []
    for names, most in [([name], 1) for name in probes] + [([*active], room)]:
        taken += claims.claim(
            connection,
            sender.account,
            {name: sender.rules[name] for name in names},
            grant.less(len(taken)),
            fixed=sender.fixed,
            now=now,
            steady=steady,
            most=min(most, room - len(taken)),
        )
    return taken


def _resting(known: Mapping[tuple[str, str], breakers.Pause], sender: Sender, steady: float) -> set[str]:
    """Stores that send nothing now: paused, not yet found to be the right shop, or a copy of one."""
    resting = {
        name
        for (scope, name), pause in known.items()
        if scope == "store" and (pause.rests(steady) or pause.kind == "identity")
    }
    return resting | {store for store in sender.rules if not sender.verified(store)}


def _settle(
    connection: Connection,
    sender: Sender,
    answered: list[Attempt],
    known: dict[tuple[str, str], breakers.Pause],
    now: datetime,
    steady: float,
) -> None:
    settled = [_settled(attempt) for attempt in answered]
    claims.settle(connection, sender.account, settled, now=now, steady=steady)
    for span in ("minute", "day"):
        seen = [one for attempt in answered for one in attempt.outcome.windows if one.span == span]
        if seen:
            least = min(seen, key=lambda one: one.remaining)
            quota.observe(
                connection,
                sender.account,
                quota.Seen(
                    span=span, limit=least.limit, remaining=least.remaining, resets_in=least.resets_in
                ),
                steady,
            )
    for attempt in answered:
        _pause(connection, sender, attempt, known, now, steady)


def _settled(attempt: Attempt) -> Settled:
    claim, outcome = attempt.claim, attempt.outcome
    detail = f"{'initial_sync ' if claim.initial_sync else ''}{outcome.detail}"
    if outcome.kind in ("delivered", "refused"):
        return Settled(claim=claim, outcome=outcome.kind, detail=detail)
    if outcome.kind == "prevented":
        return Settled(claim=claim, outcome="prevented", detail=detail, delay=PREVENTED_SECONDS)
    delay = 0.0
    if outcome.kind == "later" and not outcome.renew:
        first, longest = BACKOFF_SECONDS
        delay = min(first * 2.0 ** min(claim.attempts - 1, 20), longest) * random.uniform(0.5, 1.0)
        delay = max(delay, outcome.retry_after or 0.0)
    return Settled(claim=claim, outcome="later", detail=detail, delay=delay, maybe=outcome.maybe)


def _pause(
    connection: Connection,
    sender: Sender,
    attempt: Attempt,
    known: dict[tuple[str, str], breakers.Pause],
    now: datetime,
    steady: float,
) -> None:
    """What an answer means for the account and the store. Said once when lost, once when back."""
    outcome, store = attempt.outcome, attempt.claim.store
    if outcome.kind in ("delivered", "refused"):
        for scope, name in (("account", sender.account), ("store", store)):
            pause = known.get((scope, name))
            # While it lasts this answers what left before it, and proves nothing.
            if pause is not None and pause.kind != "identity" and not pause.rests(steady):
                del known[scope, name]
                breakers.succeed(connection, scope, name)
                log.info(f"{scope}.back", **{scope: name})
        return
    if outcome.kind == "prevented" or outcome.renew:
        return
    kinds = {"account": ("account", "auth"), "store": ("store", "auth"), "limit": ("account", "limit")}
    scope, kind = kinds.get(outcome.kind, ("account", "fault"))
    name = store if scope == "store" else sender.account
    wait = outcome.retry_after if kind == "limit" else None
    before = known.get((scope, name))
    pause = breakers.fail(connection, scope, name, kind, outcome.detail, now=now, steady=steady, wait=wait)
    known[scope, name] = pause
    if pause != before and pause.strikes == (breakers.PATIENCE if kind == "fault" else 1):
        log.warning(f"{scope}.{'waits' if kind == 'limit' else 'lost'}", **{scope: name}, why=outcome.detail)
