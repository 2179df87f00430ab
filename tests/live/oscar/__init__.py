"""A real django-oscar: installed with pip into an environment of its own, on SQLite."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from connector.runtime import exact_json
from tests.live.process import run
from tests.live.served import ServedShop
from tests.live.shop import Journey, Line, Seen, Truth, Wish

HERE = Path(__file__).parent

_SKUS = ("KETTLE", "CUP", "TEA", "FREE")
_BUYERS = (
    ("ada@example.com", "Ada", "Example", "+4915112345678"),
    ("bo@example.com", "Bo", "Sample", ""),
    ("chloe@example.com", "Chloé", "Démo", "+33612345678"),
    ("dai@example.com", "大", "例", "+819012345678"),
    ("eve+tag@example.com", "Eve", "O'Test", "+12125550123"),
)
_ADDRESSES = {
    "de": {"line1": "Hauptstr. 1", "line4": "Berlin", "postcode": "10115", "state": ""},
    "us": {"line1": "1 Main St", "line4": "Austin", "postcode": "78701", "state": "TX"},
}
# What the shop's words mean. The last three are its own, so the store says it.
_MEANING = {
    "Pending": ("pending", "unfulfilled"),
    "Being processed": ("paid", "in_progress"),
    "Complete": ("paid", "fulfilled"),
    "Refunded": ("refunded", "restocked"),
    "Cancelled": ("voided", "restocked"),
    "Awaiting stock": ("paid", "on_hold"),
    "Out for delivery": ("paid", "fulfilled"),
    "Delivered": ("paid", "delivered"),
}
_OWN = ("Awaiting stock", "Out for delivery", "Delivered")
_DELIVERED = ("Being processed", "Out for delivery", "Delivered")


class Shop(ServedShop):
    """As ``requirements.txt`` pins it. The platform sends no webhooks."""

    platform = "oscar"
    title = "django-oscar 4.2.1"
    path = "/api"
    health = "/api/"
    dated = False
    silent = frozenset(_MEANING)
    past = (
        Journey(Wish()),
        Journey(Wish(buyer=1, lines=((1, 3),)), ("Being processed",)),
        Journey(Wish(buyer=2, country="us"), _DELIVERED),
        Journey(Wish(codes=("TENTH",), lines=((0, 1), (2, 2))), ("Being processed", "Complete")),
        Journey(Wish(buyer=3), ("Cancelled",)),
        Journey(Wish(buyer=4, country="us", codes=("THREE",)), ("Being processed", "Complete", "Refunded")),
    )
    later = ((0, "Cancelled"), (1, "Out for delivery"), (3, "Refunded"))
    live = (
        Journey(Wish(lines=((0, 2), (2, 1))), _DELIVERED),
        Journey(Wish(buyer=1), ("Cancelled",)),
        Journey(Wish(buyer=2, country="us"), ("Awaiting stock", "Being processed", "Complete")),
        Journey(Wish(lines=((1, 4),), codes=("TENTH",)), ("Being processed", "Complete", "Refunded")),
        Journey(Wish(codes=("THREE",), lines=((0, 1), (1, 1))), ("Being processed",)),
        Journey(Wish(buyer=3, lines=((3, 1),))),
        Journey(Wish(buyer=4, country="us", lines=((2, 7),)), (*_DELIVERED, "Refunded")),
        Journey(Wish(lines=((0, 1), (1, 2), (2, 3))), ("Awaiting stock", "Cancelled")),
        Journey(Wish(buyer=2), ("Being processed", "Cancelled")),
        Journey(Wish(buyer=1, country="us", lines=((1, 1),)), ("Being processed", "Complete")),
        Journey(Wish(lines=((2, 2),)), _DELIVERED),
        Journey(Wish(buyer=4), ("Being processed", "Complete", "Refunded")),
        Journey(Wish(buyer=3, codes=("TENTH",), lines=((0, 3),)), ("Awaiting stock",)),
        Journey(Wish(lines=((1, 1), (2, 1))), ("Being processed", "Out for delivery")),
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._filled: dict[str, Any] = {}
        self.environment = {
            "SHOP_FOLDER": str(self.folder),
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": str(self.folder),
            "PYTHONWARNINGS": "ignore",
        }

    @property
    def store(self) -> Mapping[str, Any]:
        return {
            "credentials": {"token": "${OSCAR_TOKEN}"},
            "options": {"watch": 10},  # fewer than there are, so that the sweep has something to find
            "mapping": {
                "financial_status": {word: _MEANING[word][0] for word in _OWN},
                "fulfillment_status": {word: _MEANING[word][1] for word in _OWN},
            },
        }

    @property
    def variables(self) -> Mapping[str, str]:
        return {"OSCAR_TOKEN": self._filled["token"]}

    async def open(self) -> None:
        for file in (HERE / "project").glob("*.py"):
            shutil.copy(file, self.folder / file.name)
        if not (self.folder / "venv" / "installed").exists():
            await run(sys.executable, "-m", "venv", "venv", cwd=self.folder, log="pip.log")
            packages = str(HERE / "requirements.txt")
            await self._python("-m", "pip", "install", "--quiet", "--requirement", packages, log="pip.log")
            (self.folder / "venv" / "installed").touch()
        (self.folder / "shop.sqlite3").unlink(missing_ok=True)
        await self._python("-m", "django", "migrate", "--verbosity", "0", log="setup.log")
        await self._python("-m", "django", "shell", "--command", "import fill", log="setup.log")
        self._filled = exact_json.decode((self.folder / "filled.json").read_bytes())
        await self.start()

    async def place(self, wish: Wish) -> str:
        """As a guest, through the API's own checkout."""
        email, first, last, phone = _BUYERS[wish.buyer]
        async with httpx.AsyncClient(base_url=self.url, timeout=60.0) as visitor:
            for number, quantity in wish.lines:
                product = f"{self.url}/api/products/{self._filled['products'][number]}/"
                await _post(visitor, "basket/add-product/", url=product, quantity=quantity)
            for code in wish.codes:
                await _post(visitor, "basket/add-voucher/", vouchercode=code)
            basket = (await visitor.get("/api/basket/")).raise_for_status().json()
            address = {
                **_ADDRESSES[wish.country],
                "country": f"{self.url}/api/countries/{wish.country.upper()}/",
                "first_name": first,
                "last_name": last,
                "phone_number": phone,
            }
            placed = await _post(
                visitor, "checkout/", basket=basket["url"], guest_email=email, shipping_address=address
            )
        return str(placed["url"]).rstrip("/").rpartition("/")[2]

    async def step(self, ref: str, step: str) -> None:
        """A step is the status that the merchant sets."""
        (await self.client.post(f"/merchant/{ref}/{step}/")).raise_for_status()

    async def truth(self, ref: str) -> Truth:
        order = await self._get(f"/api/admin/orders/{ref}/")
        lines = await self._get(f"/api/admin/orders/{ref}/lines/")
        lines = lines["results"] if isinstance(lines, dict) else lines
        address = order["shipping_address"]
        financial, fulfillment = _MEANING[order["status"]]
        return Truth(
            order_id=int(ref),
            placed_at=datetime.fromisoformat(order["date_placed"]),
            currency=order["currency"],
            total=Decimal(order["total_incl_tax"]),
            financial=financial,
            fulfillment=fulfillment,
            email=order["email"],
            phone=address["phone_number"],
            lines=[
                Line(
                    _SKUS[self._filled["products"].index(int(re.findall(r"\d+", line["product"])[-1]))],
                    line["quantity"],
                    Decimal(line["price_excl_tax_excl_discounts"]) / line["quantity"],
                )
                for line in lines
            ],
            codes=frozenset(each["voucher"]["code"] for each in order["voucher_discounts"]),
            tax=Decimal(order["total_incl_tax"]) - Decimal(order["total_excl_tax"]),
            city=address["line4"],
            country=address["country"].rstrip("/").rpartition("/")[2],
        )

    def is_sweep(self, requests: Sequence[Seen], index: int) -> bool:
        """An order on its own, and its lines when they follow that."""
        target = requests[index].target
        if re.fullmatch(r"/api/admin/orders/\d+/", target):
            return True
        return index > 0 and target == f"{requests[index - 1].target}lines/"

    async def _get(self, path: str) -> Any:
        headers = {"authorization": f"Token {self._filled['token']}"}
        return (await self.client.get(path, headers=headers)).raise_for_status().json()

    async def _python(self, *arguments: str, log: str) -> None:
        await run("venv/bin/python", *arguments, cwd=self.folder, log=log, env=self.environment)

    @property
    def command(self) -> Sequence[str]:
        address = f"127.0.0.1:{self.port}"
        return ("venv/bin/python", "-m", "django", "runserver", "--noreload", address)


async def _post(visitor: httpx.AsyncClient, path: str, **body: Any) -> Any:
    reply = await visitor.post(f"/api/{path}", json=body)
    if reply.status_code >= 300:
        raise RuntimeError(f"{path}: {reply.status_code} {reply.text[:300]}")
    return reply.json()
