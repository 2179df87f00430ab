"""The budget: never too much in any window, nearly all of it while there is work, live orders first."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Connection, create_engine, select
from sqlmodel import SQLModel

from connector.model.limits import Limits
from connector.model.states import Lane
from connector.sandbox.limits import Kind, Window
from connector.settings.models import AccountSettings
from connector.state import quota
from connector.state.quota import DAY, MINUTE, SEEN, SLOT, SLOTS, Pacer, Seen
from tests.state import NOW, State, open_state

START = NOW.timestamp()
SPANS = (("minute", MINUTE), ("day", DAY))


@contextmanager
def memory() -> Iterator[Connection]:
    """The quota's tables for thousands of turns; that they survive is for other tests."""
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine, tables=[quota.SLOTS, quota.SEEN])
    with closing(engine.raw_connection()), engine.connect() as connection:
        yield connection
    engine.dispose()


class Simulation:
    """An account with endless work and a Privy with both windows, on one simulated clock."""

    def __init__(
        self, connection: Connection, limits: Limits, kind: Kind, latency: Callable[[], float], headers: bool
    ) -> None:
        self.connection = connection
        self.limits = limits
        self.latency = latency
        self.headers = headers
        self.windows = {
            "minute": Window(limits.per_minute, MINUTE, kind),
            "day": Window(limits.per_day, DAY, kind),
        }
        self.pacer = Pacer(limits)
        self.now = START
        self.flying = {"live": 0, "history": 0}
        self.sent: list[tuple[float, str]] = []
        self.refused = 0
        self._events: list[tuple[float, int, str, str, tuple[Seen, ...]]] = []
        self._numbers = count()

    def run(self, seconds: float, lane: str = "history") -> None:
        """Work for so long, sending what is granted to the lane, at most 24 at a time."""
        end = self.now + seconds
        while self.now < end:
            grant = quota.grant(self.connection, "main", self.limits, self.flying, self.now, self.pacer)
            allowed = grant.live if lane == "live" else grant.history
            room = 24 - sum(self.flying.values())
            for _ in range(min(allowed, room)):
                self.flying[lane] += 1
                self._plan(self.latency() / 2, "arrives", lane)
                if lane == "history":
                    self.pacer.take(1, self.now)
            upcoming = self._events[0][0] if self._events else end
            self.now = max(min(upcoming, grant.again_at if room > allowed else upcoming, end), self.now)
            while self._events and self._events[0][0] <= self.now:
                self._happen(*heapq.heappop(self._events)[2:])

    def _plan(self, after: float, what: str, lane: str, seen: tuple[Seen, ...] = ()) -> None:
        heapq.heappush(self._events, (self.now + after, next(self._numbers), what, lane, seen))

    def _happen(self, what: str, lane: str, seen: tuple[Seen, ...]) -> None:
        if what == "arrives":
            if all(window.remaining(self.now) > 0 for window in self.windows.values()):
                for window in self.windows.values():
                    window.spend(self.now)
                self.sent.append((self.now, lane))
            else:
                self.refused += 1
            self._plan(self.latency() / 2, "answered", lane, self._headers())
            return
        self.flying[lane] -= 1
        quota.spend(self.connection, "main", lane, 1, self.now)
        for one in seen if self.headers else ():
            quota.observe(self.connection, "main", one, self.now)

    def _headers(self) -> tuple[Seen, ...]:
        return tuple(
            Seen(
                span=span,
                limit=window.limit or 0,
                remaining=window.remaining(self.now),
                resets_in=float(int(window.resets_at(self.now) - self.now)),
            )
            for span, window in self.windows.items()
        )


def fullest(times: list[float], seconds: float) -> int:
    """The most of these times in any half-open span of so many seconds."""
    first, most = 0, 0
    ordered = sorted(times)
    for last, time in enumerate(ordered):
        while ordered[first] <= time - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
@pytest.mark.parametrize("headers", [True, False])
@pytest.mark.parametrize("lane", ["live", "history"])
def test_nearly_all_of_the_minute_is_used_and_nothing_is_refused(
    kind: Kind, headers: bool, lane: str
) -> None:
    with memory() as connection:
        privy = Simulation(connection, Limits(), kind, lambda: 0.1, headers)
        privy.run(60)
        privy.sent.clear()
        privy.run(600, lane)
    assert privy.refused == 0
    assert len(privy.sent) >= 0.95 * 600


@pytest.mark.parametrize("per_minute", [1, 2, 7, 600])
def test_other_limits_are_kept_too(per_minute: int) -> None:
    with memory() as connection:
        limits = Limits(per_minute=per_minute, per_day=per_minute * 5, reserve=0.0)
        privy = Simulation(connection, limits, "sliding", lambda: 0.1, False)
        privy.run(300, "live")
    assert privy.refused == 0
    assert fullest([time for time, _ in privy.sent], MINUTE) <= per_minute
    assert len(privy.sent) >= min(4, per_minute)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["fixed", "sliding"]),
    headers=st.booleans(),
    slowest=st.sampled_from([0.01, 0.5, 5.0, 30.0, 90.0]),
    seed=st.integers(0, 2**32),
    lanes=st.lists(st.sampled_from(["live", "history"]), min_size=1, max_size=4),
)
def test_whatever_the_latency_no_window_holds_more_than_the_limit(
    kind: Kind, headers: bool, slowest: float, seed: int, lanes: list[str]
) -> None:
    chance = random.Random(seed)
    with memory() as connection:
        limits = Limits(per_minute=20, per_day=10_000)
        privy = Simulation(connection, limits, kind, lambda: chance.uniform(0.0, slowest), headers)
        for lane in lanes:
            privy.run(45, lane)
    assert privy.refused == 0
    assert fullest([time for time, _ in privy.sent], MINUTE) <= limits.per_minute


class Crashes(RuleBasedStateMachine):
    """Claims, answers, crashes and restarts with a clock that was set meanwhile, in any order."""

    LIMITS = Limits(per_minute=8, per_day=40, reserve=0.25)

    def __init__(self) -> None:
        super().__init__()
        self._memory = memory()
        self.connection = self._memory.__enter__()
        self.true_time = START
        self.offset = 0.0  # of the program's clock against true time
        self.flying: list[tuple[float, str]] = []
        self.arrived: list[float] = []
        self.pacer = Pacer(self.LIMITS)

    def teardown(self) -> None:
        self._memory.__exit__(None, None, None)

    @property
    def steady(self) -> float:
        return self.true_time + self.offset

    def _per_lane(self) -> dict[str, int]:
        lanes = [lane for _, lane in self.flying]
        return {lane: lanes.count(lane) for lane in Lane}

    @rule(seconds=st.floats(0.0, 70.0))
    def time_passes(self, seconds: float) -> None:
        self.true_time += seconds

    @rule(live=st.booleans(), most=st.integers(1, 24))
    def claim(self, live: bool, most: int) -> None:
        grant = quota.grant(self.connection, "main", self.LIMITS, self._per_lane(), self.steady, self.pacer)
        assert 0 <= grant.history <= grant.live
        assert grant.again_at > self.steady
        granted = min(most, grant.live if live else grant.history)
        self.flying += [(self.true_time, "live" if live else "history")] * granted

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 100), when=st.floats(0.0, 1.0))
    def answer(self, which: int, when: float) -> None:
        claimed_at, lane = self.flying.pop(which % len(self.flying))
        self.arrived.append(claimed_at + when * (self.true_time - claimed_at))
        quota.spend(self.connection, "main", lane, 1, self.steady)

    @rule(
        when=st.floats(0.0, 1.0),
        down=st.floats(0.0, 100.0),
        jump=st.sampled_from([0.0, 0.0, 30.0, -30.0, 3600.0, -3600.0, 40_000.0, -40_000.0]),
    )
    def crash_and_start_again(self, when: float, down: float, jump: float) -> None:
        for claimed_at, _ in self.flying:
            self.arrived.append(claimed_at + when * (self.true_time - claimed_at))
        lost, self.flying = self._per_lane(), []
        self.true_time += down
        self.offset += jump
        self.pacer = Pacer(self.LIMITS)
        quota.recover(self.connection, "main", self.steady)
        for lane, number in lost.items():
            if number:
                quota.spend(self.connection, "main", lane, number, self.steady)

    @invariant()
    def no_minute_holds_too_much(self) -> None:
        assert fullest(self.arrived, MINUTE) <= self.LIMITS.per_minute

    @invariant()
    def nothing_stalls(self) -> None:
        if not self.flying:
            grant = quota.grant(self.connection, "main", self.LIMITS, {}, self.steady + DAY + 60, self.pacer)
            assert grant.live == self.LIMITS.live_per_minute()


Crashes.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestCrashes = Crashes.TestCase


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as opened:
        yield opened


def granted(state: State, limits: Limits | None = None, **flying: int) -> quota.Grant:
    limits = limits or Limits()
    return state.do(quota.grant, "main", limits, flying, state.clock.steady(), Pacer(limits))


def spend(state: State, lane: str, number: int) -> None:
    state.do(quota.spend, "main", lane, number, state.clock.steady())


def observe(state: State, span: str, remaining: int, resets_in: float, limit: int = 60) -> None:
    seen = Seen(span=span, limit=limit, remaining=remaining, resets_in=resets_in)
    state.do(quota.observe, "main", seen, state.clock.steady())


def test_what_was_spent_or_is_in_flight_is_not_granted_again(state: State) -> None:
    assert granted(state).live == 59
    spend(state, "live", 10)
    assert granted(state, live=3, history=2).live == 44
    state.clock.forward(60.2)
    assert granted(state).live == 59


def test_what_is_in_flight_counts_in_both_windows_and_in_its_lane(state: State) -> None:
    spend(state, "live", 3)
    spend(state, "history", 2)
    use = state.do(quota.usage, "main", {"live": 4, "history": 1}, state.clock.steady())
    assert (use.minute, use.day, use.day_live) == (10, 10, 7)


@pytest.mark.parametrize(("spent", "per_day"), [(58, 67), (59, 66)])
def test_a_full_minute_is_awaited_though_the_day_has_little_left(
    state: State, spent: int, per_day: int
) -> None:
    spend(state, "history", spent)
    again = granted(state, Limits(per_day=per_day)).again_at
    assert again == pytest.approx(state.clock.steady() + MINUTE, abs=0.2)


def test_history_leaves_room_in_the_minute_for_a_live_order(state: State) -> None:
    spend(state, "history", 58)
    assert (granted(state).live, granted(state).history) == (1, 0)


def test_a_part_of_the_day_is_kept_for_live_orders(state: State) -> None:
    limits = Limits(per_minute=1000, per_day=200, reserve=0.1)
    spend(state, "history", 178)
    assert (granted(state, limits).live, granted(state, limits).history) == (21, 1)
    spend(state, "history", 1)
    assert (granted(state, limits).live, granted(state, limits).history) == (20, 0)
    assert granted(state, limits).again_at > state.clock.steady() + DAY - 61
    spend(state, "live", 5)
    assert granted(state, limits).live == 15
    state.clock.forward(DAY + 61)
    assert granted(state, limits).live == 199


def test_what_live_orders_took_of_their_part_of_the_day_is_not_kept_any_more(state: State) -> None:
    limits = Limits(per_minute=1000, per_day=200, reserve=0.1)
    spend(state, "live", 30)
    spend(state, "history", 168)
    assert (granted(state, limits).live, granted(state, limits).history) == (1, 1)


def test_privys_headers_overrule_our_count(state: State) -> None:
    observe(state, "minute", 3, 30.0)
    assert granted(state).live == 3
    assert granted(state, live=2).live == 1
    observe(state, "minute", 0, 30.0)
    assert granted(state).live == 0
    assert granted(state).again_at <= state.clock.steady() + 30
    state.clock.forward(30)
    assert granted(state).live == 59


def test_the_end_of_a_full_window_is_awaited_and_no_longer(state: State) -> None:
    spend(state, "live", 1)
    state.clock.forward(1)
    observe(state, "minute", 0, 5.0)
    assert granted(state).again_at == state.clock.steady() + 5


def test_where_both_windows_are_full_the_later_end_counts(state: State) -> None:
    observe(state, "day", 0, 500.0)
    observe(state, "minute", 0, 5.0)
    use = state.do(quota.usage, "main", {}, state.clock.steady())
    assert use.full_until == state.clock.steady() + 500


def test_the_days_reserve_is_kept_from_what_the_headers_leave(state: State) -> None:
    observe(state, "day", 1000, 40_000.0, limit=10_000)
    assert (granted(state).live, granted(state).history) == (59, 0)
    observe(state, "day", 1001, 40_000.0, limit=10_000)
    assert granted(state).history == 1


def test_what_was_taken_of_a_grant_is_gone_from_both_lanes() -> None:
    left = quota.Grant(live=5, history=3, again_at=7.0).less(2)
    assert (left.live, left.history, left.again_at) == (3, 1, 7.0)


def test_a_window_that_privy_says_is_over_holds_nothing_back(state: State) -> None:
    """Its reset is a time of Privy's clock, which may be behind ours."""
    for resets_in in (0.0, -30.0):
        observe(state, "minute", 0, resets_in)
        assert granted(state).live == 59


def test_accounts_share_neither_spending_nor_the_word_of_privy(state: State) -> None:
    steady = state.clock.steady()
    for account, first, limit in (("main", 3, 60), ("other", 7, 600)):
        state.do(quota.spend, account, "live", first, steady)
        for span, remaining in (("minute", 10 * first), ("day", 100 * first)):
            seen = Seen(span=span, limit=limit, remaining=remaining, resets_in=50.0)
            state.do(quota.observe, account, seen, steady)
    observe(state, "minute", 29, 50.0)

    def told(account: str) -> tuple[int, int | None, int | None]:
        use = state.do(quota.usage, account, {}, steady)
        return use.minute, use.minute_left_seen, use.day_left_seen

    assert (told("main"), told("other")) == ((3, 29, 300), (7, 70, 700))
    assert state.do(quota.limits_seen, "main") == {"minute": 60, "day": 60}
    assert state.do(quota.limits_seen, "other") == {"minute": 600, "day": 600}
    assert state.do(quota.limits_seen, "third") == {}


def test_a_full_minute_is_looked_at_again_when_its_own_oldest_request_leaves_it(state: State) -> None:
    state.do(quota.spend, "other", "live", 5, state.clock.steady() - 20)
    spend(state, "live", 10)
    frees = math.floor(state.clock.steady() / SLOT["minute"]) * SLOT["minute"] + SLOT["minute"] + MINUTE
    state.clock.forward(30)
    spend(state, "live", 49)
    assert granted(state).live == 0
    assert granted(state).again_at == pytest.approx(frees, abs=1e-3)
    state.clock.forward(30)  # it may still lie within a window of Privy's, for less than a slot
    assert granted(state).again_at == pytest.approx(frees, abs=1e-3)


def test_a_minute_full_of_unanswered_requests_is_looked_at_again_in_a_second(state: State) -> None:
    assert granted(state, live=59).again_at == state.clock.steady() + 1


def test_spending_that_a_window_may_just_still_hold_is_kept(state: State) -> None:
    spend(state, "live", 5)
    state.clock.forward(60)
    spend(state, "live", 1)
    assert state.do(quota.usage, "main", {}, state.clock.steady()).minute == 6


def test_spending_that_no_window_holds_any_more_is_dropped_account_by_account(state: State) -> None:
    def kept(account: str) -> list[tuple[str, int]]:
        query = select(SLOTS.c.span, SLOTS.c.spent).where(SLOTS.c.account == account)
        rows = state.do(lambda connection: connection.execute(query).all())
        return sorted((row.span, row.spent) for row in rows)

    for number, account in ((1, "main"), (2, "other")):
        state.do(quota.spend, account, "live", number, state.clock.steady())
    state.clock.forward(120)
    spend(state, "history", 3)
    assert kept("main") == [("day", 1), ("day", 3), ("minute", 3)]
    state.clock.forward(2 * DAY)
    spend(state, "live", 4)
    assert kept("main") == [("day", 4), ("minute", 4)]
    assert kept("other") == [("day", 2), ("minute", 2)]


Record = tuple[dict[tuple[str, str, int], int], dict[str, float]]


def record(state: State, account: str) -> Record:
    """What is kept of an account: spending by (span, lane, slot), and until when Privy's word holds."""

    def work(connection: Connection) -> Record:
        slots = select(SLOTS.c.span, SLOTS.c.lane, SLOTS.c.slot, SLOTS.c.spent)
        seen = select(SEEN.c.span, SEEN.c.resets_at).where(SEEN.c.account == account)
        return (
            {
                (row[0], row[1], row[2]): row[3]
                for row in connection.execute(slots.where(SLOTS.c.account == account))
            },
            {row[0]: row[1] for row in connection.execute(seen)},
        )

    return state.do(work)


def moved(was: Record, **seconds: float) -> Record:
    """The record as it is when its spans were moved by so many seconds."""
    slots, seen = was
    return (
        {
            (span, lane, slot + round(seconds[span] / SLOT[span])): spent
            for (span, lane, slot), spent in slots.items()
        },
        {span: resets_at + seconds[span] for span, resets_at in seen.items()},
    )


def test_a_start_after_the_clock_was_set_moves_its_accounts_record_and_no_others(state: State) -> None:
    for account in ("other", "main"):
        for lane, number in (("live", 1), ("history", 2)):
            state.clock.forward(10)
            state.do(quota.spend, account, lane, number, state.clock.steady())
        for span in SLOT:
            seen = Seen(span=span, limit=60, remaining=9, resets_in=40.0)
            state.do(quota.observe, account, seen, state.clock.steady())
    others = record(state, "other")
    for jump, day in (
        (-3600.0, -3600.0),
        (60.0, 0.0),
        (7200.0, 0.0),
    ):  # a day that is past stays where it was
        was = record(state, "main")
        state.clock.forward(jump)
        state.do(quota.recover, "main", state.clock.steady())
        assert record(state, "main") == moved(was, minute=jump, day=day)
    assert record(state, "other") == others


@pytest.mark.parametrize(
    ("per_minute", "per_day", "live", "history", "day"),
    [(60, 10_000, 59, 58, 9_990), (600, 91_999, 594, 582, 91_908), (2, 1_999, 1, 1, 1_998), (1, 1, 1, 1, 1)],
)
def test_a_little_of_each_limit_is_left(
    per_minute: int, per_day: int, live: int, history: int, day: int
) -> None:
    limits = Limits(per_minute=per_minute, per_day=per_day)
    used = (limits.live_per_minute(), limits.history_per_minute(), limits.per_day_used())
    assert used == (live, history, day)


def test_the_configured_quota_is_what_is_counted_with() -> None:
    given = {"per_minute": 600, "per_day": 90_000, "reserve_for_live": "25%"}
    account = AccountSettings.model_validate({"name": "main", "token": "privy_x", "quota": given})
    assert account.limits == Limits(per_minute=600, per_day=90_000, reserve=0.25)


def test_a_start_leaves_other_accounts_and_a_day_that_is_past_alone(state: State) -> None:
    spend(state, "live", 10)
    observe(state, "day", 5, 3000.0)
    seen = Seen(span="minute", limit=60, remaining=2, resets_in=30.0)
    state.do(quota.observe, "other", seen, state.clock.steady())
    state.clock.forward(2 * DAY)
    state.do(quota.recover, "main", state.clock.steady())
    assert granted(state).live == 49  # the minute goes on where it was left
    assert state.do(quota.usage, "main", {}, state.clock.steady()).day == 0
    assert state.do(quota.usage, "other", {}, state.clock.steady()).minute_left_seen is None


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 7 * DAY, -7 * DAY])
def test_a_clock_set_while_the_program_was_down_neither_bursts_nor_stalls(state: State, jump: float) -> None:
    spend(state, "live", 40)
    state.clock.forward(20)
    spend(state, "live", 19)
    observe(state, "minute", 1, 40.0)
    state.clock.forward(jump)
    state.do(quota.recover, "main", state.clock.steady())
    assert granted(state).live == 0
    state.clock.forward(40.2)
    assert granted(state).live == 40
    state.clock.forward(20)
    assert granted(state).live == 59


@pytest.mark.parametrize("limits", [Limits(), Limits(per_minute=7), Limits(per_minute=600)])
def test_history_is_paced_evenly(limits: Limits) -> None:
    pacer, now, taken = Pacer(limits), START, []
    for _ in range(500):
        due = pacer.due(now)
        pacer.take(due, now)
        taken += [now] * due
        now = max(pacer.next_at(), now + 0.005)
    interval = MINUTE / limits.history_per_minute()
    start = taken.count(START)
    assert start <= Pacer.LENIENCE / interval + 1
    gaps = [later - earlier for earlier, later in pairwise(taken[start:])]
    assert gaps == pytest.approx([interval] * len(gaps), abs=1e-5)


def test_an_idle_hour_is_not_saved_up() -> None:
    pacer = Pacer(Limits())
    pacer.take(pacer.due(START), START)
    assert pacer.due(pacer.next_at() - 0.01) == 0
    assert pacer.due(pacer.next_at()) == 1
    assert pacer.due(START + 3600) == 2


@pytest.mark.parametrize(
    ("limits", "stated", "per_minute", "per_day"),
    [
        (Limits(per_minute=600, per_day=100_000), {"minute": 60, "day": 10_000}, 60, 10_000),
        (Limits(per_minute=30, per_day=5_000), {"minute": 60, "day": 10_000}, 30, 5_000),
        (Limits(minute_is_cap=False, day_is_cap=False), {"minute": 600, "day": 500}, 600, 500),
        (Limits(per_minute=600), {"day": 50}, 600, 50),
        (Limits(), {"minute": 0, "day": 0}, 1, 1),
        (Limits(per_minute=7, per_day=70), {}, 7, 70),
    ],
)
def test_the_limits_that_hold_are_those_of_the_headers_unless_the_operator_keeps_to_fewer(
    state: State, limits: Limits, stated: dict[str, int], per_minute: int, per_day: int
) -> None:
    steady = state.clock.steady()
    for span, limit in stated.items():
        said = quota.Seen(span=span, limit=limit, remaining=limit, resets_in=1.0)
        state.do(quota.observe, "main", said, steady)
    state.clock.forward(3 * 86_400)  # what was stated once holds until something else is
    held = state.do(quota.usage, "main", {}, state.clock.steady()).holding(limits)
    assert (held.per_minute, held.per_day) == (per_minute, per_day)


def test_reserve_and_pace_are_reckoned_from_what_the_headers_say(state: State) -> None:
    limits = Limits(per_minute=600, per_day=100_000)
    pacer = Pacer(limits)
    for span, limit in (("minute", 60), ("day", 100)):
        said = quota.Seen(span=span, limit=limit, remaining=limit, resets_in=60.0)
        state.do(quota.observe, "main", said, state.clock.steady())
    granted = state.do(quota.grant, "main", limits, {}, state.clock.steady(), pacer)
    assert (granted.live, granted.history) == (59, 2)  # two are as much lateness as is made good
    pacer.take(2, state.clock.steady())
    assert pacer.next_at() - state.clock.steady() == pytest.approx(60 / 58, abs=1.0)
    state.do(quota.spend, "main", "history", 89, state.clock.steady() - 120)
    assert state.do(quota.grant, "main", limits, {}, state.clock.steady(), Pacer(limits)).history == 0
