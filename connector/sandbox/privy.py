"""The stand-in itself: businesses behind one address, every call judged, stored and kept as an arrival."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from connector.model.errors import StateError
from connector.runtime import exact_json
from connector.sandbox import ledger, rules
from connector.sandbox.access import TOKEN_SECONDS, WRITE, Access, Grant
from connector.sandbox.faults import Fault, Script
from connector.sandbox.journal import Arrival, Journal
from connector.sandbox.ledger import Ledger
from connector.sandbox.limits import Limits
from connector.sandbox.refusal import Refusal, scripted, unauthorized
from connector.sandbox.rules import Problem

INTEGRATION_HEADER = "X-Privy-Integration-Token"
PLACED_PATH = "/v1/orders/placed"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request for *Order placed* as it came in; ``integration`` is None when the header is absent."""

    authorization: str
    content_type: str
    integration: str | None
    body: bytes


class Answer(msgspec.Struct, kw_only=True):
    """What is to be answered, and the fault that is to spoil it on its way, if any."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    fault: Fault | None = None


class Business:
    """One Privy business (an *account* of ours) with its limits, Custom Integrations and ledger.

    ``integrations`` maps each token to whether it is active. The reference says of an unknown one only that
    it answers 422: ``wording`` is a message of another kind, without details; with ``integration_last`` the
    token is looked at only when the order itself is good.
    """

    def __init__(
        self, name: str = "main", *, limits: Limits | None = None, integrations: Iterable[str] = ()
    ) -> None:
        self.name = name
        self.limits = limits or Limits()
        self.integrations = dict.fromkeys(integrations, True)
        self.ledger = Ledger()
        self.wording = ""
        self.integration_last = False

    def tie(self, token: str | None) -> str | None:
        """The integration an order belongs to, empty for none; None when ``token`` names no active one."""
        if token is not None:
            return token if self.integrations.get(token) else None
        active = [name for name, alive in self.integrations.items() if alive]
        return active[0] if len(active) == 1 else ""


class Sandbox:
    """A stand-in for Privy in one process; ``connector.sandbox.server`` puts it on a port.

    ``data`` is a file that keeps what arrived; without it everything is in memory. ``clock`` gives unix
    seconds. ``latency`` is a wait in seconds before each answer. ``on_arrival`` is called with each
    arrival once it is judged. Raises StateError when ``data`` cannot be used.
    """

    def __init__(
        self,
        *businesses: Business,
        data: Path | None = None,
        token_seconds: float = TOKEN_SECONDS,
        phone_region: str = "US",
        latency: float = 0.0,
        clock: Callable[[], float] = time.time,
        on_arrival: Callable[[Arrival], None] | None = None,
    ) -> None:
        self.businesses = {business.name: business for business in businesses or (Business(),)}
        self.access = Access(token_seconds)
        self.faults = Script()
        self.arrivals: list[Arrival] = []
        self.phone_region = phone_region
        self.latency = latency
        self.clock = clock
        self.on_arrival = on_arrival
        self.first = next(iter(self.businesses.values()))
        self._journal = Journal(data) if data else None
        if self._journal:
            for arrival in self._journal.replay():
                self._replay(arrival)

    def limit_headers(self, business: Business | None) -> dict[str, str]:
        """The rate headers; a caller whose token is unknown sees unspent limits like the first business's."""
        limits = business.limits if business else self.first.limits.unspent()
        return limits.headers(self.clock())

    def business_of(self, authorization: str) -> Business | None:
        """The business that a bearer token belongs to, expired and revoked ones too."""
        grant = self.access.grant(authorization)
        return self.businesses.get(grant.business) if grant else None

    def place(self, call: Call) -> Answer:
        """Judge one call of *Order placed*, store it if it is good, and keep it as an arrival.

        Raises StateError, with nothing stored, when the arrival cannot be written to the file.
        """
        now = self.clock()
        business = self.business_of(call.authorization)
        arrival = Arrival(
            number=len(self.arrivals) + 1,
            received_at=datetime.fromtimestamp(now, UTC),
            body=call.body.decode(errors="replace"),
            business=business.name if business else "",
        )
        try:
            answer = self._answer(call, business, arrival, now)
        except Refusal as refusal:
            answer = Answer(status=refusal.status, body=refusal.body(), headers=refusal.headers)
            arrival.status, arrival.fault = answer.status, ""
            self._keep(arrival)
        answer.headers.update(self.limit_headers(business))
        if self.on_arrival:
            self.on_arrival(arrival)
        return answer

    def _answer(self, call: Call, business: Business | None, arrival: Arrival, now: float) -> Answer:
        """The answer to a call that is not refused, or that a fault is scripted for. Raises Refusal."""
        business = self._admit(self.access.grant(call.authorization), business, arrival, now)
        document = _decode(call, arrival)
        fault = self.faults.take(PLACED_PATH, arrival.order_id)
        arrival.fault = fault.kind if fault else ""
        fields = None
        status = 200
        if fault is None or fault.processes:
            fields = self._valid(document, business, call.integration, arrival)
            status = 200 if fields["order_id"] in business.ledger.orders else 201
        answer = Answer(status=status, body={}, headers={}, fault=fault)
        if fault:
            _replace(answer, fault)
        arrival.stored = fields is not None
        arrival.status = answer.status if fault is None or fault.answers else None
        self._keep(arrival)
        if fields is not None:
            order = business.ledger.place(fields, integration=arrival.integration, at=arrival.received_at)
            answer.body = answer.body or {"data": ledger.echo(order)}
        return answer

    def reset(self) -> None:
        """Forget orders, contacts, flows, arrivals, faults and spending; tokens and limits stay."""
        for business in self.businesses.values():
            business.ledger = Ledger()
            business.limits.clear()
        self.arrivals.clear()
        self.faults.clear()
        if self._journal:
            self._journal.clear()

    def close(self) -> None:
        """End hanging answers and let go of the file."""
        self.faults.released.set()
        if self._journal:
            self._journal.close()
            self._journal = None

    def _admit(
        self, grant: Grant | None, business: Business | None, arrival: Arrival, now: float
    ) -> Business:
        """Count the call and check its token. A call that is refused for the limits is not counted."""
        if grant is None or business is None:
            raise unauthorized("The token is missing or unknown.")
        wait = business.limits.refusal(now)
        if wait is not None:
            raise Refusal(
                429, "rate_limited", "Too many requests for this account.", headers={"Retry-After": str(wait)}
            )
        business.limits.spend(now)
        arrival.counted = True
        if grant.revoked or (grant.expires_at is not None and grant.expires_at <= now):
            raise unauthorized("The token is expired or revoked.")
        if WRITE not in grant.scopes:
            raise Refusal(403, "insufficient_scope", f"The token needs the scope {WRITE}.")
        return business

    def _valid(
        self, document: Any, business: Business, integration: str | None, arrival: Arrival
    ) -> dict[str, Any]:
        """The checked fields; the arrival learns its order, integration and ignored fields."""
        checked = rules.check(document, self.phone_region)
        arrival.ignored = checked.ignored
        problems = checked.problems
        tied = business.tie(integration)
        if tied is None and not (business.integration_last and problems):
            if business.wording:
                raise Refusal(422, "validation_failed", business.wording)
            problems = [Problem(INTEGRATION_HEADER, "is unknown or inactive"), *problems]
        if problems:
            raise Refusal(422, "validation_failed", "The order is not valid.", problems)
        arrival.integration = tied or ""
        arrival.initial_sync = checked.fields.get("initial_sync", False)
        return checked.fields

    def _keep(self, arrival: Arrival) -> None:
        """Keep an arrival, before anything it says takes effect. Raises StateError when the file is full."""
        if self._journal:
            self._journal.append(arrival)
        self.arrivals.append(arrival)

    def _replay(self, arrival: Arrival) -> None:
        """Bring back what an arrival of an earlier run left: its order, and its part of the limits."""
        self.arrivals.append(arrival)
        if not arrival.business:
            return
        business = self.businesses.get(arrival.business)
        if business is None:
            raise StateError(
                f"the sandbox's data has orders of {arrival.business!r}, a business it has not now"
            )
        if arrival.counted:
            business.limits.spend(arrival.received_at.timestamp())
        if arrival.stored:
            checked = rules.check(exact_json.decode(arrival.body), self.phone_region)
            business.ledger.place(checked.fields, integration=arrival.integration, at=arrival.received_at)


def _replace(answer: Answer, fault: Fault) -> None:
    """Put what a fault answers by itself in place of the true answer."""
    if fault.kind == "status":
        answer.status = fault.status
        answer.body = scripted(fault.status).body()
        if fault.retry_after is not None:
            answer.headers["Retry-After"] = str(fault.retry_after)
    elif fault.kind == "html":
        answer.status = 200
    elif fault.kind == "redirect":
        answer.status = 307
        answer.headers["Location"] = fault.location


def _decode(call: Call, arrival: Arrival) -> Any:
    """The body as exact JSON; the arrival learns which order it speaks of, if it does."""
    if call.content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "unsupported_media_type", "The body must be application/json.")
    try:
        document = exact_json.decode(call.body)
    except (exact_json.NotJSON, UnicodeDecodeError, RecursionError, InvalidOperation):
        raise Refusal(400, "bad_request", "The body is not JSON.") from None
    if isinstance(document, dict):
        arrival.order_id = rules.order_id(document.get("order_id"))
    return document
