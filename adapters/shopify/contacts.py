"""Who ordered, and what they agreed to. Shopify keeps consents with the customer, not with the order."""

from __future__ import annotations

import re
from typing import Any

from connector.model.order import Address, Consent, Phone
from connector.sdk.fields import Part, text

_SUBSCRIBED = "SUBSCRIBED"
_NOT_SUBSCRIBED = frozenset({"NOT_SUBSCRIBED", "NEVER_SUBSCRIBED", "UNSUBSCRIBED", "PENDING"})
_NOT_A_DIGIT = re.compile(r"\D")
_FEWEST_DIGITS = 7


def email_consent(known: Part, own: str, email: str) -> Consent | None:
    """What the customer's own address says; where the order has another one, nobody asked its owner."""
    if not email or (own and own.lower() != email.lower()):
        return None
    return _consent(known.get("marketingState"), "customer.defaultEmailAddress.marketingState")


def phones_of(
    body: Part, billing: Part, shipping: Part, known: Part
) -> tuple[tuple[Phone, ...], Consent | None]:
    """The order's own number first, then the addresses', which may be somebody else's, then the customer's.

    Consent to texts is for the customer's number: when given, that number goes first.
    """
    countries = [text(part.get("countryCodeV2")) for part in (billing, shipping)]
    country = countries[0] or countries[1]
    own = Phone(text(known.get("phoneNumber")), country, "customer.defaultPhoneNumber.phoneNumber")
    found = [
        Phone(text(body.get("phone")), country, "phone"),
        Phone(text(shipping.get("phone")), countries[1] or country, "shippingAddress.phone"),
        Phone(text(billing.get("phone")), country, "billingAddress.phone"),
        own,
    ]
    phones = [phone for phone in found if phone.text]
    consent = _sms_consent(known.get("smsMarketingConsent"))
    if consent is None:
        return tuple(phones), None
    if not own.text:  # Shopify keeps the number back: a withdrawal needs none, where the order has no other
        return tuple(phones), None if consent.given or phones else consent
    if consent.given:
        return (own, *(phone for phone in phones if phone is not own)), consent
    return tuple(phones), consent if _same_number(phones[0].text, own.text) else None


def address(part: Part) -> Address:
    """A postal address; what Shopify withholds is absent."""
    return Address(
        first_name=text(part.get("firstName")),
        last_name=text(part.get("lastName")),
        company=text(part.get("company")),
        address1=text(part.get("address1")),
        address2=text(part.get("address2")),
        city=text(part.get("city")),
        state_code=text(part.get("provinceCode")),
        country_code=text(part.get("countryCodeV2")),
        postal_code=text(part.get("zip")),
        phone=text(part.get("phone")),
    )


def _sms_consent(part: Any) -> Consent | None:
    return _consent(
        part.get("state") if isinstance(part, dict) else None,
        "customer.defaultPhoneNumber.smsMarketingConsent.state",
    )


def _consent(state: Any, origin: str) -> Consent | None:
    """Given, or not given (also while a double opt-in waits); erased and invalid ones say nothing."""
    if state == _SUBSCRIBED:
        return Consent(given=True, origin=origin)
    if isinstance(state, str) and state in _NOT_SUBSCRIBED:
        return Consent(given=False, origin=origin)
    return None


def _same_number(one: str, other: str) -> bool:
    """Numbers as typed and in E.164: the shorter one's digits end the longer one's, less a leading zero."""
    short, long = sorted((_NOT_A_DIGIT.sub("", number).lstrip("0") for number in (one, other)), key=len)
    return len(short) >= _FEWEST_DIGITS and long.endswith(short)
