"""Privy's order body (reference of *Order placed*), as a model and as bytes.

An omitted optional field keeps its stored value at Privy, so lists are always said outright, even
when empty, and an address that went away is said as ``{}`` (see ``clearing``).
``initial_sync`` is not part of the payload: it is decided when the request leaves.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from connector.model.order import Discount, FinancialStatus, FulfillmentStatus, TaxLine

MAX_ORDER_ID = 2**63 - 1


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON body without ``initial_sync``. UNSET fields are not sent.

    Lines have ``sku``, ``quantity`` and ``price``, addresses what is known of them; both can have more keys,
    which Privy stores and echoes back verbatim.
    """

    order_id: int
    total: Decimal
    currency: str
    order_date: datetime
    email: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    customer_id: str | UnsetType = UNSET
    subtotal: Decimal | UnsetType = UNSET
    discounts: tuple[Discount, ...] = ()
    tax_lines: tuple[TaxLine, ...] = ()
    total_items: int | UnsetType = UNSET
    financial_status: FinancialStatus | UnsetType = UNSET
    fulfillment_status: FulfillmentStatus | UnsetType = UNSET
    line_items: tuple[dict[str, Any], ...] = ()
    billing_address: dict[str, Any] | UnsetType = UNSET
    shipping_address: dict[str, Any] | UnsetType = UNSET
    accepts_email_marketing: bool | UnsetType = UNSET
    accepts_sms_marketing: bool | UnsetType = UNSET


FIELDS: tuple[str, ...] = Payload.__struct_fields__
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
CONSENTS = {"email": "accepts_email_marketing", "phone": "accepts_sms_marketing"}
CLEARABLE = ("billing_address", "shipping_address")


def fingerprint(body: bytes) -> str:
    """The hash by which an unchanged payload is known (128 bits, hexadecimal)."""
    return sha256(body).hexdigest()[:32]


def told_addresses(payload: Payload) -> tuple[str, ...]:
    """Names of the addresses that this payload makes Privy store."""
    return tuple(name for name in CLEARABLE if getattr(payload, name) not in (UNSET, {}))


def clearing(payload: Payload, told: Iterable[str]) -> Payload:
    """The payload with each address that Privy was told before and that is now gone said as ``{}``."""
    gone: dict[str, dict[str, Any]] = {name: {} for name in told if getattr(payload, name) is UNSET}
    return msgspec.structs.replace(payload, **gone) if gone else payload


def without(body: bytes, field: str) -> bytes:
    """The stored body without ``email`` or ``phone``, and without the consent that is about it."""
    sent = _FIELDS.decode(body)
    for name in (field, CONSENTS[field]):
        sent.pop(name, None)
    return msgspec.json.encode(sent)


def with_initial_sync(body: bytes, initial_sync: bool) -> bytes:
    """The stored body with the flag added; absent means false to Privy, but it is always said."""
    flag = b"true" if initial_sync else b"false"
    return body[:-1] + b',"initial_sync":' + flag + b"}"
