"""What GraphQL shows of an order: the documents of the schema, as far as anybody asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.shops.shopify.orders import (
    CENT,
    NOTHING,
    SHIPPED_IN,
    Customer,
    Document,
    Line,
    Order,
    Parcel,
    Refund,
)


def document(order: Order) -> Document:
    """``Order`` of the schema; lists stand where the schema has connections."""
    sold = order.sold()
    current = {line.id: line.kept - line.refunded for line in order.lines}
    shipping = _shipping_line(order) if order.shipping else None
    discounts = sum((sum(line.discounts.values(), NOTHING) for line in order.lines), NOTHING)
    if order.shipping:
        discounts += sum(order.shipping.discounts.values(), NOTHING)
    codes = [one.words for one in order.applications if one.kind in ("Code", "Manual")]
    return {
        "__typename": "Order",
        "id": gid("Order", order.id),
        "legacyResourceId": str(order.id),
        "name": f"#{order.number}",
        "number": order.number,
        "createdAt": when(order.created_at),
        "processedAt": when(order.processed_at or order.created_at),
        "updatedAt": when(order.updated_at),
        "cancelledAt": when(order.cancelled_at),
        "cancelReason": "CUSTOMER" if order.cancelled_at else None,
        "closed": order.closed_at is not None,
        "closedAt": when(order.closed_at),
        "confirmed": True,
        "edited": order.edited,
        "test": order.test,
        "sourceName": order.source_name,
        "sourceIdentifier": None,
        "note": order.note,
        "tags": [],
        "customAttributes": [],
        "requiresShipping": any(line.ships for line in order.lines),
        "email": order.email,
        "phone": order.phone,
        "currencyCode": order.currency,
        "presentmentCurrencyCode": order.presentment or order.currency,
        "taxesIncluded": order.taxes_included,
        "taxExempt": False,
        "customerAcceptsMarketing": order.accepts_marketing,
        "customerLocale": "en",
        "displayFinancialStatus": order.financial,
        "displayFulfillmentStatus": order.fulfillment,
        "returnStatus": "NO_RETURN",
        "fullyPaid": order.received >= order.total,
        "unpaid": not order.received,
        "discountCode": codes[0] if codes else None,
        "discountCodes": codes,
        "currentSubtotalLineItemsQuantity": sum(current.values()),
        "subtotalLineItemsQuantity": sum(sold.values()),
        "totalPriceSet": _bag(order, order.total),
        "originalTotalPriceSet": _bag(order, order.total_of({x.id: x.quantity for x in order.lines})),
        "currentTotalPriceSet": _bag(order, max(order.total - order.refunded, NOTHING)),
        "subtotalPriceSet": _bag(order, order.subtotal(sold)),
        "currentSubtotalPriceSet": _bag(order, order.subtotal(current)),
        "totalDiscountsSet": _bag(order, discounts),
        "currentTotalDiscountsSet": _bag(order, discounts),
        "totalShippingPriceSet": _bag(order, order.shipping.price if order.shipping else NOTHING),
        "totalTaxSet": _bag(order, sum(order.taxes(sold, shipping=True).values(), NOTHING)),
        "currentTotalTaxSet": _bag(order, sum(order.taxes(current, shipping=True).values(), NOTHING)),
        "totalTipReceivedSet": _bag(order, order.tip),
        "totalOutstandingSet": _bag(order, order.outstanding),
        "totalReceivedSet": _bag(order, order.received),
        "totalRefundedSet": _bag(order, order.refunded),
        "netPaymentSet": _bag(order, order.received - order.refunded),
        "taxLines": _tax_lines(order, order.taxes(sold, shipping=False)),
        "currentTaxLines": _tax_lines(order, order.taxes(current, shipping=False)),
        "customer": _customer(order.customer) if order.customer else None,
        "purchasingEntity": _customer(order.customer) if order.customer else None,
        "billingAddress": order.billing,
        "shippingAddress": order.shipping_address,
        "displayAddress": order.shipping_address or order.billing,
        "shippingLine": shipping,
        "shippingLines": [shipping] if shipping else [],
        "discountApplications": [_application(order, index) for index in range(len(order.applications))],
        "lineItems": [_line(order, line) for line in order.lines],
        "fulfillments": [_parcel(order, parcel) for parcel in order.parcels],
        "fulfillmentsCount": {"count": len(order.parcels), "precision": "EXACT"},
        "refunds": [_refund(order, refund) for refund in order.refunds],
        "transactions": [
            {"kind": kind, "status": status, "gateway": "manual", "amountSet": _bag(order, amount)}
            for kind, status, amount in order.payments
        ],
        "paymentGatewayNames": ["manual"] if order.payments else [],
        "retailLocation": None,
    }


def _bag(order: Order, amount: Decimal) -> Document:
    """``MoneyBag``: what it is in the shop's currency and in the buyer's."""
    theirs = (amount * order.rate).quantize(CENT) if order.presentment else amount
    return {
        "shopMoney": {"__typename": "MoneyV2", "amount": money(amount), "currencyCode": order.currency},
        "presentmentMoney": {
            "__typename": "MoneyV2",
            "amount": money(theirs),
            "currencyCode": order.presentment or order.currency,
        },
    }


def _tax_lines(order: Order, taxes: Mapping[tuple[str, Decimal], Decimal]) -> list[Document]:
    return [
        {
            "title": title,
            "rate": float(rate),
            "ratePercentage": float(rate * 100),
            "priceSet": _bag(order, amount),
            "source": "Shopify",
            "channelLiable": False,
        }
        for (title, rate), amount in taxes.items()
    ]


def _application(order: Order, index: int) -> Document:
    one = order.applications[index]
    value = {"__typename": "PricingPercentageValue", "percentage": float(one.percentage or 0)}
    if one.amount is not None:
        value = {"__typename": "MoneyV2", "amount": money(one.amount), "currencyCode": order.currency}
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


def _allocations(order: Order, discounts: Mapping[int, Decimal]) -> list[Document]:
    return [
        {
            "allocatedAmountSet": _bag(order, amount),
            "allocatedAmount": _bag(order, amount)["shopMoney"],
            "discountApplication": _application(order, index),
        }
        for index, amount in discounts.items()
    ]


def _shipping_line(order: Order) -> Document:
    assert order.shipping is not None
    taxes = dict(order.taxed(order.shipping.taxes, order.shipping.base()))
    return {
        "id": gid("ShippingLine", order.id),
        "title": order.shipping.title,
        "code": order.shipping.title.upper(),
        "source": "shopify",
        "custom": False,
        "isRemoved": False,
        "originalPriceSet": _bag(order, order.shipping.price),
        "discountedPriceSet": _bag(order, order.shipping.base()),
        "currentDiscountedPriceSet": _bag(order, order.shipping.base()),
        "discountAllocations": _allocations(order, order.shipping.discounts),
        "taxLines": _tax_lines(order, taxes),
    }


def _line(order: Order, line: Line) -> Document:
    taxes = dict(order.taxed(line.taxes, line.base(line.quantity)))
    off = sum(line.discounts.values(), NOTHING)
    after = _bag(order, (line.base(line.quantity) / line.quantity).quantize(CENT))
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
        "unfulfilledQuantity": line.kept - line.refunded - _shipped(order, line),
        "nonFulfillableQuantity": line.removed + line.refunded,
        "requiresShipping": line.ships,
        "taxable": bool(line.taxes),
        "isGiftCard": False,
        "variantTitle": line.variant_title,
        "originalUnitPriceSet": _bag(order, line.price),
        "originalTotalSet": _bag(order, line.price * line.quantity),
        "discountedTotalSet": _bag(order, line.price * line.quantity),
        "discountedUnitPriceSet": _bag(order, line.price),
        "discountedUnitPriceAfterAllDiscountsSet": after,
        "totalDiscountSet": _bag(order, off),
        "discountAllocations": _allocations(order, line.discounts),
        "taxLines": _tax_lines(order, taxes),
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


def _shipped(order: Order, line: Line) -> int:
    return sum(one.units.get(line.id, 0) for one in order.parcels if one.status in SHIPPED_IN)


def _parcel(order: Order, parcel: Parcel) -> Document:
    tracked = {"number": parcel.tracking, "company": "UPS", "url": None}
    return {
        "__typename": "Fulfillment",
        "id": gid("Fulfillment", parcel.id),
        "legacyResourceId": str(parcel.id),
        "name": f"#{order.number}.{order.parcels.index(parcel) + 1}",
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


def _refund(order: Order, refund: Refund) -> Document:
    lines = {line.id: line for line in order.lines}
    return {
        "__typename": "Refund",
        "id": gid("Refund", refund.id),
        "legacyResourceId": str(refund.id),
        "createdAt": when(refund.at),
        "note": None,
        "totalRefundedSet": _bag(order, refund.amount),
        "refundLineItems": [
            {"id": None, "quantity": units, "lineItem": _line(order, lines[line])}
            for line, units in refund.units.items()
        ],
    }


def _customer(customer: Customer) -> Document:
    """``Customer`` of the schema."""
    names = f"{customer.first_name or ''} {customer.last_name or ''}"
    email = phone = None
    if customer.email:
        email = {"emailAddress": customer.email, "marketingState": customer.email_state, "validFormat": True}
    if customer.phone:
        consent = {"state": customer.sms_state, "optInLevel": "SINGLE_OPT_IN", "updatedAt": None}
        old_word = "NOT_SUBSCRIBED" if customer.sms_state == "NEVER_SUBSCRIBED" else customer.sms_state
        phone = {
            "phoneNumber": customer.phone,
            "smsMarketingConsent": consent,
            "marketingState": old_word,
        }
    return {
        "__typename": "Customer",
        "id": gid("Customer", customer.id),
        "legacyResourceId": str(customer.id),
        "firstName": customer.first_name,
        "lastName": customer.last_name,
        "displayName": names.strip() or customer.email or "",
        "email": customer.email,
        "phone": customer.phone,
        "state": "DISABLED",
        "tags": [],
        "defaultEmailAddress": email,
        "defaultPhoneNumber": phone,
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
