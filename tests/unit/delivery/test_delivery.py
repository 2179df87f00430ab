"""Delivery against a Privy on a real socket: what each answer means, and in which order things go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, select

from connector.delivery import dispatcher
from connector.delivery.answers import read_answer, windows
from connector.delivery.dispatcher import deliver
from connector.delivery.privy import Privy
from connector.delivery.sender import Attempt, Sender
from connector.delivery.turn import MOST_IN_FLIGHT, Turn, take_turn
from connector.model.backoff import Backoff
from connector.model.limits import Limits
from connector.model.states import AttemptOutcome, BreakerKind, BreakerScope
from connector.runtime.exact_json import decode
from connector.runtime.http import Http, Reply
from connector.sandbox.faults import Fault
from connector.state import audit, breakers, stores
from connector.state.outbox.schema import OUTBOX
from tests.privy import RunningSandbox, running_sandbox
from tests.state import MINUTE, NOW, HandClock, State, old, open_state, sending_rules, version

TOKEN_CALL = "/oauth/token"
CLIENT = ("app", "s3cret")


class Rig:
    """One account's delivery, its database and its Privy, on a clock that only the test moves."""

    def __init__(self, state: State, privy: RunningSandbox, sender: Sender) -> None:
        self.state = state
        self.privy = privy
        self.sender = sender
        self.stopping = asyncio.Event()

    async def deliver(self) -> float | None:
        """One round; in how many seconds to come again."""
        again = await asyncio.wait_for(deliver(self.sender, self.stopping), 30)
        return None if again is None else again - self.state.clock.steady()

    async def finish(self) -> float:
        """Rounds until nothing waits, without waiting; how many seconds it would have taken."""
        waited = 0.0
        for _ in range(500):
            again = await self.deliver()
            if again is None:
                return waited
            waited += max(again, 0.001)
            self.state.clock.forward(max(again, 0.001))
        raise AssertionError("delivery does not come to an end")

    def states(self) -> dict[str, str]:
        rows = self.state.do(
            lambda connection: connection.execute(select(OUTBOX.c.ref, OUTBOX.c.state)).all()
        )
        return {row.ref: row.state for row in rows}

    def pause(self, scope: BreakerScope = BreakerScope.ACCOUNT, name: str = "main") -> breakers.Pause | None:
        return self.state.do(breakers.get, scope, name)

    def said(self, ref: str) -> str:
        """The last line of the order's time-line."""
        return self.state.do(audit.timeline, "acme", ref)[-1].detail

    @property
    def statuses(self) -> list[int | None]:
        """What Privy answered, call by call."""
        return [arrival.status for arrival in self.privy.arrivals]

    @property
    def ids(self) -> list[int | None]:
        return [arrival.order_id for arrival in self.privy.arrivals]


@asynccontextmanager
async def rig(
    folder: Path,
    *,
    oauth: bool = False,
    deadline: float = 30.0,
    tokens: dict[str, str | None] | None = None,
    rules: dict[str, Any] | None = None,
    limits: Limits | None = None,
    clock: HandClock | None = None,
    **options: Any,
) -> AsyncIterator[Rig]:
    clock = clock or HandClock()
    options.setdefault("clock", clock.steady)
    options.setdefault("clients", dict([CLIENT]))
    async with running_sandbox(**options) as privy, Http() as http:
        with open_state(f"sqlite:///{folder / 'connector.db'}", clock) as state:
            sender = Sender(
                account="main",
                privy=Privy(
                    http=http,
                    clock=clock,
                    base_url=privy.base_url,
                    token=None if oauth else privy.token,
                    client=CLIENT if oauth else None,
                    deadline=deadline,
                ),
                limits=limits or Limits(),
                rules={store: sending_rules(**rules or {}) for store in ("acme", "zeta")},
                tokens=tokens or {},
                verified=lambda store: True,
                db=state.db,
                clock=clock,
            )
            yield Rig(state, privy, sender)


async def test_an_order_arrives_with_its_body_and_the_flag(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("9007199254740993"))
        assert await run.deliver() is None
        [arrival] = run.privy.arrivals
        assert (arrival.status, arrival.order_id, arrival.initial_sync) == (201, 9007199254740993, False)
        assert run.states() == {"9007199254740993": "delivered"}
        row = run.state.row("9007199254740993")
        assert (row.told_hash, row.told_live, row.told_at) == (row.hash, True, NOW)


async def test_live_orders_go_before_history_and_history_is_flagged(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        history = [old(str(n), placed_at=NOW - timedelta(days=30 + n)) for n in range(1, 6)]
        run.state.accept(*history, version("11", placed_at=NOW - MINUTE), version("12"))
        await run.finish()
        # What leaves in the same turn may arrive in any order.
        assert set(run.ids[:4]) == {12, 11, 1, 2}
        assert run.ids[4:] == [3, 4, 5]
        flags = {arrival.order_id: arrival.initial_sync for arrival in run.privy.arrivals}
        assert flags == {11: False, 12: False} | dict.fromkeys(range(1, 6), True)
        assert {flow.order_id for flow in run.privy.ledger.flows} == {11, 12}


async def test_a_live_order_overtakes_a_history_that_fills_the_minute(tmp_path: Path) -> None:
    async with rig(tmp_path, limits=Limits(per_minute=20)) as run:
        run.state.accept(*(old(str(n)) for n in range(1, 41)))
        for _ in range(25):
            run.state.clock.forward(max(await run.deliver() or 0.0, 0.001))
        run.state.accept(version("99", placed_at=run.state.clock.now(), changed_at=run.state.clock.now()))
        await run.deliver()
        assert 99 in run.ids[-2:]
        assert len(run.ids) < 41
        assert 429 not in run.statuses


async def test_a_live_order_that_comes_too_late_sets_off_no_mail(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"))
        run.state.clock.forward(86_400)
        await run.finish()
        assert [arrival.initial_sync for arrival in run.privy.arrivals] == [True]
        assert run.privy.ledger.flows == []


async def test_an_order_that_becomes_old_on_its_way_is_held_back(tmp_path: Path) -> None:
    class Leaping(HandClock):
        leap = timedelta()

        def now(self) -> datetime:
            moment = self.at
            self.at += self.leap
            return moment

    clock = Leaping()
    async with rig(tmp_path, clock=clock) as run:
        run.state.accept(version("1"))
        clock.leap = timedelta(days=2)  # between the decision and the second guard
        await run.deliver()
        clock.leap = timedelta()
        assert run.privy.arrivals == []
        await run.finish()
        assert [arrival.initial_sync for arrival in run.privy.arrivals] == [True]
        told = [one.outcome for one in run.state.do(audit.timeline, "acme", "1")]
        assert told == ["waiting", "prevented", "delivered"]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault(kind="html"), "200 without Privy's JSON, an HTML page"),
        (Fault(kind="status", status=500), "500"),
        (Fault(kind="status", status=503), "503"),
        (Fault(kind="redirect"), "redirects are not followed"),
        (Fault(kind="reset"), "broke the connection"),
        (Fault(kind="reset", stored=True), "broke the connection"),
        (Fault(kind="cut"), "broke the connection"),
        (Fault(kind="html", stored=True), "200 without Privy's JSON"),
    ],
)
async def test_passing_faults_are_tried_again_until_they_pass(
    tmp_path: Path, fault: Fault, sentence: str
) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"))
        run.privy.script(replace_count(fault, 5))
        assert await run.deliver() is not None
        assert sentence in run.said("1")
        assert run.states() == {"1": "waiting"}
        await run.finish()
        assert run.states() == {"1": "delivered"}
        assert len(run.privy.arrivals) == 6
        assert len(run.privy.ledger.orders) == 1
        assert run.pause() is None


def replace_count(fault: Fault, count: int) -> Fault:
    return Fault(**{name: getattr(fault, name) for name in Fault.__struct_fields__} | {"count": count})


async def test_a_hanging_privy_costs_the_deadline_and_the_order_is_sent_again(tmp_path: Path) -> None:
    async with rig(tmp_path, deadline=0.2) as run:
        run.state.accept(version("1"))
        run.privy.script(Fault(kind="hang", stored=True), Fault(kind="drip", seconds=60.0))
        assert await run.deliver() is not None
        assert "no answer within 0.2 s" in run.said("1")
        assert run.state.row("1").maybe is True
        run.state.clock.forward(60)
        await run.deliver()
        run.state.clock.forward(60)
        await run.finish()
        assert run.states() == {"1": "delivered"}


async def test_what_may_be_stored_is_followed_by_the_newest_state(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"))
        await run.deliver()
        run.state.accept(version("1", total=96, changed_at=NOW))
        run.privy.script(Fault(kind="reset", stored=True))
        await run.deliver()
        run.state.accept(version("1", changed_at=NOW + MINUTE))  # back to what Privy confirmed once
        await run.finish()
        assert [decode(arrival.body)["total"] for arrival in run.privy.arrivals] == [95, 96, 95]


async def test_a_redirect_takes_the_token_nowhere(tmp_path: Path) -> None:
    async with running_sandbox() as elsewhere, rig(tmp_path) as run:
        run.state.accept(version("1"))
        run.privy.script(Fault(kind="redirect", location=elsewhere.base_url + "/v1/orders/placed"))
        await run.deliver()
        assert elsewhere.arrivals == []
        assert "check the account's base_url" in run.said("1")


async def test_a_dead_privy_costs_few_calls(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(*(version(str(n)) for n in range(1, 61)))
        run.privy.script(Fault(kind="status", status=502, count=None))
        again = await run.deliver()
        pause = run.pause()
        assert pause is not None
        assert again is not None
        assert (pause.kind, pause.strikes) == ("fault", breakers.PATIENCE)  # one round, however many failed
        first = len(run.privy.arrivals)
        assert first <= MOST_IN_FLIGHT
        for _ in range(10):
            run.state.clock.forward(max(await run.deliver() or 0.0, 0.001))
        assert len(run.privy.arrivals) - first <= 10  # one probe each time
        run.privy.sandbox.faults.clear()
        await run.finish()
        assert set(run.states().values()) == {"delivered"}


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_pauses_the_account_until_it_is_good_again(tmp_path: Path, status: int) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(*(version(str(n)) for n in range(1, 11)))
        run.privy.script(Fault(kind="status", status=status, count=11))
        again = await run.deliver()
        pause = run.pause()
        assert pause is not None
        assert (pause.kind, pause.strikes) == ("auth", 1)
        assert "set a new one" in pause.message
        assert again is not None
        assert 40 <= again <= 60
        assert len(run.privy.arrivals) == 10
        await run.finish()
        assert set(run.states().values()) == {"delivered"}
        assert run.statuses == [status] * 11 + [201] * 10
        assert run.pause() is None


async def test_an_answer_to_an_earlier_call_ends_no_pause(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"), version("2"))
        limited = Fault(kind="status", status=429, retry_after=50, order_ids=frozenset({1}))
        run.privy.script(limited, Fault(kind="drip", seconds=0.3, order_ids=frozenset({2})))
        assert await run.deliver() == pytest.approx(50)
        assert run.states() == {"1": "waiting", "2": "delivered"}
        pause = run.pause()
        assert pause is not None
        assert pause.rests(run.state.clock.steady())


async def test_a_fault_does_not_shorten_a_wait_that_privy_asked_for(tmp_path: Path) -> None:
    async with rig(tmp_path, deadline=1.0) as run:
        run.state.accept(version("1"), version("2"))
        limited = Fault(kind="status", status=429, retry_after=50, order_ids=frozenset({1}))
        run.privy.script(limited, Fault(kind="hang", order_ids=frozenset({2})))
        assert await run.deliver() == pytest.approx(50)


async def test_a_429_is_waited_out_and_is_no_failure(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"), version("2"))
        run.privy.script(Fault(kind="status", status=429, retry_after=37, count=2))
        assert await run.deliver() == pytest.approx(37)
        assert set(run.states().values()) == {"waiting"}
        assert run.state.row("1").maybe is False
        await run.finish()
        assert set(run.states().values()) == {"delivered"}


async def test_the_accounts_other_spenders_are_noticed_in_the_headers(tmp_path: Path) -> None:
    clock = HandClock()
    clock.at = datetime.now(UTC)  # the headers are read by the answer's Date, which is the real one
    async with rig(tmp_path, clock=clock, limits=Limits(per_minute=60), per_minute=5) as run:
        run.state.accept(*(old(str(n)) for n in range(1, 13)))
        await run.finish()
        assert set(run.states().values()) == {"delivered"}
        assert 429 not in run.statuses


async def test_history_goes_on_though_the_configured_day_is_far_beyond_what_privy_grants(
    tmp_path: Path,
) -> None:
    clock = HandClock()
    clock.at = datetime.now(UTC)  # the headers are read by the answer's Date, which is the real one
    limits = Limits(per_minute=600, per_day=100_000)
    async with rig(tmp_path, clock=clock, limits=limits, per_minute=60, per_day=10_000) as run:
        run.state.accept(*(old(str(n)) for n in range(1, 90)))
        assert await run.finish() < 120
        assert set(run.states().values()) == {"delivered"}
        assert 429 not in run.statuses


async def test_a_live_order_finds_room_though_the_configured_minute_is_beyond_what_privy_grants(
    tmp_path: Path,
) -> None:
    clock = HandClock()
    clock.at = datetime.now(UTC)
    async with rig(tmp_path, clock=clock, limits=Limits(per_minute=600), per_minute=60) as run:
        run.state.accept(*(old(str(n)) for n in range(1, 200)))
        for _ in range(70):  # a minute's window is full of history, as full as history may make it
            run.state.clock.forward(max(await run.deliver() or 0.0, 0.001))
        run.state.accept(version("999", placed_at=clock.now(), changed_at=clock.now(), due_since=clock.now()))
        await run.deliver()
        assert 999 in run.ids[-2:]
        assert 429 not in run.statuses


async def test_an_order_that_privy_refuses_fails_alone(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        broken = version("1")
        broken_body = (broken.body or b"").replace(b'"currency":"USD"', b'"currency":"dollars"')
        run.state.accept(replace_body(broken, broken_body), version("2"))
        assert await run.deliver() is None
        assert run.states() == {"1": "failed", "2": "delivered"}
        assert run.state.row("1").reason.startswith("422 validation_failed: currency ")
        assert run.pause() is None


def replace_body(one: Any, body: bytes) -> Any:
    return type(one)(**{name: getattr(one, name) for name in one.__struct_fields__} | {"body": body})


async def test_a_refused_integration_token_pauses_its_store_alone(tmp_path: Path) -> None:
    tokens: dict[str, str | None] = {"acme": "unknown", "zeta": "good"}
    async with rig(tmp_path, tokens=tokens, integrations=["good"]) as run:
        run.state.accept(version("1"))
        run.state.accept(version("2"), store="zeta")
        again = await run.deliver()
        assert again is not None
        assert run.states() == {"1": "waiting", "2": "delivered"}
        pause = run.pause(BreakerScope.STORE, "acme")
        assert pause is not None
        assert "check the store's integration_token" in pause.message
        assert (run.pause(), run.pause(BreakerScope.STORE, "zeta")) == (None, None)
        run.privy.business.integrations["unknown"] = True
        await run.finish()
        assert run.states() == {"1": "delivered", "2": "delivered"}
        assert run.pause(BreakerScope.STORE, "acme") is None


async def test_an_unverified_store_sends_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"))
        run.state.accept(version("2"), store="zeta")
        run.sender.verified = lambda store: store == "zeta"
        assert await run.deliver() is None
        assert run.ids == [2]


async def test_a_store_whose_pause_ran_out_sends_one_order_and_waits_for_its_answer(tmp_path: Path) -> None:
    tokens: dict[str, str | None] = {"acme": "unknown", "zeta": "good"}
    async with rig(tmp_path, tokens=tokens, integrations=["good"]) as run:
        for number in range(1, 10):
            run.state.accept(version(str(number)))
        await run.deliver()
        pause = run.pause(BreakerScope.STORE, "acme")
        assert pause is not None
        run.state.clock.forward(pause.until - run.state.clock.steady() + 0.001)  # datetimes round
        run.state.accept(version("20"), store="zeta")
        before = len(run.privy.arrivals)

        await run.deliver()

        assert sorted(run.statuses[before:], key=str) == [201, 422]
        assert run.states()["20"] == "delivered"


async def test_a_delivery_ends_no_pause_of_a_shops_copy(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"))
        run.privy.script(Fault(kind="drip", seconds=0.3))
        delivering = asyncio.create_task(run.deliver())
        while not run.privy.arrivals:
            await asyncio.sleep(0.01)
        await run.state.db.run(
            breakers.fail,
            BreakerScope.STORE,
            "acme",
            BreakerKind.IDENTITY,
            "a copy",
            now=NOW,
            steady=NOW.timestamp(),
            wait=0.0,
        )
        await delivering
        run.state.accept(version("3"))
        await run.finish()
        assert run.states() == {"1": "delivered", "3": "waiting"}


async def test_an_access_token_is_fetched_once_and_renewed_before_it_runs_out(tmp_path: Path) -> None:
    async with rig(tmp_path, oauth=True) as run:
        run.state.accept(*(version(str(n)) for n in range(1, 6)))
        await run.finish()
        assert len(run.privy.sandbox.access.grants) == 2  # the fixed one, and ours
        run.state.clock.forward(7200 - 299)
        run.state.accept(version("6", changed_at=run.state.clock.now()))
        await run.finish()
        assert len(run.privy.sandbox.access.grants) == 3
        assert run.statuses == [201] * 6


async def test_a_revoked_access_token_is_replaced_once(tmp_path: Path) -> None:
    async with rig(tmp_path, oauth=True) as run:
        run.state.accept(version("1"))
        await run.finish()
        run.privy.sandbox.access.revoke(oauth=True)
        run.state.accept(*(version(str(n)) for n in range(2, 12)))
        await run.finish()
        assert set(run.states().values()) == {"delivered"}
        assert run.statuses.count(401) == 10  # all in flight with the old token
        assert len(run.privy.sandbox.access.grants) == 3
        assert run.pause() is None


async def test_a_new_access_token_that_is_refused_too_pauses_the_account(tmp_path: Path) -> None:
    async with rig(tmp_path, oauth=True) as run:
        run.state.accept(version("1"))
        run.privy.script(Fault(kind="status", status=401, count=3))
        assert await run.deliver() is not None
        assert run.statuses == [401, 401]
        pause = run.pause()
        assert pause is not None
        assert pause.kind == "auth"
        await run.finish()
        assert run.states() == {"1": "delivered"}


async def test_a_refused_oauth_client_pauses_the_account(tmp_path: Path) -> None:
    async with rig(tmp_path, oauth=True, clients={"app": "another"}) as run:
        run.state.accept(version("1"))
        await run.deliver()
        assert run.privy.arrivals == []
        pause = run.pause()
        assert pause is not None
        assert pause.message.endswith("refuses the OAuth client (401); check its id and secret")
        assert "s3cret" not in pause.message


async def test_a_failing_token_call_is_tried_again(tmp_path: Path) -> None:
    async with rig(tmp_path, oauth=True) as run:
        run.state.accept(version("1"))
        run.privy.script(
            Fault(kind="html", path=TOKEN_CALL), Fault(kind="status", status=503, path=TOKEN_CALL)
        )
        await run.finish()
        assert run.states() == {"1": "delivered"}


async def test_stopping_finishes_what_is_in_flight_and_claims_no_more(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"))
        run.privy.script(Fault(kind="drip", seconds=0.3))
        delivering = asyncio.create_task(run.deliver())
        while not run.privy.arrivals:
            await asyncio.sleep(0.01)
        run.stopping.set()
        run.state.accept(version("2"))
        await delivering
        assert run.states() == {"1": "delivered", "2": "waiting"}


async def test_the_numbering_is_recorded_though_the_first_transaction_failed(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"))
        _pragma(run.state, "query_only=ON")
        delivering = asyncio.create_task(run.deliver())
        await asyncio.sleep(0.1)  # a turn that fails; the next comes after FAULT
        assert run.sender.fixed == set()
        assert run.privy.arrivals == []
        _pragma(run.state, "query_only=OFF")
        await delivering
        facts = run.state.do(stores.facts, "acme")
        assert facts is not None
        assert facts.numbering == "native"
        assert run.states() == {"1": "delivered"}


async def test_a_broken_database_does_not_keep_the_program_from_stopping(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(version("1"))
        run.privy.script(Fault(kind="drip", seconds=0.3))
        delivering = asyncio.create_task(run.deliver())
        while not run.privy.arrivals:
            await asyncio.sleep(0.01)
        _pragma(run.state, "query_only=ON")
        run.stopping.set()
        assert await delivering is None
        _pragma(run.state, "query_only=OFF")
        assert run.state.recover() == 1
        run.stopping.clear()
        await run.finish()
        assert run.statuses == [201, 200]
        assert run.states() == {"1": "delivered"}


async def test_a_fault_that_nobody_foresaw_keeps_the_answers_and_is_the_accounts_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 2
    seen: list[breakers.Pause] = []

    def take(connection: Connection, sender: Sender, answered: list[Attempt], *rest: Any) -> Turn:
        nonlocal left
        if answered and left:
            left -= 1
            raise KeyError("ann@shop.example")
        seen.extend(breakers.every(connection))
        return take_turn(connection, sender, answered, *rest)

    monkeypatch.setattr(dispatcher, "take_turn", take)
    monkeypatch.setattr(dispatcher, "FAULT", Backoff(0.01, 0.01))
    async with rig(tmp_path) as run:
        run.state.accept(version("1"))
        await run.finish()
        assert run.statuses == [201]
        assert run.states() == {"1": "delivered"}
        [trouble] = {(one.scope, one.name, one.kind, one.message[:40]) for one in seen}
        assert trouble[:3] == (BreakerScope.DELIVERY, "main", BreakerKind.INTERNAL)
        assert trouble[3].startswith("delivering: internal fault (KeyError at")
        assert run.pause(BreakerScope.DELIVERY) is None


def _pragma(state: State, pragma: str) -> None:
    raw = state.db.engine.raw_connection()
    raw.cursor().execute(f"PRAGMA {pragma}")
    raw.close()


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, httpx.Headers(names), body, "https://privy.invalid/v1/orders/placed")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"data":[]}',
        b'{"data":{}}',
        b'{"data":{"order_id":7}',
        b'{"data":{"order_id":8}}',
        b'{"data":"\xff\xfe"}',
        b"[" * 100_000,
        b'{"data":1e999999999999999999999}',
        b"<html>",
    ],
)
@pytest.mark.parametrize("status", [200, 201, 204, 302, 404, 422, 429, 500])
def test_rubbish_is_never_taken_for_a_delivery_and_fails_no_order(status: int, body: bytes) -> None:
    outcome = read_answer(reply(status, body), has_integration_token=True, order_id=7)
    assert outcome.kind is (AttemptOutcome.LIMIT if status == 429 else AttemptOutcome.LATER)
    assert outcome.maybe == (status in (200, 201, 204, 500))


@pytest.mark.parametrize(
    "value", ["", "-1", "1.5", "²", "9" * 5000, "soon", "Mon, 01 Jan 0001 00:00:00 +2359"]
)
def test_rubbish_in_headers_harms_nothing(value: str) -> None:
    answer = Reply(
        429,
        httpx.Headers(
            [
                (name.encode(), value.encode("latin-1"))
                for name in (
                    "retry-after",
                    "date",
                    "x-ratelimit-limit-day",
                    "x-ratelimit-remaining-day",
                    "x-ratelimit-reset-day",
                )
            ]
        ),
        b"",
        "https://privy.invalid",
    )
    outcome = read_answer(answer, has_integration_token=False, order_id=7)
    assert outcome.retry_after is not None
    assert 0 < outcome.retry_after <= 3600
    assert windows(answer, 0.0) == ()


@pytest.mark.parametrize(
    ("value", "left", "seconds"),
    [
        ("2.0", "5", 2.0),
        ("90000", "5", 3600.0),
        ("90000", "0", 86_400.0),
        ("40000", "0", 40_000.0),
        ("Tue, 02 Jun 2026 12:00:41 GMT", "5", 41.0),
        ("0", "5", 60.0),
        ("", "0", 60.0),
    ],
)
def test_privys_wait_is_an_hour_at_most_unless_its_headers_say_that_the_day_is_spent(
    value: str, left: str, seconds: float
) -> None:
    names = {"retry_after": value, "date": "Tue, 02 Jun 2026 12:00:00 GMT"}
    answer = reply(429, b"", **names | {"x_ratelimit_remaining_day": left})
    assert read_answer(answer, has_integration_token=False, order_id=7).retry_after == seconds


def test_a_maintenance_page_delays_an_order_by_minutes_at_most() -> None:
    outcome = read_answer(reply(503, b"<html>", retry_after="7200"), has_integration_token=False, order_id=7)
    assert (outcome.kind, outcome.retry_after) == (AttemptOutcome.LATER, 300.0)


def test_limits_beyond_any_integer_of_a_database_are_cut() -> None:
    parts = ("limit", "remaining", "reset")
    named = {f"x_ratelimit_{part}_{span}": "9" * 12 for part in parts for span in ("minute", "day")}
    assert [one.limit for one in windows(reply(200, b"", **named), 0.0)] == [10**9, 10**9]
