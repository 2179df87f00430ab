"""An order's document without its people: every text is replaced by one of the same shape, unless it is known
to be of nobody.

What is not recognised as harmless is replaced, for a platform's document can hold a buyer's words anywhere.
Kept are amounts, dates, the words of statuses and of currencies, keys, ids of orders and goods, and what the
store's mapping itself names. Equal texts are replaced alike within one document; nothing can be
computed back, for what stands in their place is drawn by lot.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import Any

from connector.mapping.countries import country_code
from connector.mapping.emails import address
from connector.mapping.phones import e164
from connector.model.order import Address, Order

LONGEST_PHONE = 40
TRIES = 40  # numbers drawn for one phone, until one is valid as the original was
_DIGITS = (7, 5, 4)  # how many of its last digits are drawn: fewer where most numbers are given to nobody

_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|[+-]\d\d:?\d\d))?)?", re.ASCII)
_AMOUNT = re.compile(r"[+-]?\d{1,12}[.,]\d{1,8}", re.ASCII)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*([_.:/-][A-Za-z0-9]+)*", re.ASCII)
_CODE = re.compile(r"[A-Z]{2,3}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_:/.-]{1,80}", re.ASCII)
_NUMBER = re.compile(r"\d{1,20}", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>(),;:\"]+@[^\s@<>(),;:\"]+\.[A-Za-z]{2,}")
_ADDRESS_OF_NOBODY = re.compile(  # by which django-oscar names orders and countries
    r"https?://[^\s?#@]+/(orders/\d{1,20}|countries/[A-Z]{2})/?", re.ASCII
)
_URL = re.compile(r"([a-z]{2,5}://)[^/\s]*(\S*)", re.IGNORECASE)
_PHONE = re.compile(r"[+(]?[\d][\d ()./+-]{5,25}\d", re.ASCII)

# Parts of keys, in lower case without _ and -. The first list is stronger.
_PERSONAL_KEYS = (
    "email", "mail", "phone", "mobile", "telephone", "fax", "sms", "firstname", "lastname", "fullname",
    "company", "address1", "address2", "line1", "line2", "street", "city", "zip", "postal", "postcode",
    "birth", "dob", "gender", "customerid", "userid", "buyer", "recipient", "ip", "useragent", "browser",
    "latitude", "longitude", "note", "comment", "message", "token", "secret", "password", "signature",
    "hash", "orderkey", "cart", "session", "cookie", "iban", "card", "taxnumber", "vatid", "vatnumber",
    "taxid", "visit", "transaction", "account",
)  # fmt: skip
_WORD_KEYS = (
    "status", "state", "currency", "type", "kind", "method", "gateway", "reason", "version", "locale",
    "unit", "consent", "optin", "level", "channel", "subscrib", "via", "taxclass", "action", "typename",
)  # fmt: skip
_ID_KEYS = ("id", "ids", "sku", "handle", "code", "number", "displayid", "orderno")
_CODE_KEYS = ("country", "province", "state", "region", "currency", "language")
_PEOPLE = ("customer", "user", "buyer", "billing", "shipping", "address", "contact")
_YES_OR_NO = ("yes", "no", "true", "false", "on", "off", "y", "n", "0", "1")
_ANSWERS = frozenset((*_YES_OR_NO, "subscribed", "unsubscribed", "not_subscribed", "pending", "invalid"))
_CHOICES = ("consent", "accept", "marketing", "optin", "newsletter", "subscrib")
_PERSONAL_EXACT = ("ip", "name", "first", "last")


def anonymous(
    body: dict[str, Any], *, order: Order | None, words: Collection[str], region: str = ""
) -> dict[str, Any]:
    """The document with people, addresses and secrets replaced.

    ``order`` is what was read from it, if it could be: its statuses are kept, and what it tells of the buyer
    is replaced wherever it stands. ``words`` are texts that the mapping names. ``region`` is the country of
    phones that say none.
    """
    kept = {*words, *_ANSWERS, *(_statuses(order) if order else ())}
    people = frozenset(_people(order)) if order else frozenset()
    regions = [region, order.billing.country_code, order.shipping.country_code] if order else [region]
    changed: dict[str, Any] = _Replacing(kept - people, people, regions).value(body, ())
    return changed


def _statuses(order: Order) -> Iterator[str]:
    yield from order.financial.words
    yield from order.fulfillment.words


def _people(order: Order) -> Iterator[str]:
    """Texts that tell who the buyer is, in lower case; short ones are looked for by their keys only."""
    found = [order.email, order.customer_id, *(phone.text for phone in order.phones)]
    for one in (order.billing, order.shipping):
        found += _of_address(one)
    yield from (text.strip().lower() for text in found if len(text.strip()) > 2)


def _of_address(one: Address) -> Sequence[str]:
    return (
        *(one.first_name, one.last_name, one.company, one.address1, one.address2, one.city),
        *(one.postal_code, one.phone),
        *(text for text in one.extra.values() if isinstance(text, str)),
    )


class _Replacing:
    """One document's replacements. ``path`` is the keys above a value, in lower case, without _ and -."""

    def __init__(self, words: Collection[str], people: Collection[str], regions: Sequence[str]) -> None:
        self.words = words
        self.people = people
        self.regions = regions
        self.done: dict[str, str] = {}

    def value(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {self.key(key): self.value(item, (*path, _bare(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, path) for item in value]
        if isinstance(value, str):
            return self.text(value, path)
        if isinstance(value, int | Decimal) and not isinstance(value, bool) and _is_of_person(path):
            return self.number(value)
        if isinstance(value, int) and not isinstance(value, bool) and str(value) in self.people:
            return self.number(value)
        return value

    def key(self, key: str) -> str:
        """A key that is a text of somebody's (an e-mail address for a key)."""
        return (
            key if _WORD.fullmatch(key.strip("_$")) and key.lower() not in self.people else self.shaped(key)
        )

    def number(self, value: int | Decimal) -> int | Decimal:
        if isinstance(value, Decimal) or not value:
            return value * 0  # WooCommerce's customer 0 is nobody
        drawn = self.shaped(str(abs(value)))
        return int(drawn) * (-1 if value < 0 else 1)

    def text(self, text: str, path: tuple[str, ...]) -> str:
        if not text.strip() or (self._harmless(text, path) and not self._of_buyer(text)):
            return text
        return self.shaped(text)

    def _of_buyer(self, text: str) -> bool:
        lower = text.strip().lower()
        return lower in self.people or any(one in lower for one in self.people if len(one) > 4)

    def _harmless(self, text: str, path: tuple[str, ...]) -> bool:
        key = path[-1] if path else ""
        if text in self.words and len(text) > 1:
            return True
        if text.lower() in _ANSWERS:
            return not _is_of_person(path) or any(part in "".join(path) for part in _CHOICES)
        if _CODE.fullmatch(text) and any(part in key for part in _CODE_KEYS):
            return True
        if "country" in key and country_code(text):
            return True
        if _ADDRESS_OF_NOBODY.fullmatch(text):
            return True
        if _is_personal(key):
            return False
        if _TIME.fullmatch(text) or _AMOUNT.fullmatch(text):
            return True
        if key == "key" or any(part in key for part in _WORD_KEYS):
            return len(text) <= 64 and _WORD.fullmatch(text) is not None
        if any(key.endswith(part) for part in _ID_KEYS) and not any(part in _near(path) for part in _PEOPLE):
            return _ID.fullmatch(text) is not None
        if key in ("value", "quantity", "amount", "total", "price", "subtotal"):
            return len(text) <= 6 and _NUMBER.fullmatch(text) is not None
        return False

    def shaped(self, text: str) -> str:
        """Another text of the same shape; the same for the same."""
        if text not in self.done:
            self.done[text] = self._shaped(text)
        return self.done[text]

    def _shaped(self, text: str) -> str:
        if found := _URL.fullmatch(text.strip()):
            return f"{found[1]}example.com{_drawn(found[2])}"
        if _EMAIL.search(text):
            return _EMAIL.sub(self._email, "".join(_outside(text)))
        if self._is_phone(text):
            return self._phone(text)
        return _drawn(text)

    def _email(self, match: re.Match[str]) -> str:
        whole = match[0]
        if not whole.isascii() or not address(whole):
            return _drawn(whole)
        drawn = _drawn(re.sub(r"[^A-Za-z0-9.]", "x", whole.partition("@")[0]))
        return f"{drawn}@example.com"

    def _is_phone(self, text: str) -> bool:
        if _PHONE.fullmatch(text.strip()):
            return True
        return len(text) <= LONGEST_PHONE and any(e164(text, region) for region in self.regions)

    def _phone(self, text: str) -> str:
        """A number of the same shape that is valid where the original is; its last digits are drawn."""
        before = [bool(e164(text, region)) for region in self.regions]
        places = [at for at, sign in enumerate(text) if sign.isdigit()]
        for attempt in range(TRIES * len(_DIGITS)):
            drawn = list(text)
            for at in places[-_DIGITS[attempt // TRIES] :]:
                drawn[at] = secrets.choice(string.digits)
            number = "".join(drawn)
            if number != text and [bool(e164(number, region)) for region in self.regions] == before:
                return number
        return _drawn(text)


def _outside(text: str) -> Iterator[str]:
    """The text with all but its e-mail addresses drawn anew."""
    at = 0
    for match in _EMAIL.finditer(text):
        yield _drawn(text[at : match.start()])
        yield match[0]
        at = match.end()
    yield _drawn(text[at:])


def _drawn(text: str) -> str:
    return "".join(map(_letter, text))


def _letter(letter: str) -> str:
    if letter in string.ascii_lowercase:
        return secrets.choice(string.ascii_lowercase)
    if letter in string.ascii_uppercase:
        return secrets.choice(string.ascii_uppercase)
    if letter in string.digits:
        return secrets.choice(string.digits[1:])  # an id of 0 would be nobody's
    if letter.isascii() or letter.isspace():
        return letter
    for _ in range(TRIES):  # a neighbour in its alphabet
        drawn = chr((ord(letter) & ~0x1F) | secrets.randbelow(32))
        if drawn.isalnum() == letter.isalnum() and drawn.isprintable() == letter.isprintable():
            return drawn
    return "x"


def _bare(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _near(path: tuple[str, ...]) -> str:
    return " ".join(path[-2:])


def _is_personal(key: str) -> bool:
    return key in _PERSONAL_EXACT or any(part in key for part in _PERSONAL_KEYS if len(part) > 2)


def _is_of_person(path: tuple[str, ...]) -> bool:
    """Whether a number at this place may be somebody's: a phone, a postal code, a customer's id."""
    key = path[-1] if path else ""
    if _is_personal(key) and not any(part in key for part in ("total", "tax", "amount", "count", "price")):
        return True
    return key == "id" and any(part in "".join(path[-2:-1]) for part in _PEOPLE)
