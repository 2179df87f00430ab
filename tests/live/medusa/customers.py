"""Who orders what, and what becomes of it."""

from __future__ import annotations

from tests.live.shop import Journey, Wish

BUYERS = (
    ("ada@example.com", "Ada", "Example", "+4915112345678"),
    ("bo@example.com", "Bo", "Sample", ""),
    ("chloe@example.com", "Chloé", "Démo", "+33612345678"),
    ("dai@example.com", "大", "例", "+819012345678"),
    ("eve+tag@example.com", "Eve", "O'Test", "+12125550123"),
)
ADDRESSES = {
    "de": {"address_1": "Hauptstr. 1", "city": "Berlin", "postal_code": "10115"},
    "fr": {"address_1": "1 rue X", "city": "Paris", "postal_code": "75001"},
    "us": {"address_1": "1 Main St", "city": "Austin", "province": "tx", "postal_code": "78701"},
    "jp": {"address_1": "1-1", "city": "東京", "province": "JP-13", "postal_code": "100-0001"},
    "kw": {"address_1": "Block 1", "city": "Kuwait City"},
}

_DELIVERED = ("capture", "fulfil", "ship", "deliver")

PAST = (
    Journey(Wish()),
    Journey(Wish(buyer=1, lines=((4, 3),)), ("capture",)),
    Journey(Wish(buyer=2, country="fr"), _DELIVERED),
    Journey(Wish(buyer=3, country="jp", lines=((0, 2),)), ("capture", "refund")),
    Journey(Wish(buyer=4, country="us", lines=((2, 1),)), ("capture", "fulfil", "ship")),
    Journey(Wish(buyer=1, country="kw", lines=((4, 3),)), ("capture", "cancel")),
    Journey(Wish(lines=((0, 2), (2, 1)), codes=("TENOFF",)), ("capture", "fulfil")),
)
LIVE = (
    Journey(Wish(lines=((0, 2), (2, 1))), _DELIVERED),
    Journey(Wish(buyer=1, lines=((4, 3),)), ("capture", "refund 5", "refund 2.5")),
    Journey(Wish(buyer=2, country="fr", lines=((0, 1),)), ("fulfil", "ship", "deliver", "capture")),
    Journey(Wish(buyer=3, country="jp", lines=((0, 2), (4, 1))), (*_DELIVERED, "complete")),
    Journey(Wish(buyer=4, country="us", lines=((2, 1), (6, 1))), ("capture", "refund 3.33")),
    Journey(Wish(buyer=1, country="kw", lines=((4, 3),)), ("capture", "refund")),
    Journey(Wish(lines=((0, 3), (2, 1)), codes=("TENOFF",)), _DELIVERED),
    Journey(Wish(lines=((2, 2),), codes=("FIVEEUR",)), ("capture", "fulfil part", "ship")),
    Journey(Wish(lines=((6, 1),), codes=("FREESHIP",)), ("capture 20", "capture the rest")),
    Journey(Wish(lines=((2, 2),), codes=("TENOFF", "FIVEEUR")), ("capture", "fulfil", "unfulfil")),
    Journey(Wish(buyer=4, country="us", lines=((2, 2),)), ("cancel",)),
    Journey(Wish(buyer=2, country="fr", lines=((0, 1), (8, 2))), ("capture", "cancel")),
    Journey(Wish(lines=((0, 2),)), (*_DELIVERED, "return one", "refund what was returned")),
    Journey(Wish(lines=((0, 3),), codes=("TENOFF",)), (*_DELIVERED, "return one", "refund")),
    Journey(Wish(lines=((0, 1),)), ("capture", "add two", "metadata")),
    Journey(Wish(lines=((10, 1),)), ("capture",)),
    Journey(Wish(lines=((10, 1),), codes=("FREESHIP",))),
    Journey(Wish(buyer=4, country="us", lines=((9, 1),)), ("e-mail", "capture")),
    Journey(Wish(buyer=3, country="jp", lines=((6, 1),)), ("fulfil", "capture", "ship", "deliver")),
    Journey(Wish(buyer=2, country="fr", lines=((2, 3),)), (*_DELIVERED, "complete", "archive")),
    Journey(Wish(buyer=1, lines=((8, 7),))),
    Journey(Wish(buyer=1, country="kw", lines=((0, 1),)), ("capture", "fulfil", "ship")),
    Journey(Wish(lines=((0, 1), (2, 1), (4, 1))), ("fulfil", "unfulfil", "cancel")),
    Journey(Wish(buyer=4, country="us", lines=((0, 4),)), _DELIVERED),
)
