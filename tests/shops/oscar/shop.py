"""The orders of the stand-in and its API."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connector.runtime import exact_json

T = TypeVar("T")

SAMPLES = Path(__file__).parents[3] / "cassettes" / "oscar" / "samples" / "orders"
ZONE = timezone(timedelta(hours=1))  # the shop writes its times with its own offset


@dataclass
class Shop:
    """``paged`` is the size of a page; 0 means one array. ``blocked``: the admin API is not there."""

    token: str = "0123456789abcdef"
    login: tuple[str, str] = ("staff", "open sesame")
    paged: int = 0
    blocked: bool = False
    newest_first: bool = True
    following: str = ""  # where every page says that the next one is
    broken: str = ""  # an order at whose lines the server fails
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    skus: dict[str, str] = field(default_factory=lambda: {"1": "MUG-O", "2": "TSHIRT-O", "3": "NOTE-O"})
    sessions: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def add(self, sample: str = "placed", *, at: datetime | None = None, **changes: Any) -> str:
        """A copy of a sample order, placed at a time (aware UTC; default: now)."""
        ref = str(next(self._ids))
        found = exact_json.decode((SAMPLES / f"{sample}.json").read_bytes())
        placed = (at or datetime.now(UTC)).astimezone(ZONE).isoformat(timespec="microseconds")
        self.orders[ref] = {**found["order"], "number": f"1000{ref}", "date_placed": placed, **changes}
        self.lines[ref] = copy.deepcopy(found["lines"])
        return ref

    def application(self) -> Starlette:
        """The API below ``/api/``."""

        def guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
            def endpoint(request: Request) -> Response:
                self.requests.append(request.url.path)
                if self.blocked:
                    return HTMLResponse("<h1>Not Found</h1>", 404)
                if not self._may(request):
                    detail = "Authentication credentials were not provided."
                    return JSONResponse({"detail": detail}, 401)
                return answer(request)

            return endpoint

        return Starlette(
            routes=[
                Route("/api/login/", self._login, methods=["POST"]),
                Route("/api/admin/orders/", guarded(self._list)),
                Route("/api/admin/orders/{ref}/", guarded(self._order)),
                Route("/api/admin/orders/{ref}/lines/", guarded(self._lines)),
                Route("/api/products/{product}/stockrecords/{record}/", guarded(self._stock_record)),
            ]
        )

    def _may(self, request: Request) -> bool:
        if request.headers.get("authorization", "") == f"Token {self.token}":
            return True
        return request.cookies.get("sessionid", "") in self.sessions

    def _row(self, request: Request, ref: str) -> dict[str, Any]:
        url = f"{request.url.scheme}://{request.url.netloc}/api/admin/orders/{ref}/"
        return {**self.orders[ref], "url": url, "lines": f"{url}lines/"}

    def _list(self, request: Request) -> Response:
        dates = {ref: order["date_placed"] for ref, order in self.orders.items()}
        refs = sorted(dates, key=dates.__getitem__, reverse=self.newest_first)
        return self._paged(request, refs, lambda ref: self._row(request, ref))

    def _paged(self, request: Request, rows: Sequence[T], shown: Callable[[T], dict[str, Any]]) -> Response:
        """As the project's setting has it, for every list alike."""
        if not self.paged:
            return _json([shown(row) for row in rows])
        page = int(request.query_params.get("page", "1"))
        start, end = (page - 1) * self.paged, page * self.paged
        if page > 1 and start >= len(rows) and not self.following:
            return JSONResponse({"detail": "Invalid page."}, 404)
        following = str(request.url.include_query_params(page=page + 1)) if end < len(rows) else None
        if self.following and isinstance(rows[0], str):  # of the orders
            following = str(request.url).partition("?")[0] + self.following.format(next=page + 1)
            start, end = 0, self.paged  # whatever is asked for
        body = {"count": len(rows), "next": following, "previous": None}
        return _json({**body, "results": [shown(row) for row in rows[start:end]]})

    def _order(self, request: Request) -> Response:
        ref = request.path_params["ref"]
        if ref not in self.orders:
            return JSONResponse({"detail": "No Order matches the given query."}, 404)
        return _json(self._row(request, ref))

    def _lines(self, request: Request) -> Response:
        if request.path_params["ref"] == self.broken:
            return HTMLResponse("<h1>Server Error (500)</h1>", 500)
        return self._paged(request, self.lines.get(request.path_params["ref"], []), lambda line: line)

    def _stock_record(self, request: Request) -> Response:
        record = request.path_params["record"]
        if record not in self.skus:
            return JSONResponse({"detail": "No StockRecord matches the given query."}, 404)
        return _json({"id": int(record), "partner_sku": self.skus[record]})

    async def _login(self, request: Request) -> Response:
        given = exact_json.decode(await request.body())
        self.requests.append(request.url.path)
        if (given["username"], given["password"]) != self.login:
            return JSONResponse({"non_field_errors": ["invalid login"]}, 401)
        session = token_hex()
        self.sessions.add(session)
        answer = JSONResponse("")
        answer.set_cookie("sessionid", session, httponly=True)
        return answer


def _json(value: Any) -> Response:
    return Response(exact_json.encode(value), media_type="application/json")
