"""The status page: how everything stands, each order's story, and the orders that failed."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.admin import failures
from connector.state.outbox import failed_orders, queries
from connector.web import charts, html, sign_in, views
from connector.web.access import Viewer
from connector.web.context import Front
from connector.web.session_pages import Desk, Form, back_to

ASK_AGAIN = 100  # acting on more orders than this at once is asked for again
LISTED = 200  # orders of a list that are shown
FEW = 5
SIEVES = ("state", "lane", "rule")  # by which orders can be listed
MANY = 12  # stores; of more than these, those that are well are a row each
LONGEST_QUERY = 200  # characters
MEDIA = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}


def routes(front: Front) -> list[BaseRoute]:
    """For browsers; all of it works without JavaScript."""
    desk = Desk(front)
    glance = views.Glance()
    files = {file.name: file for file in html.STATIC.iterdir()}

    async def overview(request: Request, viewer: Viewer, form: Form) -> Response:
        return desk.page(request, viewer, "overview.html", **_drawn(await glance.look(front.app)))

    async def refreshed(request: Request, viewer: Viewer, form: Form) -> Response:
        """The overview's moving part; nothing when the browser has it already."""
        drawn = _drawn(await glance.look(front.app))
        as_of = {"X-As-Of": f"{drawn['now'].at:%H:%M:%S}"}
        if request.query_params.get("seen") == drawn["seen"]:
            return Response(status_code=204, headers=as_of)
        said_already = request.query_params.get("said") == drawn["said"]
        response = html.page("refreshed.html", **drawn, say=not said_already)
        response.headers.update(as_of)
        return response

    async def orders(request: Request, viewer: Viewer, form: Form) -> Response:
        app = front.app
        asked = {name: _line(request.query_params.get(name, "")) for name in ("q", "store", *SIEVES, "note")}
        wanted, like = asked["q"], {name: asked[name] for name in SIEVES if asked[name]}
        names = list(app.settings.stores)
        title = "Lately"
        if wanted:
            found = await app.db.read(queries.search, names, wanted)
            title = f"{html.count(len(found), 'order')} called “{wanted}”"
        elif asked["store"]:
            shop = app.shop(asked["store"])
            found = await app.db.read(queries.listed, shop.name, like, asked["note"], LISTED)
            title = ", ".join([shop.name, *like.values(), *([asked["note"]] if asked["note"] else [])])
            title += (
                f": the last {LISTED}" if len(found) == LISTED else f": {html.count(len(found), 'order')}"
            )
        else:
            found = await app.db.read(views.lately, names)
        return desk.page(request, viewer, "orders.html", wanted=wanted, found=found, title=title)

    async def order(request: Request, viewer: Viewer, form: Form) -> Response:
        app = front.app
        shop = app.shop(request.path_params["store"])
        ref = request.path_params["ref"]
        if not ref.isprintable():
            raise HTTPException(404)
        story = await app.db.read(views.story, shop, ref, app.clock.now(), viewer.sees_buyers)
        return desk.page(request, viewer, "order.html", story=story, shop=shop)

    async def failed(request: Request, viewer: Viewer, form: Form) -> Response:
        app = front.app
        groups = await app.db.read(failed_orders.groups, list(app.settings.stores))
        shown = [
            (group, await app.db.read(failed_orders.listed, group.store, group.reason, most=FEW))
            for group in groups[:LISTED]
        ]
        return desk.page(request, viewer, "failed.html", groups=shown, more=len(groups) - len(shown))

    async def failed_group(request: Request, viewer: Viewer, form: Form) -> Response:
        group = await _group(front, request.path_params["store"], request.path_params["key"])
        if group is None:
            desk.notice(viewer, "No order fails for that reason any more.")
            return back_to("/failed")
        listed = await front.app.db.read(failed_orders.listed, group.store, group.reason, most=LISTED)
        return desk.page(request, viewer, "failed_group.html", group=group, listed=listed)

    async def act(request: Request, viewer: Viewer, form: Form) -> Response:
        """Retry or discard: one order, or all that failed for a reason."""
        action = request.url.path.rpartition("/")[2]
        shop = front.app.shop(form.get("store", ""))
        if form.get("ref"):
            refs, back = [form["ref"]], form.get("next", "/failed")
        else:
            group = await _group(front, shop.name, form.get("group", ""))
            listed = await front.app.db.read(failed_orders.listed, shop.name, group.reason) if group else []
            refs, back = [one.ref for one in listed], "/failed"
            if len(refs) > max(ASK_AGAIN, _number(form.get("confirmed", ""))):
                return desk.page(request, viewer, "confirm.html", action=action, group=group, count=len(refs))
        by = f"the page, {viewer.by}"
        if action == "discard":
            count = await failures.discard(shop, refs, by)
            desk.notice(viewer, f"{html.count(count, 'order')} set aside.")
        else:
            desk.notice(viewer, _told(await failures.retry(shop, refs, by)))
        return back_to(back)

    async def static(request: Request) -> Response:
        file = files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}  # its address has its digest
        return Response(file.read_bytes(), headers=headers, media_type=MEDIA[file.suffix])

    look = desk.open_to_viewers
    return [
        Route("/", look(overview)),
        Route("/overview", look(refreshed)),
        Route("/browse", look(orders)),
        Route("/browse/{store}/{ref:path}", look(order)),
        Route("/failed", look(failed)),
        Route("/failed/retry", look(act), methods=["POST"]),
        Route("/failed/discard", look(act), methods=["POST"]),
        Route("/failed/{store}/{key}", look(failed_group)),
        *sign_in.routes(desk),
        Route("/static/{name}", static),
    ]


async def _group(front: Front, store: str, key: str) -> failed_orders.Group | None:
    groups = await front.app.db.read(failed_orders.groups, [store])
    return next((group for group in groups if group.key == key), None)


def _line(text: str) -> str:
    """What a person may have typed: one line, not endless, of characters that can be seen."""
    return "".join(character for character in text.strip()[:LONGEST_QUERY] if character.isprintable())


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _drawn(overview: views.Overview) -> dict[str, Any]:
    """The overview for its templates; ``seen`` and ``said`` tell whether anything changed."""
    stores = overview.status.stores
    short = [len(stores) > MANY and one.light == "green" for one in stores]
    values = {
        "now": overview.status,
        "carded": [one for one, is_short in zip(stores, short, strict=True) if not is_short],
        "rows": [one for one, is_short in zip(stores, short, strict=True) if is_short],
        "backfills": overview.backfills,
        "summary": overview.summary,
        "chart": charts.deliveries(overview.hours),
        "charts": charts,
        "lights": views.LIGHTS,
    }
    content = html.fragment("standing.html", **values)
    return {**values, "content": content, "seen": html.digest(content), "said": html.digest(overview.summary)}


def _told(done: failures.Retried) -> str:
    if not done.asked:
        return "That order does not fail any more."
    parts = [f"{done.waiting} of {html.count(done.asked, 'order')} will be sent."]
    if done.still:
        parts.append(f"{html.count(len(done.still), 'order')} still cannot be: {done.still[0][1]}.")
    if done.missing:
        parts.append(
            f"Of {html.count(len(done.missing), 'order')} the document is no longer held: use replay."
        )
    return " ".join(parts)
