"""Who may call the sandbox, and how often: tokens, OAuth, scopes, both rate windows."""

from __future__ import annotations

import pytest

from tests.privy import TOKEN, Hands
from tests.privy_client import client

SIX = {
    f"x-ratelimit-{part}-{window}" for part in ("limit", "remaining", "reset") for window in ("minute", "day")
}
GRANT = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "s3cret"}


# Access


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer privy_wrong", f"Basic {TOKEN}", TOKEN])
async def test_a_missing_or_unknown_token_answers_401(authorization: str) -> None:
    async with client() as privy:
        answer = await privy.raw(b"{}", Authorization=authorization)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
        assert answer.headers["x-ratelimit-remaining-minute"] == "60"


async def test_a_revoked_token_answers_401_and_one_without_the_scope_403() -> None:
    async with client() as privy:
        access = privy.privy.sandbox.access
        access.add_token("main", "privy_reader", scopes=frozenset(["orders_read"]))
        answer = await privy.place(token="privy_reader")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")
        await privy.http.post("/sandbox/config", json={"revoke": [TOKEN]})
        assert (await privy.place()).status_code == 401


async def test_an_api_token_expires() -> None:
    clock = Hands()
    async with client(clock=clock) as privy:
        privy.privy.sandbox.access.add_token("main", "privy_short", expires_at=clock.now + 30)
        assert (await privy.place(token="privy_short")).status_code == 201
        clock.now += 30
        assert (await privy.place(token="privy_short")).status_code == 401


async def test_an_oauth_application_gets_an_access_token_for_two_hours() -> None:
    clock = Hands()
    async with client(clock=clock, clients={"app": "s3cret"}) as privy:
        answer = (await privy.http.post("/oauth/token", data={**GRANT, "scope": "orders_write"})).json()
        token = answer.pop("access_token")
        assert answer == {
            "token_type": "Bearer",
            "expires_in": 7200,
            "scope": "orders_write",
            "created_at": int(clock.now),
        }
        clock.now += 7199
        assert (await privy.place(token=token)).status_code == 201
        clock.now += 1
        assert (await privy.place(token=token)).status_code == 401


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({**GRANT, "client_secret": "wrong"}, 401, "invalid_client"),
        ({**GRANT, "client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({**GRANT, "grant_type": "password"}, 400, "unsupported_grant_type"),
        ({**GRANT, "scope": "contacts_write"}, 400, "invalid_scope"),
    ],
)
async def test_a_wrong_token_request_is_refused_as_oauth_says(
    form: dict[str, str], status: int, error: str
) -> None:
    async with client(clients={"app": "s3cret"}) as privy:
        answer = await privy.http.post("/oauth/token", data=form)
        assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_a_token_request_must_be_form_encoded() -> None:
    async with client(clients={"app": "s3cret"}) as privy:
        answer = await privy.http.post("/oauth/token", json=GRANT)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


# Rate windows


async def test_every_answer_carries_the_six_headers() -> None:
    async with client(clients={"app": "s3cret"}, per_minute=4) as privy:
        answers = [
            await privy.place(),
            await privy.place(total="x"),
            await privy.raw(b"{"),
            await privy.raw(b"{}", Authorization="Bearer nobody"),
            await privy.http.get("/v1/nowhere"),
            await privy.http.get("/v1/orders/placed"),
            await privy.http.post("/oauth/token", data=GRANT),
            await privy.raw(b" " * (1024 * 1024 + 1)),
            await privy.place(),
            await privy.place(),
        ]
        assert [a.status_code for a in answers] == [201, 422, 400, 401, 404, 405, 200, 413, 200, 429]
        assert all(set(answer.headers) >= SIX for answer in answers)


async def test_a_fixed_window_ends_with_the_clocks_minute() -> None:
    clock = Hands()
    async with client(clock=clock, per_minute=2) as privy:
        first = await privy.place()
        assert first.headers["x-ratelimit-limit-minute"] == "2"
        assert first.headers["x-ratelimit-remaining-minute"] == "1"
        assert float(first.headers["x-ratelimit-reset-minute"]) == clock.now + 30
        clock.now += 29.5
        await privy.place()
        refused = await privy.place()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["code"] == "rate_limited"
        clock.now += 0.5
        assert (await privy.place()).headers["x-ratelimit-remaining-minute"] == "1"


async def test_a_sliding_window_lets_each_request_go_after_a_minute() -> None:
    clock = Hands()
    async with client(clock=clock, per_minute=2, window="sliding") as privy:
        await privy.place()
        clock.now += 40
        await privy.place()
        refused = await privy.place()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "20")
        clock.now += 20
        assert (await privy.place()).status_code == 200
        assert (await privy.place()).headers["retry-after"] == "40"


async def test_the_day_is_a_window_of_its_own() -> None:
    clock = Hands()
    async with client(clock=clock, per_minute=None, per_day=1) as privy:
        answer = await privy.place()
        assert "x-ratelimit-limit-minute" not in answer.headers
        assert (await privy.place()).headers["retry-after"] == str(86_400 - 12 * 3600 - 30)


async def test_refused_orders_spend_from_the_budget_and_429s_do_not() -> None:
    async with client(clock=Hands(), per_minute=2, window="sliding") as privy:
        await privy.place(total="x")
        await privy.place()
        assert [(await privy.place()).status_code for _ in range(3)] == [429, 429, 429]
        assert [arrival.counted for arrival in privy.privy.arrivals] == [True, True, False, False, False]
        assert [arrival.status for arrival in privy.privy.arrivals] == [422, 201, 429, 429, 429]


async def test_tokens_share_the_budget_and_so_does_another_integration() -> None:
    async with client(clock=Hands(), clients={"app": "s3cret"}, per_minute=10) as privy:
        token = (await privy.http.post("/oauth/token", data=GRANT)).json()["access_token"]
        await privy.place(token=token)
        await privy.http.post("/sandbox/config", json={"spend": 5})
        assert (await privy.place()).headers["x-ratelimit-remaining-minute"] == "3"
