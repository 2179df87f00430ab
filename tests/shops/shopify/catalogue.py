"""What is bought: kinds of orders as merchants have them, named for what is particular about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from random import Random

from tests.shops.shopify.documents import address
from tests.shops.shopify.orders import (
    Application,
    Customer,
    Line,
    Order,
    Shipping,
    split,
)

GOODS = (
    ("Canvas Tote", "TOTE-01", "19.99", "Natural"),
    ("Beeswax Candle", "CNDL-03", "8.75", None),
    ("Linen Apron", "APRN-02", "34.00", "Blue / M"),
    ("Oak Board", "OAK-1", "49.95", None),
    ("Gift Wrap", None, "3.50", None),
    ("Tea Towel “Moïse”", "TT-9", "12.50", "2er Set"),
)
NEW_YORK = (("NY State Tax", Decimal("0.04")), ("NYC Tax", Decimal("0.045")))
GERMANY = (("MwSt.", Decimal("0.19")),)
ONTARIO = (("CANADA GST/TPS", Decimal("0.05")), ("ONTARIO HST", Decimal("0.08")))


@dataclass
class Maker:
    """Makes an order of one kind. ``next_id`` gives ids, ``dice`` chooses goods and quantities."""

    next_id: Iterator[int]
    dice: Random
    number: int
    at: datetime
    currency: str

    def order(self, lines: int | None = None, taxes: tuple[tuple[str, Decimal], ...] = NEW_YORK) -> Order:
        """A paid web order of a customer in New York, as most are."""
        buyer = next(self.next_id)
        customer = Customer(
            buyer,
            email=f"buyer{buyer}@example.com",
            email_state=self.dice.choice(("SUBSCRIBED", "NOT_SUBSCRIBED", "UNSUBSCRIBED", "PENDING")),
        )
        home = address(
            firstName="Ada", lastName="Example", address1="350 Example Ave", address2="Apt 4B",
            city="New York", province="New York", provinceCode="NY", country="United States",
            countryCodeV2="US", zip="10001", phone="+12125550142",
        )  # fmt: skip
        return Order(
            id=next(self.next_id),
            number=self.number,
            created_at=self.at,
            updated_at=self.at,
            currency=self.currency,
            lines=[self.line(taxes) for _ in range(lines or self.dice.randint(1, 3))],
            shipping=Shipping("Standard", Decimal("5.90")),
            customer=customer,
            email=customer.email,
            phone=None,
            billing=home,
            shipping_address=home,
            accepts_marketing=customer.email_state == "SUBSCRIBED",
        )

    def line(self, taxes: tuple[tuple[str, Decimal], ...]) -> Line:
        """One of the goods."""
        title, sku, price, variant = self.dice.choice(GOODS)
        return Line(
            id=next(self.next_id),
            title=title,
            sku=sku,
            price=Decimal(price),
            quantity=self.dice.randint(1, 4),
            taxes=taxes,
            product=next(self.next_id),
            variant=next(self.next_id),
            variant_title=variant,
        )


def paid(order: Order) -> Order:
    """Paid in full at once."""
    order.payments.append(("SALE", "SUCCESS", order.total))
    return order


def discount(order: Order, kind: str, words: str, amount: Decimal, *, percentage: str | None = None) -> None:
    """Takes an amount off all lines, dealt out in proportion to their prices."""
    index = len(order.applications)
    rule = Decimal(percentage) if percentage else None
    order.applications.append(Application(kind, words, rule, None if percentage else amount))
    parts = split(amount, [line.price * line.quantity for line in order.lines])
    for line, part in zip(order.lines, parts, strict=True):
        line.discounts[index] = part


def card(make: Maker) -> Order:
    """Paid by card, sales taxes on top."""
    return paid(make.order())


def code(make: Maker) -> Order:
    """Ten per cent off all lines by a code, and free shipping by another."""
    order = make.order()
    gross = sum((line.price * line.quantity for line in order.lines), Decimal(0))
    discount(order, "Code", "WELCOME10", (gross / 10).quantize(Decimal("0.01")), percentage="10")
    assert order.shipping is not None
    order.applications.append(Application("Code", "FREESHIP", Decimal(100), on_shipping=True))
    order.shipping.discounts[1] = order.shipping.price
    return paid(order)


def automatic(make: Maker) -> Order:
    """An automatic discount on the first line only."""
    order = make.order(lines=2)
    order.applications.append(Application("Automatic", "Summer sale", amount=Decimal("2.00")))
    order.lines[0].discounts[0] = Decimal("2.00")
    return paid(order)


def draft(make: Maker) -> Order:
    """Made in the admin: a manual discount whose title stands among the codes, and a custom line."""
    order = make.order(lines=1)
    order.lines.append(Line(next(make.next_id), "Engraving", Decimal("15.00"), 1, sku="", ships=False))
    order.source_name = "shopify_draft_order"
    discount(order, "Manual", "Loyalty credit", Decimal("4.25"))
    return paid(order)


def included(make: Maker) -> Order:
    """Prices with VAT, on the shipping as well; a buyer in Germany with consent to texts."""
    order = make.order(taxes=GERMANY)
    order.taxes_included = True
    order.shipping = Shipping("DHL", Decimal("4.90"), GERMANY)
    order.phone = "+4915155550199"
    home = address(
        firstName="Jürgen", lastName="Müller-Beispiel", address1="Beispielstraße 12", city="Berlin",
        country="Germany", countryCodeV2="DE", zip="10115",
    )  # fmt: skip
    order.billing = order.shipping_address = home
    assert order.customer is not None
    order.customer.phone, order.customer.sms_state = order.phone, "SUBSCRIBED"
    return paid(order)


def currencies(make: Maker) -> Order:
    """The buyer saw Canadian dollars; one tax also on shipping."""
    order = make.order(taxes=ONTARIO)
    order.presentment, order.rate = "CAD", Decimal("1.35")
    order.shipping = Shipping("Canada Post", Decimal("7.00"), ONTARIO)
    order.billing = order.shipping_address = address(
        firstName="Robin", lastName="Example", address1="1 Example Street", city="Toronto",
        province="Ontario", provinceCode="ON", country="Canada", countryCodeV2="CA", zip="M5H 2M9",
    )  # fmt: skip
    return paid(order)


def guest(make: Maker) -> Order:
    """No account; ordered with a phone number alone."""
    order = make.order()
    order.customer, order.email, order.accepts_marketing = None, None, False
    order.phone = "+12125550144"
    return paid(order)


def pos(make: Maker) -> Order:
    """Sold over the counter: nobody is known, nothing is shipped."""
    order = make.order()
    order.source_name, order.customer, order.email = "pos", None, None
    order.billing = order.shipping_address = order.shipping = None
    for line in order.lines:
        line.ships = False
    return paid(order)


def digital(make: Maker) -> Order:
    """A download: no shipping, no address of a parcel."""
    order = make.order(lines=1, taxes=())
    order.shipping = order.shipping_address = None
    order.lines[0].ships = False
    return paid(order)


def transfer(make: Maker) -> Order:
    """Bank transfer, not there yet."""
    order = make.order()
    order.payments.append(("SALE", "PENDING", order.total))
    return order


def authorized(make: Maker) -> Order:
    """The card is authorised, to be captured when the parcel leaves."""
    order = make.order()
    order.payments.append(("AUTHORIZATION", "SUCCESS", order.total))
    return order


def unpaid(make: Maker) -> Order:
    """No transaction at all: the financial status is null."""
    return make.order()


def test_mode(make: Maker) -> Order:
    """Placed with the Bogus gateway."""
    order = paid(make.order())
    order.test = True
    return order


def long(make: Maker) -> Order:
    """More lines than fit on a page of them, each with its part of a code."""
    order = make.order(lines=45)
    discount(order, "Code", "BULK20", Decimal("20.00"))
    return paid(order)


KINDS: dict[str, Callable[[Maker], Order]] = {
    "card": card,
    "code": code,
    "automatic": automatic,
    "draft": draft,
    "included": included,
    "currencies": currencies,
    "guest": guest,
    "pos": pos,
    "digital": digital,
    "transfer": transfer,
    "authorized": authorized,
    "unpaid": unpaid,
    "test": test_mode,
    "long": long,
}
EVERYDAY = ("card", "code", "automatic", "draft", "included", "currencies", "guest", "transfer", "digital")


def made(kind: str, make: Maker) -> Order:
    """An order of this kind."""
    return KINDS[kind](make)
