"""What the shop sells and who buys there. All people are invented.

Addresses end in example.com; phone numbers come from the ranges that regulators keep for fiction
(NANP 555-01xx, Ofcom 020 7946 0xxx, BNetzA 030 23125 xxx, ACMA 0491 570 xxx, PTS 070-174 06 xx).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import msgspec

from connector.demo.shop.shop import Buyer, Line, Place, Tax, Voucher


class Country(msgspec.Struct, frozen=True):
    """Where a buyer lives. ``rate`` is what one euro-sized unit costs in ``currency``."""

    code: str
    currency: str
    rate: Decimal
    cent: Decimal
    tax: str
    percent: int


class Person(msgspec.Struct, frozen=True):
    """An invented buyer."""

    first_name: str
    last_name: str
    mailbox: str
    phone: str
    country: str
    street: str
    city: str
    region: str
    postcode: str


_CENT, _WHOLE = Decimal("0.01"), Decimal(1)

COUNTRIES = {
    country.code: country
    for country in (
        Country("US", "USD", Decimal("1.1"), _CENT, "Sales tax", 8),
        Country("CA", "CAD", Decimal("1.5"), _CENT, "HST", 13),
        Country("GB", "GBP", Decimal("0.9"), _CENT, "VAT", 20),
        Country("DE", "EUR", Decimal("1"), _CENT, "USt.", 19),
        Country("FR", "EUR", Decimal("1"), _CENT, "TVA", 20),
        Country("SE", "SEK", Decimal("11"), _CENT, "Moms", 25),
        Country("AU", "AUD", Decimal("1.7"), _CENT, "GST", 10),
        Country("JP", "JPY", Decimal("160"), _WHOLE, "消費税", 10),
        Country("AE", "AED", Decimal("4"), _CENT, "ضريبة", 5),
        Country("IL", "ILS", Decimal("4"), _CENT, 'מע"מ', 17),
        Country("BR", "BRL", Decimal("6"), _CENT, "ICMS", 18),
    )
}

PEOPLE = (
    Person("June", "Appleby", "june", "(212) 555-0142", "US", "12 Elm Street", "New York", "NY", "10001"),
    Person("Earl", "Mason-Dixon", "earl", "303.555.0117", "US", "7 Ridge Road", "Denver", "CO", "80202"),
    Person("Margaret", "Small", "margaret", "416-555-0177", "CA", "9 Bay Street", "Toronto", "ON", "M5J 2R8"),
    Person("Owen", "O'Hara", "owen", "020 7946 0958", "GB", "3 Mill Lane", "London", "", "N1 9GU"),
    Person("Zoë", "Müller-Lüdenscheidt", "zoe", "030 23125 014", "DE", "Lindenweg 4", "Berlin", "", "10115"),
    Person("Jürgen", "Groß", "juergen", "", "DE", "Am Markt 1", "Köln", "NW", "50667"),
    Person("Chloé", "Lefèvre", "chloe", "", "FR", "8 rue des Lilas", "Lyon", "", "69003"),
    Person("Björn", "Åström", "bjorn", "070-174 06 15", "SE", "Björkgatan 2", "Uppsala", "", "753 27"),
    Person("Isla", "Stone", "isla", "0491 570 156", "AU", "21 Wattle Court", "Perth", "WA", "6000"),
    Person("花子", "見本", "hanako", "", "JP", "見本町1-2-3", "京都市", "", "600-8001"),
    Person("ليلى", "النموذجية", "layla", "", "AE", "شارع النخيل 5", "دبي", "", ""),
    Person("נועה", "לדוגמה", "noa", "", "IL", "רחוב הדקל 7", "חיפה", "", "3303101"),
    Person("João 🌵", "da Conceição", "joao", "", "BR", "Rua das Flores 10", "São Paulo", "SP", "01310-100"),
)

GOODS = (
    ("MUG-01", "mug", "Mug, hand-thrown", Decimal("14.00")),
    ("TEA-GRN", "tea", "Green tea “First Flush”, 100 g", Decimal("9.50")),
    ("POT-L", "teapot", "Teapot, large ☕", Decimal("39.90")),
    ("SPOON", "spoon", "Measuring spoon", Decimal("3.25")),
    ("KETTLE", "kettle", "Kettle <gooseneck> & stand", Decimal("89.00")),
    ("CARD", "gift-card", "Greeting card", Decimal("2.50")),
)


def checkout(random: Random, kind: str) -> dict[str, Any]:
    """What a buyer of a kind fills in: the fields of an order except its times and statuses."""
    person = random.choice(PEOPLE)
    country = COUNTRIES[person.country]
    lines = tuple(
        Line(
            sku=sku,
            product=product,
            name=name,
            quantity=random.choice((1, 1, 1, 2, 3)),
            unit_price=_money(price * country.rate, country),
        )
        for sku, product, name, price in random.sample(GOODS, random.choice((1, 1, 2, 3)))
    )
    goods = sum((line.quantity * line.unit_price for line in lines), Decimal(0))
    off = {"voucher": goods / 10, "free": goods}.get(kind, Decimal(0))
    off = _money(off, country)
    fee = _money(Decimal(0 if kind == "free" else 5) * country.rate, country)
    tax = _money((goods - off + fee) * country.percent / 100, country)
    place = Place(
        first_name=person.first_name,
        last_name=person.last_name,
        street=person.street,
        city=person.city,
        region=person.region,
        postcode=person.postcode,
        country=person.country,
    )
    return {
        "test": kind == "test",
        "currency": country.currency,
        "lines": lines,
        "vouchers": (Voucher("TEATIME", off),) if off else (),
        "taxes": (Tax(country.tax, tax),) if tax else (),
        "delivery_fee": fee,
        "total": goods - off + fee + tax,
        "buyer": _buyer(random, kind, person),
        "bill_to": place,
        "ship_to": None if kind == "pick-up" else place,
    }


def _buyer(random: Random, kind: str, person: Person) -> Buyer:
    email, phone = f"{person.mailbox}@example.com", person.phone
    if kind == "no-contact":
        email, phone = "", ""
    elif kind == "phone-only":
        email, phone = "", "+1 416 555 0199"
    elif kind == "impossible-phone":
        phone = "call me maybe: 000"
    return Buyer(
        id=None if kind in ("guest", "no-contact") else f"c-{person.mailbox}",
        email=email,
        phone=phone,
        newsletter=random.choice((True, False, None)),
        text_messages=random.choice((True, False, None)),
    )


def _money(amount: Decimal, country: Country) -> Decimal:
    return amount.quantize(country.cent, ROUND_HALF_UP)
