"""How everything stands, as one read model for the command line and whatever else shows it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from connector.admin import alerts, mapping_change
from connector.admin.alerts import Alarm
from connector.admin.mapping_change import MappingChange
from connector.admin.pace import calls_take
from connector.model.limits import Limits
from connector.model.states import BackfillState, OrderState
from connector.runtime.clock import Clock
from connector.sdk import registry
from connector.sdk.contract import PushedAdapter
from connector.settings.models import Settings
from connector.state import backfills, breakers, cursors, mappings, quota, stores
from connector.state.outbox import acceptance, claims, failed_orders, queries
from connector.state.outbox.failed_orders import LastFailure
from connector.state.outbox.queries import Unconfigured

FEW_NOTES = 5  # of a store that are shown to people


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why something rests: until when it does (aware UTC), and what a person can do.

    Not ``lasting`` is what mends itself within minutes: a lost packet, a wait that Privy asked for.
    """

    kind: str
    lasting: bool
    message: str
    since: datetime
    until: datetime


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One store. ``lag_seconds`` is how long ago its shop was last read, or pushed; times are aware UTC.

    ``prevented`` are messages about old orders that only the second guard kept from leaving.
    """

    name: str
    platform: str
    account: str
    live_from: datetime | None
    read_at: datetime | None
    position: datetime | None
    lag_seconds: float | None
    waiting_live: int
    waiting_history: int
    delivered: int
    skipped: dict[str, int]
    failed: int
    prevented: int
    last_failure: LastFailure | None
    notes: dict[str, int]
    troubles: list[Trouble]
    alarms: list[Alarm]
    light: str
    mapping: MappingChange | None = None

    @property
    def often_noted(self) -> list[tuple[str, int]]:
        """The notes that most orders have: a shop that writes what it likes into a status has thousands."""
        return sorted(self.notes.items(), key=lambda one: (-one[1], one[0]))[:FEW_NOTES]


class AccountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One account's budget: what is used in the running windows, and what may still go.

    ``per_minute`` and ``per_day`` are the limits that hold: what Privy's headers last stated
    (``limits_seen``, per window) goes before what is ``configured``.

    Of ``day_left``, history leaves ``kept_for_live`` alone.
    """

    name: str
    per_minute: int
    per_day: int
    minute_used: int
    day_used: int
    day_left: int
    kept_for_live: int
    limits_seen: dict[str, int]
    configured: dict[str, int] = {}
    troubles: list[Trouble]


class BackfillStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One backfill. ``done_at`` (aware UTC) is when its last call leaves, by the quota."""

    id: int
    store: str
    since: datetime
    until: datetime
    state: str
    found: int
    total: int | None
    waiting: int
    delivered: int
    skipped: int
    failed: int
    done_at: datetime | None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, at one moment. ``troubles`` are those of no store and no account."""

    at: datetime
    stores: list[StoreStatus]
    accounts: list[AccountStatus]
    backfills: list[BackfillStatus]
    troubles: list[Trouble]
    unconfigured: list[Unconfigured] = []

    @property
    def wrong(self) -> bool:
        """Whether a person should look: a store that is not green, an account or the program that rests.

        An account's wait that Privy asked for mends itself and is none.
        """
        resting = [*self.troubles, *(trouble for one in self.accounts for trouble in one.troubles)]
        return any(one.light != "green" for one in self.stores) or any(one.lasting for one in resting)


def collect(connection: Connection, settings: Settings, clock: Clock) -> Status:
    """Read how everything stands, in the caller's transaction."""
    now, steady = clock.now(), clock.steady()
    troubles: dict[tuple[str, str], list[Trouble]] = defaultdict(list)
    for pause in breakers.every(connection):
        until = now + timedelta(seconds=max(0.0, pause.until - steady))
        trouble = Trouble(
            kind=pause.kind, lasting=pause.lasts, message=pause.message, since=pause.since, until=until
        )
        troubles[pause.scope.owner, pause.name].append(trouble)
    return Status(
        at=now,
        stores=[
            _store(connection, settings, name, troubles["store", name], now, steady)
            for name in settings.stores
        ],
        accounts=[
            _account(connection, settings, name, troubles["account", name], steady)
            for name in settings.accounts
        ],
        backfills=of_backfills(connection, settings, clock),
        troubles=troubles["program", ""],
        unconfigured=queries.unconfigured(connection, settings.stores),
    )


def of_backfills(connection: Connection, settings: Settings, clock: Clock) -> list[BackfillStatus]:
    """How the backfills of configured stores stand."""
    now, steady = clock.now(), clock.steady()
    return [
        _backfill(connection, settings, one, now, steady)
        for one in backfills.every(connection)
        if one.store in settings.stores
    ]


def usage_of(connection: Connection, account: str, steady: float) -> quota.Usage:
    """The account's spending, in flight included."""
    return quota.usage(connection, account, claims.in_flight(connection, account), steady)


def _store(
    connection: Connection,
    settings: Settings,
    name: str,
    troubles: list[Trouble],
    now: datetime,
    steady: float,
) -> StoreStatus:
    facts = stores.facts(connection, name)
    feeds = cursors.of_store(connection, name)
    read_at = min((feed.read_at for feed in feeds), default=None)
    lag = (now - read_at).total_seconds() if read_at else None
    sums: dict[str, int] = {"waiting_live": 0, "waiting_history": 0, "delivered": 0, "failed": 0}
    skipped: dict[str, int] = {}
    for row in acceptance.counts(connection, name):
        if row.state == OrderState.SKIPPED:
            skipped[row.rule] = skipped.get(row.rule, 0) + row[-1]
        else:
            sums[f"waiting_{row.lane}" if row.state == OrderState.WAITING else row.state] += row[-1]
    notes = queries.notes(connection, name)
    alarmed = alerts.of_store(connection, name, now)
    # Orders that are pushed come when there are some: a quiet night is no fault.
    pushed = issubclass(registry.adapter(settings.stores[name].platform), PushedAdapter)
    late = not pushed and (lag is None or lag > max(600.0, 5 * settings.stores[name].poll.total_seconds()))
    light = (
        "red"
        if any(one.lasting for one in troubles)
        else "yellow"
        if troubles or late or alarmed or sums["failed"]
        else "green"
    )
    return StoreStatus(
        name=name,
        platform=settings.stores[name].platform,
        account=settings.stores[name].account,
        live_from=(facts.live_from if facts else None) or settings.stores[name].live_from,
        read_at=read_at,
        position=max((feed.position for feed in feeds if feed.position), default=None),
        lag_seconds=lag,
        skipped=skipped,
        prevented=facts.prevented if facts else 0,
        last_failure=failed_orders.last(connection, name) if sums["failed"] else None,
        notes=notes,
        troubles=troubles,
        alarms=alarmed,
        light=light,
        mapping=_mapping(connection, settings, name, steady),
        **sums,
    )


def _account(
    connection: Connection, settings: Settings, name: str, troubles: list[Trouble], steady: float
) -> AccountStatus:
    use = usage_of(connection, name, steady)
    limits = use.holding(settings.accounts[name].limits)
    left = limits.per_day_used() - use.day
    if use.day_left_seen is not None:
        left = min(left, use.day_left_seen)
    return AccountStatus(
        name=name,
        per_minute=limits.per_minute,
        per_day=limits.per_day,
        minute_used=use.minute,
        day_used=use.day,
        day_left=max(0, left),
        kept_for_live=min(max(0, left), max(0, limits.kept_per_day() - use.day_live)),
        limits_seen=quota.limits_seen(connection, name),
        configured=_caps(settings.accounts[name].limits),
        troubles=troubles,
    )


def _mapping(connection: Connection, settings: Settings, store: str, steady: float) -> MappingChange | None:
    """What the daemon found when it took up a changed mapping."""
    used = mappings.get(connection, store)
    if used is None or used.since is None:
        return None
    account = settings.stores[store].account
    return mapping_change.of(used, settings.accounts[account].limits, usage_of(connection, account, steady))


def _caps(limits: Limits) -> dict[str, int]:
    """The limits that the operator wrote, per window."""
    written = (
        ("minute", limits.minute_is_cap, limits.per_minute),
        ("day", limits.day_is_cap, limits.per_day),
    )
    return {span: limit for span, is_cap, limit in written if is_cap}


def _backfill(
    connection: Connection, settings: Settings, one: backfills.Backfill, now: datetime, steady: float
) -> BackfillStatus:
    progress = backfills.progress(connection, one)
    account = settings.stores[one.store].account
    unread = max(0, (one.total or one.found) - one.found) if one.state is BackfillState.READING else 0
    calls = progress.waiting + unread
    use = usage_of(connection, account, steady)
    return BackfillStatus(
        id=one.id,
        store=one.store,
        since=one.since,
        until=one.until,
        state="done" if one.state is BackfillState.READ and not progress.waiting else one.state,
        found=one.found,
        total=one.total,
        waiting=progress.waiting,
        delivered=progress.delivered,
        skipped=progress.skipped,
        failed=progress.failed,
        done_at=now + calls_take(calls, settings.accounts[account].limits, use) if calls else None,
    )
