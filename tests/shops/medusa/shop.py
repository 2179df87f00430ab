"""The stand-in's orders and what moves which of their times."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[3] / "cassettes" / "medusa" / "samples" / "orders"


class Shop:
    """A shop whose clock runs: every change has a time of its own, in milliseconds."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.before_request: Callable[[], None] = lambda: None
        self.orphans: list[str] = []  # when payments of carts moved
        self.requests: list[str] = []
        self._last = datetime(2000, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The present, later than any present before."""
        self._last = max(datetime.now(UTC), self._last + timedelta(milliseconds=1))
        return self._last

    def advance(self, by: timedelta) -> None:
        """Sets the clock ahead."""
        self._last += by

    def place(self, *, at: datetime | None = None, sample: str = "placed_only") -> str:
        """An order like that of the sample, placed ``at``."""
        order: dict[str, Any] = deepcopy(_sample(sample))
        number = len(self.orders) + 1
        time = text(at or self.now())
        order |= {"id": f"order_01STANDIN{number:017}", "display_id": number}
        order |= {"created_at": time, "updated_at": time}
        for index, collection in enumerate(order["payment_collections"]):
            collection |= {"id": f"pay_col_{number:05}_{index}", "updated_at": time}
            for payment in collection["payments"]:
                payment |= {"id": f"pay_{number:05}_{index}", "updated_at": time}
        self.orders[order["id"]] = order
        return str(order["id"])

    def put(self, body: dict[str, Any]) -> None:
        """An order as a real shop had it, its times too."""
        self.orders[body["id"]] = deepcopy(body)

    def edit(self, ref: str, **changes: Any) -> None:
        """A change that moves the order's time, like most."""
        self.orders[ref] |= {**changes, "updated_at": text(self.now())}

    def capture(self, ref: str) -> None:
        """Takes the money: the payment moves, the order does not."""
        order = self.orders[ref]
        order["payment_status"] = "captured"
        for collection in order["payment_collections"]:
            time = text(self.now())
            collection["updated_at"] = time
            for payment in collection["payments"]:
                payment |= {"captured_at": time, "updated_at": time}

    def refund_returned(self, ref: str) -> None:
        """Money back for goods that came back: only the payment collection moves."""
        order = self.orders[ref]
        order["payment_status"] = "partially_refunded"
        for collection in order["payment_collections"]:
            collection["updated_at"] = text(self.now())

    def payments(self) -> list[dict[str, Any]]:
        """Every payment, with its collection and order."""
        carts: list[dict[str, Any]] = [
            {
                "id": f"pay_cart_{number}",
                "updated_at": time,
                "payment_collection": {"updated_at": time, "order": None},
            }
            for number, time in enumerate(self.orphans)
        ]
        return carts + [
            {
                **payment,
                "payment_collection": {
                    "id": collection["id"],
                    "updated_at": collection["updated_at"],
                    "order": {"id": order["id"]},
                },
            }
            for order in self.orders.values()
            for collection in order["payment_collections"]
            for payment in collection["payments"]
        ]


@cache
def _sample(name: str) -> Any:
    """Without the exact texts of amounts, which nobody reads here."""
    return _lean(json.loads((SAMPLES / f"{name}.json").read_text()))


def _lean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lean(part) for name, part in value.items() if not name.startswith("raw_")}
    return [_lean(part) for part in value] if isinstance(value, list) else value


def text(time: datetime) -> str:
    """As Medusa writes times."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
