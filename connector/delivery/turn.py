"""One turn of an account's delivery is one transaction: it settles answers and claims what may leave next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

import structlog
from sqlalchemy import Connection

from connector.delivery import refusals
from connector.delivery.answers import RateWindow
from connector.delivery.sender import Attempt, Sender, Verdict
from connector.model.backoff import Backoff
from connector.model.states import AttemptOutcome, BreakerKind, BreakerScope, Lane, Settlement
from connector.state import breakers, quota
from connector.state.outbox import claims
from connector.state.outbox.claims import Claim, Settled

log = structlog.get_logger()

MOST_IN_FLIGHT = 32
BACKOFF = Backoff(5.0, 1800.0)  # one order after passing faults
DOUBTED_SECONDS = 900.0  # so that the next try is another order's
# Before an order that the second guard held back is judged again: ever longer, for it stands in others' way.
PREVENTED = Backoff(60.0, 1800.0)


@dataclass(frozen=True)
class Turn:
    """What one turn decided: claims to send now, and the steady time to look again (None: nothing waits)."""

    claims: list[Claim]
    again_at: float | None


def take_turn(
    connection: Connection, sender: Sender, answered: list[Attempt], flying: int, stopping: bool
) -> Turn:
    """One transaction: settle the answers that came in, claim what may leave now.

    ``flying`` counts the requests in flight; when ``stopping`` nothing is claimed.
    """
    now, steady = sender.clock.now(), sender.clock.steady()
    known = {(pause.scope, pause.name): pause for pause in breakers.every(connection)}
    if answered:
        _settle(connection, sender, answered, known, now, steady)
    if stopping:
        return Turn([], None)
    resting = _resting(known, sender, steady)
    active = [store for store in sender.rules if store not in resting]
    pause = known.get((BreakerScope.ACCOUNT, sender.account))
    if pause is not None and pause.rests(steady):
        return Turn([], pause.until)
    ends = [
        one.until for one in known.values() if one.scope is BreakerScope.STORE and one.name in sender.rules
    ]
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
    probing = {name for name in active if (BreakerScope.STORE, name) in known}
    taken = _claim(connection, sender, set(active) - probing, probing, grant, room, now, steady)
    sender.pacer.take(sum(claim.lane is Lane.HISTORY for claim in taken), steady)
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


def _resting(
    known: Mapping[tuple[BreakerScope, str], breakers.Pause], sender: Sender, steady: float
) -> set[str]:
    """Stores that send nothing now: paused, not yet found to be the right shop, or a copy of one."""
    resting = {
        name
        for (scope, name), pause in known.items()
        if scope is BreakerScope.STORE and (pause.rests(steady) or pause.kind is BreakerKind.IDENTITY)
    }
    return resting | {store for store in sender.rules if not sender.verified(store)}


def _settle(
    connection: Connection,
    sender: Sender,
    answered: list[Attempt],
    known: dict[tuple[BreakerScope, str], breakers.Pause],
    now: datetime,
    steady: float,
) -> None:
    found = refusals.weigh(sender, answered, known)
    answered = found.attempts
    settled = [_settled(attempt) for attempt in answered]
    claims.settle(connection, sender.account, settled, now=now, steady=steady)
    seen = [one for attempt in answered for one in attempt.outcome.windows]
    observe(connection, sender.account, seen, steady)
    for attempt in answered:
        _pause(connection, sender, attempt, known, now, steady)
    claims.take_back(connection, found.taken_back, now=now, steady=steady)
    for (scope, name), message in found.opening.items():
        before = known.get((scope, name))
        pause = breakers.fail(connection, scope, name, BreakerKind.REFUSALS, message, now=now, steady=steady)
        known[scope, name] = pause
        if before is None or before.kind is not BreakerKind.REFUSALS:
            log.warning(f"{scope}.lost", **{scope: name}, why=message)


def spend_one(connection: Connection, sender: Sender) -> bool:
    """Spend one request that is no order's before it leaves, if the account's budget has room for it."""
    account, steady = sender.account, sender.clock.steady()
    flying = claims.in_flight(connection, account)
    room = quota.grant(connection, account, sender.limits, flying, steady, sender.pacer).live
    if room:
        quota.spend(connection, account, Lane.LIVE, 1, steady)
    return room > 0


def observe(connection: Connection, account: str, seen: Iterable[RateWindow], steady: float) -> None:
    """Record what the headers of some answers say of an account's budget."""
    least: dict[str, RateWindow] = {}
    for one in seen:
        if one.span not in least or one.remaining < least[one.span].remaining:
            least[one.span] = one
    for one in least.values():
        said = quota.Seen(span=one.span, limit=one.limit, remaining=one.remaining, resets_in=one.resets_in)
        quota.observe(connection, account, said, steady)


def _settled(attempt: Attempt) -> Settled:
    """What the attempt means for the order's row."""
    claim, outcome = attempt.claim, attempt.outcome
    detail = f"{'initial_sync ' if claim.initial_sync else ''}{outcome.detail}"
    match outcome.kind:
        case AttemptOutcome.DELIVERED:
            return Settled(claim=claim, outcome=Settlement.DELIVERED, detail=detail)
        case AttemptOutcome.REFUSED:
            return Settled(claim=claim, outcome=Settlement.REFUSED, detail=detail)
        case AttemptOutcome.PREVENTED:
            delay = PREVENTED.wait(claim.attempts)
            return Settled(claim=claim, outcome=Settlement.PREVENTED, detail=detail, delay=delay)
        case AttemptOutcome.LATER:
            delay = 0.0 if outcome.renew else max(BACKOFF.wait(claim.attempts), outcome.retry_after or 0.0)
        case AttemptOutcome.LIMIT | AttemptOutcome.STORE | AttemptOutcome.ACCOUNT:
            delay = 0.0  # the pause of the store or account is the wait
        case AttemptOutcome.DOUBTED:
            return Settled(
                claim=claim, outcome=Settlement.LATER, detail=detail, delay=DOUBTED_SECONDS, doubted=True
            )
        case AttemptOutcome.PARTLY:
            return Settled(claim=claim, outcome=Settlement.LATER, detail=detail, without=outcome.without)
        case _:
            assert_never(outcome.kind)
    return Settled(claim=claim, outcome=Settlement.LATER, detail=detail, delay=delay, maybe=outcome.maybe)


def _pause(
    connection: Connection,
    sender: Sender,
    attempt: Attempt,
    known: dict[tuple[BreakerScope, str], breakers.Pause],
    now: datetime,
    steady: float,
) -> None:
    """What an answer means for the account and the store. Said once when lost, once when back."""
    outcome, store = attempt.outcome, attempt.claim.store
    account, wait = (BreakerScope.ACCOUNT, sender.account), None
    match outcome.kind:
        case AttemptOutcome.DELIVERED:
            _proven(connection, [account, (BreakerScope.STORE, store)], known, steady)
            return
        case AttemptOutcome.REFUSED | AttemptOutcome.PARTLY:
            # Privy answers and takes the token: more is not proven by a refusal.
            ended = [account] if _taken(sender, store) is False else [account, (BreakerScope.STORE, store)]
            _proven(connection, ended, known, steady, refused=True)
            return
        case AttemptOutcome.PREVENTED | AttemptOutcome.DOUBTED:
            return
        case AttemptOutcome.LATER:
            if outcome.renew:
                return
            (scope, name), kind = account, BreakerKind.FAULT
        case AttemptOutcome.LIMIT:
            (scope, name), kind, wait = account, BreakerKind.LIMIT, outcome.retry_after
        case AttemptOutcome.ACCOUNT:
            (scope, name), kind = account, BreakerKind.AUTH
        case AttemptOutcome.STORE:
            scope, name, kind = BreakerScope.STORE, store, BreakerKind.AUTH
        case _:
            assert_never(outcome.kind)
    before = known.get((scope, name))
    pause = breakers.fail(connection, scope, name, kind, outcome.detail, now=now, steady=steady, wait=wait)
    known[scope, name] = pause
    if pause != before and pause.strikes == (breakers.PATIENCE if kind is BreakerKind.FAULT else 1):
        log.warning(f"{scope}.{'waits' if kind == 'limit' else 'lost'}", **{scope: name}, why=outcome.detail)


def _proven(
    connection: Connection,
    owners: Iterable[tuple[BreakerScope, str]],
    known: dict[tuple[BreakerScope, str], breakers.Pause],
    steady: float,
    *,
    refused: bool = False,
) -> None:
    """An answer that ends the pauses of these that ran out; a refusal does not end one for refusals."""
    for scope, name in owners:
        pause = known.get((scope, name))
        # While it lasts this answers what left before it, and proves nothing.
        if pause is None or (refused and pause.kind is BreakerKind.REFUSALS):
            continue
        if pause.kind is not BreakerKind.IDENTITY and not pause.rests(steady):
            del known[scope, name]
            breakers.succeed(connection, scope, name)
            log.info(f"{scope}.back", **{scope: name})


def _taken(sender: Sender, store: str) -> bool | None:
    """Whether Privy takes the store's integration token; None when nobody knows."""
    if not sender.tokens.get(store):
        return True
    known = sender.verdicts.get(store)
    return None if known is None or known.verdict is Verdict.UNKNOWN else known.verdict is Verdict.TAKEN
