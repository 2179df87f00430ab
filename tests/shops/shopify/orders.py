"""Orders as the shop's own books have them, with every sum worked out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

Document = dict[str, Any]
Taxes = tuple[tuple[str, Decimal], ...]  # (title, rate)
CENT = Decimal("0.01")
NOTHING = Decimal(0)

# How Shopify's word for a parcel follows from its last carrier event (page on fulfillment display statuses).
SHIPPED_IN = ("SUCCESS", "OPEN", "PENDING")


@dataclass
class Customer:
    """A buyer as the shop knows them now; consents are those of today, not of an order."""

    id: int
    email: str | None = None
    phone: str | None = None
    first_name: str | None = "Ada"
    last_name: str | None = "Example"
    email_state: str = "NOT_SUBSCRIBED"
    sms_state: str = "NEVER_SUBSCRIBED"


@dataclass
class Application:
    """A discount's rule; what it took off stands in the allocations of lines and shipping."""

    kind: str  # Code, Automatic, Manual, Script
    words: str
    percentage: Decimal | None = None
    amount: Decimal | None = None
    on_shipping: bool = False


@dataclass
class Line:
    """A line item. ``discounts`` are allocations by the application's index, for the whole line."""

    id: int
    title: str
    price: Decimal
    quantity: int
    sku: str | None = None
    taxes: Taxes = ()
    discounts: dict[int, Decimal] = field(default_factory=dict)
    removed: int = 0  # by edits
    refunded: int = 0
    product: int | None = None
    variant: int | None = None
    variant_title: str | None = None
    ships: bool = True

    @property
    def kept(self) -> int:
        """Units sold, after edits and before refunds."""
        return self.quantity - self.removed

    def base(self, units: int) -> Decimal:
        """The price of so many units after their share of the discounts, as shown to the buyer."""
        off = sum(self.discounts.values(), NOTHING)
        return self.price * units - (off * units / self.quantity if self.quantity else NOTHING)


@dataclass
class Shipping:
    """The shipping charge."""

    title: str
    price: Decimal
    taxes: Taxes = ()
    discounts: dict[int, Decimal] = field(default_factory=dict)

    def base(self) -> Decimal:
        """The charge after discounts."""
        return self.price - sum(self.discounts.values(), NOTHING)


@dataclass
class Parcel:
    """A fulfillment: how many units of which lines, and what the carrier says."""

    id: int
    created_at: datetime
    units: dict[int, int]
    status: str = "SUCCESS"
    display: str | None = "FULFILLED"
    delivered_at: datetime | None = None
    tracking: str | None = None


@dataclass
class Refund:
    """Money that went back, and the units it was for."""

    id: int
    at: datetime
    amount: Decimal
    units: dict[int, int] = field(default_factory=dict)


@dataclass
class Order:
    """An order. Amounts are in the shop's currency; ``rate`` turns them into the buyer's."""

    id: int
    number: int
    created_at: datetime
    updated_at: datetime  # to the microsecond; shown in whole seconds
    lines: list[Line]
    processed_at: datetime | None = None
    cancelled_at: datetime | None = None
    closed_at: datetime | None = None
    currency: str = "USD"
    presentment: str | None = None
    rate: Decimal = Decimal(1)
    taxes_included: bool = False
    applications: list[Application] = field(default_factory=list)
    shipping: Shipping | None = None
    tip: Decimal = NOTHING
    payments: list[tuple[str, str, Decimal]] = field(default_factory=list)  # (kind, status, amount)
    parcels: list[Parcel] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    customer: Customer | None = None
    email: str | None = None
    phone: str | None = None
    billing: Document | None = None
    shipping_address: Document | None = None
    accepts_marketing: bool = False
    source_name: str | None = "web"
    test: bool = False
    edited: bool = False
    waiting: str | None = None  # ON_HOLD, SCHEDULED, IN_PROGRESS … while nothing is shipped
    note: str | None = None

    # Sums

    def taxes(self, units: Mapping[int, int], *, shipping: bool) -> dict[tuple[str, Decimal], Decimal]:
        """Tax by title and rate on so many units of each line, and on shipping if asked."""
        found: dict[tuple[str, Decimal], Decimal] = {}
        parts: list[tuple[Taxes, Decimal]] = [
            (line.taxes, line.base(units.get(line.id, 0))) for line in self.lines
        ]
        if shipping and self.shipping:
            parts.append((self.shipping.taxes, self.shipping.base()))
        for taxes, base in parts:
            for tax, amount in self.taxed(taxes, base):
                found[tax] = found.get(tax, NOTHING) + amount
        return found

    def taxed(self, taxes: Taxes, base: Decimal) -> Iterable[tuple[tuple[str, Decimal], Decimal]]:
        net = base / (1 + sum((rate for _, rate in taxes), NOTHING)) if self.taxes_included else base
        return [((title, rate), (net * rate).quantize(CENT)) for title, rate in taxes]

    def sold(self) -> dict[int, int]:
        """Units by line, after edits and before refunds."""
        return {line.id: line.kept for line in self.lines}

    def subtotal(self, units: Mapping[int, int]) -> Decimal:
        """Lines after discounts; with tax where prices include it."""
        return sum((line.base(units[line.id]).quantize(CENT) for line in self.lines), NOTHING)

    def total_of(self, units: Mapping[int, int]) -> Decimal:
        """What so many units, the shipping and the tip come to."""
        taxes = NOTHING if self.taxes_included else sum(self.taxes(units, shipping=True).values(), NOTHING)
        return self.subtotal(units) + (self.shipping.base() if self.shipping else NOTHING) + taxes + self.tip

    @property
    def total(self) -> Decimal:
        """After edits, before refunds."""
        return self.total_of(self.sold())

    @property
    def refunded(self) -> Decimal:
        """Money that went back."""
        return sum((refund.amount for refund in self.refunds), NOTHING)

    @property
    def received(self) -> Decimal:
        """Money that came in."""
        kinds = ("SALE", "CAPTURE")
        return sum((sum_ for kind, status, sum_ in self.payments if (kind, status) in
                    {(one, "SUCCESS") for one in kinds}), NOTHING)  # fmt: skip

    @property
    def outstanding(self) -> Decimal:
        """What is still to be paid; nothing for a cancelled order."""
        return NOTHING if self.cancelled_at else max(self.total - self.received, NOTHING)

    # Statuses

    @property
    def financial(self) -> str | None:
        """``displayFinancialStatus``; null while there is no transaction at all, as on live shops."""
        kinds = {(kind, status) for kind, status, _ in self.payments}
        if ("VOID", "SUCCESS") in kinds:
            return "VOIDED"
        if self.received:
            if self.refunded:
                return "REFUNDED" if self.refunded >= self.received else "PARTIALLY_REFUNDED"
            return "PAID" if self.received >= self.total else "PARTIALLY_PAID"
        if ("AUTHORIZATION", "EXPIRED") in kinds:
            return "EXPIRED"
        if ("AUTHORIZATION", "SUCCESS") in kinds:
            return "AUTHORIZED"
        if kinds:
            return "PENDING"
        return None if self.total else "PAID"

    @property
    def fulfillment(self) -> str:
        """``displayFulfillmentStatus``."""
        shipped: dict[int, int] = {}
        for parcel in self.parcels:
            if parcel.status in SHIPPED_IN:
                for line, units in parcel.units.items():
                    shipped[line] = shipped.get(line, 0) + units
        left = {
            line.id: line.kept - line.refunded - shipped.get(line.id, 0) for line in self.lines if line.ships
        }
        if shipped:
            return "PARTIALLY_FULFILLED" if any(units > 0 for units in left.values()) else "FULFILLED"
        if not left:
            return "FULFILLMENT_NOT_REQUIRED"
        return self.waiting or "UNFULFILLED"


def split(amount: Decimal, shares: Sequence[Decimal]) -> list[Decimal]:
    """An amount dealt out in proportion, rounded down to the cent; the cents left over go to the first."""
    whole = sum(shares, NOTHING)
    parts = [(amount * share / whole).quantize(CENT, ROUND_DOWN) for share in shares]
    left = int((amount - sum(parts, NOTHING)) / CENT)
    return [part + CENT * (number < left) for number, part in enumerate(parts)]
