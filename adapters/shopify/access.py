"""Access tokens, and the address that they may be sent to.

An app of the Dev Dashboard gets a token by the client-credentials grant; it lives 24 h and there is nothing
to refresh it with, so it is asked for anew
(https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from adapters.shopify.configuration import Credentials
from adapters.shopify.shopifyapi import sanitize_shop_domain
from connector.model.errors import AuthError, Unavailable
from connector.runtime.http import Http, Reply, refusal

_SPENT = 0.8  # the part of a token's life after which it is renewed
_SHORTEST_LIFE = 60.0  # seconds that a token counts as alive when the shop does not say

_HINTS: Mapping[str, str] = {
    "shop_not_permitted": "the app belongs to another organisation than the shop; make it in the Dev "
    "Dashboard of the organisation that owns the shop",
    "app_not_installed": "the app is not installed in this shop; open it in the Dev Dashboard and choose "
    "Install app",
    "application_cannot_be_found": "Shopify knows no app with this client_id for this shop; copy it again "
    "from the Dev Dashboard (app, Settings), and see that app and shop are of one organisation",
    "invalid_client": "client_id or client_secret is wrong; copy both again from the Dev Dashboard (app, "
    "Settings)",
    "invalid_request": "client_id or client_secret is wrong, or the app is not installed in this shop",
}


def shop_domain(url: str) -> str:
    """The ``….myshopify.com`` of an address, or its host and port on this machine (for tests).

    Raises AuthError for any other: tokens are sent there.
    """
    parts = urlsplit(url if "://" in url else f"https://{url}")
    host = parts.hostname or ""
    if _is_loopback(host):
        return parts.netloc.rpartition("@")[2].lower()
    domain = sanitize_shop_domain(host) if "." in host else None
    if not domain or parts.scheme != "https" or parts.port not in (None, 443):
        raise AuthError(
            f"{host or 'the url'} is not a shop's own address at Shopify; set url to "
            "https://YOUR-SHOP.myshopify.com (in the shop's admin: Settings, Domains)"
        )
    return str(domain)


def is_local(domain: str) -> bool:
    """Whether ``shop_domain`` gave an address on this machine."""
    return not domain.endswith(".myshopify.com")


class Access:
    """The token of one shop: a fixed one, or one that is granted and kept until it is old."""

    def __init__(self, http: Http, base: str, credentials: Credentials) -> None:
        self._http = http
        self._url = f"{base}/admin/oauth/access_token"
        self._credentials = credentials
        self._granted = ""
        self._old_at = 0.0

    @property
    def secrets(self) -> list[str]:
        """Everything that must not stand in a message."""
        given = self._credentials
        fixed = (given.client_secret, given.client_id, given.access_token)
        return [
            *(one.get_secret_value() for one in fixed if one),
            *([self._granted] if self._granted else []),
        ]

    async def token(self) -> str:
        """The token to send now. Raises AuthError and Unavailable."""
        fixed = self._credentials.access_token
        if fixed is not None:
            return fixed.get_secret_value()
        if not self._granted or time.monotonic() >= self._old_at:
            await self._grant()
        return self._granted

    def give_up(self, token: str) -> bool:
        """The shop refused this token: whether asking for another one can help."""
        if self._credentials.access_token is not None:
            return False
        if token == self._granted:
            self._granted = ""
        return True

    async def _grant(self) -> None:
        given = self._credentials
        assert given.client_id is not None
        form = {
            "grant_type": "client_credentials",
            "client_id": given.client_id.get_secret_value(),
            "client_secret": given.client_secret.get_secret_value(),
        }
        reply = await self._http.send(
            "POST",
            self._url,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            content=urlencode(form).encode(),
        )
        if reply.status != 200:
            raise _refused(reply)
        answer = reply.json()
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise Unavailable(f"{self._url} answered without an access token", maybe_done=True)
        life = answer.get("expires_in")
        seconds = float(life) if isinstance(life, int) and life > 0 else _SHORTEST_LIFE
        self._granted, self._old_at = token, time.monotonic() + seconds * _SPENT


def _refused(reply: Reply) -> AuthError | Unavailable:
    """Shopify says why, as JSON or as a page. A mistake of the configuration is not tried again."""
    text = reply.body[:20_000].decode("utf-8", "replace").lower()
    for word, hint in _HINTS.items():
        if word in text and 400 <= reply.status < 500 and reply.status != 429:
            return AuthError(f"{reply.url} gives no token ({reply.status} {word}): {hint}")
    if reply.status == 400:
        return AuthError(f"{reply.url} gives no token (400): {_HINTS['invalid_request']}")
    if reply.status == 404:
        return AuthError(f"{reply.url} gives no token (404): there is no shop of this name; correct url")
    return refusal(reply)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
