"""Who may look at the page and act on it: this machine's own browser, or whoever signed in.

Without a configured password or token the page is for this machine alone: the program listens on loopback,
and the request comes straight from there, by a name of this machine (else any web site could send a visitor's
browser here under a name of its own), through no other server. Everybody else signs in. Once a password or
token is configured everybody does: behind a web server on this machine every request looks local.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections import OrderedDict, deque
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import urlsplit

import msgspec
from itsdangerous import BadData, Signer, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from connector.runtime import passwords
from connector.settings.models import PageSettings, Settings

SESSION_SECONDS = 12 * 3600
ATTEMPTS, ATTEMPTS_SECONDS = 5, 300.0  # wrong passwords that one address may try within so many seconds
MOST_KEPT = 1000  # addresses, and ended sessions, that are remembered

CLOSED = (
    "The status page is closed, because it would be open to everybody who reaches {listen}. Configure "
    "page.password_hash (connector password makes one) or page.token, or listen on 127.0.0.1. Everything "
    "else is served."
)
NOT_LOCAL = (
    "The status page is for this machine's own browser, at http://{listen}/, and this request came another "
    "way. To look from elsewhere, or through a web server, configure page.password_hash (connector password "
    "makes one) or page.token."
)


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks. ``nonce`` tells sessions apart, ``by`` names the viewer in logs and time-lines.

    Only who ``signed_in`` sees buyers' data. ``fresh`` says that the browser has not got the session yet.
    """

    nonce: str
    signed_in: bool
    by: str
    fresh: bool = False


class Access:
    """Sessions, signed by a key that comes from the configured password or token, so that they outlive a
    restart and end when either is changed. Without both the key lives as long as the process."""

    def __init__(self) -> None:
        self._own_key = secrets.token_bytes(32)
        self._ended: OrderedDict[str, None] = OrderedDict()
        self.attempts = Attempts()

    def viewer(self, request: Request, settings: PageSettings) -> Viewer:
        """The session that the request's cookie proves, or a new one of nobody in particular."""
        local = not configured(settings)
        by = "this machine" if local else f"signed in from {_origin(request)}"
        try:
            found = self._sessions(settings).loads(
                request.cookies.get(cookie_name(request), ""), max_age=SESSION_SECONDS
            )
            nonce, signed_in = str(found["nonce"]), found["signed_in"] is True
        except (BadData, KeyError, TypeError):
            nonce = ""
        if not nonce or nonce in self._ended:
            return Viewer(nonce=secrets.token_urlsafe(16), signed_in=False, by=by, fresh=True)
        return Viewer(nonce=nonce, signed_in=signed_in and not local, by=by)

    def remember(self, request: Request, response: Response, settings: PageSettings, viewer: Viewer) -> None:
        """Give the browser the viewer's session."""
        session = {"nonce": viewer.nonce, "signed_in": viewer.signed_in}
        response.set_cookie(
            cookie_name(request),
            str(self._sessions(settings).dumps(session)),
            max_age=SESSION_SECONDS,
            path="/",
            secure=_scheme(request) == "https",
            httponly=True,
            samesite="strict",
        )

    def end(self, viewer: Viewer) -> None:
        """A session that was signed out is no session any more, whoever still has its cookie."""
        self._ended[viewer.nonce] = None
        if len(self._ended) > MOST_KEPT:
            self._ended.popitem(last=False)

    def form_token(self, settings: PageSettings, viewer: Viewer) -> str:
        """What every form of this session carries, and no other site can know."""
        return self._forms(settings).get_signature(viewer.nonce).decode()

    def is_own_form(self, request: Request, settings: PageSettings, viewer: Viewer, token: str) -> bool:
        """Whether a POST came from a form of ours: the browser says so, and the session's token proves it."""
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        if site is not None:
            if site != "same-origin":
                return False
        elif origin is not None and origin.partition("://")[2] not in _hosts(request):
            return False
        return not viewer.fresh and self._forms(settings).verify_signature(viewer.nonce, token)

    def _sessions(self, settings: PageSettings) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._key(settings), salt="session")

    def _forms(self, settings: PageSettings) -> Signer:
        return Signer(self._key(settings), salt="form")

    def _key(self, settings: PageSettings) -> bytes:
        words = [word.get_secret_value() for word in (settings.password_hash, settings.token) if word]
        return (
            sha256("\0".join(["sessions of the page", *words]).encode()).digest() if words else self._own_key
        )


class Attempts:
    """How often an address may try a password. Times are the steady clock's seconds."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str, steady: float) -> float:
        """In how many seconds the address may try again; 0 for now. Now counts as tried."""
        tried = self._wrong.setdefault(address, deque())
        self._wrong.move_to_end(address)
        while tried and tried[0] <= steady - ATTEMPTS_SECONDS:
            tried.popleft()
        if len(tried) >= ATTEMPTS:
            return tried[0] + ATTEMPTS_SECONDS - steady
        tried.append(steady)
        if len(self._wrong) > MOST_KEPT:
            self._wrong.popitem(last=False)
        return 0.0

    def succeeded(self, address: str) -> None:
        """The right password makes up for the wrong ones before it."""
        self._wrong.pop(address, None)


def configured(settings: PageSettings) -> bool:
    """Whether one can sign in at all; then everybody has to."""
    return settings.password_hash is not None or settings.token is not None


def closed(settings: Settings) -> str:
    """Why the page is closed to everybody, in words; empty when it is not."""
    if configured(settings.page) or is_loopback(settings.address[0]):
        return ""
    return CLOSED.format(listen=settings.listen)


def refusal(request: Request, settings: Settings) -> str:
    """Why nobody may look this way, in words; empty when somebody may."""
    if configured(settings.page) or closed(settings):
        return closed(settings)
    return "" if _straight_from_here(request) else NOT_LOCAL.format(listen=settings.listen)


def matches(settings: PageSettings, given: str) -> bool:
    """Whether it is the password or the token. Takes tenths of a second: call it in a thread."""
    token, password_hash = settings.token, settings.password_hash
    if token is not None and compare_digest(token.get_secret_value().encode(), given.encode()):
        return True
    return password_hash is not None and passwords.matches(given, password_hash.get_secret_value())


def is_loopback(host: str) -> bool:
    """Whether it names this machine, and can be reached from nowhere else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(request: Request) -> str:
    """Where the connection comes from; of IPv6 the network, since whoever has one address there has many."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


def cookie_name(request: Request) -> str:
    """The session's cookie. Cookies do not tell ports apart, and a demo may run beside the real thing."""
    server = request.scope.get("server") or ("", 0)
    return f"connector-{server[1]}"


def _straight_from_here(request: Request) -> bool:
    if any(name.startswith("x-forwarded") or name in _PASSED_ON for name in request.headers):
        return False
    peer = request.client.host if request.client else ""
    try:
        named = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return False
    return is_loopback(peer) and is_loopback(named)


_PASSED_ON = ("forwarded", "via", "x-real-ip", "x-original-host", "cf-connecting-ip", "true-client-ip")


def _origin(request: Request) -> str:
    """The connection's address, and whom the server before us says that it speaks for."""
    peer = request.client.host if request.client else "an unknown address"
    told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        return f"{peer} for {ipaddress.ip_address(told)}"
    except ValueError:
        return peer


def _scheme(request: Request) -> str:
    return request.headers.get("x-forwarded-proto", "").partition(",")[0].strip() or request.url.scheme


def _hosts(request: Request) -> list[str]:
    told = (request.headers.get(name) for name in ("host", "x-forwarded-host"))
    return [host for host in told if host]
