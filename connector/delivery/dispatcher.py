"""Delivering an account's waiting orders: claim as the quota allows, send, settle."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import structlog

from connector.delivery import integration_tokens
from connector.delivery.answers import Outcome
from connector.delivery.sender import Attempt, Sender, Verdict
from connector.delivery.turn import take_turn
from connector.mapping.lanes import may_send
from connector.model.backoff import Backoff
from connector.model.payload import with_initial_sync, without
from connector.model.states import AttemptOutcome, BreakerScope
from connector.runtime import faults, instruments
from connector.state import troubles
from connector.state.outbox.claims import Claim

log = structlog.get_logger()

GROUP, GROUP_SECONDS = 8, 0.015  # from so many in flight on, answers are gathered for so long
FAULT = Backoff(2.0, 30.0)  # after a turn that could not be taken
STOPPING_STEP = 0.2  # seconds


async def deliver(sender: Sender, stopping: asyncio.Event) -> float | None:
    """Send until nothing may leave now; returns the steady time to come again, None when nothing waits.

    When ``stopping`` is set nothing more is claimed, and what is in flight is finished.
    """
    flying: dict[asyncio.Task[Attempt], Claim] = {}
    answered: list[Attempt] = []
    failures = 0
    while True:
        sender.wake.clear()
        try:
            turn = await sender.db.run(take_turn, sender, answered, len(flying), stopping.is_set())
        except Exception as error:
            # The answers are kept until they can be recorded; nothing new is claimed meanwhile.
            failures += 1
            await _trouble(sender, error, failures)
            if stopping.is_set() and all(task.done() for task in flying):
                return None  # the next start finds the claims and sends them again
            await _rest(stopping, FAULT.wait(failures))
            continue
        instruments.sent((one.claim.store, one.claim.lane, one.outcome.kind) for one in answered)
        answered = []
        sender.fixed.update(claim.store for claim in turn.claims)
        for claim in turn.claims:
            flying[asyncio.create_task(_send(sender, claim))] = claim
        if failures:
            failures = await _over(sender, failures)
        if not flying:
            return turn.again_at
        answered = await _answers(sender, flying, turn.again_at, stopping)


async def _trouble(sender: Sender, error: Exception, failures: int) -> None:
    """Keep what ended a turn as the account's trouble; where the database takes nothing, in the log alone."""
    try:
        await troubles.begin(sender.db, sender.clock, BreakerScope.DELIVERY, sender.account, error)
    except Exception:
        if failures.bit_count() == 1:  # the 1st, 2nd, 4th, 8th …
            log.error("database.fault", account=sender.account, error=faults.sentence(error))


async def _over(sender: Sender, failures: int) -> int:
    """A turn was taken; how many failures are still to be taken back."""
    try:
        await troubles.end(sender.db, BreakerScope.DELIVERY, sender.account)
    except Exception:
        return failures  # with the next turn
    return 0


async def _rest(stopping: asyncio.Event, seconds: float) -> None:
    """So long, or until the program is told to stop; then in short steps."""
    if stopping.is_set():
        await asyncio.sleep(STOPPING_STEP)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


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
    allowed = may_send(rules, claim.facts, sender.clock.now(), initial_sync=claim.initial_sync)
    if not allowed:
        return Attempt(
            claim, Outcome(kind=AttemptOutcome.PREVENTED, detail="a message about an old order was prevented")
        )
    body = without(claim.body, claim.without) if claim.without else claim.body
    body = with_initial_sync(body, claim.initial_sync)
    began = sender.clock.steady()
    try:
        with sender.seconds.time():
            outcome = await sender.privy.send(body, sender.tokens.get(claim.store))
        if sender.tokens.get(claim.store) and _suspicious(outcome):
            outcome = await _by_the_token(sender, claim.store, outcome, began)
    except Exception as error:
        # A fault of ours must not leave the claim without an answer: it would count as in flight for ever.
        log.error("delivery.fault", store=claim.store, ref=claim.ref, fault=type(error).__name__)
        outcome = Outcome(
            kind=AttemptOutcome.LATER,
            detail=f"internal fault ({type(error).__name__}); please report it",
            maybe=True,
        )
    return Attempt(claim, outcome)


def _suspicious(outcome: Outcome) -> bool:
    """Whether the store's integration token may be what was refused, whatever the words are."""
    return outcome.kind is AttemptOutcome.ACCOUNT or (
        outcome.kind is AttemptOutcome.REFUSED and not outcome.about_the_order
    )


async def _by_the_token(sender: Sender, store: str, outcome: Outcome, began: float) -> Outcome:
    if await integration_tokens.of_store(sender, store, began) is not Verdict.REFUSED:
        return outcome
    detail = (
        f"{outcome.detail}; without the store's integration token the same is not refused so: check the "
        "store's integration_token"
    )
    return msgspec.structs.replace(outcome, kind=AttemptOutcome.STORE, detail=detail)
