"""Amounts and currencies are read alike on every platform, or refused by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.errors import BadOrder
from connector.sdk import amounts


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (12, "12"),
        (Decimal("12.50"), "12.50"),
        (" -12.5 ", "-12.5"),
        ("1.0E-5", "0.00001"),  # as PHP writes a small one
        ("999999999999999.99", "999999999999999.99"),
    ],
)
def test_an_amount_may_be_a_number_or_text(value: Any, read: str) -> None:
    assert amounts.amount(value, "total") == Decimal(read)


@pytest.mark.parametrize(
    "value", [None, True, "", "12,50", "hush", "NaN", "-Infinity", Decimal("NaN"), [1], 0.1]
)
def test_what_is_no_amount_is_named_and_not_quoted(value: Any) -> None:
    with pytest.raises(BadOrder, match=r"^lines\[\]\.price: is not a number, nor one as text") as caught:
        amounts.amount(value, "lines[].price")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("value", [10**15, -(10**15), "1e15", Decimal("1e400")])
def test_an_impossible_amount_is_refused(value: Any) -> None:
    with pytest.raises(BadOrder, match=r"^total: is an impossible number$"):
        amounts.amount(value, "total")


@pytest.mark.parametrize(("value", "read"), [("EUR", "EUR"), (" usd ", "USD")])
def test_a_currency_is_read_in_upper_case(value: str, read: str) -> None:
    assert amounts.currency(value) == read


@pytest.mark.parametrize("value", [None, 978, "", " ", [], {"code": "EUR"}])
def test_what_is_no_text_is_no_currency_and_the_mapping_may_know_one(value: Any) -> None:
    assert amounts.currency(value) == ""


@pytest.mark.parametrize(("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("", 2)])
def test_the_smallest_coin_is_iso_4217s(currency: str, decimals: int) -> None:
    assert amounts.decimals(currency) == decimals


@pytest.mark.parametrize(
    ("number", "places", "read"),
    [
        ("2.345", 2, "2.35"),
        ("-2.345", 2, "-2.35"),
        ("2.5", 0, "3"),
        ("12", 2, "12"),
        ("1.23456749", 6, "1.234567"),
    ],
)
def test_amounts_are_rounded_half_up(number: str, places: int, read: str) -> None:
    assert str(amounts.rounded(Decimal(number), places)) == read


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 9))
def test_any_number_can_be_rounded(number: Decimal, places: int) -> None:
    assert abs(amounts.rounded(number, places) - number) <= Decimal(5).scaleb(-places - 1)
