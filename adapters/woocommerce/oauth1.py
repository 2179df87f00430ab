"""OAuth 1.0a, one-legged (RFC 5849): the only sign-in that WooCommerce takes over plain http.

The package ``woocommerce`` (3.0.0, read November 2026) signs: its ``OAuth.generate_oauth_signature`` puts
the base string together and makes the HMAC-SHA256, which is right. What it is given here is not its own:

* ``normalize_parameters`` leaves ``/`` unescaped, unescapes what was never escaped (``%41`` becomes ``A``),
  drops what is no text or number, and keeps one of several pairs with one name;
* ``sorted_params`` sorts names before they are escaped, and ``a[1]`` in the order in which they came;
* ``generate_nonce`` draws from 10^8 values: two requests of a store can meet, and one is refused as a replay;
* ``API`` sends each parameter twice over http, and blocks (``requests``), so the module is loaded alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import httpx

from connector.sdk.packages import module_alone

OAuth: Any = module_alone("woocommerce", "oauth.py").OAuth
Pairs = Iterable[tuple[str, str]]


class OAuth1(httpx.Auth):
    """Signs each request in its query, where no proxy strips it; anew on each try, as a nonce counts once.

    The shop refuses a timestamp more than 15 minutes off its own clock.
    """

    def __init__(self, key: str, secret: str, *, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._secret = secret
        self._now = now

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        parameters = [
            *request.url.params.multi_items(),
            ("oauth_consumer_key", self._key),
            ("oauth_nonce", token_hex(16)),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_timestamp", str(int(self._now()))),
            ("oauth_version", "1.0"),
        ]
        signed = signature(request.method, str(request.url.copy_with(query=None)), parameters, self._secret)
        query = "&".join("=".join(pair) for pair in _escaped([*parameters, ("oauth_signature", signed)]))
        request.url = request.url.copy_with(query=query.encode())
        yield request


def signature(method: str, url: str, parameters: Pairs, secret: str) -> str:
    """The signature in base64 (RFC 5849, 3.4.2, by SHA-256); ``url`` is without query, nothing is escaped."""
    signer = _Signer(url, "", escape(secret), version="wc/v3", method=method.upper())
    signed: str = signer.generate_oauth_signature(_Pairs(parameters), url)
    return signed


def escape(text: str) -> str:
    """Percent-encoding by RFC 5849, 3.6: all but letters, digits and ``-._~``."""
    return quote(text, safe="-._~")


def _escaped(parameters: Pairs) -> list[tuple[str, str]]:
    return [(escape(name), escape(value)) for name, value in parameters]


class _Pairs(list[tuple[str, str]]):
    """What the package expects to be a dictionary, with room for names that come twice."""

    def keys(self) -> list[str]:
        return [name for name, _ in self]

    def items(self) -> list[tuple[str, str]]:
        return self


class _Signer(OAuth):  # type: ignore[misc]  # published without types
    """The package's signer, given the parameters as RFC 5849 wants them."""

    @staticmethod
    def sorted_params(params: _Pairs) -> _Pairs:
        """By escaped name, then by escaped value (3.4.1.3.2): pairs are compared, not their texts."""
        return _Pairs(sorted(_escaped(params)))

    @staticmethod
    def normalize_parameters(params: _Pairs) -> _Pairs:
        """Escaped once more, as parts of the base string (3.4.1.1)."""
        return _Pairs(_escaped(params))
