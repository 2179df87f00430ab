"""JSON that keeps 64-bit integers and decimals to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)

NotJSON = msgspec.DecodeError


def encode(value: Any) -> bytes:
    """The value as compact JSON; Decimal as number, datetime as ISO 8601."""
    return _encoder.encode(value)


def decode(text: bytes | str) -> Any:
    """The JSON text as Python values, fractions as Decimal. Raises NotJSON."""
    try:
        return _decoder.decode(text)
    except (UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise NotJSON(f"JSON that cannot be read ({type(error).__name__})") from None
