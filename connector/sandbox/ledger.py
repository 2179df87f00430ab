"""What one Privy business knows: orders, contacts, and the flows that would have written to buyers."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

CENT = Decimal("0.01")
PLACED = "Order Placed"
RECEIVED = "Order Received"


class Contact(msgspec.Struct, kw_only=True):
    """A buyer. ``sms_consent`` is None until a creating order states it; ``created_at`` is aware UTC."""

    number: int
    created_at: datetime
    email: str = ""
    phone: str = ""
    first_name: str = ""
    last_name: str = ""
    email_subscribed: bool = False
    sms_consent: bool | None = None


class Order(msgspec.Struct, kw_only=True):
    """An order as stored: ``fields`` as sent and normalised, without ``initial_sync``.

    ``initial_sync`` tells how the order was created, ``calls`` how often it was sent. Times are aware UTC.
    """

    order_id: int
    contact: int
    initial_sync: bool
    created_at: datetime
    updated_at: datetime
    integration: str = ""
    calls: int = 1
    fields: dict[str, Any]


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A message that would have been sent to a buyer. ``started_at`` and ``order_date`` are aware UTC."""

    number: int
    kind: str
    order_id: int
    order_date: datetime
    contact: int
    email: str
    phone: str
    started_at: datetime


class Ledger:
    """Orders by id, contacts and flows in the order they came to be; contact n is ``contacts[n - 1]``."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.contacts: list[Contact] = []
        self.flows: list[Flow] = []
        self._by_email: dict[str, Contact] = {}
        self._by_phone: dict[str, Contact] = {}

    def place(self, fields: dict[str, Any], *, integration: str, at: datetime) -> Order:
        """The upsert, with checked fields: an omitted optional field keeps its stored value.

        A flow starts only for a call without ``initial_sync``: *Order Placed* when the order is new,
        *Order Received* when this call makes it delivered. A delivery that was told with ``initial_sync``
        is over: a later call that repeats it starts nothing.
        """
        told = {name: value for name, value in fields.items() if name != "initial_sync"}
        silent = fields.get("initial_sync", False)
        contact = self._contact(told, at)
        order = self.orders.get(fields["order_id"])
        created = order is None
        was_delivered = False
        if order is None:
            order = Order(
                order_id=fields["order_id"],
                contact=contact.number,
                initial_sync=silent,
                created_at=at,
                updated_at=at,
                integration=integration,
                fields=told,
            )
            self.orders[order.order_id] = order
        else:
            was_delivered = order.fields.get("fulfillment_status") == "delivered"
            order.fields.update(told)
            order.contact = contact.number
            order.updated_at = at
            order.integration = integration or order.integration
            order.calls += 1
        if not silent:
            if created:
                self._start(PLACED, order, contact, at)
            if order.fields.get("fulfillment_status") == "delivered" and not was_delivered:
                self._start(RECEIVED, order, contact, at)
        return order

    def _contact(self, fields: dict[str, Any], at: datetime) -> Contact:
        """Found by e-mail, or by phone when no e-mail is sent, and created when missing.

        A contact that exists keeps its name, phone and SMS consent; an e-mail consent only ever subscribes.
        """
        email, phone = fields.get("email", ""), fields.get("phone", "")
        contact = self._by_email.get(email) if email else self._by_phone.get(phone)
        if contact is None:
            first_name, last_name = _name(fields)
            contact = Contact(
                number=len(self.contacts) + 1,
                created_at=at,
                email=email,
                phone=phone,
                first_name=first_name,
                last_name=last_name,
                sms_consent=fields.get("accepts_sms_marketing"),
            )
            self.contacts.append(contact)
            if email:
                self._by_email[email] = contact
            if phone:
                self._by_phone.setdefault(phone, contact)
        if fields.get("accepts_email_marketing"):
            contact.email_subscribed = True
        return contact

    def _start(self, kind: str, order: Order, contact: Contact, at: datetime) -> None:
        self.flows.append(
            Flow(
                number=len(self.flows) + 1,
                kind=kind,
                order_id=order.order_id,
                order_date=order.fields["order_date"],
                contact=contact.number,
                email=contact.email,
                phone=contact.phone,
                started_at=at,
            )
        )


def echo(order: Order) -> dict[str, Any]:
    """The ``data`` of an answer: the normalised order without its empty values."""
    fields = order.fields
    data = {
        "order_id": order.order_id,
        "source": "api",
        "email": fields.get("email"),
        "phone": fields.get("phone"),
        "total_amount": str(fields["total"].quantize(CENT, ROUND_HALF_UP)),
        "currency_code": fields["currency"],
        "placed_at": fields["order_date"],
        "financial_status": fields.get("financial_status"),
        "fulfillment_status": fields.get("fulfillment_status"),
        "customer_id": fields.get("customer_id"),
        "total_items": fields.get("total_items"),
        "accepts_email_marketing": fields.get("accepts_email_marketing"),
        "accepts_sms_marketing": fields.get("accepts_sms_marketing"),
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }
    return {name: value for name, value in data.items() if value is not None}


def _name(fields: dict[str, Any]) -> tuple[str, str]:
    """First and last name from the shipping address, else from the billing address."""
    for address in (fields.get("shipping_address", {}), fields.get("billing_address", {})):
        first, last = _text(address, "first_name"), _text(address, "last_name")
        if first or last:
            return first, last
        first, _, last = _text(address, "name").partition(" ")
        if first:
            return first, last.strip()
    return "", ""


def _text(address: dict[str, Any], key: str) -> str:
    value = address.get(key)
    return value.strip() if isinstance(value, str) else ""
