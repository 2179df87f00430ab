"""Phone text and a region to E.164, or nothing.

A number counts only when it is *valid* (its range is assigned in its country), not merely *possible* (it has
a fitting length). What is possible but not valid cannot be dialled, or reaches somebody else because a digit
is wrong, and Privy answers 422 to what it cannot normalise, which would lose the whole order. The price is
small: a range assigned after the release of ``phonenumbers`` in use loses that phone number, not the order.

Nothing is cached: a number costs about 20 microseconds, and a cache would be buyers' data kept in memory.
"""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

_SEPARATOR = re.compile(r"[/;,|&\r\n]")
_BEFORE_NUMBER = re.compile(r"^[^\d+(]+")  # a label such as "Tel.:"
_MAX_LENGTH = 100


def e164(text: str, region: str) -> str | None:
    """The number as ``+`` and digits, or None when ``text`` is not certainly one phone number.

    ``region`` is the ISO alpha-2 code in which a number without country code is read; empty if unknown.
    An extension is dropped (E.164 has none). Of two complete numbers in one field the first counts. Where a
    slash could separate two numbers or be part of one (``0221 12345 / 678``), and the readings differ, none
    counts. Words dialled on the keypad (``1-800-EXAMPLE``) are advertising or a joke, never a buyer's number.
    """
    if len(text) > _MAX_LENGTH:
        return None
    whole = _number(text, region)
    if _SEPARATOR.search(text) is None:
        return whole
    parts = [_number(part, region) for part in _SEPARATOR.split(text) if part.strip()]
    first = parts[0] if parts else None
    if whole is not None:
        return whole if first is None or first == whole else None
    return first if all(parts) else None


def is_region(code: str) -> bool:
    """Whether numbers can be read as numbers of this ISO alpha-2 country."""
    return code in phonenumbers.SUPPORTED_REGIONS


def _number(text: str, region: str) -> str | None:
    # Marks of right-to-left writing and control characters are no part of a number.
    if not text.isprintable():
        text = "".join(filter(str.isprintable, text))
    text = _BEFORE_NUMBER.sub("", text)
    try:
        number: PhoneNumber = phonenumbers.parse(text, region or None)
    except NumberParseException:
        return None
    # In its own country is the cheaper question, and implies the other, which asks country after country.
    if not (phonenumbers.is_valid_number_for_region(number, region) or phonenumbers.is_valid_number(number)):
        return None
    if any(map(str.isalpha, text)) and phonenumbers.is_alpha_number(text):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
