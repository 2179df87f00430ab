"""The closed sets of words for what something is or came to; a wrong word is a type error.

Each ``match`` over one of them ends in ``assert_never``, so that a new word is missed nowhere.
"""

from __future__ import annotations

from enum import StrEnum


class AttemptOutcome(StrEnum):
    """What one attempt to deliver an order came to.

    ::

        claimed ──▶ DELIVERED                      Privy holds what was sent
                ──▶ REFUSED                        the order's fault: it fails, for a person to look at
                ──▶ LATER | LIMIT | STORE | ACCOUNT  not the order's fault: it waits again
                ──▶ PREVENTED                      the second guard held it back; judged again later
    """

    DELIVERED = "delivered"
    REFUSED = "refused"
    LATER = "later"  # a passing fault of Privy or the network
    LIMIT = "limit"  # Privy asks to wait
    STORE = "store"  # the store's integration token is refused
    ACCOUNT = "account"  # the account's token is refused
    PREVENTED = "prevented"


class Settlement(StrEnum):
    """What an attempt means for the order's row in the outbox."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    LATER = "later"
    PREVENTED = "prevented"
