"""The program as its operators use it: a folder with a configuration, and processes of the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import pytest
import yaml

from connector.daemon.registration import numbering_of
from connector.mapping.mapper import Mapped, Mapper
from connector.model import payload
from connector.model.order import Document
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.sdk import registry
from connector.settings import loader
from tests.fire.hatchery import Egg, Hatchery, Plugin, shared
from tests.privy import RunningSandbox, running_sandbox

STORE = "acme"
TOKEN = "privy_planted_token_5e1f0c"
LONGEST = 60.0  # seconds; no command of these tests takes nearly as long


@dataclass(frozen=True)
class Finished:
    """A command that came to its end, with its exit code and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        assert self.stdout, self.stderr
        return exact_json.decode(self.stdout.encode())


class Process(Protocol):
    """As much of ``asyncio.subprocess.Process`` as is used here."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def send_signal(self, signal: int) -> None: ...
    async def wait(self) -> int: ...


@dataclass(frozen=True)
class Running:
    """A command under way; what it prints goes to two files."""

    process: Process
    out: Path
    err: Path

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to a process that still runs."""
        self.process.send_signal(number)

    async def end(self, seconds: float = LONGEST) -> Finished:
        """Wait for the end; fails when it does not come within ``seconds``."""
        code = await asyncio.wait_for(self.process.wait(), seconds)
        return Finished(code, self.out.read_text(), self.err.read_text())

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The events of this name, or all of them, in the log so far."""
        lines = self.err.read_bytes().splitlines()
        found = [exact_json.decode(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
        return [event for event in found if not name or event.get("event") == name]

    async def link(self) -> str:
        """The printed link that opens the status page."""
        await until(lambda: self.out.read_text().endswith("\n"))
        return self.out.read_text().splitlines()[-1].removeprefix("Status page: ")

    async def until_event(self, name: str, count: int = 1) -> dict[str, Any]:
        """Wait for the ``count``-th event of this name."""
        await until(lambda: len(self.events(name)) >= count or self.process.returncode is not None)
        found = self.events(name)
        assert len(found) >= count, f"no {name}: {self.err.read_text()}"
        return found[count - 1]


class Front(NamedTuple):
    """How a platform's stand-in stands in a configuration; credentials in plain, options as they are."""

    platform: str
    credentials: Mapping[str, str]
    options: Mapping[str, Any]


WOOCOMMERCE = Front(
    "woocommerce",
    {"consumer_key": "ck_test", "consumer_secret": "cs_test"},
    {"authentication": "basic"},
)
SHOPIFY = Front("shopify", {"client_id": "client_test", "client_secret": "shpss_test"}, {})


class Orders(Protocol):
    """What the truth needs of a stand-in: its documents by number, those in a trash too."""

    def order(self, id: int) -> dict[str, Any]: ...
    def all_ids(self) -> list[int]: ...


class Program:
    """One operator's folder. ``configuration`` may be changed; ``write`` puts it into its file.

    Processes start in milliseconds, with ``plugins`` loaded, out of a hatchery; ``anew`` makes each a new
    Python.
    """

    def __init__(
        self,
        folder: Path,
        *,
        shop: str,
        privy: str,
        token: str,
        front: Front = WOOCOMMERCE,
        hatchery: Hatchery | None = None,
        plugins: Sequence[Plugin] = (),
        anew: bool = False,
    ) -> None:
        self.folder = folder
        self.hatchery = None if anew else hatchery or shared()
        self.plugins = list(plugins)
        names = {name: f"SHOP_{name.upper()}" for name in front.credentials}
        self.variables = {"PRIVY_TOKEN": token} | {names[key]: one for key, one in front.credentials.items()}
        self.configuration: dict[str, Any] = {
            "database": "sqlite:///connector.db",
            "listen": "127.0.0.1:0",
            "accounts": {
                "main": {
                    "token": "${PRIVY_TOKEN}",
                    "base_url": privy,
                    "quota": {"per_minute": 60_000, "per_day": 10_000_000},
                }
            },
            "stores": {
                STORE: {
                    "platform": front.platform,
                    "url": shop,
                    "credentials": {key: f"${{{variable}}}" for key, variable in names.items()},
                    "options": dict(front.options),
                    "account": "main",
                    "poll": "1s",
                    "mapping": {"default_phone_region": "US"},
                }
            },
        }
        self.write()

    @property
    def path(self) -> Path:
        return self.folder / "connector.yaml"

    @property
    def store(self) -> dict[str, Any]:
        """The store's part of the configuration."""
        found: dict[str, Any] = self.configuration["stores"][STORE]
        return found

    def write(self) -> None:
        """Write the configuration."""
        self.path.write_text(yaml.safe_dump(self.configuration, sort_keys=False))

    async def start(self, *arguments: str, plugins: Sequence[Plugin] = ()) -> Running:
        """Start the command line as a process of its own, in the folder; ``plugins`` besides its own."""
        number = len(list(self.folder.glob("*.out")))
        out, err = self.folder / f"{number:03}.out", self.folder / f"{number:03}.err"
        variables = {"PATH": os.environ["PATH"], **self.variables}
        if self.hatchery is not None:
            out.touch()
            err.touch()
            egg = Egg(
                arguments=arguments,
                folder=str(self.folder),
                variables=variables,
                out=str(out),
                err=str(err),
                plugins=[*self.plugins, *plugins],
            )
            return Running(self.hatchery.hatch(egg), out, err)
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "connector", *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                cwd=self.folder, env=variables,
            )  # fmt: skip
        return Running(process, out, err)

    async def __call__(self, *arguments: str) -> Finished:
        """Run a command to its end; whatever it is told, it never answers with a traceback."""
        finished = await (await self.start(*arguments)).end()
        assert "Traceback" not in finished.stderr, finished.stderr
        return finished

    async def good(self, *arguments: str) -> Finished:
        """Run a command that must succeed."""
        finished = await self(*arguments)
        assert finished.code == 0, f"{arguments}: {finished.code}: {finished.stdout}{finished.stderr}"
        return finished

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Running]:
        """``connector run``, once it has started; told to stop at the end of the block."""
        running = await self.start("run")
        try:
            await running.until_event("daemon.started")
            yield running
        finally:
            if running.process.returncode is None:
                running.signal(signal.SIGTERM)
            finished = await running.end()
        assert "Traceback" not in finished.stderr, finished.stderr
        assert all(line.startswith("Status page: ") for line in finished.stdout.splitlines())

    async def live_from(self) -> datetime:
        """Since when the store is live."""
        status = (await self.good("status", "--json")).json
        return datetime.fromisoformat(status["stores"][0]["live_from"])

    def printed(self) -> str:
        """Everything that any process printed here so far."""
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("[0-9]*.[oe][ur][tr]")))


class Truth:
    """What Privy should hold: each order's newest document at the shop, by the program's own mapping."""

    def __init__(self, program: Program, shop: Orders, sandbox: RunningSandbox) -> None:
        self._shop = shop
        self._sandbox = sandbox
        with pytest.MonkeyPatch.context() as patch:
            for name, value in program.variables.items():
                patch.setenv(name, value)
            settings = loader.load(program.path).settings
        store = settings.stores[STORE]
        self._adapter = registry.adapter(store.platform)(
            url=store.url, credentials=store.credentials, options=store.options, http=Http()
        )
        self._mapper = Mapper(store.mapping, numbering_of(settings)[STORE])

    def expected(self, number: int, *, told: bool) -> dict[str, Any] | None:
        """The payload of an order as the shop has it now; None when a rule skips it."""
        body = exact_json.decode(exact_json.encode(self._shop.order(number)))
        order = self._adapter.parse(Document(ref=str(number), changed_at=datetime.now(UTC), body=body))
        mapped = self._mapper.map(order, body, told=told)
        if not isinstance(mapped, Mapped):
            return None
        content: dict[str, Any] = exact_json.decode(exact_json.encode(mapped.payload))
        return content

    def differing(self) -> list[int]:
        """The orders at the shop that Privy does not hold in their newest state, trashed ones too."""
        last = {one.order_id: one.body for one in self._sandbox.arrivals if one.stored}
        wrong = []
        for number in self._shop.all_ids():
            sent = _content(last[number]) if number in last else None
            if sent != self.expected(number, told=sent is not None):
                wrong.append(number)
        return wrong

    def placed_flows(self) -> dict[int, int]:
        """How often *Order Placed* started, per order."""
        counts: dict[int, int] = {}
        for flow in self._sandbox.ledger.flows:
            if flow.kind == "Order Placed":
                counts[flow.order_id] = counts.get(flow.order_id, 0) + 1
        return counts


S = TypeVar("S", bound=Orders)


@dataclass(frozen=True)
class World(Generic[S]):
    """A shop, Privy, and an operator between them."""

    shop: S
    sandbox: RunningSandbox
    program: Program

    def truth(self) -> Truth:
        """What Privy should hold now."""
        return Truth(self.program, self.shop, self.sandbox)

    def stored(self) -> int:
        """How many requests Privy has taken."""
        return sum(one.stored for one in self.sandbox.arrivals)


@asynccontextmanager
async def a_world(
    shop: S, url: str, folder: Path, front: Front = WOOCOMMERCE, hatchery: Hatchery | None = None
) -> AsyncIterator[World[S]]:
    """A shop served at ``url``, Privy without limits, the operator's ``folder``; no secret may be printed."""
    async with running_sandbox(per_minute=None, per_day=None, token=TOKEN) as sandbox:
        program = Program(
            folder, shop=url, privy=sandbox.base_url, token=TOKEN, front=front, hatchery=hatchery
        )
        yield World(shop, sandbox, program)
        printed = program.printed()
        assert not [secret for secret in (TOKEN, *front.credentials.values()) if secret in printed]


async def later_than(moment: datetime) -> None:
    """Shops date orders to the second: wait until one placed now is surely placed after it."""
    await until(lambda: datetime.now(UTC).replace(microsecond=0) > moment)


def _content(body: str) -> dict[str, Any]:
    """A body without ``initial_sync``, and without what it only clears."""
    content: dict[str, Any] = exact_json.decode(body.encode())
    del content["initial_sync"]
    return {name: value for name, value in content.items() if name not in payload.CLEARABLE or value}


async def until(condition: Callable[[], object], seconds: float = LONGEST) -> None:
    """Wait until the condition holds; fails when it does not within ``seconds``."""

    async def ask() -> object:
        return condition()

    await until_answered(ask, seconds)


async def until_answered(ask: Callable[[], Awaitable[object]], seconds: float = LONGEST) -> None:
    """Ask until the answer is true; fails when it is not within ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            while not await ask():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not so within {seconds:.0f} s") from None
