"""Who may call: the rules of ``WC_REST_Authentication``, as seen on WooCommerce 10.5.0."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha1, sha256
from hmac import compare_digest, digest
from urllib.parse import quote, unquote

from starlette.requests import Request

from tests.shops.woocommerce.shop import Key, Refused, Shop

_WINDOW = 15 * 60
_HASHES = {"HMAC-SHA1": sha1, "HMAC-SHA256": sha256}


def authenticate(shop: Shop, request: Request) -> None:
    """Raises Refused unless the request is signed in with the permission that it needs."""
    key = _over_https(shop, request) if shop.secure else None
    if key is None:
        key = _oauth(shop, request)
    if key is None:
        raise Refused(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
    needed = "read" if request.method in ("GET", "HEAD") else "write"
    if needed not in key.permissions:
        raise _wrong(f"The API key provided does not have {needed} permissions.")


def _over_https(shop: Shop, request: Request) -> Key | None:
    name, secret = request.query_params.get("consumer_key"), request.query_params.get("consumer_secret")
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        name, _, secret = b64decode(value).decode().partition(":")
    if name is None or name not in shop.keys:
        return None
    if not compare_digest(shop.keys[name].secret.encode(), (secret or "").encode()):
        raise _wrong("Consumer secret is invalid.")
    return shop.keys[name]


def _oauth(shop: Shop, request: Request) -> Key | None:
    pairs = _pairs(request)
    values = dict(pairs)
    name = values.get("oauth_consumer_key")
    if name is None:
        return None
    if name not in shop.keys:
        raise _wrong("Consumer key is invalid.")
    _verify(request, pairs, values, shop.keys[name].secret)
    if abs(time.time() - int(values.get("oauth_timestamp", "0"))) > _WINDOW:
        raise _wrong("Invalid timestamp.")
    nonce = (name, values.get("oauth_nonce", ""))
    if nonce in shop.nonces:
        raise _wrong("Invalid nonce - nonce has already been used.")
    shop.nonces.add(nonce)
    return shop.keys[name]


def _verify(request: Request, pairs: Sequence[tuple[str, str]], values: dict[str, str], secret: str) -> None:
    hash_name = _HASHES.get(values.get("oauth_signature_method", ""))
    if hash_name is None:
        raise _wrong("Invalid signature - signature method is invalid.")
    signed = sorted(
        f"{quote(name, safe='~')}={quote(value, safe='~')}"
        for name, value in pairs
        if name != "oauth_signature"
    )
    address = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
    text = f"{request.method}&{quote(address, safe='~')}&{quote('&'.join(signed), safe='~')}"
    expected = b64encode(digest(f"{secret}&".encode(), text.encode(), hash_name)).decode()
    if not compare_digest(expected, values.get("oauth_signature", "")):
        raise _wrong("Invalid signature - provided signature does not match.")


def _pairs(request: Request) -> list[tuple[str, str]]:
    """Parameters of the query and of an ``Authorization: OAuth`` header."""
    pairs = list(request.query_params.multi_items())
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "oauth":
        parts = (part.strip().partition("=") for part in value.split(","))
        pairs += [(unquote(name), unquote(text.strip('"'))) for name, _, text in parts if name != "realm"]
    return pairs


def _wrong(message: str) -> Refused:
    return Refused(401, "woocommerce_rest_authentication_error", message)
