"""Hypothesis against the engine: outbox, lanes, claims and quota as one machine, on real SQLite.

The model knows a shop whose orders change, aloud or silently, readings that come late, and a Privy that takes
versions. Answers are lost, the program dies, time passes; then all is drained, and must be as at the shop.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from connector.mapping.lanes import may_send
from connector.model.facts import Version
from connector.model.limits import Limits
from connector.runtime import exact_json
from connector.state import quota
from connector.state.outbox import acceptance, claims
from connector.state.outbox.claims import Claim
from connector.state.quota import MINUTE, Pacer
from tests.state import LIVE_FROM, HandClock, State, open_state, sending_rules, version
from tests.unit.state.test_quota import fullest

LIMITS = Limits(per_minute=6, per_day=10_000, reserve=0.1)
WHICH = st.integers(0, 4)
PAGE = st.lists(WHICH, min_size=1, max_size=5, unique=True)
LATE = st.sampled_from([0, 0, 1, 2])
ANSWER = st.tuples(WHICH, st.booleans(), st.sampled_from(["true", "true", "true", "broken", "lost", "429"]))
A_DAY_BEFORE = LIVE_FROM - timedelta(days=1)


@dataclass
class Order:
    """An order at the shop: since when it changed (as the shop says), and when it was so, per version."""

    placed_at: datetime
    changed_at: list[datetime]
    since: list[datetime]
    told: list[tuple[int, bool]] = field(default_factory=list)  # what Privy took: version, initial_sync
    refused: int = -1  # the version that Privy refuses


class Engine(RuleBasedStateMachine):
    """One store, one account; at most a few requests in flight."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "connector.db"
        shutil.copy(_template(), file)
        self.clock = HandClock()
        self._open = open_state(f"sqlite:///{file}", self.clock)
        self.state: State = self._open.__enter__()
        self.pacer = Pacer(LIMITS)
        self.orders: dict[str, Order] = {}
        self.seen: set[str] = set()
        self.flying: list[Claim] = []
        self.arrived: list[float] = []

    def teardown(self) -> None:
        try:
            if self.orders:
                self._drain()
        finally:
            self._open.__exit__(None, None, None)
            self._folder.cleanup()

    # The shop

    @initialize()
    def begin(self) -> None:
        self.place(True)
        self.place(False)

    @precondition(lambda self: len(self.orders) < 5)
    @rule(old=st.booleans())
    def place(self, old: bool) -> None:
        now = self.clock.now()
        placed_at = A_DAY_BEFORE if old else now
        self.orders[str(len(self.orders) + 1)] = Order(placed_at, [placed_at], [now])

    @rule(which=PAGE, silent=st.booleans())
    def change(self, which: list[int], silent: bool) -> None:
        for ref in {self._ref(number) for number in which}:
            order = self.orders[ref]
            self.clock.forward(1)
            order.changed_at.append(order.changed_at[-1] if silent else self.clock.now())
            order.since.append(self.clock.now())

    @rule(which=WHICH)
    def refuse(self, which: int) -> None:
        """Privy will not take the newest version."""
        order = self.orders[self._ref(which)]
        if (len(order.since) - 1) not in {number for number, _ in order.told}:
            order.refused = len(order.since) - 1

    # Readings

    @rule(which=PAGE, late=LATE, force=st.booleans())
    def read(self, which: list[int], late: int, force: bool) -> None:
        """A page comes in, which may have been fetched before the latest changes. ``force`` is a replay."""
        refs = sorted({self._ref(number) for number in which})
        self.state.accept(*(self._version(ref, late) for ref in refs), force=force)
        self.seen |= set(refs)

    # Privy

    @rule(
        which=PAGE,
        late=LATE,
        force=st.booleans(),
        most=st.integers(2, 8),
        answers=st.lists(ANSWER, max_size=8),
    )
    def read_and_deliver(
        self, which: list[int], late: int, force: bool, most: int, answers: list[tuple[int, bool, str]]
    ) -> None:
        """Take what may leave; some of what is in flight is answered at once."""
        self.read(which, late, force)
        self.clock.forward(10)
        self._claim(most)
        for answer in answers[: len(self.flying)]:
            self._answer(*answer)

    def _claim(self, most: int) -> None:
        in_flight = self.state.do(claims.in_flight, "main")
        assert sum(in_flight.values()) == len(self.flying)
        steady = self.clock.steady()
        grant = self.state.do(quota.grant, "main", LIMITS, in_flight, steady, self.pacer)
        taken = self.state.claim(most, grant=grant)
        self.pacer.take(sum(one.lane == "history" for one in taken), steady)
        assert len(taken) <= min(most, grant.live)
        flying = {one.ref for one in self.flying}
        for one in taken:
            assert one.ref not in flying, "two requests for one order"
            assert _may_send(one, self.clock.now())
        self.flying += taken

    @precondition(lambda self: self.flying)
    @rule(answer=ANSWER)
    def hear(self, answer: tuple[int, bool, str]) -> None:
        """The answer to a request that has been on its way for a while."""
        self._answer(*answer)

    def _answer(self, which: int, reaches: bool, answer: str) -> None:
        """A request reaches Privy or not; its answer is true, an error, or none."""
        claim = self.flying.pop(which % len(self.flying))
        self.arrived.append(self.clock.steady())
        if answer == "429":
            self.state.settle(claim, "later", delay=1.0)
        elif answer == "true":
            refused = self._arrive(claim)
            self.state.settle(claim, "refused" if refused else "delivered", detail="422" if refused else "")
        else:
            if reaches:
                self._arrive(claim)
            self.state.settle(claim, "later", delay=5.0, maybe=answer == "lost" or reaches)

    @rule(reached=st.lists(st.booleans(), min_size=8, max_size=8), seconds=st.floats(0.0, 90.0))
    def die_and_start_again(self, reached: list[bool], seconds: float) -> None:
        for claim, reaches in zip(self.flying, reached, strict=False):
            self.arrived.append(self.clock.steady())
            if reaches:
                self._arrive(claim)
        lost, self.flying = len(self.flying), []
        self.clock.forward(seconds)
        self.pacer = Pacer(LIMITS)
        self.state.do(quota.recover, "main", self.clock.steady())
        assert self.state.recover() == lost

    @rule(seconds=st.floats(0.0, 70.0))
    def time_passes(self, seconds: float) -> None:
        self.clock.forward(seconds)

    # What always holds

    @invariant()
    def privy_is_never_told_an_older_version_after_a_newer_one(self) -> None:
        for ref, order in self.orders.items():
            numbers = [number for number, _ in order.told]
            assert numbers == sorted(numbers), f"order {ref} was told {numbers}"

    @invariant()
    def history_is_flagged_and_live_orders_are_not(self) -> None:
        for order in self.orders.values():
            assert {flag for _, flag in order.told} <= {order.placed_at < LIVE_FROM}

    @invariant()
    def no_window_holds_more_than_the_limit(self) -> None:
        assert fullest(self.arrived, MINUTE) <= LIMITS.per_minute

    @invariant()
    def every_order_that_was_read_is_in_one_state(self) -> None:
        rows = self.state.do(acceptance.counts, "acme")
        assert sum(row[-1] for row in rows) == len(self.seen)
        assert {row.state for row in rows} <= {"waiting", "delivered", "failed"}

    # Inside

    def _ref(self, number: int) -> str:
        return str(number % len(self.orders) + 1)

    def _version(self, ref: str, late: int = 0) -> Version:
        order = self.orders[ref]
        number = max(0, len(order.since) - 1 - late)
        is_newest = number == len(order.since) - 1
        fetched_at = self.clock.now() if is_newest else order.since[number + 1] - timedelta(milliseconds=1)
        return version(
            ref,
            total=number,
            lane="history" if order.placed_at < LIVE_FROM else "live",
            placed_at=order.placed_at,
            changed_at=order.changed_at[number],
            fetched_at=fetched_at,
            due_since=order.changed_at[number],
        )

    def _arrive(self, claim: Claim) -> bool:
        """Privy judges a body; true when it refuses it."""
        order, number = self.orders[claim.ref], int(exact_json.decode(claim.body)["total"])
        if number == order.refused:
            return True
        order.told.append((number, claim.initial_sync))
        return False

    def _drain(self) -> None:
        self.die_and_start_again([True] * 8, 1.0)
        self.read(list(range(len(self.orders))), 0, False)
        while any(row.state == "waiting" for row in self.state.do(acceptance.counts, "acme")):
            self.clock.forward(30)
            self._claim(8)
            while self.flying:
                self._answer(0, True, "true")
            self.no_window_holds_more_than_the_limit()
        for ref, order in self.orders.items():
            row = self.state.row(ref)
            newest = len(order.since) - 1
            if order.refused == newest and row.state == "failed":
                assert row.reason == "422"
                continue
            assert (row.state, order.told[-1][0]) == ("delivered", newest), ref
        self.privy_is_never_told_an_older_version_after_a_newer_one()
        self.history_is_flagged_and_live_orders_are_not()


def _may_send(claim: Claim, now: datetime) -> bool:
    return may_send(sending_rules(), claim.facts, now, initial_sync=claim.initial_sync)


_TEMPLATES: list[Path] = []


def _template() -> Path:
    """An empty database of the newest schema: migrating one for each example would take most of the time."""
    if not _TEMPLATES:
        file = Path(tempfile.mkdtemp()) / "template.db"
        with open_state(f"sqlite:///{file}"):
            pass
        _TEMPLATES.append(file)
    return _TEMPLATES[0]


Engine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestEngine = Engine.TestCase
