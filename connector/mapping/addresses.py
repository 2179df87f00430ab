"""Clean text, country codes and state codes. Privy stores addresses verbatim, so they are put right here."""

from __future__ import annotations

import unicodedata
from typing import Any

from connector.mapping.countries import country_code
from connector.mapping.phones import e164
from connector.model.order import Address

PARTS = tuple(name for name in Address.__struct_fields__ if name != "extra")
_EMPTY = Address()


def printable(text: str) -> str:
    """The text without control characters and broken Unicode, trimmed; inner spaces stay as they are."""
    if not text.isprintable():
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs"))
    return text.strip()


def one_line(text: str) -> str:
    """The text with each run of white space made one space, without control characters."""
    if text.isprintable() and "  " not in text:  # nearly every one; a space is the only printable white space
        return text.strip()
    words = printable(" ".join(text.split()))  # a line feed is white space and a control character
    return " ".join(words.split())


def state_code(text: str, country: str) -> str:
    """The shop's own code of the state without its country: ``BE`` for ``DE-BE``, ``13`` for ``JP13``.

    Codes are upper case; a state's name stays a name, it is never guessed into a code.
    """
    state = one_line(text)
    if not (state.isascii() and len(state) <= 6):
        return state
    code = state.upper()
    rest = code.removeprefix(country) if country else code
    if rest != code and (rest.startswith("-") or rest.isdigit()):
        return rest.removeprefix("-") or code
    return code if len(code) <= 3 else state


def clean(address: Address, region: str = "") -> Address:
    """The address with clean text and codes, its phone in E.164.

    A country that is not recognised is left out, and so is a phone that is not certainly a number. ``region``
    reads phones of an address without country.
    """
    if address == _EMPTY:
        return _EMPTY
    country = country_code(address.country_code) if address.country_code else ""
    return Address(
        first_name=one_line(address.first_name),
        last_name=one_line(address.last_name),
        company=one_line(address.company),
        address1=one_line(address.address1),
        address2=one_line(address.address2),
        city=one_line(address.city),
        state_code=state_code(address.state_code, country),
        country_code=country,
        postal_code=one_line(address.postal_code),
        phone=e164(address.phone, country or region) or "" if address.phone else "",
        extra=address.extra,
    )


def body(address: Address) -> dict[str, Any]:
    """The address as Privy takes it: what is known of it, and the keys of the mapping's own."""
    known = {name: text for name in PARTS if (text := getattr(address, name))}
    return {**known, **address.extra}
