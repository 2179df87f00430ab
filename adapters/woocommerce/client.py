"""Requests to a WooCommerce shop, and its answers in our words."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from adapters.woocommerce.oauth1 import OAuth1
from connector.model.errors import AuthError, Unavailable
from connector.runtime import exact_json
from connector.runtime.http import Http, Reply, refusal

API = "/wp-json/wc/v3/"
INDEX = "/wp-json/"
ORDER_IS_GONE = "woocommerce_rest_shop_order_invalid_id"

_HEADERS = {"Accept": "application/json"}  # fatal errors and maintenance then come as JSON, mostly
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<[^>]*>")
_LONGEST_MESSAGE = 200

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


class Answer(msgspec.Struct, frozen=True):
    """A decoded answer: ``value`` is its JSON, with fractions as Decimal."""

    value: Any
    reply: Reply

    def number(self, header: str) -> int | None:
        """A header that holds a count; None when absent."""
        text = self.reply.headers.get(header, "").strip()
        return int(text) if text.isdecimal() else None


class Problem(msgspec.Struct, frozen=True):
    """What a refusal says: WordPress's error code and a short sentence, either may be empty."""

    code: str
    message: str


class Client:
    """One shop's REST API. ``oauth`` chooses OAuth 1.0a, else Basic."""

    def __init__(self, http: Http, url: str, *, key: str, secret: str, oauth: bool) -> None:
        self._http = http
        self._url = url
        self._secrets = (key, secret)
        self._oauth = oauth
        self._auth: httpx.Auth = OAuth1(key, secret) if oauth else httpx.BasicAuth(key, secret)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """One authorised read below ``/wp-json/wc/v3/``. Raises AuthError and Unavailable."""
        reply = await self._send(API + path, params, self._auth)
        return self._answer(reply)

    async def get_or_none(self, path: str) -> Answer | None:
        """Like ``get``; None when the shop says that it has no such order (any other 404 is a fault)."""
        reply = await self._send(API + path, None, self._auth)
        if reply.status == 404 and problem(reply).code == ORDER_IS_GONE:
            return None
        return self._answer(reply)

    async def post(self, path: str, value: Any) -> Answer:
        """Create something. Raises AuthError and Unavailable."""
        headers = _HEADERS | {"Content-Type": "application/json"}
        content = exact_json.encode(value)
        return self._answer(
            await self._http.send(
                "POST", self._url + API + path, headers=headers, content=content, auth=self._auth
            )
        )

    async def delete_or_none(self, path: str, params: Mapping[str, str]) -> Answer | None:
        """Delete something; None when it is not there. Raises AuthError and Unavailable."""
        reply = await self._http.send(
            "DELETE", self._url + API + path, params=params, headers=_HEADERS, auth=self._auth
        )
        if reply.status == 404 and problem(reply).code.endswith("_invalid_id"):
            return None
        return self._answer(reply)

    async def index(self, fields: str) -> Answer:
        """Top-level facts of the site, which WordPress tells anybody."""
        return self._answer(await self._send(INDEX, {"_fields": fields}, None))

    async def plain_index(self) -> Answer:
        """The same by the address that works without permalinks."""
        return self._answer(await self._send("/", {"rest_route": "/", "_fields": "home"}, None))

    async def _send(self, path: str, params: Mapping[str, str] | None, auth: httpx.Auth | None) -> Reply:
        return await self._http.send("GET", self._url + path, params=params, headers=_HEADERS, auth=auth)

    def _answer(self, reply: Reply) -> Answer:
        if 200 <= reply.status < 300:
            return Answer(decoded(reply), reply)
        raise self._refusal(reply)

    def _refusal(self, reply: Reply) -> AuthError | Unavailable:
        found = problem(reply)
        said = found.message
        for secret in self._secrets:
            said = said.replace(secret, "…")
        hint = self._hint(reply, found)
        return refusal(reply, f"{said.rstrip('.')}; {hint}" if said and hint else said or hint)

    def _hint(self, reply: Reply, found: Problem) -> str:
        said = found.message.lower()
        for part, hint in _HINTS.items():
            if part in said:
                return hint
        if found.code == "woocommerce_rest_cannot_view":
            return _UNKNOWN_KEY if self._oauth else _STRIPPED_HEADER
        if reply.status in (401, 403) and not found.code:
            return _FOREIGN
        if reply.status == 404 and not found.code:
            return _NO_API
        return ""


def decoded(reply: Reply) -> Any:
    """The JSON of a 200, also when PHP printed warnings before it.

    Nothing may follow the JSON: web pages are full of scripts with a ``[]`` in them, which must not pass for
    an empty list. WordPress writes its JSON in one line, so that the rest of a document never passes for the
    whole. Raises Unavailable when nothing complete is found.
    """
    return reply.json(amid_text=True)


def problem(reply: Reply) -> Problem:
    """The error object of WordPress, or the title of an HTML page."""
    try:
        value = decoded(reply)
    except Unavailable:
        title = _TITLE.search(reply.body[:20_000].decode("utf-8", "replace"))
        return Problem("", _plain(title[1]) if title else "")
    if not isinstance(value, dict):
        return Problem("", "")
    return Problem(str(value.get("code", "")), _plain(str(value.get("message", ""))))


def _plain(text: str) -> str:
    words = " ".join(html.unescape(_TAGS.sub(" ", text)).split())
    return words if len(words) <= _LONGEST_MESSAGE else words[:_LONGEST_MESSAGE] + "…"
