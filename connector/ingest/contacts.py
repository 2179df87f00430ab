"""By what a buyer is recognised: e-mail address and phone, each in one spelling however it was written.

A spelling is ``e:`` and the address, or ``p:`` and the digits. Pure; nothing here is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connector.mapping import emails
from connector.mapping.countries import country_code
from connector.mapping.phones import e164
from connector.model.order import Order

LEAST_DIGITS = 6  # fewer are no phone number

Group = frozenset[str]


def asked(contact: str) -> str:
    """The spelling of what a person wrote; empty when it is neither an address nor a phone number."""
    if "@" in contact:
        return _email(contact)
    digits = _digits(contact)
    return f"p:{digits}" if len(digits) >= LEAST_DIGITS else ""


def of_order(order: Order, region: str = "") -> Iterator[Group]:
    """Each contact of an order, in all spellings under which the same contact may be met.

    ``region`` is where phone numbers are read that say no country (ISO alpha-2).
    """
    if order.email.strip():
        yield frozenset({_email(order.email), "e:" + order.email.strip().casefold()})
    for phone in order.phones:
        yield _phone(phone.text, country_code(phone.country) or region)


def of_payload(payload: Mapping[str, Any]) -> Iterator[Group]:
    """The same of a payload: a mapping may take a contact from elsewhere in the document."""
    for name in ("email", "phone"):
        text = payload.get(name)
        if isinstance(text, str) and text:
            yield frozenset({_email(text)}) if name == "email" else _phone(text, "")


def in_text(document: Any, spelling: str) -> bool:
    """Whether any text of a document that no adapter reads holds the contact."""
    kind, _, wanted = spelling.partition(":")
    if kind == "e":
        pattern = re.compile(rf"(?<![\w.+-]){re.escape(wanted)}(?![\w-])")
        return any(pattern.search(text.casefold()) for text in _texts(document))
    return any(_digits(text).endswith(wanted) for text in _texts(document) if len(text) < 100)


def _email(text: str) -> str:
    return "e:" + (emails.address(text) or text).strip().casefold()


def _phone(text: str, region: str) -> Group:
    numbers = (_digits(text), _digits(e164(text, region) or ""))
    return frozenset(f"p:{digits}" for digits in numbers if len(digits) >= LEAST_DIGITS)


def _digits(number: str) -> str:
    return "".join(character for character in number if character.isdigit())


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, int) and not isinstance(one, bool):
            yield str(one)
