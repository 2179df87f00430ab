"""An order in our own words: frozen, decimal money, aware UTC times, both statuses.

Adapters make orders out of a platform's documents; nothing here knows a platform or Privy's body.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec


class FinancialStatus(StrEnum):
    """Privy's ``financial_status`` values (reference of *Order placed*)."""

    AUTHORIZED = "authorized"
    EXPIRED = "expired"
    PAID = "paid"
    PARTIALLY_PAID = "partially_paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    PENDING = "pending"
    REFUNDED = "refunded"
    VOIDED = "voided"


class FulfillmentStatus(StrEnum):
    """Privy's ``fulfillment_status`` values (reference of *Order placed*)."""

    DELIVERED = "delivered"
    FULFILLED = "fulfilled"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    OPEN = "open"
    PARTIALLY_FULFILLED = "partially_fulfilled"
    PENDING = "pending"
    PENDING_FULFILLMENT = "pending_fulfillment"
    REQUEST_DECLINED = "request_declined"
    RESTOCKED = "restocked"
    SCHEDULED = "scheduled"
    UNFULFILLED = "unfulfilled"


T = TypeVar("T", FinancialStatus, FulfillmentStatus)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """An order exactly as the platform gave it.

    ``ref`` is the platform's own id as text, exact to the last digit. ``changed_at`` is the
    platform's change time, aware UTC. ``body`` is its JSON with numbers as int or Decimal.
    """

    ref: str
    changed_at: datetime
    body: dict[str, Any]


class Status(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One of the two statuses and why.

    ``value`` is None when the platform's word is not in the adapter's table (never a guess), or when it
    is known and Privy has none for it (``known``), which is nothing to note.
    ``words`` are the spellings under which a store's mapping can name the platform's word, the
    plainest first. ``origin`` says what in the document decided. ``firm`` marks what the order
    itself proves beyond any wording (money went back): a store's table cannot override it.
    """

    value: T | None
    words: tuple[str, ...] = ()
    origin: str = ""
    firm: bool = False
    known: bool = False


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A consent that the shop states, and where it stands in the document."""

    given: bool
    origin: str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address. Every part is optional; empty text is absence.

    ``extra`` are keys that a store's mapping gives besides: Privy stores what it does not know, verbatim.
    """

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    state_code: str = ""
    country_code: str = ""
    postal_code: str = ""
    phone: str = ""
    extra: Mapping[str, Any] = {}


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line. ``price`` is the unit price before discounts, tax, shipping; ``extra`` as in an address."""

    sku: str
    quantity: int
    price: Decimal
    name: str = ""
    product_id: str = ""
    variant_id: str = ""
    extra: Mapping[str, Any] = {}


class Discount(msgspec.Struct, frozen=True):
    """What a code or a negative fee took off; ``amount`` is positive, without tax."""

    code: str
    amount: Decimal


class TaxLine(msgspec.Struct, frozen=True):
    """One tax, including its part on shipping."""

    title: str
    amount: Decimal


class Phone(msgspec.Struct, frozen=True):
    """A phone number as the buyer typed it; ``country`` is the ISO code of the address it is from."""

    text: str
    country: str
    origin: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The platform-neutral order.

    ``placed_at`` and ``changed_at`` are aware UTC. ``placed_at`` and ``total`` are None where the document
    states none that can be read: the store's mapping can say them, and refuses the order without. ``lacks``
    says why, by payload field. ``placed_by`` is the earliest time at which it was placed already, by whatever
    the document proves (a payment): an order without ``placed_at`` cannot be younger.
    ``placed`` is false for carts, drafts, checkouts
    that wait at the payment page, and orders that died before they were placed: such an order is not
    sent unless an earlier state of it was. ``total`` is what was sold (refunds do not lower it),
    ``subtotal`` the sum of quantity x price of the lines. ``phones`` in the order they are to be tried;
    ``sms_consent`` is for the first of them.
    ``cancelled`` says that it was called off, and ``paid_once`` that money for it had come in whatever its
    status says today: one that is called off without is no order for Privy, as if it were never placed.
    ``settled`` is true in an end state, where no further change is expected.
    ``currency`` is as the document states it, empty for none: the store's mapping can say one, and refuses
    the order without.
    ``left_out`` are the places of optional parts that hold what nobody can read.
    ``origins`` says for payload fields which part of the document they came from.
    """

    ref: str
    placed_at: datetime | None = None
    placed_by: datetime | None = None
    changed_at: datetime
    total: Decimal | None = None
    financial: Status[FinancialStatus]
    fulfillment: Status[FulfillmentStatus]
    currency: str = ""
    number: str = ""
    placed: bool = True
    cancelled: bool = False
    paid_once: bool = False
    test: bool = False
    settled: bool = False
    subtotal: Decimal | None = None
    discounts: tuple[Discount, ...] = ()
    tax_lines: tuple[TaxLine, ...] = ()
    line_items: tuple[LineItem, ...] = ()
    email: str = ""
    phones: tuple[Phone, ...] = ()
    customer_id: str = ""
    billing: Address = Address()
    shipping: Address = Address()
    email_consent: Consent | None = None
    sms_consent: Consent | None = None
    left_out: tuple[str, ...] = ()
    lacks: Mapping[str, str] = {}
    origins: Mapping[str, str] = {}


MONEY_CAME = frozenset(
    (
        FinancialStatus.PAID,
        FinancialStatus.PARTIALLY_PAID,
        FinancialStatus.PARTIALLY_REFUNDED,
        FinancialStatus.REFUNDED,
    )
)


def deleted(order: Order) -> Order:
    """The order after the shop removed it for good: voided and restocked, unless money already went back."""
    financial = order.financial
    if financial.value not in (FinancialStatus.REFUNDED, FinancialStatus.PARTIALLY_REFUNDED):
        financial = Status(value=FinancialStatus.VOIDED, origin="the shop no longer has the order", firm=True)
    fulfillment = Status(
        value=FulfillmentStatus.RESTOCKED, origin="the shop no longer has the order", firm=True
    )
    return msgspec.structs.replace(
        order, financial=financial, fulfillment=fulfillment, placed=False, settled=True
    )
