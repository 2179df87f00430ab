"""Requests to a WooCommerce shop, and its answers in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from adapters.woocommerce.oauth1 import OAuth1
from connector.runtime.http import Http, Reply
from connector.sdk.client import Answer, JsonClient, Problem

API = "/wp-json/wc/v3/"
INDEX = "/wp-json/"
ORDER_IS_GONE = "woocommerce_rest_shop_order_invalid_id"


_HINTS = {
    "no route was found": "is WooCommerce active, and the url in the configuration the shop's front page?",
    "consumer secret is invalid": "correct credentials.consumer_secret",
    "does not have read permissions": "let the key read (WooCommerce, Settings, Advanced, REST API)",
    "does not have write permissions": "give the key the permission Read/Write for this (WooCommerce, "
    "Settings, Advanced, REST API); Read is enough for everything else",
    "invalid timestamp": "the clocks of this machine and the shop are more than 15 minutes apart",
    "invalid signature": "the shop knows itself by another address than the url in the configuration, "
    "or credentials.consumer_secret is wrong",
}
_UNKNOWN_KEY = "the shop does not know this consumer_key, or its user may not see orders"
_STRIPPED_HEADER = (
    f"{_UNKNOWN_KEY}, or its web server removes the Authorization header "
    "(then set options.authentication: oauth)"
)
_FOREIGN = "this is not WooCommerce's answer: a password or a firewall before the shop keeps us out"
_NO_API = "there is no REST API here: correct the url, or choose other permalinks than plain ones in wp-admin"


class Client:
    """One shop's REST API. ``oauth`` chooses OAuth 1.0a, else Basic."""

    def __init__(self, http: Http, url: str, *, key: str, secret: str, oauth: bool) -> None:
        auth: httpx.Auth = OAuth1(key, secret) if oauth else httpx.BasicAuth(key, secret)

        def hint(reply: Reply, problem: Problem) -> str:
            return _hint(reply, problem, oauth)

        self._api = JsonClient(http, url, auth=auth, secrets=(key, secret), hint=hint, decode=decoded)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """One authorised read below ``/wp-json/wc/v3/``. Raises AuthError and Unavailable."""
        return await self._api.get(API + path, params)

    async def get_or_none(self, path: str) -> Answer | None:
        """Like ``get``; None when the shop says that it has no such order (any other 404 is a fault)."""
        return await self._api.get_or_none(API + path, gone=lambda problem: problem.code == ORDER_IS_GONE)

    async def post(self, path: str, value: Any) -> Answer:
        """Create something. Raises AuthError and Unavailable."""
        return await self._api.post(API + path, value)

    async def delete_or_none(self, path: str, params: Mapping[str, str]) -> Answer | None:
        """Delete something; None when it is not there. Raises AuthError and Unavailable."""
        return await self._api.delete_or_none(
            API + path, params, gone=lambda problem: problem.code.endswith("_invalid_id")
        )

    async def index(self, fields: str) -> Answer:
        """Top-level facts of the site, which WordPress tells anybody."""
        return await self._api.get(INDEX, {"_fields": fields}, open=True)

    async def has_index(self) -> bool:
        """False where something else than WordPress's API says that there is no such address."""
        reply = await self._api.reply("GET", INDEX, {"_fields": "home"}, open=True)
        return reply.status != 404 or self._api.problem(reply).spoken

    async def plain_index(self) -> Answer:
        """The same facts by the address that works without permalinks."""
        return await self._api.get("/", {"rest_route": "/", "_fields": "home"}, open=True)


def decoded(reply: Reply) -> Any:
    """The JSON of an answer, also when PHP printed warnings before it, or a cache or PHP something after it.

    What follows is shaken off only where the answer says that it is JSON, and a list also how long it is in
    all: web pages are full of scripts with a ``[]`` in them, which must not pass for an empty list. Raises
    Unavailable when nothing complete is found.
    """
    typed = reply.headers.get("content-type", "").lower().startswith("application/json")
    value = reply.json(amid_text=True, text_after=typed)
    if typed and isinstance(value, list) and "x-wp-total" not in reply.headers:
        return reply.json(amid_text=True)
    return value


def _hint(reply: Reply, found: Problem, oauth: bool) -> str:
    said = found.message.lower()
    for part, hint in _HINTS.items():
        if part in said:
            return hint
    if found.code == "woocommerce_rest_cannot_view":
        return _UNKNOWN_KEY if oauth else _STRIPPED_HEADER
    if reply.status in (401, 403) and not found.code:
        return _FOREIGN
    if reply.status == 404 and not found.code:
        return _NO_API
    return ""
