"""The orders of the stand-in, its clock, and what its people do to them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from connector.runtime import exact_json

SAMPLES = Path(__file__).parents[3] / "cassettes" / "vendure" / "samples" / "orders"
TIMES = ("createdAt", "updatedAt", "orderPlacedAt")


@dataclass
class Stored:
    """An order: its body as the API shows it, and its times to the microsecond."""

    body: dict[str, Any]
    times: dict[str, datetime | None]

    def shown(self) -> dict[str, Any]:
        """The body with its times as they are now."""
        return {**self.body, **{name: text(time) for name, time in self.times.items()}}


@dataclass
class Shop:
    """``orders`` by their ids. ``channels`` are tokens; the first is the default channel's.

    With ``sorts`` off, lists come in whatever order: no real one was seen to do so.
    """

    key: str = "key:secret"
    login: tuple[str, str] = ("admin", "open sesame")
    channels: list[str] = field(default_factory=lambda: ["default-channel-token"])
    precision: int = 2
    sorts: bool = True
    orders: dict[str, Stored] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def add(self, sample: str = "settled", *, at: datetime | None = None, **changes: Any) -> str:
        """A copy of a sample order, placed and last changed at a time (aware UTC; default: now)."""
        at = at or datetime.now(UTC)
        number = next(self._ids)
        body = exact_json.decode((SAMPLES / f"{sample}.json").read_bytes())
        body |= {"id": str(number), "code": f"CODE{number:012}", **changes}
        placed = at if body["orderPlacedAt"] else None
        self.orders[str(number)] = Stored(body, {"createdAt": at, "updatedAt": at, "orderPlacedAt": placed})
        return str(number)

    def put(self, body: Mapping[str, Any]) -> None:
        """An order as a real shop had it, its times too. A parcel that tells no lines holds everything."""
        lines = [{"orderLineId": line["id"], "quantity": line["quantity"]} for line in body["lines"]]
        parcels = [{"lines": lines, **parcel} for parcel in body["fulfillments"]]
        times = {name: datetime.fromisoformat(body[name]) for name in TIMES}
        self.orders[body["id"]] = Stored({**body, "fulfillments": parcels}, {**times})

    def cancel_line(self, ref: str) -> None:
        """One piece of the first line less: of all that a shop does, this moves ``updatedAt``."""
        order = self.orders[ref]
        line = order.body["lines"][0]
        line["quantity"] = max(0, line["quantity"] - 1)
        order.body["totalWithTax"] -= line["unitPriceWithTax"]
        order.times["updatedAt"] = datetime.now(UTC)

    def place(self, ref: str) -> None:
        """A cart is paid: ``orderPlacedAt`` is set, ``updatedAt`` stands still."""
        order = self.orders[ref]
        order.body |= {"state": "PaymentSettled", "active": False}
        order.times["orderPlacedAt"] = datetime.now(UTC)

    def deliver(self, ref: str) -> None:
        """Everything in one parcel; the order's times stand still."""
        body = self.orders[ref].body
        now = text(datetime.now(UTC))
        lines = [{"orderLineId": line["id"], "quantity": line["quantity"]} for line in body["lines"]]
        parcel = {"id": "1", "createdAt": now, "updatedAt": now, "state": "Delivered"}
        body["fulfillments"] = [{**parcel, "method": "Post", "trackingCode": "", "lines": lines}]
        body["state"] = "Delivered"

    def refund(self, ref: str, amount: int) -> None:
        """Money goes back; the order's times and its state stand still."""
        payment = self.orders[ref].body["payments"][0]
        now = text(datetime.now(UTC))
        payment["refunds"] = [
            *copy.deepcopy(payment["refunds"]),
            {
                "id": "1",
                "createdAt": now,
                "updatedAt": now,
                "state": "Settled",
                "total": amount,
                "reason": "",
            },
        ]


def text(time: datetime | None) -> str | None:
    """As the API shows it: cut off at milliseconds."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def truncated(time: datetime) -> datetime:
    """As the API takes it: JavaScript's dates have milliseconds."""
    return time - timedelta(microseconds=time.microsecond % 1000)
