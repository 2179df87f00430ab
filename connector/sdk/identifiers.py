"""Ids as others write them, read so that two orders never become one: what is ruined is refused. Pure.

Spreadsheets ruin ids without a word: a long number is shown, and saved, as ``8.2E+17``, which thousands of
orders share; a whole number grows a decimal point; a sign is put before text to keep it text.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from connector.model.errors import BadOrder

LONGEST_NUMBER = 40  # digits

_EDGES = " \t\r\n\ufeff\u200b\u200c\u200d\u2060\u00a0"
# ="1001", '1001 and "1001": what keeps a spreadsheet from taking text for a number.
_GUARDED = re.compile(r"""=\s*"(?P<formula>[^"]*)"|'(?P<mark>[^']*)'?|"(?P<quoted>[^"]*)\"""")
_SCIENTIFIC = re.compile(r"[-+]?(\d{1,3}([.,]\d*)?[eE][-+]\d{1,4}|\d([.,]\d+)?[eE]\d{1,3})", re.ASCII)
_WHOLE = re.compile(r"(?P<whole>[-+]?\d+)(\.0+|,0{1,2})", re.ASCII)
_THOUSANDS = re.compile(r"[-+]?\d{1,3}[.,]000", re.ASCII)
_NONE = frozenset(
    ("nan", "null", "none", "nil", "undefined", "inf", "-inf", "infinity", "-infinity", r"\n", "n/a", "-")
)
_SHEET_ERROR = re.compile(r"#(N/A|REF!|NAME\?|VALUE!|NUM!|NULL!|DIV/0!|SPILL!|CALC!|FIELD!|#+)", re.ASCII)


def identifier(value: Any, field: str) -> str:
    """The id as text, exact to the last digit; empty where there is none.

    A whole number is itself however it is written (``1001.0``, ``="1001"``). Raises BadOrder for what other
    orders could share: scientific notation, a spreadsheet's error, the word for nothing.
    """
    if isinstance(value, Decimal):
        return _of_number(value, field)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**LONGEST_NUMBER else _refused(field, "is longer than any id")
    if value is None:
        return ""
    if not isinstance(value, str):
        return _refused(field, "is neither text nor a whole number")
    return _of_text(value.strip(_EDGES), field)


def _of_number(number: Decimal, field: str) -> str:
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        return _refused(field, "is not a finite number")
    if exponent > 0:
        return _scientific(field)
    if number.adjusted() >= LONGEST_NUMBER:
        return _refused(field, "is longer than any id")
    if number != number.to_integral_value():
        return _refused(field, "is neither text nor a whole number")
    return str(int(number))


def _of_text(text: str, field: str) -> str:
    guarded = _GUARDED.fullmatch(text)
    if guarded:
        text = (guarded["formula"] or guarded["mark"] or guarded["quoted"] or "").strip(_EDGES)
    if not text:
        return ""
    if _SCIENTIFIC.fullmatch(text):
        return _scientific(field)
    if _SHEET_ERROR.fullmatch(text):
        return _refused(field, "is an error of a spreadsheet instead of an id")
    if text.lower() in _NONE:
        return _refused(field, "is a word for nothing instead of an id")
    if _THOUSANDS.fullmatch(text):
        return _refused(field, "has a point or a comma before three zeros, which can mean two numbers")
    whole = _WHOLE.fullmatch(text)
    return whole["whole"] if whole else text


def _scientific(field: str) -> str:
    return _refused(
        field,
        "is in scientific notation, as a spreadsheet shows a long number: its last digits are lost, and "
        "other orders could share it; export the column as text",
    )


def _refused(field: str, reason: str) -> str:
    raise BadOrder(field, reason)
