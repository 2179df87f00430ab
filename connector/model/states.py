"""The closed sets of words for what something is or came to; a wrong word is a type error.

Each ``match`` over one of them ends in ``assert_never``, so that a new word is missed nowhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class AttemptOutcome(StrEnum):
    """What one attempt to deliver an order came to.

    ::

        claimed ──▶ DELIVERED                      Privy holds what was sent
                ──▶ REFUSED                        the order's fault: it fails, for a person to look at
                ──▶ LATER | LIMIT | STORE | ACCOUNT | DOUBTED  not the order's fault: it waits again
                ──▶ PARTLY                         it goes once more without what was refused
                ──▶ PREVENTED                      the second guard held it back; judged again later
    """

    DELIVERED = "delivered"
    REFUSED = "refused"
    LATER = "later"  # a passing fault of Privy or the network
    LIMIT = "limit"  # Privy asks to wait
    STORE = "store"  # the store's integration token is refused
    ACCOUNT = "account"  # the account's token is refused
    DOUBTED = "doubted"  # refused as one order after another was, so perhaps not for its own fault
    PARTLY = "partly"  # refused for its e-mail or its phone alone, and the other is there
    PREVENTED = "prevented"


class Settlement(StrEnum):
    """What an attempt means for the order's row in the outbox."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    LATER = "later"
    PREVENTED = "prevented"


class BreakerKind(StrEnum):
    """Why something rests, and so what ends it."""

    AUTH = "auth"  # credentials are refused: a person must act
    FAULT = "fault"  # a passing fault: it mends itself
    INTERNAL = "internal"  # a fault of this program: a person should report it
    LIMIT = "limit"  # the other side asked to wait
    IDENTITY = "identity"  # another shop answers: a person must decide
    GAP = "gap"  # orders that a shop cannot show were stepped over: nothing rests, and nothing is green
    REFUSALS = "refusals"  # one order after another is refused with the same words: a person should look


class BreakerScope(StrEnum):
    """What rests. ``SHOP`` is all reading of a store's shop, ``STORE`` all sending of its orders,
    ``ACCOUNT`` all sending to an account; the others are one unit of work each.
    """

    SHOP = "shop"
    STORE = "store"
    ACCOUNT = "account"
    BACKFILL = "backfill"
    RECONCILE = "reconcile"
    OPEN = "open"
    INBOX = "inbox"
    SUBSCRIPTIONS = "subscriptions"
    DELIVERY = "delivery"
    RETENTION = "retention"
    WORK = "work"
    UNREAD = "unread"
    UNREAD_PAST = "unread past"

    @property
    def owner(self) -> Literal["store", "account", "program"]:
        """Whose trouble it is when it rests."""
        match self:
            case BreakerScope.ACCOUNT | BreakerScope.DELIVERY:
                return "account"
            case BreakerScope.RETENTION | BreakerScope.WORK:
                return "program"
            case _:
                return "store"

    @property
    def doing(self) -> str:
        """What is done there, for a sentence to the operator."""
        return _DOING[self]


_DOING = {
    BreakerScope.SHOP: "reading the shop",
    BreakerScope.STORE: "sending the store's orders",
    BreakerScope.ACCOUNT: "sending to Privy",
    BreakerScope.BACKFILL: "reading the shop's past",
    BreakerScope.RECONCILE: "reading the shop again",
    BreakerScope.OPEN: "looking after orders that are not settled",
    BreakerScope.INBOX: "doing what webhooks asked for",
    BreakerScope.SUBSCRIPTIONS: "looking after the shop's webhook subscriptions",
    BreakerScope.DELIVERY: "delivering",
    BreakerScope.RETENTION: "dropping what is kept no longer",
    BreakerScope.WORK: "looking for what commands left to do",
    BreakerScope.UNREAD: "stepped over in the shop's list, and tried again from time to time",
    BreakerScope.UNREAD_PAST: "stepped over in the shop's past, and tried again when it is read again",
}
