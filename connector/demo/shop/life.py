"""The shop's past and its life: orders are placed, paid, shipped, delivered, refunded and cancelled."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

from connector.demo.shop.catalogue import checkout
from connector.demo.shop.shop import Shop, ShopOrder

YEARS = timedelta(days=730)
SETTLED_AFTER = timedelta(days=14)

KINDS = (
    "plain",
    "guest",
    "voucher",
    "refunded",
    "part-refunded",
    "cancelled",
    "pick-up",
    "phone-only",
    "impossible-phone",
    "free",
    "no-contact",
    "test",
    "cart",
    "unknown-word",
)
# How an order goes on: from (payment, delivery) to the next, and how probable that is.
STEPS: dict[tuple[str, str], tuple[tuple[str, str, int], ...]] = {
    ("awaiting", "new"): (("paid", "new", 6), ("authorized", "new", 2), ("void", "cancelled", 1)),
    ("authorized", "new"): (("paid", "new", 4), ("void", "cancelled", 1)),
    ("paid", "new"): (("paid", "packing", 5), ("paid", "on_hold", 1)),
    ("paid", "on_hold"): (("paid", "packing", 1),),
    ("paid", "packing"): (("paid", "shipped", 4), ("paid", "part_shipped", 1)),
    ("paid", "part_shipped"): (("paid", "shipped", 1),),
    ("paid", "shipped"): (("paid", "delivered", 9), ("paid", "returned", 1)),
}


def furnish(shop: Shop, random: Random, orders: int = 120) -> None:
    """Give the shop a past: orders of every kind, spread over the last two years."""
    now = shop.clock()
    newest = timedelta(hours=1)
    for index in range(orders):
        kind = KINDS[index % len(KINDS)]
        age = newest + (YEARS - newest) * ((orders - 1 - index) / max(orders, 2)) ** 2
        placed_at = now - age
        changed_at = placed_at + min(age / 2, timedelta(days=random.uniform(0.1, 12)))
        fields = checkout(random, kind)
        payment, delivery = random.choice(list(STEPS)) if age < SETTLED_AFTER else ("paid", "delivered")
        if kind == "cancelled":
            payment, delivery = "void", "cancelled"
        elif kind in ("refunded", "part-refunded"):
            payment, delivery = "paid", "returned" if kind == "refunded" else "delivered"
            fields["refunded"] = fields["total"] if kind == "refunded" else fields["lines"][0].unit_price
        elif kind == "unknown-word":
            delivery = "by_carrier_pigeon"
        elif kind in ("cart", "test"):
            payment, delivery = "awaiting", "new"
        shop.add(
            **fields,
            created_at=placed_at,
            placed_at=None if kind == "cart" else placed_at,
            changed_at=changed_at,
            payment=payment,
            delivery=delivery,
        )


async def live(shop: Shop, random: Random, every: float) -> None:
    """Let something happen about every ``every`` seconds until cancelled: it is told by ``on_change``."""
    kinds = [kind for kind in KINDS if kind not in ("refunded", "part-refunded", "cancelled", "unknown-word")]
    placed = 0
    while True:
        await asyncio.sleep(every * random.uniform(0.5, 1.5))
        going = [order for order in shop.orders.values() if _goes_on(order)]
        if not placed or not going or random.random() < 0.25:
            kind = kinds[placed % len(kinds)]
            placed += 1
            fields = checkout(random, kind) | ({"placed_at": None} if kind == "cart" else {})
            shop.add(**fields, payment="awaiting", delivery="new")
        else:
            # Mostly the newest, so that the orders of this session come to an end within it.
            step(shop, random.choice(going[-3:] if random.random() < 0.8 else going), random)


def step(shop: Shop, order: ShopOrder, random: Random) -> ShopOrder:
    """The next thing that happens to an order that goes on."""
    if order.placed_at is None:
        return shop.place(order.id)
    if order.delivery == "delivered":
        part = order.lines[0].unit_price
        return shop.change(order.id, refunded=random.choice((order.total, min(part, order.total))))
    ways = STEPS[order.payment, order.delivery]
    payment, delivery, _ = random.choices(ways, [weight for *_, weight in ways])[0]
    return shop.change(order.id, payment=payment, delivery=delivery)


def _goes_on(order: ShopOrder) -> bool:
    """Whether something can still happen to it; every seventh delivered order comes back for money."""
    back = order.delivery == "delivered" and order.id % 7 == 0 and not order.refunded and order.total > 0
    return back or (order.payment, order.delivery) in STEPS
