"""What is read of an order as Vendure's Admin API writes it. Amounts are in minor units of the server."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1)]
Minor = Annotated[int, msgspec.Meta(ge=-(10**15), le=10**15)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class Place(msgspec.Struct, rename="camel"):
    full_name: str | None = None
    company: str | None = None
    street_line1: str | None = None
    street_line2: str | None = None
    city: str | None = None
    province: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone_number: str | None = None


class Customer(msgspec.Struct, rename="camel"):
    id: Id
    first_name: str = ""
    last_name: str = ""
    email_address: str = ""
    phone_number: str | None = None


class Product(msgspec.Struct):
    id: Id


class Variant(msgspec.Struct):
    id: Id
    sku: str
    name: str
    product: Product


class Rate(msgspec.Struct, rename="camel"):
    """``tax_rate`` is in percent."""

    description: str
    tax_rate: Decimal


class Line(msgspec.Struct, rename="camel"):
    id: Id
    quantity: Count
    order_placed_quantity: Count
    unit_price: Minor
    prorated_unit_price_with_tax: Minor
    tax_lines: list[Rate]
    product_variant: Variant

    @property
    def sold(self) -> int:
        """Cancelled pieces were sold, and pieces added by a modification are."""
        return max(self.quantity, self.order_placed_quantity)


class Tax(msgspec.Struct, rename="camel"):
    description: str
    tax_total: Minor


class Reduction(msgspec.Struct, rename="camel"):
    adjustment_source: str
    description: str
    amount: Minor
    amount_with_tax: Minor


class Promotion(msgspec.Struct, rename="camel"):
    id: Id
    coupon_code: str | None = None


class Shipping(msgspec.Struct, rename="camel"):
    price: Minor
    price_with_tax: Minor


class Surcharge(msgspec.Struct):
    description: str
    price: Minor


class Refund(msgspec.Struct):
    state: str
    total: Minor


class Payment(msgspec.Struct):
    state: str
    amount: Minor
    refunds: list[Refund]


class FulfillmentLine(msgspec.Struct):
    quantity: Count


class Fulfillment(msgspec.Struct):
    state: str
    lines: list[FulfillmentLine]


class Body(msgspec.Struct, rename="camel", kw_only=True):
    """An order; a document says itself how many decimals its amounts have."""

    id: Id
    code: str
    state: str
    currency_code: str | None = None
    total_with_tax: Minor | None = None
    tax_summary: list[Tax]
    discounts: list[Reduction]
    promotions: list[Promotion]
    surcharges: list[Surcharge]
    customer: Customer | None
    shipping_address: Place | None
    billing_address: Place | None
    lines: list[Line]
    shipping_lines: list[Shipping]
    payments: list[Payment] | None
    fulfillments: list[Fulfillment] | None
    money_strategy_precision: Annotated[int, msgspec.Meta(ge=0, le=9)] = 2

    def paid(self, state: str) -> int:
        """The payments in this state, in minor units."""
        return sum(payment.amount for payment in self.payments or () if payment.state == state)

    def money(self, amount: int) -> Decimal:
        """An amount in minor units of the server, whatever the currency's own decimals."""
        return Decimal(amount).scaleb(-self.money_strategy_precision)
