"""A real Medusa: installed with npm, on a PostgreSQL of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from connector.runtime import exact_json
from tests.live.medusa.customers import ADDRESSES, BUYERS, LIVE, PAST
from tests.live.medusa.goods import Goods, stock
from tests.live.medusa.oracle import truth_of
from tests.live.process import run
from tests.live.served import NodeShop
from tests.live.shop import Seen, Truth, Wish

HERE = Path(__file__).parent
CLI = ("node", "node_modules/@medusajs/cli/cli.js")
SUBSCRIBER = HERE.parents[2] / "config" / "stores" / "medusa.subscriber.js"
EMAIL, PASSWORD = "admin@example.com", "of a test"


class Shop(NodeShop):
    """Medusa 2.21.2, as ``package.json`` pins it."""

    here = HERE
    files = ("package.json", "medusa-config.js")
    package = "@medusajs/medusa"
    npm = ("--legacy-peer-deps",)
    hook = ("PRIVY_CONNECTOR_URL", "PRIVY_CONNECTOR_SECRET")
    platform = "medusa"
    title = "Medusa 2.21.2"
    silent = frozenset(("capture", "capture 20", "capture the rest", "refund what was returned"))
    past = PAST
    later = ((0, "capture"), (4, "deliver"), (6, "ship"))
    live = LIVE

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._goods: Goods | None = None
        self._account = ""  # the token of the one buyer who has an account; the others are guests

    @property
    def store(self) -> Mapping[str, Any]:
        options = {"page_size": 5}  # so that reading takes pages
        return {"credentials": {"api_key": "${MEDUSA_KEY}"}, "options": options}

    @property
    def variables(self) -> Mapping[str, str]:
        assert self._goods is not None
        return {"MEDUSA_KEY": self._goods.secret_key}

    async def open(self) -> None:
        name, socket = await self.install()
        subscribers = self.folder / "src" / "subscribers"
        subscribers.mkdir(parents=True, exist_ok=True)
        shutil.copy(SUBSCRIBER, subscribers / "privy-connector.js")
        self.environment = {
            "DATABASE_URL": f"postgres://postgres@{socket.replace('/', '%2F')}/{name}",
            "NODE_ENV": "production",
            "LOG_LEVEL": "warn",
            "MEDUSA_DISABLE_TELEMETRY": "true",
        }
        await self._command("db:migrate", "--skip-scripts")
        await self._command("user", "-e", EMAIL, "-p", PASSWORD)
        await self.start()
        self._goods = await stock(self.client, EMAIL, PASSWORD)
        self._account = await self._register(0)
        await self._clutter()

    async def place(self, wish: Wish) -> str:
        assert self._goods is not None
        email, first, last, phone = BUYERS[wish.buyer]
        goods = self._goods
        address = {
            "first_name": first, "last_name": last, "country_code": wish.country, **ADDRESSES[wish.country],
        }  # fmt: skip
        if phone:
            address["phone"] = phone
        as_account = {"authorization": f"Bearer {self._account}"} if wish.buyer == 0 else {}
        billing = {} if wish.buyer == 4 else {"billing_address": address}
        cart = (
            await self._shop(
                "carts",
                as_account,
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
        return truth_of(await self._order(ref))

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
                **ADDRESSES["de"],
            },
        )

    async def _order(self, ref: str) -> dict[str, Any]:
        """With whatever Medusa shows by itself, and what this file reads besides."""
        fields = "+email,+currency_code,+customer_id,*fulfillments,*fulfillments.items"
        reply = await self.client.get(f"/admin/orders/{ref}", params={"fields": fields}, auth=self._key)
        order: dict[str, Any] = exact_json.decode(_good(reply).content)["order"]
        return order

    @property
    def _key(self) -> tuple[str, str]:
        assert self._goods is not None
        return (self._goods.secret_key, "")

    async def _admin(self, path: str, **body: Any) -> Any:
        return _good(await self.client.post(f"/admin/{path}", json=body, auth=self._key)).json()

    async def _register(self, buyer: int) -> str:
        """An account of the shop for a buyer; returns its token."""
        email, first, last, _ = BUYERS[buyer]
        login = {"email": email, "password": PASSWORD}
        made = _good(await self.client.post("/auth/customer/emailpass/register", json=login)).json()
        headers = {"authorization": f"Bearer {made['token']}"}
        await self._shop("customers", headers, email=email, first_name=first, last_name=last)
        token = _good(await self.client.post("/auth/customer/emailpass", json=login)).json()["token"]
        return str(token)

    async def _shop(self, path: str, headers: Mapping[str, str] | None = None, /, **body: Any) -> Any:
        assert self._goods is not None
        headers = {"x-publishable-api-key": self._goods.publishable_key, **(headers or {})}
        return _good(await self.client.post(f"/store/{path}", json=body, headers=headers)).json()

    @property
    def command(self) -> Sequence[str]:
        return (*CLI, "start", "-H", "127.0.0.1", "-p", str(self.port))

    async def _command(self, *arguments: str) -> None:
        await run(*CLI, *arguments, cwd=self.folder, log="setup.log", env=self.environment)


def _good(reply: httpx.Response) -> httpx.Response:
    if reply.status_code >= 300:
        raise RuntimeError(f"{reply.request.method} {reply.url.path}: {reply.status_code} {reply.text[:300]}")
    return reply
