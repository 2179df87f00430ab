"""Sending one order to Privy: one account's address and token, one request an attempt."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import msgspec

from connector.delivery import answers
from connector.delivery.answers import Outcome
from connector.model.errors import AuthError, Unavailable
from connector.model.states import AttemptOutcome
from connector.runtime.clock import Clock
from connector.runtime.http import Http, refusal

PATH = "/v1/orders/placed"
DEADLINE = 30.0  # seconds for one call, from connecting to the last byte
RENEW_BEFORE = 300.0  # seconds before an access token runs out
PROBE = b'{"order_id":0}'  # has no valid field, so it can create nothing


class Privy:
    """One account at Privy: its address and its token, fixed or renewed by OAuth client credentials."""

    def __init__(
        self,
        *,
        http: Http,
        clock: Clock,
        base_url: str,
        token: str | None = None,
        client: tuple[str, str] | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self._http = http
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._client = client
        self._renew_at = 0.0
        self._deadline = deadline
        self._renewed = False  # the token is the one that was asked for after a 401
        self._lock = asyncio.Lock()

    async def send(self, body: bytes, integration_token: str | None) -> Outcome:
        """One attempt; never raises for anything that Privy or the network does."""
        try:
            token = await self._bearer()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            if integration_token:
                headers["X-Privy-Integration-Token"] = integration_token
            reply = await self._http.send(
                "POST", self._base_url + PATH, headers=headers, content=body, deadline=self._deadline
            )
        except AuthError as error:
            return Outcome(kind=AttemptOutcome.ACCOUNT, detail=str(error))
        except Unavailable as error:
            return Outcome(
                kind=AttemptOutcome.LATER,
                detail=str(error),
                maybe=error.maybe_done,
                retry_after=error.retry_after,
            )
        sent = msgspec.json.decode(body, type=_Numbered)
        outcome = answers.read_answer(reply, integration_token is not None, sent.order_id)
        if outcome.kind is AttemptOutcome.REFUSED:
            outcome = msgspec.structs.replace(outcome, detail=answers.without_buyer(outcome.detail, body))
        if self._client and self._renews(reply.status, token):
            outcome = Outcome(
                kind=AttemptOutcome.LATER, detail="401: asking for a new access token", renew=True
            )
        said_at = reply.date
        now = (said_at or self._clock.now()).timestamp()
        return msgspec.structs.replace(outcome, windows=answers.windows(reply, now), said_at=said_at)

    async def probe(self, integration_token: str | None) -> Outcome:
        """Test the credentials with a body that can create no order: 422 means that they are good."""
        return await self.send(PROBE, integration_token)

    def _renews(self, status: int, token: str) -> bool:
        """A token can be revoked before its time: after a 401 one new token is asked for, once.

        True when the refused call is to be tried again at once: with the new token, not with this one.
        """
        if status != 401:
            self._renewed = self._renewed and token != self._token
            return False
        if token != self._token:
            return True
        again = not self._renewed
        self._renewed, self._token = True, None
        return again

    async def _bearer(self) -> str:
        if self._client is None:
            return self._token or ""
        async with self._lock:
            if self._token is None or self._clock.steady() >= self._renew_at:
                self._token = await self._new_token(*self._client)
            return self._token

    async def _new_token(self, client_id: str, client_secret: str) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": "orders_write",
        }
        reply = await self._http.send(
            "POST",
            self._base_url + "/oauth/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=urlencode(form).encode(),
            deadline=self._deadline,
        )
        if reply.status in (400, 401, 403):
            raise AuthError(f"{reply.url} refuses the OAuth client ({reply.status}); check its id and secret")
        if reply.status != 200:
            raise refusal(reply)
        answer = reply.json()
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise Unavailable(f"{reply.url} answered without an access token")
        life = answer.get("expires_in")
        seconds = float(life) if isinstance(life, int) and life > 0 else 7200.0
        self._renew_at = self._clock.steady() + max(seconds - RENEW_BEFORE, seconds / 2)
        return str(answer["access_token"])


class _Numbered(msgspec.Struct):
    order_id: int
