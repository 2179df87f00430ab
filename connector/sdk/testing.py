"""What every platform must satisfy, as pytest's classes: for ours, and for packages of others.

``class TestTinyshop(AdapterContract, platform="tinyshop", root=ROOT, shops=stand_in): ...`` puts it to
the test. This module needs pytest, which the program itself does not. Below ``root`` a platform brings,
and fails without them:

- ``config/stores/<platform>.example.yaml``, a complete store;
- ``cassettes/<platform>/samples/orders/*.json``, documents of a real shop;
- ``cassettes/<platform>/samples/webhooks/NAME.json`` (headers as pairs, ``secret``, ``signature_valid``)
  beside ``NAME.body``, deliveries of a real shop, if it has webhooks;

and ``shops``, a context manager that gives a ``StandIn``: a shop on loopback that keeps the platform's
rules, its oddities included.

A platform whose orders are pushed has no shop to stand in for: it is a ``PlatformContract``, the part of all
this that needs none.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Protocol

import httpx
import msgspec
import pytest
import yaml
from pydantic import BaseModel

from connector.model.errors import AuthError, BadOrder, ConnectorError, Forged, NoId, Unavailable
from connector.model.order import Document, Order
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.sdk import registry
from connector.sdk.contract import Adapter, History, Page, Poll, PushedAdapter, Subscribes, WebhookRequest

NONSENSE: tuple[Any, ...] = (
    None,
    "",
    "nonsense \u202e٣",
    -1,
    Decimal("0.5"),
    True,
    [],
    [None],
    ["x"],
    {},
    {"x": []},
)


class StandIn(Protocol):
    """A shop on loopback. ``credentials`` and ``options`` are the store's keys of those names.

    After ``break_order`` whatever would show that order whole is a fault of the server.
    """

    url: str
    credentials: Mapping[str, Any]
    options: Mapping[str, Any]

    def place(self, orders: int, *, same_second: bool = False) -> list[str]: ...
    def change(self, ref: str) -> None: ...
    def remove(self, ref: str) -> None: ...
    def break_order(self, ref: str) -> None: ...
    def before_request(self, act: Callable[[], None]) -> None: ...
    def fail(self, fault: str) -> None: ...


class Shops(Protocol):
    """What starts a stand-in without orders."""

    def __call__(self) -> AbstractContextManager[StandIn]: ...


_CUT = "cut \ufffd"


class _Careless(httpx.AsyncHTTPTransport):
    """Brings answers with a byte order mark, and with what is no JSON beside the first e-mail address."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        body = await response.aread()
        odd = rb'"odd":[NaN,-Infinity,1e400,.5,%s],"cut":"cut \ud83d",' % (b"9" * 5000)
        body = b"\xef\xbb\xbf" + re.sub(rb'(?="email)', lambda _: odd, body, count=1)
        headers = {name: text for name, text in response.headers.items() if name != "content-length"}
        return httpx.Response(response.status_code, headers=headers, content=body)


class PlatformContract:
    """The tests of configuration and documents; a subclass named ``Test…`` runs them for its platform."""

    tested: ClassVar[list[str]] = []
    platform: ClassVar[str]
    root: ClassVar[Path]
    adapter_class: ClassVar[registry.AnyAdapter]

    def __init_subclass__(cls, *, platform: str = "", root: Path | None = None) -> None:
        if root:
            cls.root = root
        if platform:
            cls.tested.append(platform)
            cls.platform = platform
            cls.adapter_class = registry.adapter(platform)

    def build(
        self, url: str, credentials: Mapping[str, Any], options: Mapping[str, Any], http: Http
    ) -> Adapter[Any, Any]:
        return self.adapter_class(
            url=url,
            credentials=self.adapter_class.Credentials.model_validate(credentials),
            options=self.adapter_class.Options.model_validate(options),
            http=http,
        )

    def offline(self) -> Adapter[Any, Any]:
        """An adapter for what needs no shop; the network of tests is closed anyway."""
        example = self.example()
        unused = Http(transport=httpx.MockTransport(_unreachable))
        return self.build("https://shop.example.com", example["credentials"], {}, unused)

    def example(self) -> dict[str, Any]:
        path = self.root / "config" / "stores" / f"{self.platform}.example.yaml"
        stores = yaml.safe_load(path.read_text())["stores"]
        (store,) = stores.values()
        assert store["platform"] == self.platform
        return dict(store)

    def documents(self) -> list[Document]:
        paths = sorted((self.root / "cassettes" / self.platform / "samples" / "orders").glob("*.json"))
        assert paths, f"the platform {self.platform} has no sample documents"
        adapter = self.offline()
        return [self.as_document(adapter, exact_json.decode(path.read_bytes())) for path in paths]

    def as_document(self, adapter: Adapter[Any, Any], body: dict[str, Any]) -> Document:
        return adapter.document(body, datetime(2026, 11, 23, tzinfo=UTC))

    # Configuration

    def test_the_example_of_a_store_is_accepted(self) -> None:
        store = self.example()
        self.adapter_class.Credentials.model_validate(store["credentials"])
        self.adapter_class.Options.model_validate(store.get("options", {}))

    def test_secrets_show_in_no_text_of_the_credentials(self) -> None:
        names = self.example()["credentials"]
        given = self.adapter_class.Credentials.model_validate(dict.fromkeys(names, "s3cr3t" * 4))
        assert "s3cr3t" not in f"{given!r} {given} {given.model_dump()} {given.model_dump_json()}"

    def test_unknown_keys_are_refused(self) -> None:
        models: tuple[type[BaseModel], ...] = (self.adapter_class.Credentials, self.adapter_class.Options)
        for model in models:
            assert model.model_config.get("extra") == "forbid"

    def test_traits_and_feeds_are_stated(self) -> None:
        assert self.adapter_class.traits.title
        assert self.adapter_class.traits.ids in ("integer", "text")
        assert self.adapter_class.traits.verified
        feeds = self.adapter_class.feeds
        assert len(set(feeds)) == len(feeds)
        assert bool(feeds) != issubclass(self.adapter_class, PushedAdapter)

    # Documents

    def test_every_sample_document_becomes_an_order_and_the_same_one_twice(self) -> None:
        adapter = self.offline()
        for document in self.documents():
            order = adapter.parse(document)
            assert order == adapter.parse(document)
            assert order.ref == document.ref
            assert order.placed_at is not None
            assert order.placed_at.tzinfo is not None
            assert order.changed_at.tzinfo is not None
            assert len(order.currency) == 3
            _add_up(order)

    def test_a_document_in_a_file_says_which_order_it_is(self) -> None:
        """As it is kept here; a body of which nothing tells is refused."""
        adapter = self.offline()
        kept = self.documents()
        for one in kept:
            again = adapter.document(one.body, one.changed_at)
            assert (again.ref, adapter.parse(again)) == (one.ref, adapter.parse(one))
        with pytest.raises(NoId):
            adapter.document({"orders": [one.body for one in kept]}, kept[0].changed_at)

    def test_no_sample_document_has_a_status_without_words(self) -> None:
        adapter = self.offline()
        for document in self.documents():
            order = adapter.parse(document)
            for status in (order.financial, order.fulfillment):
                assert status.words
                assert status.origin

    def test_nonsense_in_any_field_is_a_bad_order_or_none_never_a_crash(self) -> None:
        adapter = self.offline()
        for document in self.documents()[::7]:
            for field in document.body:
                for value in NONSENSE:
                    broken = msgspec.structs.replace(document, body={**document.body, field: value})
                    reason = _reason(adapter, broken)
                    assert reason is None or "nonsense" not in reason


class AdapterContract(PlatformContract):
    """These, and the tests of reading a shop and its webhooks.

    ``counts`` says whether the shop can tell how many orders were placed in a span of time.
    """

    counts: ClassVar[bool] = True
    shops: ClassVar[Shops]

    def __init_subclass__(
        cls,
        *,
        platform: str = "",
        root: Path | None = None,
        shops: Shops | None = None,
    ) -> None:
        super().__init_subclass__(platform=platform, root=root)
        if shops:
            cls.shops = shops

    @pytest.fixture
    def shop(self) -> Iterator[StandIn]:
        """An empty shop on loopback."""
        with type(self).shops() as shop:
            yield shop

    @pytest.fixture
    async def adapter(self, shop: StandIn) -> AsyncIterator[Adapter[Any, Any]]:
        async with Http(read_seconds=30.0) as http:  # a stand-in on a busy machine thinks long
            yield self.build(shop.url, shop.credentials, shop.options, http)

    # Reading

    async def test_check_finds_nothing_wrong_with_a_good_shop(
        self, adapter: Adapter[Any, Any], shop: StandIn
    ) -> None:
        shop.place(1)
        report = await adapter.check()
        assert report.findings
        assert not [finding for finding in report.findings if finding.level == "error"]
        assert report.identity
        assert "://" not in report.identity

    async def test_a_poll_brings_every_order_that_changed(
        self, adapter: Adapter[Any, Any], shop: StandIn
    ) -> None:
        refs = shop.place(250)
        seen = await _poll_round(adapter, _long_ago())
        assert set(seen.refs) == set(refs)
        shop.change(refs[0])
        again = await _poll_round(adapter, _long_ago(), seen.cursor)
        assert refs[0] in again.refs
        assert len(again.refs) < 50

    async def test_what_is_no_json_in_one_order_of_a_list_stops_nothing(self, shop: StandIn) -> None:
        """PHP, JavaScript and Python all write such JSON, and no shop can be asked to mend it."""
        refs = shop.place(5)
        async with Http(read_seconds=30.0, transport=_Careless()) as http:
            adapter = self.build(shop.url, shop.credentials, shop.options, http)
            page = await adapter.changed(Poll(feed=adapter.feeds[0], since=_long_ago()))
            assert {document.ref for document in page.documents} == set(refs)
            assert sum(_CUT in exact_json.encode(one.body).decode() for one in page.documents) == 1
            for document in page.documents:
                adapter.parse(document)
            assert await adapter.fetch(refs[0])

    async def test_a_poll_survives_equal_timestamps(self, adapter: Adapter[Any, Any], shop: StandIn) -> None:
        refs = shop.place(230, same_second=True)
        assert set((await _poll_round(adapter, _long_ago())).refs) == set(refs)

    async def test_a_poll_misses_nothing_while_orders_move_between_its_pages(
        self, adapter: Adapter[Any, Any], shop: StandIn
    ) -> None:
        refs = shop.place(350)
        waiting = iter(refs[:200:10])

        def edit_one() -> None:
            for ref in waiting:
                shop.change(ref)
                return

        shop.before_request(edit_one)
        assert set((await _poll_round(adapter, _long_ago())).refs) == set(refs)

    async def test_history_is_complete_and_newest_first(
        self, adapter: Adapter[Any, Any], shop: StandIn
    ) -> None:
        refs = shop.place(230)
        pages = await _history(adapter, _long_ago(), datetime.now(UTC) + timedelta(minutes=1))
        assert pages[0].total == (len(refs) if self.counts else None)
        found = {document.ref: adapter.parse(document) for page in pages for document in page.documents}
        assert set(found) == set(refs)
        times = [_placed_at(order) for order in found.values()]
        assert times == sorted(times, reverse=True)

    async def test_history_includes_its_beginning_and_excludes_its_end(
        self, adapter: Adapter[Any, Any], shop: StandIn
    ) -> None:
        shop.place(30)
        (page,) = await _history(adapter, _long_ago(), datetime.now(UTC) + timedelta(minutes=1))
        times = sorted(_placed_at(adapter.parse(document)) for document in page.documents)
        part = await _history(adapter, times[5], times[20])
        found = sorted(_placed_at(adapter.parse(document)) for page in part for document in page.documents)
        assert found == times[5:20]

    async def test_an_order_is_the_same_listed_and_fetched(
        self, adapter: Adapter[Any, Any], shop: StandIn
    ) -> None:
        shop.place(20)
        page = await adapter.changed(Poll(feed=adapter.feeds[0], since=_long_ago()))
        for listed in page.documents:
            fetched = await adapter.fetch(listed.ref)
            assert fetched is not None
            assert adapter.parse(fetched) == adapter.parse(listed)

    async def test_orders_fetched_together_are_those_fetched_one_by_one(
        self, adapter: Adapter[Any, Any], shop: StandIn
    ) -> None:
        refs = shop.place(5)
        shop.remove(refs[4])
        found = await adapter.fetch_many(refs)
        assert sorted(document.ref for document in found) == sorted(refs[:4])
        for document in found:
            fetched = await adapter.fetch(document.ref)
            assert fetched is not None
            assert adapter.parse(fetched) == adapter.parse(document)

    async def test_an_order_that_is_gone_is_none(self, adapter: Adapter[Any, Any], shop: StandIn) -> None:
        (ref,) = shop.place(1)
        shop.remove(ref)
        assert await adapter.fetch(ref) is None

    # Faults

    async def test_a_refused_key_is_an_auth_error_that_shows_no_secret(
        self, adapter: Adapter[Any, Any], shop: StandIn
    ) -> None:
        shop.fail("refused key")
        for error in await _errors(adapter):
            assert isinstance(error, AuthError)
            assert not [secret for secret in shop.credentials.values() if str(secret) in str(error)]

    async def test_a_rate_limit_passes_its_wait_on(self, adapter: Adapter[Any, Any], shop: StandIn) -> None:
        shop.fail("rate limit")
        for error in await _errors(adapter):
            assert isinstance(error, Unavailable)
            assert error.retry_after == 7

    @pytest.mark.parametrize(
        "fault",
        [
            "fault of the server",
            "maintenance",
            "page instead of JSON",
            "cut-off answer",
            "reset connection",
        ],
    )
    async def test_a_passing_fault_is_unavailable_and_never_an_empty_page(
        self, adapter: Adapter[Any, Any], shop: StandIn, fault: str
    ) -> None:
        shop.place(3)
        shop.fail(fault)
        for error in await _errors(adapter):
            assert isinstance(error, Unavailable)
            assert str(error)

    async def test_one_order_at_which_the_shop_fails_does_not_keep_the_others_from_being_read(
        self, adapter: Adapter[Any, Any], shop: StandIn
    ) -> None:
        refs = shop.place(60)
        shop.break_order(refs[41])
        seen = await _poll_round(adapter, _long_ago())
        pages = await _history(adapter, _long_ago(), datetime.now(UTC) + timedelta(minutes=1))
        listed = {document.ref for page in pages for document in page.documents}
        for found, gaps in ((set(seen.refs), seen.gaps), (listed, pages[-1].gaps)):
            assert found == set(refs) - {refs[41]}
            (gap,) = gaps
            assert f"order {refs[41]}" in gap
        shop.change(refs[17])
        assert refs[17] in (await _poll_round(adapter, _long_ago(), seen.cursor)).refs

    async def test_a_silent_shop_is_unavailable_after_a_while(self, shop: StandIn) -> None:
        shop.fail("silence")
        async with Http(read_seconds=0.2) as http:
            for error in await _errors(self.build(shop.url, shop.credentials, shop.options, http)):
                assert isinstance(error, Unavailable)
                assert "in time" in str(error)

    # Webhooks

    def deliveries(self) -> list[tuple[WebhookRequest, str, bool]]:
        folder = self.root / "cassettes" / self.platform / "samples" / "webhooks"
        found = []
        for path in sorted(folder.glob("*.json")):
            sample = exact_json.decode(path.read_bytes())
            headers = {name.lower(): value for name, value in sample["headers"]}
            request = WebhookRequest(headers=headers, body=path.with_suffix(".body").read_bytes())
            found.append((request, sample["secret"], bool(sample["signature_valid"] and sample["secret"])))
        assert any(valid for _, _, valid in found) or not self.adapter_class.traits.webhooks
        return found

    def test_real_deliveries_are_verified_and_forged_ones_refused(self) -> None:
        adapter = self.offline()
        for request, secret, valid in self.deliveries():
            if not valid:
                continue
            notice = adapter.read_webhook(request, [secret])
            assert notice == adapter.read_webhook(request, ["an older secret", secret])
            assert all(isinstance(ref, str) for ref in notice.refs)
            for body, secrets in (
                (request.body + b" ", [secret]),
                (request.body[:-1] + b"]", [secret]),
                (request.body, ["another secret"]),
                (request.body, [""]),
                (request.body, []),
            ):
                with pytest.raises(Forged):
                    adapter.read_webhook(WebhookRequest(headers=request.headers, body=body), secrets)
            with pytest.raises(Forged):
                adapter.read_webhook(WebhookRequest(headers={}, body=request.body), [secret])

    async def test_subscriptions_are_made_listed_and_ended(self, adapter: Adapter[Any, Any]) -> None:
        if not isinstance(adapter, Subscribes):
            return
        assert len(set(adapter.topics)) == len(adapter.topics) > 0
        address = "https://hooks.invalid/webhooks/acme"
        assert not await adapter.subscriptions()
        for topic in adapter.topics:
            await adapter.subscribe(topic, address, "a secret of ours")
        made = await adapter.subscriptions()
        assert sorted(one.topic for one in made) == sorted(adapter.topics)
        assert {(one.address, one.active) for one in made} == {(address, True)}
        await adapter.unsubscribe(made[0].id)
        assert {one.id for one in await adapter.subscriptions()} == {one.id for one in made[1:]}


class Round(msgspec.Struct):
    """What one round of polling brought."""

    refs: list[str]
    cursor: str
    gaps: Sequence[str]


def _unreachable(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"parse and read_webhook are pure, but {request.url} was called")


def _reason(adapter: Adapter[Any, Any], document: Document) -> str | None:
    try:
        adapter.parse(document)
    except BadOrder as error:
        return f"{error.field}: {error}"
    return None


def _long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(days=365)


async def _poll_round(adapter: Adapter[Any, Any], since: datetime, cursor: str | None = None) -> Round:
    refs: list[str] = []
    for _ in range(100):
        page = await adapter.changed(Poll(feed=adapter.feeds[0], since=since, cursor=cursor))
        refs += [document.ref for document in page.documents]
        cursor = page.cursor
        if not page.more:
            return Round(refs, cursor, page.gaps)
    raise AssertionError("the poll does not come to an end")


async def _history(adapter: Adapter[Any, Any], since: datetime, until: datetime) -> list[Page]:
    pages: list[Page] = []
    cursor = None
    for _ in range(100):
        pages.append(await adapter.changed(History(since=since, until=until, cursor=cursor)))
        if not pages[-1].more:
            return pages
        cursor = pages[-1].cursor
    raise AssertionError("the history does not come to an end")


async def _errors(adapter: Adapter[Any, Any]) -> list[ConnectorError]:
    """What each way of reading orders raises."""
    errors: list[ConnectorError] = []
    for read in (
        adapter.changed(Poll(feed=adapter.feeds[0], since=_long_ago())),
        adapter.changed(History(since=_long_ago(), until=datetime.now(UTC))),
        adapter.fetch("1"),
        adapter.fetch_many(["1"]),
        adapter.check(),
    ):
        with pytest.raises(ConnectorError) as caught:
            await read
        errors.append(caught.value)
    return errors


def _placed_at(order: Order) -> datetime:
    assert order.placed_at is not None
    return order.placed_at


def _add_up(order: Order) -> None:
    """Amounts mean the same on every platform."""
    assert order.total is not None
    assert order.total.is_finite()
    assert all(discount.amount >= 0 for discount in order.discounts)
    if order.subtotal is not None:
        lines = sum((line.quantity * line.price for line in order.line_items), Decimal(0))
        assert abs(lines - order.subtotal) < Decimal("0.01") * max(1, len(order.line_items))
