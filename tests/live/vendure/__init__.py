"""A real Vendure: installed with npm, on a PostgreSQL of its own, with our plugin from its restart on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.live.process import run
from tests.live.served import NodeShop
from tests.live.shop import Journey, Line, Seen, Truth, Wish
from tests.live.vendure.goods import ADDRESSES, BUYERS, Goods, stock
from tests.live.vendure.graphql import Api
from tests.live.vendure.merchant import PRICED, Merchant

HERE = Path(__file__).parent
PLUGIN = HERE.parents[2] / "config" / "stores" / "vendure.plugin.ts"

_FULFILLMENT = {
    "PaymentAuthorized": "unfulfilled",
    "PaymentSettled": "unfulfilled",
    "PartiallyShipped": "partially_fulfilled",
    "Shipped": "fulfilled",
    "PartiallyDelivered": "partially_fulfilled",
    "Delivered": "delivered",
    "Modifying": "on_hold",
    "ArrangingAdditionalPayment": "on_hold",
    "Cancelled": "restocked",
}
_DELIVERED = ("fulfil", "ship", "deliver")


@dataclass(frozen=True, kw_only=True)
class Basket(Wish):
    """``later``: authorized only. ``hesitant``: for so many seconds the buyer waits at the payment page."""

    later: bool = False
    hesitant: float = 0.0


class Shop(NodeShop):
    """Vendure 3.7.3, as ``package.json`` pins it."""

    here = HERE
    files = ("package.json", "server.cjs")
    package = "@vendure/core"
    hook = ("HOOK_URL", "HOOK_SECRET")
    platform = "vendure"
    title = "Vendure 3.7.3"
    path = "/admin-api"
    silent = frozenset(
        (
            *("settle", "fulfil", "fulfil the first", "unfulfil", "ship", "deliver", "pay the rest"),
            *("refund 1", "refund 5", "refund 9.32", "refund all", "book the refund"),
        )
    )
    past = (
        Journey(Basket(later=True)),
        Journey(Basket(buyer=1, lines=((1, 3),)), _DELIVERED),
        Journey(Basket(buyer=2, country="us"), ("fulfil", "ship")),
        Journey(Basket(lines=((0, 1), (2, 2))), ("refund all", "book the refund")),
        Journey(Basket(codes=("TENTH",)), ("cancel",)),
        Journey(Basket(buyer=3, codes=("SHIPPING",)), ("fulfil",)),
    )
    later = ((0, "settle"), (2, "deliver"), (5, "ship"))
    live = (
        Journey(Basket(lines=((0, 2), (2, 1))), _DELIVERED),
        Journey(Basket(later=True, buyer=1), ("settle", *_DELIVERED)),
        Journey(Basket(hesitant=7.0, buyer=2, country="us"), ("fulfil", "ship")),
        Journey(Basket(lines=((1, 4),), codes=("TENTH",)), ("refund 5", "book the refund")),
        Journey(Basket(codes=("THREE",), lines=((0, 1), (1, 1))), ("refund all", "book the refund")),
        Journey(Basket(codes=("SHIPPING",), buyer=3), ("fulfil", "unfulfil", "cancel")),
        Journey(Basket(lines=((0, 1), (2, 3))), ("fulfil the first", "ship", "deliver")),
        Journey(Basket(later=True), ("cancel",)),
        Journey(Basket(buyer=4, lines=((1, 2),)), ("cancel", "refund all", "book the refund")),
        Journey(Basket(lines=((1, 3), (2, 1))), ("cancel one", "refund 9.32", "book the refund")),
        Journey(Basket(lines=((0, 1),)), ("add a cup", "pay the rest", "fulfil")),
        Journey(Basket(buyer=2, country="us", lines=((2, 1),)), (*_DELIVERED, "refund 1", "book the refund")),
        Journey(Basket(lines=((1, 1),), codes=("TENTH", "SHIPPING")), ("fulfil", "ship")),
        Journey(Basket(buyer=3), ("cancel",)),
        Journey(Basket(buyer=4, lines=((0, 5),), later=True), ("settle", "cancel one")),
        Journey(Basket(hesitant=4.0, lines=((2, 2),))),
        Journey(Basket(buyer=1, lines=((0, 1), (1, 1), (2, 1))), _DELIVERED),
        Journey(Basket(codes=("TENTH",), lines=((0, 3),)), ("cancel", "refund all", "book the refund")),
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._goods: Goods | None = None
        self._admin = Api(self.client, "/admin-api")
        self._merchant = Merchant(self._admin)

    @property
    def command(self) -> Sequence[str]:
        return ("node", "server.cjs")

    @property
    def store(self) -> Mapping[str, Any]:
        options = {"page_size": 5}  # so that reading takes pages
        return {"credentials": {"api_key": "${VENDURE_KEY}"}, "options": options}

    @property
    def variables(self) -> Mapping[str, str]:
        return {"VENDURE_KEY": self._stocked.api_key}

    @property
    def _stocked(self) -> Goods:
        assert self._goods is not None
        return self._goods

    async def open(self) -> None:
        name, socket = await self.install()
        self.environment = {
            "PORT": str(self.port),
            "PG_SOCKET": socket,
            "PG_DATABASE": name,
            "PLUGIN": str(PLUGIN),
        }
        await run(*self.command, "populate", cwd=self.folder, log="setup.log", env=self.environment)
        await self.start()
        self._goods = await stock(self._admin)
        self._merchant.cup = self._goods.variants[1]
        await self._clutter()

    async def place(self, wish: Wish) -> str:
        assert isinstance(wish, Basket)
        shop = await self._cart(wish)
        await shop('mutation { transitionOrderToState(state: "ArrangingPayment") %s }', "Order { id }")
        if wish.hesitant:
            await asyncio.sleep(wish.hesitant)
        placed = await shop(
            "mutation($i: PaymentInput!) { addPaymentToOrder(input: $i) %s }",
            PRICED,
            i={"method": "later" if wish.later else "at-once", "metadata": {}},
        )
        self._merchant.note(placed)
        return str(placed["id"])

    async def step(self, ref: str, step: str) -> None:
        await self._merchant.step(ref, step)

    async def truth(self, ref: str) -> Truth:
        order = await self._merchant.order(ref)
        address, customer = order["shippingAddress"], order["customer"]
        state, parcels = order["state"], [one["state"] for one in order["fulfillments"]]
        prepared = state in ("PaymentAuthorized", "PaymentSettled") and "Pending" in parcels
        total, tax = self._merchant.sold[ref]
        return Truth(
            order_id=int(ref),
            placed_at=datetime.fromisoformat(order["orderPlacedAt"]),
            currency=order["currencyCode"],
            total=_major(total),
            financial=_financial(order, total),
            fulfillment="in_progress" if prepared else _FULFILLMENT[state],
            email=customer["emailAddress"],
            customer=customer["id"],
            phone=customer["phoneNumber"] or "",
            lines=[
                Line(
                    line["productVariant"]["sku"],
                    max(line["quantity"], line["orderPlacedQuantity"]),
                    _major(line["unitPrice"]),
                )
                for line in order["lines"]
            ],
            codes=frozenset(order["couponCodes"]),
            tax=_major(tax),
            city=address["city"],
            country=address["countryCode"],
        )

    def is_sweep(self, requests: Sequence[Seen], index: int) -> bool:
        """Orders asked for by their ids, many at once."""
        return b'"id":{"in":' in requests[index].body

    async def _clutter(self) -> None:
        """What must never reach Privy: carts that were left, one of them at the payment page, and a draft."""
        await self._cart(Basket())
        left = await self._cart(Basket(buyer=1))
        await left('mutation { transitionOrderToState(state: "ArrangingPayment") %s }', "Order { id }")
        draft = await self._admin("mutation { createDraftOrder { id } }")
        await self._admin(
            "mutation($o: ID!, $i: AddItemToDraftOrderInput!) "
            "{ addItemToDraftOrder(orderId: $o, input: $i) %s }",
            "Order { id }",
            o=draft["id"],
            i={"productVariantId": self._stocked.variants[0], "quantity": 1},
        )

    async def _cart(self, wish: Basket) -> Api:
        """A session of a buyer whose cart is ready for the payment page."""
        shop = Api(self.client, "/shop-api")
        email, first, last, phone = BUYERS[wish.buyer]
        for number, quantity in wish.lines:
            await shop(
                "mutation($v: ID!, $q: Int!) { addItemToOrder(productVariantId: $v, quantity: $q) %s }",
                "Order { id }",
                v=self._stocked.variants[number],
                q=quantity,
            )
        person = {"emailAddress": email, "firstName": first, "lastName": last, "phoneNumber": phone}
        await shop(
            "mutation($i: CreateCustomerInput!) { setCustomerForOrder(input: $i) %s }",
            "Order { id }",
            i=person,
        )
        address = {**ADDRESSES[wish.country], "fullName": f"{first} {last}"}
        await shop(
            "mutation($i: CreateAddressInput!) { setOrderShippingAddress(input: $i) %s }",
            "Order { id }",
            i=address,
        )
        methods = await shop("{ eligibleShippingMethods { id } }")
        await shop(
            "mutation($i: [ID!]!) { setOrderShippingMethod(shippingMethodId: $i) %s }",
            "Order { id }",
            i=[methods[0]["id"]],
        )
        for code in wish.codes:
            await shop("mutation($c: String!) { applyCouponCode(couponCode: $c) %s }", "Order { id }", c=code)
        return shop


def _financial(order: Mapping[str, Any], sold: int) -> str:
    """By the money that moved."""
    amounts = {
        state: sum(one["amount"] for one in order["payments"] if one["state"] == state)
        for state in ("Settled", "Authorized")
    }
    settled = amounts["Settled"]
    back = sum(
        refund["total"]
        for one in order["payments"]
        for refund in one["refunds"]
        if refund["state"] == "Settled"
    )
    if back:
        return "refunded" if back >= settled else "partially_refunded"
    if order["state"] == "Cancelled":
        return "paid" if settled else "voided"
    if settled >= sold:
        return "paid"
    if settled:
        return "partially_paid"
    return "authorized" if amounts["Authorized"] else "pending"


def _major(amount: int) -> Decimal:
    return Decimal(amount) / 100
