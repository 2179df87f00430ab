"""JSON that keeps 64-bit integers and decimals to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)

MOST_DEPTH = 100  # levels; no order has ten, and whoever walks a value must not run out of stack
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))

NotJSON = msgspec.DecodeError


def encode(value: Any) -> bytes:
    """The value as compact JSON; Decimal as number, datetime as ISO 8601."""
    return _encoder.encode(value)


def indented(value: Any) -> bytes:
    """The same, for people to read."""
    return msgspec.json.format(_encoder.encode(value), indent=2)


def decode(text: bytes | str) -> Any:
    """The JSON text as Python values, fractions as Decimal. Raises NotJSON, also for more than MOST_DEPTH."""
    try:
        value = _decoder.decode(text)
    except (UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise NotJSON(f"JSON that cannot be read ({type(error).__name__})") from None
    bounded(text, value)
    return value


def bounded(text: bytes | str, value: Any) -> None:
    """Raise NotJSON where ``value``, which was decoded from ``text``, nests deeper than MOST_DEPTH.

    Text made to look shallow, with brackets in its strings, passes up to what the interpreter's stack holds.
    """
    brackets = (text if isinstance(text, bytes) else text.encode(errors="replace")).translate(
        None, _NO_BRACKET
    )
    for _ in range(MOST_DEPTH // 2):  # the cheap way: each round takes away one level or two
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(brackets) in (0, before):
            break
    if not brackets:
        return
    level = [value]
    for _ in range(MOST_DEPTH):  # brackets in strings: look at the values themselves
        level = [one for whole in level for one in _inside(whole)]
        if not level:
            return
    raise NotJSON(f"JSON that nests deeper than {MOST_DEPTH} levels")


def shallow(value: Any, levels: int = MOST_DEPTH) -> Any:
    """A copy without what lies deeper than ``levels``, for what cannot be written where the stack is full."""
    if not isinstance(value, dict | list) or not levels:
        return None if isinstance(value, dict | list) else value
    if isinstance(value, list):
        return [shallow(item, levels - 1) for item in value]
    return {key: shallow(item, levels - 1) for key, item in value.items()}


def _inside(value: Any) -> list[Any]:
    """The lists and objects directly in a value."""
    if isinstance(value, dict):
        return [one for one in value.values() if isinstance(one, dict | list)]
    if isinstance(value, list):
        return [one for one in value if isinstance(one, dict | list)]
    return []
