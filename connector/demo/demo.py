"""The demo: sandbox, sample shop and daemon together, and whether all that happened reached the sandbox.

The daemon and the backfill are processes of their own, started like an operator would start them, from a
configuration in a temporary folder that is removed at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import yaml

from connector.demo.shop.life import YEARS, furnish, live
from connector.demo.shop.server import serving as shop_serving
from connector.demo.shop.shop import Shop, ShopOrder
from connector.mapping.phones import e164
from connector.model.errors import ConnectorError
from connector.model.order import Document, Order
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.sandbox.access import new_token
from connector.sandbox.journal import Arrival
from connector.sandbox.ledger import PLACED, Contact, Ledger
from connector.sandbox.limits import PER_DAY, Limits
from connector.sandbox.privy import Business, Sandbox
from connector.sandbox.server import serving as sandbox_serving
from connector.sdk import registry

PER_MINUTE = 600  # ten times Privy's own limit, so that there is something to see
EVERY = 0.5  # seconds between two events in the shop
SETTLE = 60.0  # seconds that the last orders have to come in once the shop is quiet
LOOK = 0.5  # seconds between two looks at what is still missing
STOP = 12.0  # seconds that a process has to stop; the daemon promises ten
LOG_TAIL = 12  # lines of the daemon's log that are shown when it failed


class Fell(ConnectorError):
    """The daemon or the backfill ended before it should."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo counted. ``problems`` are sentences; it is empty when every promise was kept."""

    shop_orders: int
    history: int
    live: int
    not_sent: int
    calls: int
    rate_limited: int
    order_placed_flows: int
    order_received_flows: int
    historical_flows: int
    problems: list[str]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One call that arrived; ``contact`` is masked, ``flows`` names what it set off."""

    at: datetime
    order_id: int | None
    status: int | None
    initial_sync: bool | None
    financial_status: str
    fulfillment_status: str
    amount: str
    contact: str
    flows: list[str]


class Demo:
    """One run. ``tell`` takes sentences, ``show`` each arrival; ``stop`` makes the shop close."""

    def __init__(self, *, tell: Callable[[str], None], show: Callable[[Seen], None], seed: int) -> None:
        self.stop = asyncio.Event()
        self.shop = Shop()
        self._tell = tell
        self._show = show
        self._random = Random(seed)
        self._business = Business(limits=Limits(PER_MINUTE, PER_DAY))
        self._sandbox = Sandbox(self._business, on_arrival=self._arrived)
        self._flows = 0

    async def run(self, seconds: float | None) -> Summary:
        """Let everything live for so many seconds, or until ``stop``. Raises Fell."""
        token, key = new_token(), new_token()
        self._sandbox.access.add_token(self._business.name, token)
        furnish(self.shop, self._random)
        opened_at = datetime.now(UTC)
        with TemporaryDirectory(prefix="connector-demo-") as folder:
            async with sandbox_serving(self._sandbox) as privy, shop_serving(self.shop, key) as shop:
                self._tell(f"Sandbox in place of Privy: {privy}/ (open it in a browser)")
                self._tell(f"Sample shop: {shop}, {len(self.shop.orders)} orders of the past two years")
                self._tell(f"Limit for this demo: {PER_MINUTE} calls a minute; Privy's own default is 60.")
                config = Path(folder) / "connector.yaml"
                config.touch(mode=0o600)
                config.write_text(_configuration(privy, token, shop, key, opened_at))
                async with self._processes(config) as failed:
                    await self._live(seconds, failed)
                    await self._settle(opened_at, failed)
        return await self.judge(opened_at)

    async def judge(self, opened_at: datetime) -> Summary:
        """Compare the shop with what arrived."""
        ledger = self._business.ledger
        wrong = [flow for flow in ledger.flows if _time(flow.order_date) < opened_at]
        problems = await self._missing(opened_at)
        problems += [f"order {flow.order_id} is old, but started the flow {flow.kind}" for flow in wrong]
        arrivals = self._sandbox.arrivals
        kinds = [flow.kind for flow in ledger.flows]
        history = sum(order.initial_sync for order in ledger.orders.values())
        return Summary(
            shop_orders=len(self.shop.orders),
            history=history,
            live=len(ledger.orders) - history,
            not_sent=len(self.shop.orders) - len(ledger.orders),
            calls=len(arrivals),
            rate_limited=sum(arrival.status == 429 for arrival in arrivals),
            order_placed_flows=kinds.count(PLACED),
            order_received_flows=len(kinds) - kinds.count(PLACED),
            historical_flows=len(wrong),
            problems=problems,
        )

    async def _live(self, seconds: float | None, failed: asyncio.Task[str]) -> None:
        life = asyncio.create_task(live(self.shop, self._random, EVERY))
        stopped = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({life, stopped, failed}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                await life
        finally:
            life.cancel()
            stopped.cancel()
        if failed.done():
            raise Fell(failed.result())

    async def _settle(self, opened_at: datetime, failed: asyncio.Task[str]) -> None:
        """Wait until everything is in."""
        self._tell("The shop has closed; the last orders are coming in.")
        self.stop.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE):
                while not self.stop.is_set() and await self._missing(opened_at):
                    if failed.done():
                        raise Fell(failed.result())
                    await asyncio.sleep(LOOK)

    async def _missing(self, opened_at: datetime) -> list[str]:
        """What the sandbox does not have as the shop has it, a sentence each."""
        async with Http() as http:
            kind = registry.adapter("sample")
            credentials = kind.Credentials.model_validate({"api_key": "none needed"})
            adapter = kind(url="", credentials=credentials, options=kind.Options(), http=http)
        ledger = self._business.ledger
        greeted = {flow.order_id for flow in ledger.flows if flow.kind == PLACED}
        sentences = []
        for number, order in self.shop.orders.items():
            expected = adapter.parse(_document(order))
            stored = ledger.orders.get(number)
            if not _to_be_sent(expected):
                if stored is not None:
                    sentences.append(f"order {number} should not have been sent")
            elif stored is None and expected.cancelled and not expected.paid_once:
                continue  # called off before it was ever sent, so it was never placed for Privy
            elif stored is None:
                sentences.append(f"order {number} did not arrive")
            elif difference := _difference(expected, stored.fields):
                sentences.append(f"order {number} arrived with another {difference}")
            elif expected.placed_at and expected.placed_at >= opened_at and number not in greeted:
                sentences.append(f"order {number} is new, but did not start the flow {PLACED}")
        return sentences

    @asynccontextmanager
    async def _processes(self, config: Path) -> AsyncIterator[asyncio.Task[str]]:
        """Daemon and backfill while the block runs; gives a task that is done when one of them failed."""
        log = config.with_name("daemon.log")
        visited = asyncio.Event()
        self.shop.on_visit = visited.set
        link = config.with_name("link.txt")
        with log.open("wb") as stderr, link.open("wb") as stdout:
            daemon = await _start(config, "run", stderr=stderr, stdout=stdout)
            watch = asyncio.create_task(self._watch(daemon, config, visited, log, link))
            try:
                yield watch
            finally:
                watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch
                await _end(daemon)

    async def _watch(
        self, daemon: asyncio.subprocess.Process, config: Path, visited: asyncio.Event, log: Path, link: Path
    ) -> str:
        """Start the backfill once the daemon reads the shop; the sentence that says what failed."""
        gone = asyncio.create_task(daemon.wait())
        ready = asyncio.create_task(visited.wait())
        backfill = None
        try:
            await asyncio.wait({gone, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not gone.done():
                self._tell(link.read_text().strip())
                since = f"{self.shop.clock() - YEARS - timedelta(days=1):%Y-%m-%d}"
                self._tell(f"The daemon runs. Now: connector backfill --since {since}")
                backfill = await _start(config, "backfill", "--since", since, "--json", stderr=None)
                done = asyncio.create_task(backfill.wait())
                await asyncio.wait({gone, done}, return_when=asyncio.FIRST_COMPLETED)
                if done.done() and done.result() != 0:
                    return f"the backfill failed (exit {done.result()})\n{_tail(log)}"
                if done.done():
                    self._tell("The backfill is done.")
            return f"the daemon ended (exit {await gone})\n{_tail(log)}"
        finally:
            gone.cancel()
            ready.cancel()
            if backfill is not None:
                await _end(backfill)

    def _arrived(self, arrival: Arrival) -> None:
        """Called before a refusal's answer leaves, and after an accepted order is stored."""
        ledger = self._business.ledger
        started = [flow.kind for flow in ledger.flows[self._flows :]]
        self._flows = len(ledger.flows)
        stored = ledger.orders.get(arrival.order_id or 0) if arrival.stored else None
        fields = stored.fields if stored else {}
        self._show(
            Seen(
                at=arrival.received_at,
                order_id=arrival.order_id,
                status=arrival.status,
                initial_sync=arrival.initial_sync,
                financial_status=fields.get("financial_status", "-"),
                fulfillment_status=fields.get("fulfillment_status", "-"),
                amount=f"{fields['total']} {fields['currency']}" if fields else "",
                contact=_masked(ledger, stored.contact) if stored else "",
                flows=started,
            )
        )


def _configuration(privy: str, token: str, shop: str, key: str, opened_at: datetime) -> str:
    store = {
        "platform": "sample",
        "url": shop,
        "credentials": {"api_key": key},
        "account": "sandbox",
        "poll": "1s",
        "live_from": opened_at.isoformat(),
        "mapping": {"default_phone_region": "US"},
    }
    account = {"token": token, "base_url": privy, "quota": {"per_minute": PER_MINUTE, "per_day": PER_DAY}}
    settings = {"listen": "127.0.0.1:0", "accounts": {"sandbox": account}, "stores": {"sample-shop": store}}
    return yaml.safe_dump(settings)


async def _start(
    config: Path, *command: str, stderr: Any, stdout: Any = asyncio.subprocess.DEVNULL
) -> asyncio.subprocess.Process:
    """A command of the connector in a session of its own, so that Ctrl-C reaches the demo only."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "connector",
        "-c",
        str(config),
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        stderr=asyncio.subprocess.DEVNULL if stderr is None else stderr,
        env=environment,
        start_new_session=True,
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, and SIGKILL for one that does not stop in time."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP)
    except TimeoutError:
        process.kill()
        await process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL:])


def _document(order: ShopOrder) -> Document:
    body = exact_json.decode(exact_json.encode(order))
    return Document(ref=str(order.id), changed_at=order.changed_at, body=body)


def _to_be_sent(order: Order) -> bool:
    reachable = order.email or any(e164(phone.text, phone.country) for phone in order.phones)
    return bool(order.placed and not order.test and reachable)


def _difference(order: Order, stored: dict[str, Any]) -> str:
    """The first field that is not as the order has it; a status that is not known must not be there."""
    expected = {
        "total": order.total,
        "currency": order.currency,
        "financial_status": order.financial.value,
        "fulfillment_status": order.fulfillment.value,
    }
    return next((name for name, value in expected.items() if stored.get(name) != value), "")


def _masked(ledger: Ledger, number: int) -> str:
    contact: Contact = ledger.contacts[number - 1]
    if contact.email:
        return f"{contact.email[:1]}…@{contact.email.partition('@')[2]}"
    return f"…{contact.phone[-2:]}"


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
