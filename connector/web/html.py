"""HTML from templates: everything that comes in is escaped, and times are UTC."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.responses import Response

from connector.model.durations import ago, for_people
from connector.runtime import exact_json

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"

# Scripts and styles are files of ours, nothing is inline, nothing comes from or goes to anywhere else. With
# the policy "no-referrer" browsers would not say where a form comes from.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "same-origin",
}


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A template as an answer."""
    return Response(_environment().get_template(template).render(values), status, HEADERS, "text/html")


def fragment(template: str, **values: Any) -> str:
    """A template as a part of a page."""
    return _environment().get_template(template).render(values)


def digest(text: str) -> str:
    """A short name for a text, to tell whether it changed."""
    return sha256(text.encode()).hexdigest()[:12]


def time(moment: datetime | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A ``<time>`` element, in UTC."""
    if moment is None:
        return "never"
    machine = f"{moment:%Y-%m-%dT%H:%M:%S}Z"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        machine, f"{moment:%Y-%m-%d %H:%M:%S}", f"{moment:{form}}"
    )


def number(value: float) -> str:
    """A count with a thin space between thousands."""
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plain(value: Any) -> str:
    """A value of a payload to read: a text without its quotes, an object or each item of a list on a line."""
    if isinstance(value, list):
        return "\n".join(plain(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {plain(item)}" for name, item in value.items()) or "empty"
    return value if isinstance(value, str) else exact_json.encode(value).decode()


def count(value: int, one: str, more: str = "") -> str:
    """``1 order``, ``2 orders``."""
    return f"{number(value)} {one if value == 1 else more or one + 's'}"


@cache
def _environment() -> Environment:
    # A daemon whose page nobody opens need not hold this library's 2 MB, nor spend 25 ms on it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(ago=ago, count=count, number=number, plain=plain, span=for_people, time=time)
    # A new version of the program must not run with an old one's script out of a browser's cache.
    environment.globals["static"] = {
        file.name: f"/static/{file.name}?{digest(file.read_text())}" for file in STATIC.iterdir()
    }
    return environment
