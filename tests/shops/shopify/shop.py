"""The state of the stand-in shop: orders, clock, access, faults. Thread-safe; knows nothing of HTTP."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from threading import RLock
from typing import Any

from tests.shops.clock import Clock
from tests.shops.faults import Faults
from tests.shops.shopify.bulk import Bulk
from tests.shops.shopify.catalogue import EVERYDAY, Maker, made
from tests.shops.shopify.cost import Bucket
from tests.shops.shopify.documents import document
from tests.shops.shopify.faults import KINDS
from tests.shops.shopify.index import Index
from tests.shops.shopify.orders import CENT, SHIPPED_IN, Document, Order, Parcel, Refund
from tests.shops.shopify.webhooks import Webhooks

SCOPES = frozenset(
    {"read_orders", "read_all_orders", "read_customers", "read_fulfillments"}
)  # what this connector asks for
WINDOW = timedelta(days=60)
TOKEN_SECONDS = 86_399
DEEPEST = 25_000
VERSIONS: tuple[str, ...] = ("2026-01", "2026-04", "2026-07", "2026-10")  # supported in November 2026
CONTROLS = frozenset(
    {
        "add", "seed", "pay", "capture", "fulfil", "carrier", "refund", "cancel", "edit", "touch", "consent",
        "delete", "order", "ids", "commit", "fail", "calm", "expire_tokens", "redact",
    }
)  # fmt: skip


class Shop:
    """See the package's docstring."""

    def __init__(
        self,
        *,
        domain: str = "example-shop.myshopify.com",
        currency: str = "USD",
        bucket: Bucket | None = None,
        first_id: int = 6_100_000_000_001,
    ) -> None:
        self.domain = domain
        self.currency = currency
        self.name = "Example Shop"
        self.scopes = set(SCOPES)
        self.masked = False  # protected customer data of level 2 is withheld
        self.client_id = "client_test"
        self.client_secret = "shpss_test"
        self.grant_failure = ""  # such as shop_not_permitted
        self.tokens: dict[str, datetime | None] = {"shpat_test": None}  # with the end of their life
        self.granted = 0
        self.versions: tuple[str, ...] = VERSIONS
        self.clock = Clock()
        self.bucket = bucket or Bucket()
        self.latency = 0.0
        self.broken = ""  # an order at which Shopify fails, unless it is asked for its id only
        self.index_lag = 0.0  # seconds after which a change is seen in lists
        self.carrier_moves_updated_at = False
        self.deepest = DEEPEST
        self.faults = Faults(KINDS)
        self.mistakes: list[str] = []  # what this stand-in cannot do, or a client must not
        self.requests: deque[tuple[str, str, Any]] = deque(maxlen=10_000)
        self.before_request: Callable[[], None] | None = None
        self.lock = RLock()
        self.webhooks = Webhooks(self)
        self.bulk = Bulk(self)
        self.orders: dict[int, Order] = {}
        self._index = Index()
        self._next_id = count(first_id)
        self._next_number = count(1001)
        self._dice = Random(1)

    # Orders

    def seed(
        self, orders: int, *, until: str | None = None, step: float = 60.0, kinds: Sequence[str] = EVERYDAY
    ) -> list[int]:
        """Orders of these kinds in turn, ``step`` seconds apart, the last placed at ``until`` (else now)."""
        last = datetime.fromisoformat(until) if until else self.clock.now()
        times = (last - timedelta(seconds=step * (orders - 1 - n)) for n in range(orders))
        return [
            self.add(kinds[n % len(kinds)], placed_at=at.isoformat(), announce=False)
            for n, at in enumerate(times)
        ]

    def add(
        self, kind: str = "card", *, placed_at: str | None = None, announce: bool = True, **changes: Any
    ) -> int:
        """A new order, with ``changes`` of the attributes of ``orders.Order``. Answers its id."""
        with self.lock:
            at = datetime.fromisoformat(placed_at).astimezone(UTC) if placed_at else self.clock.now()
            maker = Maker(self._next_id, self._dice, next(self._next_number), at, self.currency)
            order = made(kind, maker)
            for name, value in changes.items():
                if not hasattr(order, name):
                    raise TypeError(f"an order has no {name}")
                setattr(order, name, value)
            self.orders[order.id] = order
            self._publish(order)
            if announce:
                paid = ["orders/paid"] if order.financial == "PAID" else []
                self.webhooks.announce(order, ["orders/create", *paid])
            return order.id

    def pay(self, id: int) -> None:
        """The money arrives: a transfer, or a captured card."""
        with self.lock:
            order = self._order(id)
            kind = "CAPTURE" if any(one[0] == "AUTHORIZATION" for one in order.payments) else "SALE"
            order.payments = [one for one in order.payments if one[1] != "PENDING"]
            order.payments.append((kind, "SUCCESS", order.outstanding))
            self._save(order, "orders/paid", "order_transactions/create")

    def fulfil(self, id: int, lines: int | None = None, *, tracking: str | None = None) -> int:
        """Ships what is left of the first ``lines`` lines (else of all); answers the parcel's id."""
        with self.lock:
            order = self._order(id)
            sent: dict[int, int] = {}
            for parcel in order.parcels:
                for line, units in parcel.units.items() if parcel.status in SHIPPED_IN else ():
                    sent[line] = sent.get(line, 0) + units
            left = {x.id: x.kept - x.refunded - sent.get(x.id, 0) for x in order.lines[:lines] if x.ships}
            shipped = {line: units for line, units in left.items() if units > 0}
            parcel = Parcel(next(self._next_id), self.clock.now(), shipped, tracking=tracking)
            order.parcels.append(parcel)
            if any(kind == "AUTHORIZATION" for kind, _, _ in order.payments) and not order.received:
                order.payments.append(("CAPTURE", "SUCCESS", order.total))
            word = "fulfilled" if order.fulfillment == "FULFILLED" else "partially_fulfilled"
            self._save(order, f"orders/{word}", "fulfillments/create", parcel=parcel)
            return parcel.id

    def carrier(self, id: int, display: str = "DELIVERED", parcel: int | None = None) -> None:
        """The carrier reports on one parcel, else on all; see ``carrier_moves_updated_at``."""
        with self.lock:
            order = self._order(id)
            for one in order.parcels:
                if parcel in (None, one.id):
                    one.display = display
                    one.delivered_at = self.clock.now() if display == "DELIVERED" else None
                    topics = ("fulfillment_events/create", "fulfillments/update")
                    self._save(order, *topics, moves=self.carrier_moves_updated_at, parcel=one)

    def refund(self, id: int, amount: str | None = None) -> None:
        """Gives an amount back, or all that is left with every unit."""
        with self.lock:
            order = self._order(id)
            units: dict[int, int] = {}
            if amount is None:
                for line in order.lines:
                    units[line.id] = line.kept - line.refunded
                    line.refunded = line.kept
            back = Decimal(amount) if amount is not None else order.received - order.refunded
            order.refunds.append(Refund(next(self._next_id), self.clock.now(), back, units))
            order.payments.append(("REFUND", "SUCCESS", back))
            self._save(order, "refunds/create", "order_transactions/create")

    def cancel(self, id: int) -> None:
        """Cancels, with the money given back or never taken."""
        with self.lock:
            order = self._order(id)
            order.cancelled_at = order.closed_at = self.clock.now()
            if order.received:
                self.refund(id)
            elif order.payments:
                order.payments.append(("VOID", "SUCCESS", order.total))
            self._save(order, "orders/cancelled")

    def edit(
        self, id: int, *, remove: int = 0, title: str = "", price: str = "1.00", quantity: int = 1
    ) -> None:
        """An order edit: takes units off the first line, or adds a line."""
        with self.lock:
            order = self._order(id)
            order.edited = True
            order.lines[0].removed += remove
            if title:
                maker = Maker(self._next_id, self._dice, order.number, order.created_at, order.currency)
                line = maker.line(order.lines[0].taxes)
                line.title, line.price, line.quantity = title, Decimal(price).quantize(CENT), quantity
                order.lines.append(line)
            self._save(order, "orders/edited")

    def touch(self, id: int) -> None:
        """A note of the merchant: the change time moves, nothing that Privy knows of does."""
        with self.lock:
            order = self._order(id)
            order.note = f"seen {self.clock.now().isoformat()}"
            self._save(order)

    def consent(self, id: int, *, email: str | None = None, sms: str | None = None) -> None:
        """The buyer of an order changes a consent; the order itself does not change."""
        with self.lock:
            customer = self._order(id).customer
            assert customer is not None
            customer.email_state = email or customer.email_state
            customer.sms_state = sms or customer.sms_state

    def delete(self, id: int) -> None:
        """Deletes for good: no list, no order; only a webhook tells."""
        with self.lock:
            order = self.orders.pop(self._order(id).id)
            self._index.drop(id)
            self.webhooks.announce(order, ["orders/delete"])

    def redact(self, topic: str, id: int | None = None) -> None:
        """A privacy webhook: ``customers/redact``, ``customers/data_request`` or ``shop/redact``."""
        with self.lock:
            self.webhooks.compliance(topic, self._order(id) if id else None)

    def order(self, id: int) -> Document:
        """The order's document in full."""
        with self.lock:
            return document(self._order(id))

    def ids(self) -> list[int]:
        """All orders, ascending by id."""
        with self.lock:
            return sorted(self.orders)

    def all_ids(self) -> list[int]:
        """The same: deleted orders are in no trash."""
        return self.ids()

    def visible(self) -> datetime:
        """Since when an order must have been created to be seen at all."""
        if "read_all_orders" in self.scopes:
            return datetime.min.replace(tzinfo=UTC)
        return self.clock.now() - WINDOW

    @property
    def index(self) -> Index:
        """The index, with what is due by now."""
        self._index.take(self.clock.now(), self.orders)
        return self._index

    def commit(self) -> None:
        """The index catches up."""
        with self.lock:
            self._index.take(None, self.orders)

    # Access

    def grant(self) -> tuple[str, int]:
        """A new token by client credentials and the seconds that it lives."""
        with self.lock:
            self.granted += 1
            token = f"shpat_{secrets.token_hex(16)}"
            self.tokens[token] = self.clock.now() + timedelta(seconds=TOKEN_SECONDS)
            return token, TOKEN_SECONDS

    def accepts(self, token: str) -> bool:
        """Whether a token is known and still lives."""
        with self.lock:
            end = self.tokens.get(token, datetime.min.replace(tzinfo=UTC))
            return end is None or end > self.clock.now()

    def expire_tokens(self) -> None:
        """Every token dies at once, as after a day or a new secret."""
        with self.lock:
            self.tokens.clear()

    # Faults

    def fail(self, kind: str, *, times: int | None = 1, path: str = "") -> None:
        """The next requests fail; see ``faults.KINDS``."""
        self.faults.add(kind, times, path)

    def calm(self) -> None:
        """No more faults, no latency."""
        self.faults.clear()
        with self.lock:
            self.latency = 0.0

    # Inside

    def _order(self, id: int) -> Order:
        if id not in self.orders:
            raise LookupError(f"there is no order {id}")
        return self.orders[id]

    def _save(self, order: Order, *topics: str, moves: bool = True, parcel: Parcel | None = None) -> None:
        if moves:
            order.updated_at = self.clock.now()
            self._publish(order)
            topics = ("orders/updated", *topics)
        self.webhooks.announce(order, topics, parcel)

    def _publish(self, order: Order) -> None:
        if self.index_lag:
            self._index.later(order, self.clock.now() + timedelta(seconds=self.index_lag))
        else:
            self._index.put(order)
