"""A real Medusa: installed with npm, on a PostgreSQL of its own."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from connector import exact_json
from tests.live.medusa.goods import VARIANTS, Goods, stock
from tests.live.process import free_port, run, serve, stop
from tests.live.shop import Journey, Line, LiveShop, Seen, Truth, Wish
from tests.postgres import find_binaries, running_server

HERE = Path(__file__).parent
SUBSCRIBER = HERE.parents[2] / "config" / "stores" / "medusa.subscriber.js"
EMAIL, PASSWORD = "admin@example.com", "of a test"

_BUYERS = (
    ("ada@example.com", "Ada", "Example", "+4915112345678"),
    ("bo@example.com", "Bo", "Sample", ""),
    ("chloe@example.com", "Chloé", "Démo", "+33612345678"),
    ("dai@example.com", "大", "例", "+819012345678"),
    ("eve+tag@example.com", "Eve", "O'Test", "+12125550123"),
)
_ADDRESSES = {
    "de": {"address_1": "Hauptstr. 1", "city": "Berlin", "postal_code": "10115"},
    "fr": {"address_1": "1 rue X", "city": "Paris", "postal_code": "75001"},
    "us": {"address_1": "1 Main St", "city": "Austin", "province": "tx", "postal_code": "78701"},
    "jp": {"address_1": "1-1", "city": "東京", "province": "JP-13", "postal_code": "100-0001"},
    "kw": {"address_1": "Block 1", "city": "Kuwait City"},
}
_DECIMALS = {"JPY": 0, "KWD": 3}
_FINANCIAL = {
    "not_paid": "pending",
    "authorized": "authorized",
    "partially_captured": "partially_paid",
    "captured": "paid",
    "partially_refunded": "partially_refunded",
    "refunded": "refunded",
    "canceled": "voided",
}
_FULFILLMENT = {
    "not_fulfilled": "unfulfilled",
    "fulfilled": "in_progress",
    "partially_fulfilled": "partially_fulfilled",
    "partially_shipped": "partially_fulfilled",
    "shipped": "fulfilled",
    "partially_delivered": "partially_fulfilled",
    "delivered": "delivered",
    "canceled": "unfulfilled",
}
_DELIVERED = ("capture", "fulfil", "ship", "deliver")


class Shop(LiveShop):
    """Medusa 2.21.2, as ``package.json`` pins it."""

    platform = "medusa"
    title = "Medusa 2.21.2"
    silent = frozenset(("capture", "capture 20", "capture the rest", "refund what was returned"))
    past = (
        Journey(Wish()),
        Journey(Wish(buyer=1, lines=((4, 3),)), ("capture",)),
        Journey(Wish(buyer=2, country="fr"), _DELIVERED),
        Journey(Wish(buyer=3, country="jp", lines=((0, 2),)), ("capture", "refund")),
        Journey(Wish(buyer=4, country="us", lines=((2, 1),)), ("capture", "fulfil", "ship")),
        Journey(Wish(buyer=1, country="kw", lines=((4, 3),)), ("capture", "cancel")),
        Journey(Wish(lines=((0, 2), (2, 1)), codes=("TENOFF",)), ("capture", "fulfil")),
    )
    later = ((0, "capture"), (4, "deliver"), (6, "ship"))
    live = (
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

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._closing = ExitStack()
        self._port = free_port()
        self._server: asyncio.subprocess.Process | None = None
        self._environment: dict[str, str] = {}
        self._goods: Goods | None = None
        self._client = httpx.AsyncClient(base_url=self.url, timeout=60.0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def store(self) -> Mapping[str, Any]:
        return {"credentials": {"api_key": "${MEDUSA_KEY}"}}

    @property
    def variables(self) -> Mapping[str, str]:
        assert self._goods is not None
        return {"MEDUSA_KEY": self._goods.secret_key}

    async def open(self) -> None:
        binaries = find_binaries()
        if binaries is None or shutil.which("npm") is None:
            raise RuntimeError("Medusa needs npm (node 20) and PostgreSQL's programs on this machine")
        for name in ("package.json", "medusa-config.js"):
            shutil.copy(HERE / name, self.folder / name)
        if not (self.folder / "node_modules" / "@medusajs" / "medusa").is_dir():
            await run(
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--legacy-peer-deps",
                cwd=self.folder,
                log="npm.log",
            )
        subscribers = self.folder / "src" / "subscribers"
        subscribers.mkdir(parents=True, exist_ok=True)
        shutil.copy(SUBSCRIBER, subscribers / "privy-connector.js")
        database = self._closing.enter_context(running_server(binaries)).database()
        socket = self._closing.enter_context(database)
        self._environment = {
            "DATABASE_URL": _node_url(socket),
            "NODE_ENV": "production",
            "LOG_LEVEL": "warn",
            "MEDUSA_DISABLE_TELEMETRY": "true",
        }
        await self._command("db:migrate", "--skip-scripts")
        await self._command("user", "-e", EMAIL, "-p", PASSWORD)
        await self._start()
        self._goods = await stock(self._client, EMAIL, PASSWORD)
        await self._clutter()

    async def restart(self, hook: str, secret: str) -> None:
        assert self._server is not None
        await stop(self._server)
        await asyncio.sleep(3.0)  # long enough for the daemon to notice
        self._environment |= {"PRIVY_CONNECTOR_URL": hook, "PRIVY_CONNECTOR_SECRET": secret}
        await self._start()

    async def close(self) -> None:
        await self._client.aclose()
        if self._server is not None:
            await stop(self._server)
        self._closing.close()

    async def place(self, wish: Wish) -> str:
        assert self._goods is not None
        email, first, last, phone = _BUYERS[wish.buyer]
        goods = self._goods
        address = {
            "first_name": first, "last_name": last, "country_code": wish.country, **_ADDRESSES[wish.country],
        }  # fmt: skip
        if phone:
            address["phone"] = phone
        billing = {} if wish.buyer == 4 else {"billing_address": address}
        cart = (
            await self._shop(
                "carts",
                region_id=goods.regions[wish.country],
                email=email,
                items=[
                    {"variant_id": goods.variants[variant], "quantity": quantity}
                    for variant, quantity in wish.lines
                ],
                shipping_address=address,
                **billing,
            )
        )["cart"]["id"]
        await self._shop(f"carts/{cart}/shipping-methods", option_id=goods.shipping)
        if wish.codes:
            await self._shop(f"carts/{cart}/promotions", promo_codes=list(wish.codes))
        collection = (await self._shop("payment-collections", cart_id=cart))["payment_collection"]["id"]
        await self._shop(
            f"payment-collections/{collection}/payment-sessions", provider_id="pp_system_default"
        )
        done = await self._shop(f"carts/{cart}/complete")
        assert done["type"] == "order", done
        return str(done["order"]["id"])

    async def step(self, ref: str, step: str) -> None:
        order = await self._order(ref)
        name, _, amount = step.partition(" ")
        parcels = [each["id"] for each in order["fulfillments"] if not each["canceled_at"]]
        path = f"orders/{ref}"
        match name, amount:
            case (("capture" | "refund"), _):
                (payment,) = order["payment_collections"][0]["payments"]
                due: dict[str, float] = {}
                if amount == "the rest":
                    due["amount"] = float(
                        payment["amount"] - sum(each["amount"] for each in payment["captures"])
                    )
                elif amount == "what was returned":
                    due["amount"] = float(-order["summary"]["pending_difference"])
                elif amount:
                    due["amount"] = float(amount)
                await self._admin(f"payments/{payment['id']}/{name}", **due)
            case "fulfil", part:
                items = [
                    {"id": line["id"], "quantity": 1 if part else line["quantity"]} for line in order["items"]
                ]
                assert self._goods is not None
                await self._admin(f"{path}/fulfillments", location_id=self._goods.location, items=items)
            case "ship", _:
                items = [
                    {"id": line["id"], "quantity": line["detail"]["fulfilled_quantity"]}
                    for line in order["items"]
                ]
                await self._admin(f"{path}/fulfillments/{parcels[0]}/shipments", items=items)
            case "deliver", _:
                await self._admin(f"{path}/fulfillments/{parcels[0]}/mark-as-delivered")
            case "unfulfil", _:
                await self._admin(f"{path}/fulfillments/{parcels[0]}/cancel")
            case (("cancel" | "complete" | "archive"), _):
                await self._admin(f"{path}/{name}")
            case "add", _:
                assert self._goods is not None
                await self._admin("order-edits", order_id=ref)
                two = [{"variant_id": self._goods.variants[2], "quantity": 2}]
                await self._admin(f"order-edits/{ref}/items", items=two)
                await self._admin(f"order-edits/{ref}/request")
                await self._admin(f"order-edits/{ref}/confirm")
            case "return", _:
                await self._return(order)
            case "metadata", _:
                await self._admin(path, metadata={"note": "touched"})
            case "e-mail", _:
                await self._admin(path, email="new-mail@example.com")
            case _:
                raise AssertionError(f"no such step: {step}")

    async def truth(self, ref: str) -> Truth:
        order = await self._order(ref)
        currency = str(order["currency_code"]).upper()
        canceled = order["status"] == "canceled"
        financial = _FINANCIAL[order["payment_status"]]
        if canceled and financial in ("pending", "authorized"):
            financial = "voided"
        # Medusa's own sums; what came back was sold all the same.
        sold = sum(
            (
                line["total"] + line["return_received_total"] + line["return_dismissed_total"]
                for line in order["items"]
            ),
            order["shipping_total"],
        )
        address, items = order["shipping_address"], order["items"]
        taxed = [*items, *order["shipping_methods"]]
        return Truth(
            order_id=_number(ref),
            placed_at=datetime.fromisoformat(order["created_at"]),
            currency=currency,
            total=_rounded(sold, _DECIMALS.get(currency, 2)),
            financial=financial,
            fulfillment="restocked" if canceled else _FULFILLMENT[order["fulfillment_status"]],
            email=order["email"],
            phone=re.sub(r"[^+0-9]", "", address["phone"] or ""),
            lines=[
                Line(
                    line["variant_sku"] or line["variant_id"],
                    int(line["quantity"]),
                    Decimal(line["unit_price"]),
                )
                for line in items
            ],
            codes=frozenset(each["code"] for part in taxed for each in part["adjustments"]),
            tax=sum((_tax(part) for part in taxed), Decimal(0)),
            city=address["city"],
            country=address["country_code"].upper(),
        )

    def is_sweep(self, requests: Sequence[Seen], index: int) -> bool:
        """Orders asked for by their ids, or one; unless it is the answer to payments that moved."""
        if not re.search(r"/admin/orders(/|\?.*\bid(%5B|\[))", requests[index].target):
            return False
        before = index - 1
        while before >= 0 and re.search(r"/admin/orders\?.*\bid(%5B|\[)", requests[before].target):
            before -= 1
        return before < 0 or "/admin/payments" not in requests[before].target

    async def _return(self, order: dict[str, Any]) -> None:
        """The buyer sends one piece back, and it arrives."""
        assert self._goods is not None
        started = await self._admin("returns", order_id=order["id"], location_id=self._goods.location)
        path = f"returns/{started['return']['id']}"
        await self._admin(f"{path}/request-items", items=[{"id": order["items"][0]["id"], "quantity": 1}])
        await self._admin(f"{path}/request")
        await self._admin(f"{path}/receive")
        items = [{"id": order["items"][0]["id"], "quantity": 1}]
        await self._admin(f"{path}/receive-items", items=items)
        await self._admin(f"{path}/receive/confirm")

    async def _clutter(self) -> None:
        """What must never reach Privy: a cart that was left, and a draft."""
        assert self._goods is not None
        goods = self._goods
        items = [{"variant_id": goods.variants[0], "quantity": 1}]
        await self._shop("carts", region_id=goods.regions["de"], email="cart@example.com", items=items)
        await self._admin(
            "draft-orders",
            email="draft@example.com",
            region_id=goods.regions["de"],
            sales_channel_id=goods.channel,
            items=items,
            shipping_address={
                "first_name": "Dra",
                "last_name": "Ft",
                "country_code": "de",
                **_ADDRESSES["de"],
            },
        )

    async def _order(self, ref: str) -> dict[str, Any]:
        """With whatever Medusa shows by itself, and what this file reads besides."""
        fields = "+email,+currency_code,*fulfillments,*fulfillments.items"
        reply = await self._client.get(f"/admin/orders/{ref}", params={"fields": fields}, auth=self._key)
        order: dict[str, Any] = exact_json.decode(_good(reply).content)["order"]
        return order

    @property
    def _key(self) -> tuple[str, str]:
        assert self._goods is not None
        return (self._goods.secret_key, "")

    async def _admin(self, path: str, **body: Any) -> Any:
        return _good(await self._client.post(f"/admin/{path}", json=body, auth=self._key)).json()

    async def _shop(self, path: str, **body: Any) -> Any:
        assert self._goods is not None
        headers = {"x-publishable-api-key": self._goods.publishable_key}
        return _good(await self._client.post(f"/store/{path}", json=body, headers=headers)).json()

    async def _command(self, *arguments: str) -> None:
        medusa = "node_modules/@medusajs/cli/cli.js"
        await run("node", medusa, *arguments, cwd=self.folder, log="setup.log", env=self._environment)

    async def _start(self) -> None:
        async def ready() -> bool:
            try:
                return (await self._client.get("/health")).status_code == 200
            except httpx.TransportError:
                return False

        command = (
            "node",
            "node_modules/@medusajs/cli/cli.js",
            "start",
            "-H",
            "127.0.0.1",
            "-p",
            str(self._port),
        )
        self._server = await serve(
            *command, cwd=self.folder, log="server.log", ready=ready, env=self._environment
        )


def _node_url(url: str) -> str:
    """SQLAlchemy's URL of a database behind a Unix socket, as node writes it."""
    name, _, socket = url.partition("@/")[2].partition("?host=")
    return f"postgres://postgres@{socket.replace('/', '%2F')}/{name}"


def _number(ref: str) -> int:
    """The hash of (store, id), as the README documents it."""
    digest = sha256(f"live\0{ref}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 2**62 + 2**62


def _tax(part: dict[str, Any]) -> Decimal:
    """Of all that was sold, also of what came back."""
    amount = Decimal(part["unit_price"] * part["quantity"] if "unit_price" in part else part["amount"])
    amount -= sum((Decimal(each["amount"]) for each in part["adjustments"]), Decimal(0))
    return sum((amount * Decimal(each["rate"]) / 100 for each in part["tax_lines"]), Decimal(0))


def _rounded(amount: Any, decimals: int) -> Decimal:
    return Decimal(amount).quantize(Decimal("1e-9")).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def _good(reply: httpx.Response) -> httpx.Response:
    if reply.status_code >= 300:
        raise RuntimeError(f"{reply.request.method} {reply.url.path}: {reply.status_code} {reply.text[:300]}")
    return reply


assert len(VARIANTS) == 12
