"""Which currencies go out, and that the sandbox judges by the same list though it shares nothing."""

import pycountry
import pytest

from connector.mapping import values
from connector.model.errors import BadOrder
from connector.sandbox import rules


def test_the_sandbox_knows_the_same_currencies() -> None:
    assert values.currencies() == rules.CURRENCIES


@pytest.mark.parametrize("code", ["HRK", "BGN", "ANG", "VEF", "DEM", "TRL", "EUR", "ZWG"])
def test_a_withdrawn_currency_passes_both(code: str) -> None:
    assert values.currency(f" {code.lower()} ") == code
    body = {"order_id": 1, "total": 1, "currency": code, "order_date": "2009-01-01T00:00:00Z"}
    assert rules.check({**body, "email": "a@b.example"}).problems == []


@pytest.mark.parametrize("code", [None, "", "EURO", "ABC", "978", "€", "BTC"])
def test_what_is_none_is_refused(code: str | None) -> None:
    with pytest.raises(BadOrder, match=r"^currency: .* no ISO 4217 code$"):
        values.currency(code)


def test_no_code_is_listed_as_withdrawn_that_is_in_use() -> None:
    assert not set(rules.WITHDRAWN.split()) & {currency.alpha_3 for currency in pycountry.currencies}
