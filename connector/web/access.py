"""Who may look at the page and act on it: whoever signed in, from wherever the request comes.

One signs in with the configured password or token. Where neither is configured, with the token of this
start, which ``run`` prints as a link. Nothing about a request proves that it comes from this machine's own
user: a web server's defaults pass strangers on as if they were local. So nobody is let in for where they come
from.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from hashlib import sha256
from hmac import compare_digest

import msgspec
from itsdangerous import BadData, Signer, URLSafeTimedSerializer
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from connector.runtime import log, passwords
from connector.settings.models import PageSettings
from connector.web.origin import origin

SESSION_SECONDS = 12 * 3600
ATTEMPTS, ATTEMPTS_SECONDS = 5, 300.0  # wrong passwords that one address may try within so many seconds
MOST_KEPT = 1000  # addresses whose attempts are remembered


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks. ``nonce`` tells sessions apart, ``by`` names the viewer in logs and time-lines.

    Only who ``sees_buyers`` sees their data: whoever has the log has the token of this start, and that must
    not be worth more than the log. ``fresh`` says that the browser has not got the session yet.
    """

    nonce: str
    signed_in: bool
    sees_buyers: bool
    by: str
    fresh: bool = False

    @property
    def digest(self) -> str:
        """What may be kept of the session."""
        return sha256(self.nonce.encode()).hexdigest()


class Access:
    """Sessions, signed by a key that comes from the configured password or token, so that they outlive a
    restart and end when either is changed. Without both, key and token live as long as the process."""

    def __init__(self) -> None:
        self._own_key = secrets.token_bytes(32)
        self._own_token = secrets.token_urlsafe(24)
        log.learn(self._own_token)
        self.attempts = Attempts()

    def viewer(self, request: Request, settings: PageSettings) -> Viewer:
        """The session that the request's cookie proves, or a new one of nobody in particular.

        Whether it was signed out since is to be asked besides.
        """
        by = f"signed in from {origin(request, settings.trusted_proxies)}"
        try:
            found = self._sessions(settings).loads(
                request.cookies.get(cookie_name(request), ""), max_age=SESSION_SECONDS
            )
            nonce, signed_in = str(found["nonce"]), found["signed_in"] is True
        except (BadData, KeyError, TypeError):
            return nobody(by)
        return Viewer(nonce=nonce, signed_in=signed_in, sees_buyers=signed_in and configured(settings), by=by)

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

    def token_of_this_start(self, settings: PageSettings) -> str:
        """What signs in where nothing is configured; empty where something is."""
        return "" if configured(settings) else self._own_token

    def is_token(self, settings: PageSettings, given: str) -> bool:
        """Whether it is the configured token, or this start's: at once, and as often as anybody likes, for
        nobody can guess one."""
        own = self.token_of_this_start(settings)
        return _same(settings.token, given) or (bool(own) and _same(SecretStr(own), given))

    def may_scrape(self, settings: PageSettings, given: str) -> bool:
        """Whether it is a token that opens the metrics."""
        return _same(settings.metrics_token, given) or self.is_token(settings, given)

    def form_token(self, settings: PageSettings, viewer: Viewer) -> str:
        """What every form of this session carries, and no other site can know."""
        return self._forms(settings).get_signature(viewer.nonce).decode()

    def is_own_form(self, request: Request, settings: PageSettings, viewer: Viewer, token: str) -> bool:
        """Whether a POST came from a form of ours: the browser says so, and the session's token proves it."""
        site = request.headers.get("sec-fetch-site")
        origin_told = request.headers.get("origin")
        if site is not None:
            if site != "same-origin":
                return False
        elif origin_told is not None and origin_told.partition("://")[2] not in _hosts(request):
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
    """Whether a password or token is configured; else the token of this start is asked for."""
    return settings.password_hash is not None or settings.token is not None


def nobody(by: str) -> Viewer:
    """A session in which nobody has signed in yet."""
    return Viewer(nonce=secrets.token_urlsafe(16), signed_in=False, sees_buyers=False, by=by, fresh=True)


def is_password(settings: PageSettings, given: str) -> bool:
    """Whether it is the configured password. Takes tenths of a second: call it in a thread."""
    password_hash = settings.password_hash
    return password_hash is not None and passwords.matches(given, password_hash.get_secret_value())


def cookie_name(request: Request) -> str:
    """The session's cookie. Cookies do not tell ports apart, and a demo may run beside the real thing."""
    server = request.scope.get("server") or ("", 0)
    return f"connector-{server[1]}"


def _same(expected: SecretStr | None, given: str) -> bool:
    return expected is not None and compare_digest(expected.get_secret_value().encode(), given.encode())


def _scheme(request: Request) -> str:
    return request.headers.get("x-forwarded-proto", "").partition(",")[0].strip() or request.url.scheme


def _hosts(request: Request) -> list[str]:
    told = (request.headers.get(name) for name in ("host", "x-forwarded-host"))
    return [host for host in told if host]
