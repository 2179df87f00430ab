"""Orders as Shopify keeps them, and the document that GraphQL shows of each, with every sum worked out."""

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

    def document(self) -> Document:
        """``Customer`` of the schema."""
        email = phone = None
        if self.email:
            email = {"emailAddress": self.email, "marketingState": self.email_state, "validFormat": True}
        if self.phone:
            consent = {"state": self.sms_state, "optInLevel": "SINGLE_OPT_IN", "updatedAt": None}
            old_word = "NOT_SUBSCRIBED" if self.sms_state == "NEVER_SUBSCRIBED" else self.sms_state
            phone = {
                "phoneNumber": self.phone,
                "smsMarketingConsent": consent,
                "marketingState": old_word,
            }
        return {
            "__typename": "Customer",
            "id": gid("Customer", self.id),
            "legacyResourceId": str(self.id),
            "firstName": self.first_name,
            "lastName": self.last_name,
            "displayName": f"{self.first_name or ''} {self.last_name or ''}".strip() or self.email or "",
            "email": self.email,
            "phone": self.phone,
            "state": "DISABLED",
            "tags": [],
            "defaultEmailAddress": email,
            "defaultPhoneNumber": phone,
        }


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
            for tax, amount in self._taxed(taxes, base):
                found[tax] = found.get(tax, NOTHING) + amount
        return found

    def _taxed(self, taxes: Taxes, base: Decimal) -> Iterable[tuple[tuple[str, Decimal], Decimal]]:
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

    # The document

    def document(self) -> Document:
        """``Order`` of the schema; lists stand where the schema has connections."""
        sold = self.sold()
        current = {line.id: line.kept - line.refunded for line in self.lines}
        shipping = self._shipping_line() if self.shipping else None
        discounts = sum((sum(line.discounts.values(), NOTHING) for line in self.lines), NOTHING)
        if self.shipping:
            discounts += sum(self.shipping.discounts.values(), NOTHING)
        codes = [one.words for one in self.applications if one.kind in ("Code", "Manual")]
        return {
            "__typename": "Order",
            "id": gid("Order", self.id),
            "legacyResourceId": str(self.id),
            "name": f"#{self.number}",
            "number": self.number,
            "createdAt": when(self.created_at),
            "processedAt": when(self.processed_at or self.created_at),
            "updatedAt": when(self.updated_at),
            "cancelledAt": when(self.cancelled_at),
            "cancelReason": "CUSTOMER" if self.cancelled_at else None,
            "closed": self.closed_at is not None,
            "closedAt": when(self.closed_at),
            "confirmed": True,
            "edited": self.edited,
            "test": self.test,
            "sourceName": self.source_name,
            "sourceIdentifier": None,
            "note": self.note,
            "tags": [],
            "customAttributes": [],
            "requiresShipping": any(line.ships for line in self.lines),
            "email": self.email,
            "phone": self.phone,
            "currencyCode": self.currency,
            "presentmentCurrencyCode": self.presentment or self.currency,
            "taxesIncluded": self.taxes_included,
            "taxExempt": False,
            "customerAcceptsMarketing": self.accepts_marketing,
            "customerLocale": "en",
            "displayFinancialStatus": self.financial,
            "displayFulfillmentStatus": self.fulfillment,
            "returnStatus": "NO_RETURN",
            "fullyPaid": self.received >= self.total,
            "unpaid": not self.received,
            "discountCode": codes[0] if codes else None,
            "discountCodes": codes,
            "currentSubtotalLineItemsQuantity": sum(current.values()),
            "subtotalLineItemsQuantity": sum(sold.values()),
            "totalPriceSet": self.bag(self.total),
            "originalTotalPriceSet": self.bag(self.total_of({x.id: x.quantity for x in self.lines})),
            "currentTotalPriceSet": self.bag(max(self.total - self.refunded, NOTHING)),
            "subtotalPriceSet": self.bag(self.subtotal(sold)),
            "currentSubtotalPriceSet": self.bag(self.subtotal(current)),
            "totalDiscountsSet": self.bag(discounts),
            "currentTotalDiscountsSet": self.bag(discounts),
            "totalShippingPriceSet": self.bag(self.shipping.price if self.shipping else NOTHING),
            "totalTaxSet": self.bag(sum(self.taxes(sold, shipping=True).values(), NOTHING)),
            "currentTotalTaxSet": self.bag(sum(self.taxes(current, shipping=True).values(), NOTHING)),
            "totalTipReceivedSet": self.bag(self.tip),
            "totalOutstandingSet": self.bag(self.outstanding),
            "totalReceivedSet": self.bag(self.received),
            "totalRefundedSet": self.bag(self.refunded),
            "netPaymentSet": self.bag(self.received - self.refunded),
            "taxLines": self._tax_lines(self.taxes(sold, shipping=False)),
            "currentTaxLines": self._tax_lines(self.taxes(current, shipping=False)),
            "customer": self.customer.document() if self.customer else None,
            "purchasingEntity": self.customer.document() if self.customer else None,
            "billingAddress": self.billing,
            "shippingAddress": self.shipping_address,
            "displayAddress": self.shipping_address or self.billing,
            "shippingLine": shipping,
            "shippingLines": [shipping] if shipping else [],
            "discountApplications": [self._application(index) for index in range(len(self.applications))],
            "lineItems": [self._line(line) for line in self.lines],
            "fulfillments": [self._parcel(parcel) for parcel in self.parcels],
            "fulfillmentsCount": {"count": len(self.parcels), "precision": "EXACT"},
            "refunds": [self._refund(refund) for refund in self.refunds],
            "transactions": [
                {"kind": kind, "status": status, "gateway": "manual", "amountSet": self.bag(amount)}
                for kind, status, amount in self.payments
            ],
            "paymentGatewayNames": ["manual"] if self.payments else [],
            "retailLocation": None,
        }

    def bag(self, amount: Decimal) -> Document:
        """``MoneyBag``: what it is in the shop's currency and in the buyer's."""
        theirs = (amount * self.rate).quantize(CENT) if self.presentment else amount
        return {
            "shopMoney": {"__typename": "MoneyV2", "amount": money(amount), "currencyCode": self.currency},
            "presentmentMoney": {
                "__typename": "MoneyV2",
                "amount": money(theirs),
                "currencyCode": self.presentment or self.currency,
            },
        }

    def _tax_lines(self, taxes: Mapping[tuple[str, Decimal], Decimal]) -> list[Document]:
        return [
            {
                "title": title,
                "rate": float(rate),
                "ratePercentage": float(rate * 100),
                "priceSet": self.bag(amount),
                "source": "Shopify",
                "channelLiable": False,
            }
            for (title, rate), amount in taxes.items()
        ]

    def _application(self, index: int) -> Document:
        one = self.applications[index]
        value = {"__typename": "PricingPercentageValue", "percentage": float(one.percentage or 0)}
        if one.amount is not None:
            value = {"__typename": "MoneyV2", "amount": money(one.amount), "currencyCode": self.currency}
        return {
            "__typename": f"{'DiscountCode' if one.kind == 'Code' else one.kind + 'Discount'}Application",
            "index": index,
            "code": one.words,
            "title": one.words,
            "description": one.words,
            "value": value,
            "allocationMethod": "ACROSS",
            "targetSelection": "ALL",
            "targetType": "SHIPPING_LINE" if one.on_shipping else "LINE_ITEM",
        }

    def _allocations(self, discounts: Mapping[int, Decimal]) -> list[Document]:
        return [
            {
                "allocatedAmountSet": self.bag(amount),
                "allocatedAmount": self.bag(amount)["shopMoney"],
                "discountApplication": self._application(index),
            }
            for index, amount in discounts.items()
        ]

    def _shipping_line(self) -> Document:
        assert self.shipping is not None
        taxes = dict(self._taxed(self.shipping.taxes, self.shipping.base()))
        return {
            "id": gid("ShippingLine", self.id),
            "title": self.shipping.title,
            "code": self.shipping.title.upper(),
            "source": "shopify",
            "custom": False,
            "isRemoved": False,
            "originalPriceSet": self.bag(self.shipping.price),
            "discountedPriceSet": self.bag(self.shipping.base()),
            "currentDiscountedPriceSet": self.bag(self.shipping.base()),
            "discountAllocations": self._allocations(self.shipping.discounts),
            "taxLines": self._tax_lines(taxes),
        }

    def _line(self, line: Line) -> Document:
        taxes = dict(self._taxed(line.taxes, line.base(line.quantity)))
        off = sum(line.discounts.values(), NOTHING)
        after = self.bag((line.base(line.quantity) / line.quantity).quantize(CENT))
        return {
            "__typename": "LineItem",
            "id": gid("LineItem", line.id),
            "title": line.title,
            "name": f"{line.title} - {line.variant_title}" if line.variant_title else line.title,
            "sku": line.sku,
            "vendor": "Example",
            "quantity": line.quantity,
            "currentQuantity": line.kept - line.refunded,
            "refundableQuantity": line.kept - line.refunded,
            "unfulfilledQuantity": line.kept - line.refunded - self._shipped(line),
            "nonFulfillableQuantity": line.removed + line.refunded,
            "requiresShipping": line.ships,
            "taxable": bool(line.taxes),
            "isGiftCard": False,
            "variantTitle": line.variant_title,
            "originalUnitPriceSet": self.bag(line.price),
            "originalTotalSet": self.bag(line.price * line.quantity),
            "discountedTotalSet": self.bag(line.price * line.quantity),
            "discountedUnitPriceSet": self.bag(line.price),
            "discountedUnitPriceAfterAllDiscountsSet": after,
            "totalDiscountSet": self.bag(off),
            "discountAllocations": self._allocations(line.discounts),
            "taxLines": self._tax_lines(taxes),
            "product": line.product
            and {
                "id": gid("Product", line.product),
                "legacyResourceId": str(line.product),
                "title": line.title,
            },
            "variant": line.variant
            and {
                "id": gid("ProductVariant", line.variant),
                "legacyResourceId": str(line.variant),
                "sku": line.sku,
                "title": line.variant_title or "Default Title",
            },
            "customAttributes": [],
        }

    def _shipped(self, line: Line) -> int:
        return sum(one.units.get(line.id, 0) for one in self.parcels if one.status in SHIPPED_IN)

    def _parcel(self, parcel: Parcel) -> Document:
        tracked = {"number": parcel.tracking, "company": "UPS", "url": None}
        return {
            "__typename": "Fulfillment",
            "id": gid("Fulfillment", parcel.id),
            "legacyResourceId": str(parcel.id),
            "name": f"#{self.number}.{self.parcels.index(parcel) + 1}",
            "status": parcel.status,
            "displayStatus": parcel.display,
            "createdAt": when(parcel.created_at),
            "updatedAt": when(parcel.delivered_at or parcel.created_at),
            "deliveredAt": when(parcel.delivered_at),
            "inTransitAt": None,
            "estimatedDeliveryAt": None,
            "totalQuantity": sum(parcel.units.values()),
            "trackingInfo": [tracked] if parcel.tracking else [],
        }

    def _refund(self, refund: Refund) -> Document:
        lines = {line.id: line for line in self.lines}
        return {
            "__typename": "Refund",
            "id": gid("Refund", refund.id),
            "legacyResourceId": str(refund.id),
            "createdAt": when(refund.at),
            "note": None,
            "totalRefundedSet": self.bag(refund.amount),
            "refundLineItems": [
                {"id": None, "quantity": units, "lineItem": self._line(lines[line])}
                for line, units in refund.units.items()
            ],
        }


def address(**changed: Any) -> Document:
    """``MailingAddress``; every field that the schema has, null where it was not given."""
    names = (
        "firstName", "lastName", "company", "address1", "address2", "city", "province", "provinceCode",
        "country", "countryCodeV2", "zip", "phone", "latitude", "longitude",
    )  # fmt: skip
    found = dict.fromkeys(names) | changed
    found["name"] = f"{found['firstName'] or ''} {found['lastName'] or ''}".strip() or None
    found["countryCode"] = found["countryCodeV2"]
    return found


def split(amount: Decimal, shares: Sequence[Decimal]) -> list[Decimal]:
    """An amount dealt out in proportion, rounded down to the cent; the cents left over go to the first."""
    whole = sum(shares, NOTHING)
    parts = [(amount * share / whole).quantize(CENT, ROUND_DOWN) for share in shares]
    left = int((amount - sum(parts, NOTHING)) / CENT)
    return [part + CENT * (number < left) for number, part in enumerate(parts)]


def gid(kind: str, number: int) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{number}"


def when(moment: datetime | None) -> str | None:
    """Whole seconds, UTC, as the API prints times."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def money(amount: Decimal) -> str:
    """As the API prints decimals: no padding, one digit after the point at least."""
    text = format(amount.normalize(), "f")
    return text if "." in text else f"{text}.0"
