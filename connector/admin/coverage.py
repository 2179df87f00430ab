"""What a mapping makes of the orders here: how often each field is filled, and what has no meaning yet.

The documents held here are mapped by the mapping as it stands now; nothing is written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection

from connector.ingest.source import Shop
from connector.ingest.transform import Known, judge
from connector.model.errors import BadOrder
from connector.model.order import Document, FinancialStatus, FulfillmentStatus, Order
from connector.model.payload import FIELDS
from connector.model.states import OrderState
from connector.runtime import exact_json
from connector.sdk.expressions import Expression, ExpressionError
from connector.state import documents
from connector.state.outbox import queries
from connector.state.outbox.schema import FORGOTTEN

PAGE = 100  # orders of one reading
MOST_WORDS = 200  # different values that are counted of each kind
_TABLES: dict[str, type[StrEnum]] = {
    "financial_status": FinancialStatus,
    "fulfillment_status": FulfillmentStatus,
}
_SHOWN = (*_TABLES, "currency", "accepts_email_marketing", "accepts_sms_marketing")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*([ -][A-Za-z0-9_]+)*", re.ASCII)
_NOT_TEXT = frozenset({"null", "true", "false"})


class UnknownWord(msgspec.Struct):
    """A status word of the shop that neither its adapter nor the mapping knows.

    The payload's ``field`` is left out of so many ``orders``; ``sample`` is the number of one. ``line`` is
    the YAML that would give it a meaning; what is to stand for the dots is a person's to say.
    """

    field: str
    word: str
    orders: int = 0
    sample: str = ""
    line: str = ""

    def __post_init__(self) -> None:
        plain = _PLAIN.fullmatch(self.word) and self.word.lower() not in _NOT_TEXT
        word = self.word if plain else exact_json.encode(self.word).decode()
        self.line = f"{word}: …    # one of {', '.join(_TABLES[self.field])}"

    def sentence(self, store: str, place: str) -> str:
        """What it is, and what to write where; ``place`` is the ``file:line`` of the store's key."""
        return (
            f"the status {self.word!r} of {self.orders} orders (such as {self.sample}) has no meaning yet, "
            f"so {self.field} is left out. In {place}, below stores.{store}.mapping.{self.field}, "
            f"write: {self.line}"
        )


class Coverage(msgspec.Struct, kw_only=True):
    """Of ``looked`` orders ``sent`` have a payload; others are ``skipped`` by rule or ``failed`` by reason.

    ``unheld`` more have no document here any more. ``fields`` says in how many payloads each field stands
    with something in it, ``values`` which words occurred there, ``countries`` those of both addresses.
    ``expressions`` says of how many orders each expression of the mapping found something, or a skip rule
    held.
    """

    store: str
    looked: int = 0
    unheld: int = 0
    sent: int = 0
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    fields: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(FIELDS, 0))
    values: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    countries: dict[str, int] = msgspec.field(default_factory=dict)
    expressions: dict[str, int] = msgspec.field(default_factory=dict)
    unknown: list[UnknownWord] = msgspec.field(default_factory=list)

    def worst(self, place: Callable[[str], str]) -> Iterator[str]:
        """Sentences on what has no meaning and what finds nothing.

        ``place`` gives the ``file:line`` of a key below the store.
        """
        for one in self.unknown:
            yield one.sentence(self.store, place(f"mapping.{one.field}"))
        for key in self.idle:
            if key.startswith("mapping.fields."):  # a skip rule may well be for what is rare
                yield (
                    f"{place(key)}: {key} found nothing in any of the {self.looked} newest orders; "
                    "is it spelled as the shop spells it?"
                )

    @property
    def idle(self) -> list[str]:
        """The expressions that never found anything, where there was an order to find something in."""
        return [place for place, found in self.expressions.items() if not found] if self.looked else []


async def coverage(shop: Shop, *, last: int) -> Coverage:
    """Of the store's newest ``last`` orders."""
    counting = _Counting(shop)
    refs = await shop.db.read(queries.newest_refs, shop.name, last)
    for start in range(0, len(refs), PAGE):
        await shop.db.read(counting.page, refs[start : start + PAGE], shop.clock.now())
    found = counting.found
    found.unknown.sort(key=lambda one: (-one.orders, one.field, one.word))
    return found


class _Counting:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.found = Coverage(store=shop.name)
        mapping = shop.mapper.settings
        self.fields = {f"mapping.fields.{name}": Expression(text) for name, text in mapping.fields.items()}
        self.rules = {
            f"mapping.skip.{name}": Expression(text)
            for name, text in mapping.skip.items()
            if isinstance(text, str)
        }
        self.found.expressions = dict.fromkeys([*self.fields, *self.rules], 0)
        self.words: dict[tuple[str, str], UnknownWord] = {}

    def page(self, connection: Connection, refs: list[str], now: datetime) -> None:
        rows = queries.rows(connection, self.shop.name, refs)
        kept = documents.several(connection, self.shop.name, refs)
        for ref in refs:
            row, held = rows.get(ref), kept.get(ref)
            if row is None or row.rule == FORGOTTEN:
                continue
            if held is None:
                self.found.unheld += 1
                continue
            document = Document(ref=ref, changed_at=held.changed_at, body=held.unpacked())
            self._order(document, Known.of(row), held.gone, now)

    def _order(self, document: Document, known: Known, gone: bool, now: datetime) -> None:
        found = self.found
        found.looked += 1
        version = judge(self.shop.bench, document, known, feed="coverage", fetched_at=now, now=now, gone=gone)
        if version.state is OrderState.SKIPPED:
            _count(found.skipped, version.rule)
        elif version.state is OrderState.FAILED:
            _count(found.failed, version.reason)
        else:
            self._payload(exact_json.decode(version.body or b"{}"))
        for place, expression in self.fields.items():
            found.expressions[place] += _finds(expression, document.body)
        for place, expression in self.rules.items():
            found.expressions[place] += _finds(expression, document.body, whether=True)
        if "unknown-" in version.notes:
            self._unknown(document, version.notes.split(), version.number or document.ref)

    def _payload(self, body: dict[str, Any]) -> None:
        found = self.found
        found.sent += 1
        for name, value in body.items():
            found.fields[name] = found.fields.get(name, 0) + (value not in ([], {}, ""))
        for name in _SHOWN:
            value = body.get(name)
            said = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else value
            _count(found.values.setdefault(name, {}), said)
        for name in ("billing_address", "shipping_address"):
            if country := (body.get(name) or {}).get("country_code"):
                _count(found.countries, str(country))

    def _unknown(self, document: Document, notes: list[str], number: str) -> None:
        try:
            order = self.shop.adapter.parse(document)
        except BadOrder:
            return
        for field, word in _without_meaning(order, notes):
            if (field, word) not in self.words and len(self.words) < MOST_WORDS:
                self.words[field, word] = UnknownWord(field, word, sample=number)
                self.found.unknown.append(self.words[field, word])
            if (field, word) in self.words:
                self.words[field, word].orders += 1


def _without_meaning(order: Order, notes: list[str]) -> Iterator[tuple[str, str]]:
    statuses = (("financial_status", "financial", order.financial.words),
                ("fulfillment_status", "fulfillment", order.fulfillment.words))  # fmt: skip
    for field, name, words in statuses:
        if words and any(note.startswith(f"unknown-{name}-status") for note in notes):
            yield field, words[0]


def _finds(expression: Expression, body: dict[str, Any], *, whether: bool = False) -> bool:
    try:
        return expression.holds(body) if whether else expression.search(body) is not None
    except ExpressionError:
        return False


def _count(counts: dict[str, int], word: str) -> None:
    if word in counts or len(counts) < MOST_WORDS:
        counts[word] = counts.get(word, 0) + 1


def by_size(counts: dict[str, int]) -> list[tuple[str, int]]:
    """The words, the most frequent first."""
    return Counter(counts).most_common()
