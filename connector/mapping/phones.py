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
_NO_TRUNK = re.compile(r"\(\s*0\s*\)")  # "(0)" is typed by habit, also in countries that have no trunk zero
_MAX_LENGTH = 100

# Numbers in a form that a country has given up, by country code: what is replaced by what, in the national
# number. Only reforms that make one new number of each old one; the outcome must be valid.
_REFORMS: dict[int, tuple[tuple[re.Pattern[str], str], ...]] = {
    52: (  # Mexico, August 2019: no 044, 045, 01 before a number any more, and no 1 for mobiles after +52
        (re.compile(r"0(?:44|45|1)(\d{10})"), r"\1"),
        (re.compile(r"(?:52)?1(\d{10})"), r"\1"),
    ),
    55: ((re.compile(r"([1-9]\d)([6-9]\d{7})"), r"\g<1>9\2"),),  # Brazil, 2012 to 2016: a 9 before mobiles
    56: ((re.compile(r"0(9\d{8})"), r"\1"),),  # Chile, February 2017: no 0 before mobiles
    57: (  # Colombia, September 2021: 60 before landlines, no 03 before mobiles
        (re.compile(r"0?([1-8]\d{7})"), r"60\1"),
        (re.compile(r"03(3\d{9})"), r"\1"),
    ),
    84: (  # Vietnam, September 2018: mobiles of eleven digits became ten
        (re.compile(r"0?16([2-9]\d{7})"), r"3\1"),
        (re.compile(r"0?120(\d{7})"), r"70\1"),
        (re.compile(r"0?121(\d{7})"), r"79\1"),
        (re.compile(r"0?122(\d{7})"), r"77\1"),
        (re.compile(r"0?12([68]\d{7})"), r"7\1"),
        (re.compile(r"0?12([345]\d{7})"), r"8\1"),
        (re.compile(r"0?127(\d{7})"), r"81\1"),
        (re.compile(r"0?129(\d{7})"), r"82\1"),
        (re.compile(r"0?186(\d{7})"), r"56\1"),
        (re.compile(r"0?188(\d{7})"), r"58\1"),
        (re.compile(r"0?199(\d{7})"), r"59\1"),
    ),
    225: (  # Ivory Coast, January 2021: mobiles by operator, which the second digit told
        (re.compile(r"([04-9][0-3]\d{6})"), r"01\1"),
        (re.compile(r"([04-9][4-6]\d{6})"), r"05\1"),
        (re.compile(r"([04-9][7-9]\d{6})"), r"07\1"),
    ),
    229: ((re.compile(r"([2-9]\d{7})"), r"01\1"),),  # Benin, November 2024: 01 before every number
    380: ((re.compile(r"80(\d{9})"), r"\1"),),  # Ukraine, 2009: 0 instead of 8-0 within the country
}
_EXPLICIT = re.compile(r"^\s*(?:\+|00|(?:\D*011\D*)?52)")
_NEEDS_CODE = re.compile(r"1\d{10}")  # without +52 this can be a number of North America


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
    if any(map(str.isalpha, text)) and phonenumbers.is_alpha_number(text):
        return None
    if not _is_valid(number, region):
        if _NO_TRUNK.search(text):
            return _number(_NO_TRUNK.sub(" ", text), region)
        renewed = _renewed(number, text)
        if renewed is None:
            return None
        number = renewed
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _is_valid(number: PhoneNumber, region: str) -> bool:
    # In its own country is the cheaper question, and implies the other, which asks country after country.
    return phonenumbers.is_valid_number_for_region(number, region) or phonenumbers.is_valid_number(number)


def _renewed(number: PhoneNumber, text: str) -> PhoneNumber | None:
    """The number in today's form, if its country has given up the one in which it is written."""
    code = number.country_code
    old = phonenumbers.national_significant_number(number)
    if code == 52 and _NEEDS_CODE.fullmatch(old) and not _EXPLICIT.search(text):
        return None
    for pattern, form in _REFORMS.get(code or 0, ()):
        match = pattern.fullmatch(old)
        if match is None:
            continue
        try:
            renewed = phonenumbers.parse(f"+{code}{match.expand(form)}", None)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(renewed):
            return renewed
    return None
