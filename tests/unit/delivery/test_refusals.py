"""Refusals that are not an order's own: a refused integration token, whatever the words, and all alike."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.delivery import integration_tokens
from connector.delivery.answers import read_answer
from connector.delivery.refusals import IN_A_ROW, IN_A_ROW_OF_ALL
from connector.delivery.sender import Verdict
from connector.model.payload import without
from connector.model.states import AttemptOutcome, BreakerKind, BreakerScope
from connector.runtime import exact_json
from connector.runtime.exact_json import decode
from connector.sandbox.faults import Fault
from connector.sandbox.refusal import Refusal
from connector.sandbox.rules import Problem
from connector.state import audit
from tests.state import NOW, HandClock, old, version
from tests.unit.delivery.test_delivery import Rig, replace_body, reply, rig

WORDINGS = ["Unknown store.", "We could not find that app (ref 8a7c66d1)", "nope", "Ungültiges Token"]
TOKENS: dict[str, str | None] = {"acme": "unknown", "zeta": "good"}


def spoilt(one: Any, **fields: Any) -> Any:
    """The version with a body that has these fields."""
    return replace_body(one, exact_json.encode(decode(one.body) | fields))


def refuse_all(run: Rig, message: str = "The business is closed.", *problems: Problem) -> None:
    """Let Privy refuse every order with these words."""
    business = run.privy.business

    def tie(token: str | None) -> str | None:
        raise Refusal(422, "validation_failed", message, problems)

    business.tie = tie  # type: ignore[method-assign]


def accept_again(run: Rig) -> None:
    del run.privy.business.tie


@pytest.mark.parametrize("wording", WORDINGS)
async def test_a_refused_integration_token_is_found_out_whatever_the_words_are(
    tmp_path: Path, wording: str
) -> None:
    async with rig(tmp_path, tokens=TOKENS, integrations=["good"]) as run:
        run.privy.business.wording = wording
        run.state.accept(*(old(str(number)) for number in range(1, 60)))
        run.state.accept(version("100"), store="zeta")
        await run.deliver()
        pause = run.pause(BreakerScope.STORE, "acme")
        assert pause is not None
        assert pause.kind is BreakerKind.AUTH
        assert "check the store's integration_token" in pause.message
        states = run.states()
        assert states.pop("100") == "delivered"
        assert set(states.values()) == {"waiting"}
        assert len(run.privy.arrivals) <= 9  # three orders in flight, three probes, zeta's
        assert (run.pause(), run.pause(BreakerScope.STORE, "zeta")) == (None, None)
        run.privy.business.integrations["unknown"] = True
        await run.finish()
        assert set(run.states().values()) == {"delivered"}
        assert run.pause(BreakerScope.STORE, "acme") is None


async def test_a_good_token_is_not_accused_for_an_orders_fault(tmp_path: Path) -> None:
    async with rig(tmp_path, tokens=TOKENS, integrations=["unknown", "good"]) as run:
        run.state.accept(spoilt(version("1"), currency="dollars"), version("2"))
        run.privy.script(Fault(kind="status", status=404, order_ids=frozenset({2})))
        await run.deliver()
        assert run.states() == {"1": "failed", "2": "failed"}
        assert run.pause(BreakerScope.STORE, "acme") is None


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_is_refused_as_the_accounts_would_be_pauses_its_store_alone(
    tmp_path: Path, status: int
) -> None:
    async with rig(tmp_path, tokens=TOKENS, integrations=["good"]) as run:
        business, plain = run.privy.business, run.privy.business.tie

        def tie(token: str | None) -> str | None:
            if token == "unknown":
                raise Refusal(status, "unauthorized", "Not yours.")
            return plain(token)

        business.tie = tie  # type: ignore[method-assign]
        run.state.accept(version("1"))
        run.state.accept(version("2"), store="zeta")
        await run.deliver()
        assert run.states() == {"1": "waiting", "2": "delivered"}
        assert run.pause() is None
        pause = run.pause(BreakerScope.STORE, "acme")
        assert pause is not None
        assert pause.kind is BreakerKind.AUTH


@pytest.mark.parametrize("wording", ["", *WORDINGS])
async def test_the_verdict_on_a_token(tmp_path: Path, wording: str) -> None:
    async with rig(tmp_path, tokens=TOKENS, integrations=["good"]) as run:
        run.privy.business.wording = wording
        assert (await integration_tokens.judge(run.sender, "good"))[0] is Verdict.TAKEN
        assert (await integration_tokens.judge(run.sender, "unknown"))[0] is Verdict.REFUSED
        run.privy.script(Fault(kind="status", status=500))
        assert (await integration_tokens.judge(run.sender, "unknown"))[0] is Verdict.UNKNOWN
        run.privy.script(Fault(kind="status", status=401))
        assert (await integration_tokens.judge(run.sender, "unknown"))[0] is Verdict.UNKNOWN
        assert run.privy.ledger.orders == {}


async def test_words_that_differ_from_call_to_call_accuse_nobody(tmp_path: Path) -> None:
    async with rig(tmp_path, tokens=TOKENS, integrations=["good"]) as run:
        words = iter(["abc is odd", "def is odd", "ghi is odd", "jkl is odd"])

        def tie(token: str | None) -> str | None:
            raise Refusal(422, "validation_failed", next(words))

        run.privy.business.tie = tie  # type: ignore[method-assign]
        assert (await integration_tokens.judge(run.sender, "good"))[0] is Verdict.UNKNOWN


async def test_probes_are_paid_from_the_budget(tmp_path: Path) -> None:
    clock = HandClock()
    clock.at = datetime.now(UTC)  # the headers are read by the answer's Date, which is the real one
    async with rig(tmp_path, clock=clock, integrations=["good"], per_minute=3) as run:
        for _ in range(3):
            run.privy.business.limits.spend(run.state.clock.steady())
        assert await integration_tokens.ask(run.sender, None) is not None  # and learns that nothing is left
        assert await integration_tokens.ask(run.sender, None) is None
        assert len(run.privy.arrivals) == 1


async def test_what_repeats_pauses_the_store_and_no_order_fails_for_it(tmp_path: Path) -> None:
    """A token that is looked at last, so that no probe tells: only what repeats does."""
    async with rig(tmp_path, tokens=TOKENS, integrations=["good"]) as run:
        run.privy.business.wording, run.privy.business.integration_last = "Unknown store.", True
        run.state.accept(*(old(str(number)) for number in range(1, 60)))
        for _ in range(12):
            run.state.clock.forward(min(max(await run.deliver() or 1.0, 0.001), 2.0))
        pause = run.pause(BreakerScope.STORE, "acme")
        assert pause is not None
        assert pause.kind is BreakerKind.REFUSALS
        assert "orders in a row were refused with the same words" in pause.message
        assert pause.lasts
        assert set(run.states().values()) == {"waiting"}
        orders = [one for one in run.ids if one]
        assert IN_A_ROW <= len(orders) <= IN_A_ROW + 2
        told = [one.outcome for one in run.state.do(audit.timeline, "acme", str(orders[0]))]
        assert told == ["waiting", "refused", "waiting"]
        for _ in range(10):  # tries are slow, and another order's each time
            run.state.clock.forward(max(await run.deliver() or 1.0, 0.001))
        assert len([one for one in run.ids if one]) <= len(orders) + 10
        run.privy.business.integrations["unknown"] = True
        await run.finish()
        assert set(run.states().values()) == {"delivered"}
        assert run.pause(BreakerScope.STORE, "acme") is None


async def test_orders_that_are_refused_for_themselves_fail_after_one_went_through(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        bad = [spoilt(version(str(number)), currency="dollars") for number in range(1, IN_A_ROW + 1)]
        run.state.accept(*bad)
        await run.deliver()
        assert set(run.states().values()) == {"waiting"}
        pause = run.pause(BreakerScope.STORE, "acme")
        assert pause is not None
        assert "currency" in pause.message
        run.state.accept(version("99", changed_at=NOW))
        await run.finish()
        states = run.states()
        assert states.pop("99") == "delivered"
        assert set(states.values()) == {"failed"}
        assert run.pause(BreakerScope.STORE, "acme") is None
        assert len(run.privy.arrivals) < 4 * IN_A_ROW


async def test_a_new_version_of_a_doubted_order_is_tried_for_itself(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(
            *(spoilt(version(str(number)), currency="dollars") for number in range(1, IN_A_ROW + 1))
        )
        await run.deliver()
        assert run.state.row("1").doubted is True
        run.state.accept(version("1", changed_at=NOW, total=96))
        assert run.state.row("1").doubted is False
        await run.finish()
        assert run.states() == {"1": "delivered"} | {str(one): "failed" for one in range(2, IN_A_ROW + 1)}


async def test_refusals_with_other_orders_between_them_or_other_words_pause_nobody(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        for number in range(1, 4 * IN_A_ROW):
            one = version(str(number), changed_at=run.state.clock.now())
            wrong: dict[str, Any] = {"currency": "dollars"} if number % 2 else {"financial_status": "odd"}
            run.state.accept(spoilt(one, **wrong))
            await run.deliver()
        assert set(run.states().values()) == {"failed"}
        assert run.pause(BreakerScope.STORE, "acme") is None


async def test_an_account_whose_stores_are_all_refused_alike_pauses_itself(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        refuse_all(run)
        for number in range(1, 20):
            run.state.accept(version(str(number)), store="acme")
            run.state.accept(version(str(100 + number)), store="zeta")
        await run.deliver()
        pause = run.pause()
        assert pause is not None
        assert pause.kind is BreakerKind.REFUSALS
        assert "the account's orders wait" in pause.message
        assert set(run.states().values()) == {"waiting"}
        first = len(run.privy.arrivals)
        assert first >= IN_A_ROW_OF_ALL
        for _ in range(5):
            run.state.clock.forward(max(await run.deliver() or 1.0, 0.001))
        assert len(run.privy.arrivals) <= first + 5
        accept_again(run)
        await run.finish()
        assert set(run.states().values()) == {"delivered"}
        assert [
            run.pause(),
            run.pause(BreakerScope.STORE, "acme"),
            run.pause(BreakerScope.STORE, "zeta"),
        ] == [None, None, None]


async def test_a_pause_for_refusals_outlives_the_program(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        refuse_all(run)
        run.state.accept(*(version(str(number)) for number in range(1, 20)))
        await run.deliver()
        run.sender.runs.clear()  # what a start knows
        for _ in range(5):
            run.state.clock.forward(max(await run.deliver() or 1.0, 0.001))
        assert set(run.states().values()) == {"waiting"}
        accept_again(run)
        await run.finish()
        assert set(run.states().values()) == {"delivered"}


# A refused optional e-mail or phone


@pytest.mark.parametrize(
    ("field", "consent", "kept"),
    [("email", "accepts_email_marketing", "phone"), ("phone", "accepts_sms_marketing", "email")],
)
async def test_an_order_whose_email_or_phone_alone_is_refused_goes_once_more_without_it(
    tmp_path: Path, field: str, consent: str, kept: str
) -> None:
    async with rig(tmp_path) as run:
        both = {"email": "ann@shop.example", "phone": "+12025550143"}
        consents = {"accepts_email_marketing": True, "accepts_sms_marketing": True}
        run.state.accept(spoilt(version("1"), **both | consents | {field: "not-one"}))
        await run.finish()
        assert run.states() == {"1": "delivered"}
        assert run.statuses == [422, 201]
        sent = decode(run.privy.arrivals[-1].body)
        assert (field in sent, consent in sent, kept in sent) == (False, False, True)
        assert sent["initial_sync"] is False
        told = run.state.do(audit.timeline, "acme", "1")
        assert "it goes once more without it" in told[1].detail
        assert "not-one" not in told[1].detail
        run.state.accept(spoilt(version("1"), **both | consents | {field: "not-one"}))  # read again
        await run.finish()
        assert len(run.privy.arrivals) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "not-one"},
        {"email": "not-one", "phone": "nor-this"},
        {"email": "not-one", "phone": "+12025550143", "currency": "dollars"},
        {"email": "not-one", "phone": ""},
    ],
)
async def test_an_order_that_has_no_other_contact_or_other_faults_fails(
    tmp_path: Path, fields: dict[str, str]
) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(spoilt(version("1"), **fields))
        await run.finish()
        assert run.states() == {"1": "failed"}
        assert run.statuses == [422]


async def test_a_second_refusal_is_the_last(tmp_path: Path) -> None:
    async with rig(tmp_path) as run:
        run.state.accept(spoilt(version("1"), email="not-one", phone="+12025550143"))
        named = [Problem("email", "is invalid")]
        refuse_all(run, "The order is not valid.", *named)
        await run.finish()
        assert run.states() == {"1": "failed"}
        assert run.statuses == [422, 422]


def test_a_body_without_a_contact_is_the_same_to_the_last_digit() -> None:
    body = b'{"order_id":9007199254740993,"total":1.10,"email":"a@b.example","accepts_email_marketing":true}'
    assert without(body, "email") == b'{"order_id":9007199254740993,"total":1.10}'
    assert without(body, "phone") == body


def test_what_a_refusal_names_is_the_same_for_each_order() -> None:
    def problems(message: str) -> frozenset[str]:
        error = {"error": {"code": "validation_failed", "message": message}}
        return read_answer(reply(422, exact_json.encode(error)), True, 7).problems

    assert problems("order 1001 of 'ann' unknown") == problems("order 1002 of 'bob' unknown")
    assert problems("store unknown") != problems("order unknown")
    assert read_answer(reply(422, b'{"error":{"details":[7,{"field":["x"]}]}}'), True, 7).kind is (
        AttemptOutcome.REFUSED
    )
