"""The field rules of *Order placed*, pure: a decoded body in, normalised fields and problems out.

Written from Privy's reference and independently of the program's own payload, so that tests can trust it.
Where the reference is silent, this is what was decided, and why:

* an unknown top-level field is ignored, as the reference names none that is refused, but it is
  reported in ``Checked.ignored`` so that a test can insist on none;
* ``null`` is not of any of the types the reference names, so it is refused;
* an empty e-mail, phone or customer id counts as left out (the reference leaves out empty values itself);
* a phone without a country prefix is read in ``region``, and its length must fit a country's numbers;
* a currency that ISO 4217 withdrew since there are shops online counts: an order of old was paid in it;
* the keys shown for a discount, a tax line and a line item are required there;
* an amount is below 10^15 and an integer within 64 bits, so that no answer can grow without bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

import msgspec
import phonenumbers
import pycountry

FINANCIAL = frozenset(
    ("authorized", "expired", "paid", "partially_paid", "partially_refunded", "pending", "refunded", "voided")
)
FULFILLMENT = frozenset(
    (
        "delivered",
        "fulfilled",
        "in_progress",
        "on_hold",
        "open",
        "partially_fulfilled",
        "pending",
        "pending_fulfillment",
        "request_declined",
        "restocked",
        "scheduled",
        "unfulfilled",
    )
)
WITHDRAWN = """
AFA ANG ATS AZM BEF BGL BGN BYB BYR CSD CUC CYP DEM EEK ESP FIM FRF GHC GRD GWP HRK IEP ITL LTL LUF
LVL MGF MRO MTL MZM NLG PTE ROL RUR SDD SIT SKK SLL SRG STD TMM TPE TRL UAK VEB VEF XEU YUM ZMK ZWD
ZWL ZWN ZWR
"""
CURRENCIES = frozenset((*(currency.alpha_3 for currency in pycountry.currencies), *WITHDRAWN.split()))
MAX_INT = 2**63 - 1
MAX_AMOUNT = 10**15
MAX_PROBLEMS = 50

_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d([.,]\d{1,9})?)?Z", re.ASCII)
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


class Problem(msgspec.Struct, frozen=True):
    """One entry of ``details``: the field's dotted path and what is wrong with it, never its value."""

    field: str
    message: str


class Checked(msgspec.Struct, frozen=True):
    """What a body says: its known fields, normalised, and good where ``problems`` is empty."""

    fields: dict[str, Any]
    problems: list[Problem]
    ignored: list[str]


Report = Callable[[str, str], None]
Rule = Callable[[Any, str, Report], Any]


def check(body: Any, region: str = "US") -> Checked:
    """Every rule applied to a decoded body; ``region`` reads phones that carry no country prefix."""
    problems: list[Problem] = []

    def report(field: str, message: str) -> None:
        if len(problems) < MAX_PROBLEMS:
            problems.append(Problem(field, message))

    if not isinstance(body, dict):
        report("body", "must be a JSON object")
        return Checked({}, problems, [])
    fields: dict[str, Any] = {}
    for name, rule in RULES.items():
        if name in body:
            fields[name] = rule(body[name], name, report)
        elif name in REQUIRED:
            report(name, "is required")
    if fields.get("phone"):
        fields["phone"] = e164(fields["phone"], region)
        if not fields["phone"]:
            report("phone", "must be a phone number, best in E.164 form")
    for name in ("email", "phone", "customer_id"):
        if name in fields and not fields[name]:
            del fields[name]
    if not any(problem.field in ("email", "phone") for problem in problems):
        if "email" not in fields and "phone" not in fields:
            report("email", "is required when there is no phone")
        if fields.get("accepts_sms_marketing") is True and "phone" not in fields:
            report("phone", "is required when accepts_sms_marketing is true")
    return Checked(fields, problems, [name for name in body if name not in RULES])


@lru_cache(maxsize=4096)
def e164(text: str, region: str) -> str:
    """The phone in E.164 form, or an empty text when it cannot be one."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def order_id(value: Any) -> int | None:
    """The order id that a value stands for: an integer above 0 within 64 bits, or one in digits only."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value.lstrip("0")) <= 19:
        value = int(value)
    return value if type(value) is int and 0 < value <= MAX_INT else None


def _order_id(value: Any, path: str, report: Report) -> int | None:
    known = order_id(value)
    if known is None:
        report(path, "must be an integer above 0 and within 64 bits, or a string of digits only")
    return known


def _integer(value: Any, path: str, report: Report) -> int:
    if type(value) is not int or not -MAX_INT <= value <= MAX_INT:
        report(path, "must be an integer within 64 bits")
        return 0
    return value


def _number(value: Any, path: str, report: Report) -> Decimal:
    if type(value) not in (int, Decimal) or not -MAX_AMOUNT < value < MAX_AMOUNT:
        report(path, "must be a number below 10^15")
        return Decimal(0)
    return Decimal(value)


def _text(value: Any, path: str, report: Report) -> str:
    if type(value) is not str:
        report(path, "must be a string")
        return ""
    return value


def _flag(value: Any, path: str, report: Report) -> bool:
    if type(value) is not bool:
        report(path, "must be true or false")
        return False
    return value


def _email(value: Any, path: str, report: Report) -> str:
    email = _text(value, path, report).strip().lower()
    if email and not _EMAIL.fullmatch(email):
        report(path, "must be an e-mail address")
    return email


def _currency(value: Any, path: str, report: Report) -> str:
    if type(value) is not str or value not in CURRENCIES:
        report(path, "must be an ISO 4217 code in capital letters")
        return ""
    return value


def _utc_time(value: Any, path: str, report: Report) -> datetime | None:
    if type(value) is str and _UTC_TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # the form is right, the day or hour is not
    report(path, "must be an ISO 8601 time in UTC that ends in Z")
    return None


def _one_of(allowed: frozenset[str], value: Any, path: str, report: Report) -> str:
    if type(value) is not str or value not in allowed:
        report(path, f"must be one of {', '.join(sorted(allowed))}")
        return ""
    return value


def _object(value: Any, path: str, report: Report) -> dict[str, Any]:
    if type(value) is not dict:
        report(path, "must be an object")
        return {}
    return value


def _objects(keys: Mapping[str, Rule], value: Any, path: str, report: Report) -> list[dict[str, Any]]:
    if type(value) is not list:
        report(path, "must be an array of objects")
        return []
    for index, item in enumerate(value):
        place = f"{path}[{index}]"
        if type(item) is not dict:
            report(place, "must be an object")
            continue
        for key, rule in keys.items():
            if key in item:
                rule(item[key], f"{place}.{key}", report)
            else:
                report(f"{place}.{key}", "is required")
    return value


REQUIRED = frozenset(("order_id", "total", "currency", "order_date"))
RULES: dict[str, Rule] = {
    "order_id": _order_id,
    "total": _number,
    "currency": _currency,
    "order_date": _utc_time,
    "email": _email,
    "phone": _text,
    "customer_id": _text,
    "subtotal": _number,
    "discounts": partial(_objects, {"code": _text, "amount": _number}),
    "tax_lines": partial(_objects, {"title": _text, "amount": _number}),
    "total_items": _integer,
    "financial_status": partial(_one_of, FINANCIAL),
    "fulfillment_status": partial(_one_of, FULFILLMENT),
    "line_items": partial(_objects, {"sku": _text, "quantity": _integer, "price": _number}),
    "billing_address": _object,
    "shipping_address": _object,
    "accepts_email_marketing": _flag,
    "accepts_sms_marketing": _flag,
    "initial_sync": _flag,
}
