"""The contract between the engine and a platform: five methods, no more.

An adapter knows sign-in, endpoints, paging, which time is the cursor and how far it must look back,
how a document becomes an Order, the platform's status words, its webhook signature and its quirks.
It knows nothing of Privy, the database, the timetable, lanes, retries, sleeping or the present time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from hmac import new as new_hmac
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from pydantic import BaseModel

from connector.model.errors import Forged, NoId, Unavailable
from connector.model.order import Document, Order
from connector.model.strict import StrictModel as StrictModel  # adapters import only this contract
from connector.runtime import exact_json, foreign_json
from connector.runtime.http import Http
from connector.sdk.identifiers import identifier


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for what changed in ``feed`` since ``cursor``; without one, since ``since`` (aware UTC)."""

    feed: str
    since: datetime
    cursor: str | None = None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for orders placed from ``since`` (inclusive) to ``until`` (exclusive), newest first.

    Both are aware UTC. ``cursor`` continues where an earlier page ended. ``few`` says that only the newest
    are wanted and at once, so a long report is not worth preparing.
    """

    since: datetime
    until: datetime
    cursor: str | None = None
    few: bool = False


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What one call of ``changed`` read.

    ``cursor`` is opaque to the engine, which stores it in the same transaction as the documents.
    ``more`` is true when another page waits now. ``position`` is how far the feed has been read (the
    change time of the last row, aware UTC). ``total`` is how many orders match in all, if the shop says.
    ``wait`` is how many seconds the shop wants before it is asked for the next page (a report that it
    prepares). ``as_of`` is since when the documents may be out of date (aware UTC), where the shop prepared
    them earlier; otherwise they are as fresh as the request.

    ``gaps`` are sentences for the operator, one for each order (or place of the list) that this feed could
    not read and stepped over, all that stand now: none says that everything was read. ``repeats`` is how
    many of the documents were handed over earlier in this same reading.
    """

    documents: Sequence[Document]
    cursor: str
    more: bool
    position: datetime | None = None
    total: int | None = None
    wait: float = 0.0
    as_of: datetime | None = None
    gaps: Sequence[str] = ()
    repeats: int = 0


class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, or a push, as it arrived: header names in lower case, the raw body, untouched."""

    headers: Mapping[str, str]
    body: bytes


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """Buyers' data that the shop says must go: of these contacts, of these orders, or of the whole shop."""

    contacts: Sequence[str] = ()
    refs: Sequence[str] = ()
    everything: bool = False


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified webhook says; all empty for a ping.

    ``refs`` are the orders to look at. ``note`` is a sentence for the operator, without a buyer's data.
    """

    refs: Sequence[str] = ()
    erase: Erasure | None = None
    note: str = ""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook subscription as the shop has it. ``said`` is what the shop says of it, in words."""

    id: str
    topic: str
    address: str
    active: bool
    said: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``check``. ``level`` is ``ok``, ``warning`` (works, but read this) or ``error``."""

    level: str
    subject: str
    message: str


class ShopReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``check`` found. ``identity`` is the address by which the shop knows itself, normalised."""

    findings: Sequence[Finding]
    identity: str = ""


class NoOptions(StrictModel):
    """For platforms without options of their own."""


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform can do, for ``platforms`` and the README's table."""

    title: str
    ids: str  # "integer" (native, offset or hash) or "text" (hash only)
    webhooks: bool
    history: bool
    verified: str  # how: real shop, recording, sample or documentation; which version; when


Creds = TypeVar("Creds", bound=BaseModel)
Opts = TypeVar("Opts", bound=BaseModel)


class Adapter(ABC, Generic[Creds, Opts]):
    """One configured shop of one platform.

    ``Credentials`` and ``Options`` are the models of the store's keys of those names; secrets are
    secret types. ``feeds`` are the names under which ``changed`` keeps separate cursors.
    """

    Credentials: ClassVar[type[BaseModel]]
    Options: ClassVar[type[BaseModel]] = NoOptions
    traits: ClassVar[Traits]
    feeds: ClassVar[tuple[str, ...]] = ("orders",)
    dated: bool = True  # whether ``Document.changed_at`` is a time; else a sender's counter in its place
    batch: int = 1  # how many orders ``fetch_many`` gets with one request

    def __init__(self, *, url: str, credentials: Creds, options: Opts, http: Http) -> None:
        self.url = url.rstrip("/")
        self.credentials = credentials
        self.options = options
        self.http = http

    @abstractmethod
    async def check(self) -> ShopReport:
        """Do what a poll does, for one order, and say what was reached. Raises AuthError, Unavailable."""

    @abstractmethod
    async def changed(self, read: Poll | History) -> Page:
        """One page of what ``read`` asks for. A poll gives the oldest change first.

        Raises AuthError and Unavailable; never skips a row, may repeat one.
        """

    @abstractmethod
    async def fetch(self, ref: str) -> Document | None:
        """One order, fresh; None when the shop no longer has it.

        Raises AuthError, Unavailable, and Hidden where the shop may only be keeping it from us.
        """

    async def fetch_many(self, refs: Sequence[str]) -> Sequence[Document]:
        """Up to ``batch`` orders, fresh, in one request; one that is missing is asked for on its own.

        Overridden together with ``batch``, where the platform can. Raises AuthError, Unavailable.
        """
        found = [await self.fetch(ref) for ref in refs]
        return [document for document in found if document is not None]

    @abstractmethod
    def parse(self, document: Document) -> Order:
        """Pure: the document in our words. Raises BadOrder naming the field.

        A total or a time of placing that is not there or cannot be read is none, with its reason in ``lacks``
        (``sdk.required``): the store's mapping may know it.
        """

    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """A document that came another way than ``changed`` brings them, such as in a file.

        Pure. ``arrived_at`` (aware UTC) is its change time where the body states none. Overridden where the
        order's own id is not the body's ``id``. Raises NoId when nothing tells which order it is.
        """
        ref = identifier(body.get("id"), "id")
        if not ref:
            raise NoId("id", "the document has none")
        return Document(ref=ref, changed_at=arrived_at, body=body)

    @abstractmethod
    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        """Pure: what the webhook says. Raises Forged unless it is signed with one of ``secrets``.

        ``secrets`` are the store's ``webhook_secret``; a platform that signs with a secret of its
        credentials takes that one as well.
        """


class PushedAdapter(Adapter[Creds, Opts]):
    """For a store that nobody can ask: its orders are pushed, whole, and what is held is all there is."""

    feeds = ()

    @abstractmethod
    def authenticate(self, request: WebhookRequest, secrets: Sequence[str], now: datetime) -> str:
        """A digest of what was signed, its time stamp too, by which a repeat is known; empty for a token.

        Raises Forged unless the push comes from whoever holds a secret of this store.

        ``secrets`` are the store's ``webhook_secret``; ``now`` (aware UTC) is for time stamps that run out.
        """

    @abstractmethod
    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """The pushed body with its id and its version, which is ``arrived_at`` unless the body states one.

        Pure. Raises BadOrder when it has no id: then nothing of it can be kept.
        """

    async def changed(self, read: Poll | History) -> Page:
        """There is nobody to ask."""
        raise Unavailable("the orders of this store are pushed; there is no shop that could be read")

    async def fetch(self, ref: str) -> Document | None:
        """There is nobody to ask. (None would say that the order is gone.)"""
        raise Unavailable("the orders of this store are pushed; there is no shop that could be read")

    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        """A webhook only says which order to fetch, and nothing can be fetched."""
        raise Forged("the orders of this store are pushed to /orders/STORE, not to /webhooks/STORE")


class Subscribes(ABC):
    """What an adapter is besides, where webhook subscriptions can be managed through the shop's API.

    ``topics`` are those that this connector needs, in the shop's words. ``needs_secret`` says whether each
    subscription gets a secret of ours; otherwise the platform signs with one of the credentials. All
    methods raise AuthError (a key that may not manage webhooks, too) and Unavailable.
    """

    topics: ClassVar[tuple[str, ...]]
    needs_secret: ClassVar[bool] = True

    @abstractmethod
    async def subscriptions(self) -> Sequence[Subscription]:
        """All that the shop lets us see, those of others too: ``address`` tells whose they are."""

    @abstractmethod
    async def subscribe(self, topic: str, address: str, secret: str) -> None:
        """Make the shop send ``topic`` to ``address``."""

    @abstractmethod
    async def unsubscribe(self, id: str) -> None:
        """End one; also one that the shop disabled, before it is made anew."""


def signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether ``signature`` is base64(HMAC-SHA256(secret, body)) for one of the secrets, in constant time.

    An empty secret never counts: anybody can sign with it.
    """
    given = signature.encode()
    return any(
        compare_digest(b64encode(new_hmac(secret.encode(), body, sha256).digest()), given)
        for secret in secrets
        if secret
    )


def from_elsewhere(read: Callable[[dict[str, Any]], Document], body: dict[str, Any], field: str) -> Document:
    """What ``read`` makes of a body that no list of the shop's brought. Raises NoId naming ``field``."""
    try:
        return read(body)
    except Unavailable:
        raise NoId(field, "there is none, so nothing tells which order the document is") from None


PLUGIN_SIGNATURE = "x-connector-signature"  # of the plugins whose text we give: base64 of HMAC-SHA256


def order_notice(request: WebhookRequest, secrets: Sequence[str]) -> Notice:
    """What the plugins send whose text we give, for shops that send no webhooks of their own.

    ``{"order_id": "…"}`` and whatever else, signed in ``X-Connector-Signature``. Raises Forged.
    """
    if not signed(request.body, request.headers.get(PLUGIN_SIGNATURE, ""), secrets):
        raise Forged("the webhook is not signed with this store's webhook_secret")
    try:
        said = foreign_json.decode(request.body, mend_bytes=True)
    except exact_json.NotJSON:
        return Notice()
    ref = said.get("order_id") if isinstance(said, dict) else None
    return Notice(refs=(ref,)) if isinstance(ref, str) and ref else Notice()
