"""Whether Privy takes a store's integration token: found out by what is sent, not by the words of an answer.

The reference says only that an unknown or inactive one answers 422. So a body that can create nothing is sent
with the header and without it: what is refused with it alone is the header's fault.
"""

from __future__ import annotations

from connector.delivery.answers import Outcome
from connector.delivery.sender import Judged, Sender, Verdict
from connector.delivery.turn import observe, spend_one
from connector.model.states import AttemptOutcome

FRESH_SECONDS = 60.0  # for so long what was found out is not asked again
_ANSWERED = (AttemptOutcome.REFUSED, AttemptOutcome.STORE, AttemptOutcome.ACCOUNT)


async def ask(sender: Sender, token: str | None) -> Outcome | None:
    """Probe Privy with this integration token, or with none; None when the budget has no room for it."""
    if not await sender.db.run(spend_one, sender):
        return None
    outcome = await sender.privy.probe(token)
    await sender.db.run(observe, sender.account, outcome.windows, sender.clock.steady())
    return outcome


async def judge(sender: Sender, token: str, without: Outcome | None = None) -> tuple[Verdict, Outcome | None]:
    """Whether Privy takes the token, and what it answered to it. ``without`` is its answer to no token.

    What differs is asked for a second time, so that words that differ from call to call accuse nobody.
    """
    without = without or await ask(sender, None)
    if without is None or without.kind is not AttemptOutcome.REFUSED:
        return Verdict.UNKNOWN, None
    told = await ask(sender, token)
    if told is None or told.kind not in _ANSWERED:
        return Verdict.UNKNOWN, told
    if told.kind is AttemptOutcome.STORE:
        return Verdict.REFUSED, told
    if told.problems == without.problems:
        return Verdict.TAKEN, told
    again = await ask(sender, None)
    if again is None or again.problems != without.problems or not told.problems - without.problems:
        return Verdict.UNKNOWN, told
    return Verdict.REFUSED, told


async def of_store(sender: Sender, store: str, since: float) -> Verdict:
    """The same for a store one of whose orders, sent at ``since`` (steady), was refused; asks once for all
    that were refused together.
    """
    token = sender.tokens.get(store)
    if not token:
        return Verdict.TAKEN
    async with sender.asking:
        known = sender.verdicts.get(store)
        if known is not None:
            fresh = FRESH_SECONDS if known.verdict is Verdict.TAKEN else 0.0
            if known.at + fresh >= since:
                return known.verdict
        verdict, _ = await judge(sender, token)
        sender.verdicts[store] = Judged(sender.clock.steady(), verdict)
        return verdict
