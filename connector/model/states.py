"""The closed sets of words for what something is or came to; a wrong word is a type error.

Each ``match`` over one of them ends in ``assert_never``, so that a new word is missed nowhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class OrderState(StrEnum):
    """What the newest version of an order wants: each order of a store is in exactly one of these.

    ::

                 ┌────────────── a newer version, or a mapping, judges anew ──────────────┐
                 ▼                                                                        │
        seen ──▶ WAITING ──claim, an answer of success──▶ DELIVERED ──────────────────────┤
          │        │ ▲                                                                    │
          │        │ └─retry, or its refusal was doubted─┐                                │
          │        └──claim, refused for its fault──▶ FAILED ──set aside──▶ SKIPPED ──────┘
          ├──cannot be mapped──▶ FAILED
          └──a rule says so───▶ SKIPPED

    A claim is no state: ``claimed_at`` is set besides, so that a newer version can wait meanwhile. Written by
    ``state.outbox`` and, for what must go, by ``state.forgotten`` and ``state.retention``; nowhere else.
    """

    WAITING = "waiting"
    DELIVERED = "delivered"
    SKIPPED = "skipped"
    FAILED = "failed"


class Taken(StrEnum):
    """What the outbox made of one version: the order's state, or why nothing changed."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNCHANGED = "unchanged"  # it stands as it was
    STALE = "stale"  # older than what is known


class ArrivalState(StrEnum):
    """What a sender is told of a pushed document."""

    ACCEPTED = "accepted"  # it waits to be sent
    UNCHANGED = "unchanged"
    STALE = "stale"
    SKIPPED = "skipped"
    FAILED = "failed"  # kept, and can be tried again
    REFUSED = "refused"  # it has no id, so that nothing of it is kept


class Lane(StrEnum):
    """Which way an order goes out: live orders first, and only they can write to a buyer."""

    LIVE = "live"
    HISTORY = "history"


class EventKind(StrEnum):
    """What a line of an order's time-line is about."""

    SEEN = "seen"  # a document came in
    SENT = "sent"  # a request was answered, or not
    NOTE = "note"  # something else happened, such as an operator's command


class InboxKind(StrEnum):
    """What an item of the inbox asks for. The order is that in which the items of a store are done.

    A message is only shown.
    """

    EVERYTHING = "everything"  # everything of the store must go
    CONTACT = "contact"  # the data of a buyer must go
    ORDER = "order"  # the data of an order's buyer must go
    SCRUB = "scrub"  # the rows are gone, their bytes in the files not yet
    LOOK = "look"  # an order is to be fetched afresh
    MESSAGE = "note"  # a sentence for the operator; so stored since the first schema


class BackfillState(StrEnum):
    """How far a backfill is: READING ──the last page──▶ READ, or READING ──an operator──▶ CANCELLED."""

    READING = "reading"
    READ = "read"
    CANCELLED = "cancelled"


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
