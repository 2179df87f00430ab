"""Addresses and phone numbers as most shops write them: objects of texts, any of which may be strange."""

from __future__ import annotations

from connector.model.order import Address, Phone
from connector.sdk.fields import Part, text
from connector.sdk.optional import Optional


def address(read: Optional, part: Part, place: str, *, state: str, country: str, postcode: str) -> Address:
    """An address whose fields are called as WooCommerce and Medusa call them, but for the three named.

    ``place`` is what a note calls the object.
    """

    def field(name: str) -> str:
        return read.text(part.get(name), f"{place}.{name}")

    return Address(
        first_name=field("first_name"),
        last_name=field("last_name"),
        company=field("company"),
        address1=field("address_1"),
        address2=field("address_2"),
        city=field("city"),
        state_code=field(state),
        country_code=field(country),
        postal_code=field(postcode),
        phone=field("phone"),
    )


def phones(read: Optional, country: str, *parts: tuple[str, Part]) -> tuple[Phone, ...]:
    """The numbers of these objects, the first one the likeliest; each object with what a note calls it.

    ``country`` is the field of a country: a number's is its own object's, else the first that is stated.
    """
    stated = [code for _, part in parts if (code := text(part.get(country)))]
    return tuple(
        Phone(number, text(part.get(country)) or (stated[0] if stated else ""), f"{place}.phone")
        for place, part in parts
        if (number := read.text(part.get("phone"), f"{place}.phone"))
    )
