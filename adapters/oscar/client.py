"""Requests to django-oscar-api, and its answers in our words.

Links in answers carry whatever host the shop believes to have, so only their ids are used: a token goes
nowhere but below the configured address.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from adapters.oscar.configuration import Credentials
from connector.model.errors import AuthError, Unavailable
from connector.runtime import exact_json, foreign_json
from connector.runtime.http import Http, Reply, refusal

ORDERS = "admin/orders/"
MOST_PAGES = 2000  # of one list that is read at once
MOST_LINE_PAGES = 200  # of one order, where the project sets paging for all lists alike
REMEMBERED = 2000  # orders whose lines, and goods whose sku, are not asked for again

_IDS = re.compile(r"/(\d+)(?=/)")
_BLOCKED = (
    "there is no admin API here: the project must set OSCARAPI_BLOCK_ADMIN_API_ACCESS = False (it is True by "
    "default), and the url must be where it includes oscarapi.urls, like https://shop.example.com/api"
)
_NO_RIGHTS = (
    "the user must be staff (is_staff) and may need the permissions order.view_order and order.view_line"
)


class Listed(msgspec.Struct, frozen=True):
    """A page of a list. ``following`` is the query of the next page; None at the end.

    ``whole``: the shop does not page, this is all there is.
    """

    rows: list[dict[str, Any]]
    following: Mapping[str, str] | None
    whole: bool


class Client:
    """One shop's API, with a token or a session of its own."""

    def __init__(self, http: Http, url: str, credentials: Credentials) -> None:
        self._http = http
        self._url = url
        self._credentials = credentials
        self._session = ""
        self._lines: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        self._skus: dict[str, str] = {}

    async def orders(self, query: Mapping[str, str] | None = None) -> Listed:
        """A page of the orders, newest first. Raises AuthError, Unavailable."""
        return await self._page(ORDERS, query)

    async def pages(
        self, path: str, query: Mapping[str, str], most: int = MOST_PAGES
    ) -> AsyncIterator[tuple[Listed, Mapping[str, str]]]:
        """The pages of a list from one on, each with its query. Raises AuthError, Unavailable.

        Each says where the next one is: one that leads back, or brings nothing new, ends it with a fault.
        """
        asked: set[tuple[tuple[str, str], ...]] = set()
        before: list[dict[str, Any]] = []
        following: Mapping[str, str] | None = query
        while following is not None:
            place = tuple(sorted(following.items()))
            listed = await self._page(path, following)
            same = path == ORDERS and bool(listed.following) and listed.rows == before
            if place in asked or len(asked) >= most or same:
                raise Unavailable(
                    f"the shop's list {path} has no end: its pages lead to each other, or say the same again "
                    "and again"
                )
            asked.add(place)
            yield listed, following
            before, following = listed.rows, listed.following

    async def order(self, ref: str) -> dict[str, Any] | None:
        """One row as the list shows it; None when the shop says that there is none."""
        reply = await self._get(f"{ORDERS}{ref}/")
        if reply.status == 404 and _says_gone(reply):
            return None
        (row,) = _objects([self._good(reply)], reply)
        return row

    async def lines(self, ref: str, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The lines of an order, each with the ``sku`` of its stock record.

        They do not change while the order's totals stay, so they are not asked for again.
        """
        key = (ref, *(str(row.get(name)) for name in ("total_incl_tax", "total_excl_tax", "currency")))
        if key not in self._lines:
            found: list[dict[str, Any]] = []
            async for page, _ in self.pages(f"{ORDERS}{ref}/lines/", {}, MOST_LINE_PAGES):
                found += page.rows
            _remember(self._lines, key, [{**line, "sku": await self._sku(line)} for line in found])
        return self._lines[key]

    async def _sku(self, line: Mapping[str, Any]) -> str:
        """Empty when the stock record is gone, or not shown to this user."""
        ids = ids_of(line.get("stockrecord"))
        if len(ids) < 2:
            return ""
        path = f"products/{ids[-2]}/stockrecords/{ids[-1]}/"
        if path not in self._skus:
            reply = await self._get(path)
            value = {} if reply.status in (403, 404) else self._good(reply)
            sku = value.get("partner_sku") if isinstance(value, dict) else None
            _remember(self._skus, path, sku if isinstance(sku, str) else "")
        return self._skus[path]

    async def _page(self, path: str, query: Mapping[str, str] | None) -> Listed:
        reply = await self._get(path, query)
        if reply.status == 404 and query and _says_gone(reply):
            return Listed([], None, whole=False)  # a page that was there before orders were deleted
        if reply.status == 404:
            raise Unavailable(f"{reply.url} answered 404: {_BLOCKED}")
        value = self._good(reply)
        if isinstance(value, list):
            return Listed(_objects(value, reply), None, whole=True)
        if not isinstance(value, dict) or not isinstance(value.get("results"), list):
            raise Unavailable(f"{reply.url} answered with something else than a list")
        following = value.get("next")
        more = dict(parse_qsl(urlsplit(following).query)) if isinstance(following, str) else None
        return Listed(_objects(value["results"], reply), more, whole=False)

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """The reply, whatever its status; a session that has ended is begun anew."""
        kept = bool(self._session)
        reply = await self._authorised(path, query)
        if kept and reply.status in (401, 403):
            self._session = ""
            reply = await self._authorised(path, query)
        return reply

    async def _authorised(self, path: str, query: Mapping[str, str] | None) -> Reply:
        headers = {"Accept": "application/json"}
        if self._credentials.token is not None:
            headers["Authorization"] = f"Token {self._credentials.token.get_secret_value()}"
        else:
            self._session = self._session or await self._login()
            headers["Cookie"] = self._session
        return await self._http.send("GET", f"{self._url}/{path}", params=query, headers=headers)

    async def _login(self) -> str:
        """The cookies of a new session."""
        reply = await self._http.send(
            "POST",
            f"{self._url}/login/",
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            content=exact_json.encode(self._credentials.login),
        )
        if reply.status in (400, 401, 403):
            raise AuthError(f"{reply.url} refuses credentials.username and password ({reply.status})")
        if reply.status != 200:
            raise refusal(reply)
        cookies = SimpleCookie()
        for text in reply.headers.get_list("set-cookie"):
            try:
                cookies.load(text)
            except CookieError:
                continue
        if not cookies:
            raise AuthError(f"{reply.url} begins no session; use a token")
        return "; ".join(f"{name}={cookie.value}" for name, cookie in cookies.items())

    def _good(self, reply: Reply) -> Any:
        if reply.status == 200:
            return reply.json()
        raise refusal(reply, _NO_RIGHTS if reply.status == 403 else "")


def ids_of(link: Any) -> list[str]:
    """The numbers in a link's path, in their order."""
    return _IDS.findall(urlsplit(link).path) if isinstance(link, str) else []


def _says_gone(reply: Reply) -> bool:
    """Django REST framework says so in JSON; a web server's page for 404 says nothing about an order."""
    try:
        value = foreign_json.decode(reply.body, mend_bytes=True)
    except exact_json.NotJSON:
        return False
    return isinstance(value, dict) and "detail" in value


def _objects(rows: list[Any], reply: Reply) -> list[dict[str, Any]]:
    if not all(isinstance(row, dict) for row in rows):
        raise Unavailable(f"{reply.url} answered with something else than objects", maybe_done=True)
    return rows


def _remember(memory: dict[Any, Any], key: Any, value: Any) -> None:
    if len(memory) >= REMEMBERED:
        del memory[next(iter(memory))]
    memory[key] = value
