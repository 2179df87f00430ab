"""What each possible answer of Privy to one order means.

The table of answers follows the Privy API's pages on errors and rate limits. Delivered means a 2xx with
Privy's JSON in it: a redirect, an HTML page with 200 or a cut-off body does not count.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from connector.model import payload
from connector.model.errors import Unavailable
from connector.model.states import AttemptOutcome
from connector.runtime import exact_json
from connector.runtime.http import Reply, refusal

LONGEST_REST = 86_400.0  # seconds, when Privy's own headers say that the day is spent
LONGEST_WAIT = 3600.0  # seconds: one 429 with a far Retry-After must not rest an account for a day
LONGEST_FAULT = 300.0  # seconds: a maintenance page asks for as long as it likes, and lasts seconds
MOST_REQUESTS = 10**9  # a limit that fits any database's integer
MOST_DETAILS = 50
_FIELD = re.compile(r"[.\[]")
_VARYING = re.compile(r"\"[^\"]*\"|'[^']*'|\b(?=\w*\d)[\w-]+\b|\S+@\S+|…")
_COUNT = re.compile(b"[0-9]{1,12}")
_RATE_HEADERS = {
    span: [f"x-ratelimit-{part}-{span}".encode() for part in ("limit", "remaining", "reset")]
    for span in ("minute", "day")
}


class RateWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One window as an answer's headers state it; ``resets_in`` in seconds after the answer."""

    span: str
    limit: int
    remaining: int
    resets_in: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt came to.

    ``retry_after`` is a wait in seconds that Privy asked for; ``maybe`` says that Privy may hold the order
    all the same; ``said_at`` is the answer's own date, UTC. ``problems`` are what a refusal names, in a form
    that is the same for each order; ``fields`` the fields that its details name. ``without`` is the field
    that a ``partly`` refused order goes once more without.
    """

    kind: AttemptOutcome
    detail: str
    maybe: bool = False
    retry_after: float | None = None
    renew: bool = False
    said_at: datetime | None = None
    windows: tuple[RateWindow, ...] = ()
    problems: frozenset[str] = frozenset()
    fields: tuple[str, ...] = ()
    without: str = ""

    @property
    def about_the_order(self) -> bool:
        """Whether a refusal names fields of the order and nothing else."""
        return bool(self.fields) and all(_FIELD.split(name, 1)[0] in payload.FIELDS for name in self.fields)


def read_answer(reply: Reply, has_integration_token: bool, order_id: int) -> Outcome:
    """The table of answers. One that speaks of another order than ``order_id`` is none to this call."""
    status, answer = reply.status, _json(reply)
    if status in (200, 201):
        data = answer.get("data") if isinstance(answer, dict) else None
        told = data.get("order_id") if isinstance(data, dict) else None
        if str(told) == str(order_id):
            return Outcome(kind=AttemptOutcome.DELIVERED, detail=str(status))
        if told:
            detail = f"{status} with the answer to another order; does a cache interfere?"
            return Outcome(kind=AttemptOutcome.LATER, detail=detail, maybe=True)
        return Outcome(
            kind=AttemptOutcome.LATER, detail=f"{status} without Privy's JSON, {reply.kind()}", maybe=True
        )
    said = _error(answer)
    detail = f"{status}" + (f" {said}" if said else f", {reply.kind()}")
    if status in (401, 403):
        what = "the token is missing, expired or revoked" if status == 401 else "the token lacks orders_write"
        detail = f"{detail}: {what}; set a new one"
        return Outcome(kind=AttemptOutcome.ACCOUNT, detail=detail, problems=_problems(status, answer))
    if status == 429:
        most = LONGEST_REST if _day_is_spent(reply) else LONGEST_WAIT
        return Outcome(kind=AttemptOutcome.LIMIT, detail=detail, retry_after=reply.retry_after(most) or 60.0)
    if status == 422 and has_integration_token and said and "integration" in said.lower():
        detail = f"{detail}; check the store's integration_token"
        return Outcome(kind=AttemptOutcome.STORE, detail=detail, problems=_problems(status, answer))
    if said and 400 <= status < 500 and status not in (407, 408, 425):
        fields = tuple(field for field, _ in _details(answer))
        problems = _problems(status, answer)
        return Outcome(kind=AttemptOutcome.REFUSED, detail=detail, problems=problems, fields=fields)
    if 300 <= status < 500:
        return Outcome(kind=AttemptOutcome.LATER, detail=f"{refusal(reply)}; check the account's base_url")
    wait = reply.retry_after(LONGEST_FAULT)
    return Outcome(kind=AttemptOutcome.LATER, detail=detail, maybe=True, retry_after=wait)


def windows(reply: Reply, now: float) -> tuple[RateWindow, ...]:
    """Both rate windows from the headers; ``now`` is the answer's own Date, so no skewed clock matters."""
    found: list[RateWindow] = []
    stated = {name.lower(): value for name, value in reply.headers.raw}  # httpx reads all for each one asked
    for span, names in _RATE_HEADERS.items():
        values = [stated.get(name, b"") for name in names]
        if all(map(_COUNT.fullmatch, values)):
            limit, remaining, reset = (int(value) for value in values)
            found.append(
                RateWindow(
                    span=span,
                    limit=min(limit, MOST_REQUESTS),
                    remaining=min(remaining, MOST_REQUESTS),
                    resets_in=reset - now,
                )
            )
    return tuple(found)


def _day_is_spent(reply: Reply) -> bool:
    return bool(reply.headers.get("x-ratelimit-remaining-day", "").strip() == "0")


def _json(reply: Reply) -> Any:
    try:
        return reply.json()
    except Unavailable:
        return None


def _error(answer: Any) -> str:
    """Privy's error envelope in words: its code and the fields named, not the values sent; empty for none."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return ""
    fields = [f"{field} {message}" for field, message in _details(answer)]
    text = f"{error.get('code')}: " + ("; ".join(fields) or str(error.get("message")))
    return text[:500]


def _details(answer: Any) -> list[tuple[str, str]]:
    """(field, message) of each entry of an error's details."""
    error = answer.get("error") if isinstance(answer, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    entries = details[:MOST_DETAILS] if isinstance(details, list) else []
    return [(str(one.get("field")), str(one.get("message"))) for one in entries if isinstance(one, dict)]


def _problems(status: int, answer: Any) -> frozenset[str]:
    """What a refusal names, without what differs from order to order: numbers, ids, quoted values."""
    error = answer.get("error") if isinstance(answer, dict) else None
    error = error if isinstance(error, dict) else {}
    said = [f"{field} {message}" for field, message in _details(answer)]
    said = said or [f"{error.get('code')} {error.get('message')}"]
    return frozenset(f"{status} {_VARYING.sub('#', one[:500])}" for one in said)


def without_buyer(said: str, body: bytes) -> str:
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
