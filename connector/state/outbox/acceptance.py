"""Taking pages of judged orders into the outbox: newest wins, unchanged costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from connector.model.facts import Version
from connector.model.states import EventKind, OrderState, Taken
from connector.state import bulk, documents
from connector.state.audit import Event
from connector.state.audit import write as write_events
from connector.state.outbox import payloads
from connector.state.outbox.schema import DISCARDED, FORGOTTEN, OUTBOX

# The columns that a newly seen version of an order sets, in one executemany.
_VERSION = [
    "order_id",
    "number",
    "state",
    "lane",
    "rule",
    "reason",
    "notes",
    "placed_at",
    "changed_at",
    "fetched_at",
    "due_since",
    "due_at",
    "attempts",
    "hash",
    "financial_status",
    "fulfillment_status",
    "settled",
    "addresses",
    "doubted",
    "without",
    "source",
]


_JUDGED = [name for name in _VERSION if name in Version.__struct_fields__]


class Result(msgspec.Struct, frozen=True):
    """What became of one order of a page: its state, unchanged or stale; ``lane`` where it has a body.

    ``differs`` says that a stale one shows other content than what is known, though it was fetched later.
    """

    ref: str
    outcome: Taken
    lane: str
    rule: str
    reason: str
    differs: bool = False


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a page. ``changed`` are refs whose document is now the newest known."""

    results: Sequence[Result] = ()
    changed: Sequence[str] = ()
    waiting: int = 0
    unchanged: int = 0
    stale: int = 0


def known(connection: Connection, store: str, refs: Sequence[str]) -> dict[str, Row[Any]]:
    """The rows of these orders, by ref; on PostgreSQL nobody else writes them in this transaction's time."""
    return {row.ref: row for row in connection.execute(_KNOWN, {"store": store, "refs": list(refs)})}


def accept(
    connection: Connection,
    store: str,
    account: str,
    versions: Sequence[Version],
    rows: dict[str, Row[Any]],
    *,
    now: datetime,
    steady: float,
    source: Callable[[str], str | None] = lambda ref: None,
    force: bool = False,
    anew: bool = False,
) -> Accepted:
    """Take each version that is newer than what is known; newest wins, unchanged costs nothing.

    ``rows`` are the rows of these orders as ``known`` gave them in this transaction. ``source`` gives the
    hash of the document that an order's version was made from: a delivered order whose document is the one
    that it was delivered from stays as it is, though another mapping makes another payload of it, unless
    ``anew``. With ``force`` (replay) a version goes out though Privy already knows it.
    """
    newest = {
        version.ref: version for version in sorted(versions, key=lambda one: (one.changed_at, one.fetched_at))
    }
    versions = _without_collisions(connection, store, account, list(newest.values()), rows)
    fresh: list[dict[str, Any]] = []
    newer: list[dict[str, Any]] = []
    touched: list[dict[str, Any]] = []
    events: list[Event] = []
    results: list[Result] = []
    taken: dict[str, bytes | None] = {}
    unchanged = stale = waiting = 0
    for version in versions:
        row, old = rows.get(version.ref), {"old_store": store, "old_ref": version.ref}
        if row is not None and _older(version, row, now):
            stale += 1
            differs = version.hash != row.hash and version.fetched_at >= row.fetched_at
            results.append(_result(version, Taken.STALE, differs=differs))
            if version.hash != row.hash:
                events.append(_event(now, store, version, "stale", "older than what is known, left out"))
            continue
        state = version.state
        if row is not None and state == OrderState.WAITING and not force and not row.maybe:
            state = OrderState.DELIVERED if version.hash == row.told_hash else state
        if (
            row is not None
            and not force
            and (
                _same(row, version, state)
                or (not anew and _mapped_otherwise(connection, store, row, version, state, source))
            )
        ):
            unchanged += 1
            results.append(_result(version, Taken.UNCHANGED))
            if version.changed_at != row.changed_at:
                # Else a late document from in between would be taken for news.
                touched.append(
                    {
                        "new_changed_at": version.changed_at,
                        "new_fetched_at": version.fetched_at,
                        "new_source": source(version.ref),
                    }
                    | old
                )
            continue
        values = {name: getattr(version, name) for name in _JUDGED}
        values |= {"state": state, "attempts": 0, "due_at": steady, "doubted": False, "without": ""}
        values["source"] = source(version.ref)
        if row is None:
            values |= {"store": store, "ref": version.ref, "account": account, "first_seen_at": now}
            fresh.append(values)
        else:
            if row.due_since is not None:
                values["due_since"] = row.due_since
            if row.order_id is not None and version.order_id is None:
                values["order_id"] = row.order_id
            newer.append({f"new_{name}": value for name, value in values.items()} | old)
        taken[version.ref] = version.body
        waiting += state == OrderState.WAITING
        results.append(_result(version, Taken(state)))
        events.append(_event(now, store, version, state, _told(version, state)))
    bulk.run(connection, _INSERT, fresh)
    bulk.run(connection, _RENEW, newer)
    bulk.run(connection, _TOUCH, touched)
    payloads.keep(connection, store, taken, rows)
    write_events(connection, events)
    return Accepted(
        results=results,
        changed=[
            *(event.ref for event in events if event.outcome != "stale"),
            *(values["old_ref"] for values in touched),
        ],
        waiting=waiting,
        unchanged=unchanged,
        stale=stale,
    )


def _older(version: Version, row: Row[Any], now: datetime) -> bool:
    """Whether what is known is newer. A time of ours that lies ahead: the clock was set back."""
    known_at = row.changed_at
    if version.dated and known_at > row.fetched_at:  # taken before change times were held to their fetch
        known_at = row.fetched_at
    if version.changed_at != known_at:
        return bool(version.changed_at < known_at)
    return bool(version.fetched_at < row.fetched_at <= now)


def _same(row: Row[Any], version: Version, state: str) -> bool:
    """Whether taking the version would change nothing that matters.

    What Privy refused stays failed, and what an operator discarded stays discarded, until the order
    itself changes: reading the same version again is no reason to send it again. What was set aside
    stays so under another mapping too.
    """
    if row.rule == version.rule == FORGOTTEN:
        return True
    if row.rule == DISCARDED and row.changed_at == version.changed_at:
        return True
    if row.state == OrderState.FAILED and row.hash is not None and row.hash == version.hash:
        return True
    if (row.state, row.rule, row.reason, row.notes) != (state, version.rule, version.reason, version.notes):
        return False
    return bool(row.hash == version.hash and row.settled == version.settled)


def _mapped_otherwise(
    connection: Connection,
    store: str,
    row: Row[Any],
    version: Version,
    state: str,
    source: Callable[[str], str | None],
) -> bool:
    """Whether a delivered order stands as it stood, and only the mapping makes something else of it."""
    if row.state != "delivered" or state == "delivered" or row.maybe or row.hash != row.told_hash:
        return False
    if version.rule == FORGOTTEN:
        return False
    before = row.source
    if before is None:  # delivered by an earlier version of this program
        kept = documents.get(connection, store, row.ref)
        before = None if kept is None else documents.source(kept.unpacked(), kept.gone)
    return before is not None and before == source(version.ref)


def _without_collisions(
    connection: Connection, store: str, account: str, versions: Sequence[Version], rows: dict[str, Row[Any]]
) -> list[Version]:
    """Versions whose number belongs to another order, or is not the one the order went out with, fail."""
    numbers = [version.order_id for version in versions if version.order_id is not None]
    taken = {
        row.order_id: row for row in connection.execute(_NUMBERED, {"account": account, "numbers": numbers})
    }
    checked: list[Version] = []
    here: dict[int, str] = {}
    for version in versions:
        reason = ""
        number, row = version.order_id, rows.get(version.ref)
        if number is not None:
            other = taken.get(number)
            if other is not None and (other.store, other.ref) != (store, version.ref):
                reason = f"order_id: {number} already belongs to order {other.ref} of store {other.store}"
            elif here.setdefault(number, version.ref) != version.ref:
                reason = f"order_id: {number} already belongs to order {here[number]} of this store"
            elif row is not None and (row.told_hash or row.maybe) and row.order_id not in (None, number):
                reason = f"order_id: the order went out as {row.order_id} and cannot become {number}"
        if reason:
            version = msgspec.structs.replace(
                version, state=OrderState.FAILED, reason=reason, order_id=None, body=None, hash=None, rule=""
            )
        checked.append(version)
    return checked


def _event(now: datetime, store: str, version: Version, outcome: str, detail: str) -> Event:
    when = version.changed_at.isoformat().replace("+00:00", "Z")
    return Event(
        now, store, version.ref, EventKind.SEEN, outcome, f"by {version.feed}, changed {when}: {detail}"
    )


def _result(version: Version, outcome: Taken, *, differs: bool = False) -> Result:
    lane = version.lane if version.body else ""
    return Result(version.ref, outcome, lane, version.rule, version.reason, differs)


def _told(version: Version, state: str) -> str:
    if state == OrderState.SKIPPED:
        return f"skipped by rule {version.rule}" + (f" ({version.reason})" if version.reason else "")
    if state == OrderState.FAILED:
        return f"cannot be sent: {version.reason}"
    if state == OrderState.DELIVERED:
        return "Privy already knows this payload"
    statuses = f"{version.financial_status or 'no'} / {version.fulfillment_status or 'no'} status"
    why = f": {version.why}" if version.why else ""
    return f"to be sent in the {version.lane} lane, {statuses}{why}"


def counts(connection: Connection, store: str | None = None) -> list[Row[Any]]:
    """Rows of (store, state, lane, rule, how many), for sums; read from an index alone."""
    key = [OUTBOX.c[name] for name in ("store", "state", "lane", "rule")]
    query = select(*key, func.count()).group_by(*key)
    if store is not None:
        query = query.where(OUTBOX.c.store == store)
    return list(connection.execute(query))


def give_back_numbers(connection: Connection, store: str, account: str, refs: Sequence[str]) -> None:
    """Let these orders, of which none went out, be of this account and have no number until judged again."""
    its = OUTBOX.c.store == store, OUTBOX.c.ref.in_(refs)
    connection.execute(update(OUTBOX).where(*its).values(account=account, order_id=None))


def looked(connection: Connection, store: str, ref: str, steady: float) -> None:
    """Note that an order was fetched on its own at this moment."""
    connection.execute(
        update(OUTBOX).where(OUTBOX.c.store == store, OUTBOX.c.ref == ref).values(looked_at=steady)
    )


# Statements of each page are built once: building one costs as much as running it.
_INSERT = insert(OUTBOX)
_KNOWN = (
    select(OUTBOX)
    .where(OUTBOX.c.store == bindparam("store"), OUTBOX.c.ref.in_(bindparam("refs", expanding=True)))
    .order_by(OUTBOX.c.ref)
    .with_for_update()
)
_NUMBERED = select(OUTBOX.c.order_id, OUTBOX.c.store, OUTBOX.c.ref).where(
    OUTBOX.c.account == bindparam("account"), OUTBOX.c.order_id.in_(bindparam("numbers", expanding=True))
)
_OLD = update(OUTBOX).where(OUTBOX.c.store == bindparam("old_store"), OUTBOX.c.ref == bindparam("old_ref"))
_RENEW = _OLD.values({name: bindparam(f"new_{name}") for name in _VERSION})
_TOUCH = _OLD.values(
    changed_at=bindparam("new_changed_at"),
    fetched_at=bindparam("new_fetched_at"),
    source=bindparam("new_source"),
)
