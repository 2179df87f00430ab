"""One row per (store, order): what Privy should know, and what it was last told.

``state`` is what the newest version of the order wants: waiting to be sent, delivered, skipped by a
named rule, or failed with its reason. While a request is in flight ``claimed_at`` is set besides; its
claim knows which version left, so that a newer one that comes in meanwhile stays waiting.
``maybe`` is true from the claim until a definite answer: then Privy may hold what was sent.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Float, Index, Text
from sqlmodel import Field

from connector.state.database import Record, UtcTime, table_of

FORGOTTEN = "forgotten"  # the rule under which an order is kept without its buyer's data
RETIRED = "retired"  # the rule for what waited when its store was taken out of the configuration
DISCARDED = "discarded"  # the rule under which an operator sets a failed order aside


class OutboxRecord(Record, table=True):
    """``due_since`` is when the order became sendable as far as the late rule counts (see ``feeds``).

    ``due_at`` is the steady time before which it is not tried again. ``told_*`` describe what Privy
    confirmed last; ``told_live`` is null until then, and true once a body without initial_sync was
    confirmed. ``told_addresses`` names the addresses that Privy may hold. ``looked_at`` is the steady time at
    which an open order was last fetched on its own. ``doubted`` says that this version was refused when one
    order after another was; ``without`` names its e-mail or phone when Privy refuses that one.
    ``source`` is the hash of the document that the payload was made from; null where it is not known.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_number", "account", "order_id", unique=True),
        Index("outbox_shop_number", "store", "number"),
        Index("outbox_counts", "store", "state", "lane", "rule"),
        Index("outbox_claim", "account", "state", "lane", "placed_at"),
        Index("outbox_store", "store", "placed_at"),
        # Partial in the migration (claimed_at IS NOT NULL): said here it loads PostgreSQL's dialect, 2 MB.
        Index("outbox_flying", "account"),
    )

    store: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    account: str
    order_id: int | None = Field(default=None, sa_type=BigInteger)
    number: str = ""
    state: str
    lane: str
    rule: str = ""
    reason: str = Field(default="", sa_type=Text)
    notes: str = Field(default="", sa_type=Text)
    placed_at: datetime | None = Field(default=None, sa_type=UtcTime)
    changed_at: datetime = Field(sa_type=UtcTime)
    fetched_at: datetime = Field(sa_type=UtcTime)
    first_seen_at: datetime = Field(sa_type=UtcTime)
    due_since: datetime | None = Field(default=None, sa_type=UtcTime)
    due_at: float = Field(default=0.0, sa_type=Float)
    attempts: int = 0
    hash: str | None = None
    financial_status: str | None = None
    fulfillment_status: str | None = None
    settled: bool = False
    looked_at: float | None = Field(default=None, sa_type=Float)
    addresses: str = ""
    claimed_at: float | None = Field(default=None, sa_type=Float)
    claimed_lane: str | None = None
    maybe: bool = False
    told_hash: str | None = None
    told_at: datetime | None = Field(default=None, sa_type=UtcTime)
    told_live: bool | None = None
    told_addresses: str = ""
    told_changed_at: datetime | None = Field(default=None, sa_type=UtcTime)
    doubted: bool = False
    without: str = ""
    source: str | None = None


OUTBOX = table_of(OutboxRecord)
