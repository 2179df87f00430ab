"""What refusals mean together: an order's own fault, or everything's.

When one order after another is refused with the same words, it is hardly the orders: the store (or the
account, when stores alike are hit) pauses, and its orders wait instead of failing one by one and spending
the day. From time to time one order tries; the first that is delivered ends it. Those that had waited then go
once more, and what is refused now is refused for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from connector.delivery.answers import Outcome
from connector.delivery.sender import Attempt, Run, Sender
from connector.model.payload import CONSENTS
from connector.model.states import AttemptOutcome, BreakerKind, BreakerScope
from connector.runtime import exact_json
from connector.state.breakers import Pause

IN_A_ROW = 5  # orders of one store
IN_A_ROW_OF_ALL = 10  # orders of an account, of at least two stores
Known = Mapping[tuple[BreakerScope, str], Pause]


@dataclass
class Found:
    """The answers as they are to be settled, what opens, and which failed orders wait again after all."""

    attempts: list[Attempt] = field(default_factory=list)
    opening: dict[tuple[BreakerScope, str], str] = field(default_factory=dict)
    taken_back: dict[tuple[str, str], str] = field(default_factory=dict)


def weigh(sender: Sender, answered: list[Attempt], known: Known) -> Found:
    """Judge the refusals among some answers, given what rests."""
    found = Found()
    for attempt in answered:
        outcome = attempt.outcome
        if outcome.kind is AttemptOutcome.DELIVERED:
            for key in (attempt.claim.store, ""):
                sender.runs.pop(key, None)
            sender.verdicts.pop(attempt.claim.store, None)
        elif outcome.kind is AttemptOutcome.REFUSED:
            outcome = _refused(sender, attempt, known, found)
        found.attempts.append(Attempt(attempt.claim, outcome))
    together = {(one.claim.store, one.claim.ref) for one in found.attempts}
    found.attempts = [_doubted(one) if _opened(found, one) else one for one in found.attempts]
    found.taken_back = {key: sent for key, sent in found.taken_back.items() if key not in together}
    return found


def _refused(sender: Sender, attempt: Attempt, known: Known, found: Found) -> Outcome:
    claim, outcome = attempt.claim, attempt.outcome
    if (field_ := _optional(attempt)) is not None:
        other = "phone" if field_ == "email" else "e-mail"
        detail = f"{outcome.detail}; it goes once more without it, as a {other} is there"
        return msgspec.structs.replace(
            outcome, kind=AttemptOutcome.PARTLY, without=field_, detail=detail.replace("a e-", "an e-")
        )
    for scope, name, key in (
        (BreakerScope.STORE, claim.store, claim.store),
        (BreakerScope.ACCOUNT, sender.account, ""),
    ):
        pause = known.get((scope, name))
        if pause is not None and pause.kind is BreakerKind.REFUSALS:
            rest = sender.runs.setdefault(key, Run(outcome.problems))
            if rest.common & outcome.problems:
                found.opening[scope, name] = pause.message
                return _doubted(attempt).outcome
    if claim.doubted:
        return outcome  # it waited until others went through, and is refused for itself
    for key, scope, name, most, stores in (
        (claim.store, BreakerScope.STORE, claim.store, IN_A_ROW, 1),
        ("", BreakerScope.ACCOUNT, sender.account, IN_A_ROW_OF_ALL, 2),
    ):
        run = sender.runs.get(key)
        if run is None or not run.common & outcome.problems:
            run = sender.runs[key] = Run(outcome.problems)
        run.common &= outcome.problems
        run.orders[claim.store, claim.ref] = claim.hash
        if len(run.orders) >= most and len({store for store, _ in run.orders}) >= stores:
            found.opening[scope, name] = _told(scope, len(run.orders), outcome.detail)
            found.taken_back |= run.orders
    return outcome


def _optional(attempt: Attempt) -> str | None:
    """The e-mail or phone that alone was refused, where the other one is there to find the buyer by."""
    claim, named = attempt.claim, set(attempt.outcome.fields)
    if claim.without or len(named) != 1:
        return None
    (name,) = named
    if name not in CONSENTS:
        return None
    sent = exact_json.decode(claim.body)
    other = "phone" if name == "email" else "email"
    return name if sent.get(name) and sent.get(other) else None


def _opened(found: Found, attempt: Attempt) -> bool:
    key = attempt.claim.store, attempt.claim.ref
    return attempt.outcome.kind is AttemptOutcome.REFUSED and key in found.taken_back


def _doubted(attempt: Attempt) -> Attempt:
    detail = f"{attempt.outcome.detail}; others are refused alike, so it waits until one goes through"
    outcome = msgspec.structs.replace(attempt.outcome, kind=AttemptOutcome.DOUBTED, detail=detail)
    return Attempt(attempt.claim, outcome)


def _told(scope: BreakerScope, count: int, said: str) -> str:
    whose = "the store's" if scope is BreakerScope.STORE else "the account's"
    return (
        f"{count} orders in a row were refused with the same words ({said}); {whose} orders wait, and one of "
        "them tries from time to time. If the words are about the orders, correct the mapping or the shop; "
        "if not, look at the integration token and at the account in Privy"
    )
