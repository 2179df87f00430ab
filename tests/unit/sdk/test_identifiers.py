"""Ids that a spreadsheet ruined: restored where that is certain, else refused; never two orders as one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.errors import BadOrder
from connector.sdk.identifiers import identifier


@pytest.mark.parametrize(
    ("written", "id"),
    [
        (1001, "1001"),
        (9007199254740993, "9007199254740993"),
        (Decimal("1001.0"), "1001"),
        (Decimal("820982911946154508"), "820982911946154508"),
        ("1001.0", "1001"),
        ("1001.00", "1001"),
        ("1001,0", "1001"),
        ('="1001"', "1001"),
        ('= "1001.0"', "1001"),
        ("'1002", "1002"),
        ("'1002'", "1002"),
        ('"1002"', "1002"),
        (" \ufeff1001\u200b\n", "1001"),
        ("#1003", "#1003"),  # a name of its own: to take the sign away could make it another order's id
        ("A-1001", "A-1001"),
        ("0017", "0017"),
        ("gid://shopify/Order/1", "gid://shopify/Order/1"),
        ("507f1f77bcf86cd799439011", "507f1f77bcf86cd799439011"),
        ("1.5", "1.5"),
        (None, ""),
        ("  ", ""),
        ("'", ""),
    ],
)
def test_a_whole_number_is_itself_however_it_is_written(written: Any, id: str) -> None:
    assert identifier(written, "id") == id


@pytest.mark.parametrize(
    ("ruined", "said"),
    [
        ("8.2E+17", "scientific notation"),
        ("8,2E+17", "scientific notation"),
        ("8.20982911946154E+17", "scientific notation"),
        ('="8.2E+17"', "scientific notation"),
        ("'8.2e17", "scientific notation"),
        ("820E+15", "scientific notation"),
        ("1e18", "scientific notation"),
        (Decimal("8.2E+17"), "scientific notation"),
        (Decimal("1e900000000"), "scientific notation"),
        (Decimal("1001.5"), "neither text nor a whole number"),
        (Decimal("1e-900000000"), "neither text nor a whole number"),
        (10**50, "longer than any id"),
        (Decimal(10**50), "longer than any id"),
        (Decimal("NaN"), "not a finite number"),
        ("1.001", ""),
        ("1.000", "two numbers"),
        ("12,000", "two numbers"),
        ("#N/A", "error of a spreadsheet"),
        ("#REF!", "error of a spreadsheet"),
        ("########", "error of a spreadsheet"),
        ("NaN", "word for nothing"),
        ("Infinity", "word for nothing"),
        ("null", "word for nothing"),
        ("None", "word for nothing"),
        (r"\N", "word for nothing"),
        ("undefined", "word for nothing"),
        (True, "neither text nor a whole number"),
        ([1], "neither text nor a whole number"),
        ({}, "neither text nor a whole number"),
    ],
)
def test_what_other_orders_could_share_is_refused_with_the_reason(ruined: Any, said: str) -> None:
    if not said:
        assert identifier(ruined, "id") == ruined
        return
    with pytest.raises(BadOrder) as caught:
        identifier(ruined, "id")
    assert caught.value.field == "id"
    assert said in caught.value.reason


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_two_numbers_are_never_one(one: int, other: int) -> None:
    spellings = [one, Decimal(one), f"{one}", f"{one}.0", f'="{one}"', f"'{one}"]
    assert {identifier(written, "id") for written in spellings} == {str(one)}
    assert (identifier(one, "id") == identifier(f"{other}.0", "id")) == (one == other)
