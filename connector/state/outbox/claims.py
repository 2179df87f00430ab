"""Claiming waiting orders for delivery, and settling what became of each.

A claim is committed before its request leaves: it is the record of spending, the lock that keeps one
request per order in flight, and the note that Privy may hold the order from now on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection, Row, bindparam, case, func, select, update

from connector.mapping import lanes
from connector.model.facts import LaneFacts, LaneRules
from connector.model.states import EventKind, Lane, OrderState, Settlement
from connector.state import audit, bulk, quota, stores
from connector.state.outbox.payloads import BODIES
from connector.state.outbox.schema import OUTBOX

RELANING_ROUNDS = 32  # pages of due orders whose lane may change in one turn; the rest do in the next


class SendingRules(LaneRules, frozen=True, kw_only=True):
    """What a store's configuration and record say about sending its orders."""

    numbering: str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One order taken for sending: the body, its version, and how it is to be flagged and why."""

    store: str
    ref: str
    order_id: int
    body: bytes
    hash: str
    lane: Lane
    initial_sync: bool
    why: str
    facts: LaneFacts
    changed_at: datetime
    attempts: int
    addresses: str
    maybe_before: bool
    doubted: bool = False
    without: str = ""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a claim.

    ``delay`` in seconds is when to try a ``later`` or ``prevented`` one again; ``maybe`` says that Privy
    may hold it; ``doubted`` that others were refused alike; ``without`` names the field that it goes without
    from now on.
    """

    claim: Claim
    outcome: Settlement
    detail: str
    delay: float = 0.0
    maybe: bool = False
    doubted: bool = False
    without: str = ""


def claim(
    connection: Connection,
    account: str,
    rules: Mapping[str, SendingRules],
    grant: quota.Grant,
    *,
    fixed: Collection[str],
    now: datetime,
    steady: float,
    most: int,
) -> list[Claim]:
    """Take due orders: live ones first, oldest first; then history, newest first.

    ``rules`` has the stores that may send; ``fixed`` those whose numbering is known to be recorded.
    """
    due = {"account": account, "active": list(rules), "steady": steady}
    rows = _decided(connection, due, rules, grant, now, most) if rules and most > 0 else []
    claims = [_claim(row, facts, decision) for row, facts, decision in rows]
    if claims:
        bulk.run(
            connection,
            _CLAIM,
            [
                {
                    "its_claimed_at": steady,
                    "its_store": one.store,
                    "its_ref": one.ref,
                    "its_lane": one.lane,
                    "its_addresses": _union(row.told_addresses, one.addresses),
                }
                for one, (row, _, _) in zip(claims, rows, strict=True)
            ],
        )
        for store in {one.store for one in claims}.difference(fixed):
            stores.fix_numbering(connection, store, rules[store].numbering)
    return claims


def settle(
    connection: Connection, account: str, settled: Sequence[Settled], *, now: datetime, steady: float
) -> None:
    """Record the answers. A version that came in meanwhile stays waiting; only the sent one is told."""
    by_outcome: dict[Settlement, list[Settled]] = {}
    # In the order in which ``outbox.known`` locks rows, so that two transactions cannot lock each other out.
    for one in sorted(settled, key=lambda one: (one.claim.store, one.claim.ref)):
        by_outcome.setdefault(one.outcome, []).append(one)
    for outcome, group in by_outcome.items():
        bulk.run(connection, _SETTLE[outcome], [_parameters(one, now, steady) for one in group])
    for store, count in Counter(one.claim.store for one in by_outcome.get(Settlement.PREVENTED, ())).items():
        stores.count_prevented(connection, store, count)
    spent: dict[str, int] = {}
    for one in settled:
        if one.outcome is not Settlement.PREVENTED:
            spent[one.claim.lane] = spent.get(one.claim.lane, 0) + 1
    for lane, count in spent.items():
        quota.spend(connection, account, lane, count, steady)
    audit.write(
        connection,
        [
            audit.Event(
                now,
                one.claim.store,
                one.claim.ref,
                EventKind.SENT,
                one.outcome.value,
                f"{one.claim.why}: {one.detail}",
            )
            for one in settled
        ],
    )


def facts_of(row: Row[Any]) -> LaneFacts:
    """What decides about the lane of an order that waits, from its row."""
    return LaneFacts(
        placed_at=row.placed_at,
        due_since=row.due_since or row.first_seen_at,
        first_told_live=row.told_live,
    )


def take_back(
    connection: Connection, orders: Mapping[tuple[str, str], str], *, now: datetime, steady: float
) -> None:
    """Let orders that failed wait again: ``orders`` maps (store, ref) to the hash that was refused.

    They were refused as all others were, and are tried once more when one goes through.
    """
    detail = "others were refused alike, so it waits and goes once more when one of them goes through"
    for (store, ref), sent in sorted(orders.items()):
        if connection.execute(
            _TAKE_BACK, {"its_store": store, "its_ref": ref, "its_hash": sent, "its_due_at": steady}
        ).rowcount:
            audit.write(connection, [audit.Event(now, store, ref, EventKind.NOTE, "waiting", detail)])


def in_flight(connection: Connection, account: str) -> dict[str, int]:
    """How many requests of each lane have no answer yet."""
    return {row[0]: row[1] for row in connection.execute(_IN_FLIGHT, {"account": account})}


def any_in_flight(connection: Connection, store: str) -> bool:
    """Whether a request of the store has no answer yet."""
    query = select(OUTBOX.c.ref).where(OUTBOX.c.store == store, OUTBOX.c.claimed_at.is_not(None))
    return connection.execute(query.limit(1)).first() is not None


def next_due(connection: Connection, account: str, active: Collection[str]) -> float | None:
    """The steady time at which the next waiting order may be tried; None when none waits."""
    return connection.execute(_NEXT_DUE, {"account": account, "active": list(active)}).scalar()


def any_due(connection: Connection, account: str, active: Collection[str], steady: float) -> bool:
    """Whether an order waits that may be tried now."""
    given = {"account": account, "active": list(active), "steady": steady}
    return connection.execute(_ANY_DUE, given).first() is not None


def due_after(connection: Connection, store: str, limit: float, most: int) -> list[str]:
    """The refs of a store's waiting orders that are due after this steady time."""
    its = OUTBOX.c.store == store, OUTBOX.c.state == OrderState.WAITING, OUTBOX.c.due_at > limit
    return list(connection.scalars(select(OUTBOX.c.ref).where(*its).limit(most)))


def hasten(connection: Connection, store: str, refs: Sequence[str], limit: float) -> None:
    """Let these orders be due at this steady time, if they were due later: a clock was set back."""
    its = OUTBOX.c.store == store, OUTBOX.c.ref.in_(refs), OUTBOX.c.due_at > limit
    connection.execute(update(OUTBOX).where(*its).values(due_at=limit))


def recover(connection: Connection, account: str, *, now: datetime, steady: float) -> int:
    """After a start: requests whose answer will never come count as spent and wait to be sent again."""
    flying = OUTBOX.c.account == account, OUTBOX.c.claimed_at.is_not(None)
    lost = connection.execute(select(OUTBOX.c.store, OUTBOX.c.ref).where(*flying)).all()
    for lane, count in in_flight(connection, account).items():
        quota.spend(connection, account, lane, count, steady)
    connection.execute(
        update(OUTBOX).where(*flying).values(claimed_at=None, claimed_lane=None, due_at=steady)
    )
    detail = "the program stopped before an answer came; Privy may hold it, so the newest state is sent again"
    audit.write(
        connection, [audit.Event(now, row.store, row.ref, EventKind.SENT, "unknown", detail) for row in lost]
    )
    return len(lost)


def _decided(
    connection: Connection,
    due: dict[str, Any],
    rules: Mapping[str, SendingRules],
    grant: quota.Grant,
    now: datetime,
    most: int,
) -> list[tuple[Row[Any], LaneFacts, lanes.Decision]]:
    """Due orders with their lanes as they are now; one that waits in the other lane changes over.

    An order that became late is history from now on, and is paid for as such.
    """
    for _ in range(RELANING_ROUNDS):
        rows = _due(connection, due, grant, most)
        facts = [facts_of(row) for row in rows]
        decided = [
            (row, its, lanes.decide(rules[row.store], its, now)) for row, its in zip(rows, facts, strict=True)
        ]
        right = [one for one in decided if one[2].lane == one[0].lane]
        if len(right) == len(decided):
            break
        bulk.run(
            connection,
            _RELANE,
            [
                {"its_store": row.store, "its_ref": row.ref, "its_lane": decision.lane}
                for row, _, decision in decided
                if decision.lane != row.lane
            ],
        )
    return right


def _due(connection: Connection, due: dict[str, Any], grant: quota.Grant, most: int) -> list[Row[Any]]:
    room = min(grant.live, most)
    rows: list[Row[Any]] = []
    if room > 0:
        rows += connection.execute(_DUE[Lane.LIVE], due | {"most": room})
    room = min(grant.history, room - len(rows))
    if room > 0:
        rows += connection.execute(_DUE[Lane.HISTORY], due | {"most": room})
    return rows


def _claim(row: Row[Any], facts: LaneFacts, decision: lanes.Decision) -> Claim:
    return Claim(
        store=row.store,
        ref=row.ref,
        order_id=row.order_id,
        body=row.body,
        hash=row.hash,
        lane=decision.lane,
        initial_sync=decision.initial_sync,
        why=decision.reason,
        facts=facts,
        changed_at=row.changed_at,
        attempts=row.attempts + 1,
        addresses=row.addresses,
        maybe_before=row.maybe,
        doubted=row.doubted,
        without=row.without,
    )


def _union(first: str, second: str) -> str:
    return " ".join(sorted({*first.split(), *second.split()}))


def _parameters(one: Settled, now: datetime, steady: float) -> dict[str, Any]:
    claim = one.claim
    values: dict[str, Any] = {"its_store": claim.store, "its_ref": claim.ref}
    match one.outcome:
        case Settlement.DELIVERED:
            values |= {
                "its_hash": claim.hash,
                "its_now": now,
                "its_live": not claim.initial_sync,
                "its_addresses": claim.addresses,
                "its_changed_at": claim.changed_at,
            }
        case Settlement.LATER | Settlement.PREVENTED:
            values |= {
                "its_due_at": steady + one.delay,
                "its_maybe": claim.maybe_before or one.maybe,
                "its_doubted": claim.doubted or one.doubted,
                "its_without": one.without or claim.without,
                "its_hash": claim.hash,
            }
        case Settlement.REFUSED:
            values |= {"its_hash": claim.hash, "its_reason": one.detail, "its_maybe": claim.maybe_before}
        case _:
            assert_never(one.outcome)
    return values


# Statements of each turn are built once: building one costs as much as running it.
_IN_FLIGHT = (
    select(OUTBOX.c.claimed_lane, func.count())
    .where(OUTBOX.c.account == bindparam("account"), OUTBOX.c.claimed_at.is_not(None))
    .group_by(OUTBOX.c.claimed_lane)
)
_WAITING = (
    OUTBOX.c.account == bindparam("account"),
    OUTBOX.c.state == OrderState.WAITING,
    OUTBOX.c.claimed_at.is_(None),
    OUTBOX.c.store.in_(bindparam("active", expanding=True)),
)
_DUE_NOW = (*_WAITING, OUTBOX.c.due_at <= bindparam("steady"))
_NEXT_DUE = select(func.min(OUTBOX.c.due_at)).where(*_WAITING)
_ANY_DUE = select(OUTBOX.c.ref).where(*_DUE_NOW).limit(1)
_TAKEN = (
    *("store", "ref", "order_id", "hash", "lane", "attempts", "maybe", "told_live", "doubted", "without"),
    *("placed_at", "changed_at", "first_seen_at", "due_since", "addresses", "told_addresses"),
)
_DUE = {
    lane: select(*(OUTBOX.c[name] for name in _TAKEN), BODIES.c.body)
    .join(BODIES, (BODIES.c.store == OUTBOX.c.store) & (BODIES.c.ref == OUTBOX.c.ref))
    .where(*_DUE_NOW, OUTBOX.c.lane == lane)
    .order_by(order)
    .limit(bindparam("most"))
    .with_for_update(of=OUTBOX, skip_locked=True)  # of no effect on SQLite, which has one writer
    for lane, order in ((Lane.LIVE, OUTBOX.c.placed_at.asc()), (Lane.HISTORY, OUTBOX.c.placed_at.desc()))
}
_CLAIM = (
    update(OUTBOX)
    .where(OUTBOX.c.store == bindparam("its_store"), OUTBOX.c.ref == bindparam("its_ref"))
    .values(
        claimed_at=bindparam("its_claimed_at"),
        claimed_lane=bindparam("its_lane"),
        attempts=OUTBOX.c.attempts + 1,
        maybe=True,
        told_addresses=bindparam("its_addresses"),
    )
)


_TAKE_BACK = (
    update(OUTBOX)
    .where(
        OUTBOX.c.store == bindparam("its_store"),
        OUTBOX.c.ref == bindparam("its_ref"),
        OUTBOX.c.hash == bindparam("its_hash"),
        OUTBOX.c.state == OrderState.FAILED,
    )
    .values(state=OrderState.WAITING, reason="", doubted=True, due_at=bindparam("its_due_at"))
)
_RELANE = (
    update(OUTBOX)
    .where(OUTBOX.c.store == bindparam("its_store"), OUTBOX.c.ref == bindparam("its_ref"))
    .values(lane=bindparam("its_lane"))
)


def _settle_statements() -> dict[Settlement, Any]:
    free = {"claimed_at": None, "claimed_lane": None}
    row = update(OUTBOX).where(OUTBOX.c.store == bindparam("its_store"), OUTBOX.c.ref == bindparam("its_ref"))
    sent_is_newest = (OUTBOX.c.hash == bindparam("its_hash")) & (OUTBOX.c.state == OrderState.WAITING)
    # A version that came in meanwhile is tried for itself.
    same = OUTBOX.c.hash == bindparam("its_hash")
    later = row.values(
        **free,
        due_at=bindparam("its_due_at"),
        maybe=bindparam("its_maybe"),
        doubted=case((same, bindparam("its_doubted")), else_=OUTBOX.c.doubted),
        without=case((same, bindparam("its_without")), else_=OUTBOX.c.without),
    )
    failed = row.values(
        **free,
        state=case((sent_is_newest, OrderState.FAILED), else_=OUTBOX.c.state),
        reason=case((sent_is_newest, bindparam("its_reason")), else_=OUTBOX.c.reason),
        maybe=bindparam("its_maybe"),
    )
    return {
        Settlement.DELIVERED: row.values(
            **free,
            state=case((sent_is_newest, OrderState.DELIVERED), else_=OUTBOX.c.state),
            told_hash=bindparam("its_hash"),
            told_at=bindparam("its_now"),
            told_live=case((OUTBOX.c.told_live, True), else_=bindparam("its_live")),
            told_addresses=bindparam("its_addresses"),
            told_changed_at=bindparam("its_changed_at"),
            maybe=False,
            attempts=0,
            doubted=False,
        ),
        Settlement.LATER: later,
        Settlement.PREVENTED: later,
        Settlement.REFUSED: failed,
    }


_SETTLE = _settle_statements()
