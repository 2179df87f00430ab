"""Sending one order to Privy, and what each possible answer means.

The table of answers follows the Privy API's pages on errors and rate limits. Delivered means a 2xx with
Privy's JSON in it: a redirect, an HTML page with 200 or a cut-off body does not count.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from connector.model.errors import AuthError, Unavailable
from connector.runtime import exact_json
from connector.runtime.clock import Clock
from connector.runtime.http import Http, Reply, refusal

PATH = "/v1/orders/placed"
DEADLINE = 30.0  # seconds for one call, from connecting to the last byte
RENEW_BEFORE = 300.0  # seconds before an access token runs out
_COUNT = re.compile(b"[0-9]{1,12}")
_RATE_HEADERS = {
    span: [f"x-ratelimit-{part}-{span}".encode() for part in ("limit", "remaining", "reset")]
    for span in ("minute", "day")
}
PROBE = b'{"order_id":0}'  # has no valid field, so it can create nothing


class RateWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One window as an answer's headers state it; ``resets_in`` in seconds after the answer."""

    span: str
    limit: int
    remaining: int
    resets_in: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt came to.

    ``kind``: delivered; refused (this order's fault, for a person); later (passing); store (its integration
    token is refused); account (the token is refused); limit (wait ``retry_after`` seconds).
    ``maybe`` says that Privy may hold the order all the same; ``said_at`` is the answer's own date, UTC.
    """

    kind: str
    detail: str
    maybe: bool = False
    retry_after: float | None = None
    renew: bool = False
    said_at: datetime | None = None
    windows: tuple[RateWindow, ...] = ()


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
            return Outcome(kind="account", detail=str(error))
        except Unavailable as error:
            return Outcome(
                kind="later", detail=str(error), maybe=error.maybe_done, retry_after=error.retry_after
            )
        sent = msgspec.json.decode(body, type=_Numbered)
        outcome = judge(reply, integration_token is not None, sent.order_id)
        if outcome.kind == "refused":
            outcome = msgspec.structs.replace(outcome, detail=_without_buyer(outcome.detail, body))
        if self._client and self._renews(reply.status, token):
            outcome = Outcome(kind="later", detail="401: asking for a new access token", renew=True)
        said_at = reply.date
        now = (said_at or self._clock.now()).timestamp()
        return msgspec.structs.replace(outcome, windows=windows(reply, now), said_at=said_at)

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


def judge(reply: Reply, has_integration_token: bool, order_id: int) -> Outcome:
    """The table of answers. One that speaks of another order than ``order_id`` is none to this call."""
    status, answer = reply.status, _json(reply)
    if status in (200, 201):
        data = answer.get("data") if isinstance(answer, dict) else None
        told = data.get("order_id") if isinstance(data, dict) else None
        if str(told) == str(order_id):
            return Outcome(kind="delivered", detail=str(status))
        if told:
            detail = f"{status} with the answer to another order; does a cache interfere?"
            return Outcome(kind="later", detail=detail, maybe=True)
        return Outcome(kind="later", detail=f"{status} without Privy's JSON, {reply.kind()}", maybe=True)
    said = _error(answer)
    detail = f"{status}" + (f" {said}" if said else f", {reply.kind()}")
    if status in (401, 403):
        what = "the token is missing, expired or revoked" if status == 401 else "the token lacks orders_write"
        return Outcome(kind="account", detail=f"{detail}: {what}; set a new one")
    if status == 429:
        return Outcome(kind="limit", detail=detail, retry_after=reply.retry_after() or 60.0)
    if status == 422 and has_integration_token and said and "integration" in said.lower():
        return Outcome(kind="store", detail=f"{detail}; check the store's integration_token")
    if said and 400 <= status < 500 and status not in (407, 408, 425):
        return Outcome(kind="refused", detail=detail)
    if 300 <= status < 500:
        return Outcome(kind="later", detail=f"{refusal(reply)}; check the account's base_url")
    return Outcome(kind="later", detail=detail, maybe=True, retry_after=reply.retry_after())


def windows(reply: Reply, now: float) -> tuple[RateWindow, ...]:
    """Both rate windows from the headers; ``now`` is the answer's own Date, so no skewed clock matters."""
    found: list[RateWindow] = []
    stated = {name.lower(): value for name, value in reply.headers.raw}  # httpx reads all for each one asked
    for span, names in _RATE_HEADERS.items():
        values = [stated.get(name, b"") for name in names]
        if all(map(_COUNT.fullmatch, values)):
            limit, remaining, reset = (int(value) for value in values)
            found.append(RateWindow(span=span, limit=limit, remaining=remaining, resets_in=reset - now))
    return tuple(found)


def _json(reply: Reply) -> Any:
    try:
        return reply.json()
    except Unavailable:
        return None


def _without_buyer(said: str, body: bytes) -> str:
    """Privy's words without what the body says of the buyer, should it repeat a value that it refuses."""
    sent = exact_json.decode(body)
    values = [sent.get("email"), sent.get("phone"), sent.get("customer_id")]
    for name in ("billing_address", "shipping_address"):
        values += (sent.get(name) or {}).values()
    for value in sorted(
        {str(value) for value in values if value and len(str(value)) > 1}, key=len, reverse=True
    ):
        said = said.replace(value, "…")
    return said


def _error(answer: Any) -> str:
    """Privy's error envelope in words: its code and the fields named, not the values sent; empty for none."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return ""
    details = error.get("details")
    fields = [
        f"{detail.get('field')} {detail.get('message')}"
        for detail in (details if isinstance(details, list) else [])
        if isinstance(detail, dict)
    ]
    text = f"{error.get('code')}: " + ("; ".join(fields) or str(error.get("message")))
    return text[:500]
