"""Who pushes: a bearer token, or a signature as in the Standard Webhooks specification, version 1.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: the headers
``webhook-id``, ``webhook-timestamp`` (unix seconds) and ``webhook-signature``, a list of ``v1,BASE64`` parted
by spaces; signed is ``id.timestamp.body`` with HMAC-SHA256; a secret is ``whsec_`` and the key in base64.
The names that Svix gave them first (``svix-id`` and so on) count as well; its senders still use them
(https://docs.svix.com/receiving/verifying-payloads/how-manual, November 2026).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from hmac import new as new_hmac

from connector.model.errors import Forged
from connector.sdk.contract import WebhookRequest

TOLERANCE = 300.0  # seconds between the two clocks; the specification's own implementations use five minutes
PREFIX = "whsec_"
FAMILIES = ("webhook", "svix")
SEVERAL = 10  # signatures are looked at; a sender that rotates sends two


def authenticate(
    request: WebhookRequest, tokens: Sequence[str], secrets: Sequence[str], now: datetime
) -> str:
    """A digest of what was signed, empty for a token.

    Raises Forged unless the push carries one of the tokens or is signed with one of the secrets.

    All of a signature's headers come by one of the two families of names; they are not mixed.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _holds(token.strip(), tokens):
        return ""
    family = next((one for one in FAMILIES if f"{one}-signature" in request.headers), None)
    if family is None:
        raise Forged("the push has neither a bearer token of this store nor a signature (webhook-signature)")
    id = request.headers.get(f"{family}-id", "")
    if not id:
        raise Forged(f"the push is signed, but has no {family}-id, so that it is no Standard Webhook")
    stamp = request.headers.get(f"{family}-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise Forged(f"the push is signed, but {family}-timestamp is no time in unix seconds")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE:
        raise Forged("the push was signed more than five minutes ago, or one of the two clocks is wrong")
    signed = b".".join((id.encode("utf-8", "surrogateescape"), stamp.encode(), request.body))
    wanted = [b64encode(new_hmac(key, signed, sha256).digest()).decode() for key in _keys(secrets)]
    given = request.headers[f"{family}-signature"].split()[:SEVERAL]
    if not any(_holds(one.removeprefix("v1,"), wanted) for one in given if one.startswith("v1,")):
        raise Forged("the push is not signed with this store's webhook_secret")
    return sha256(signed).hexdigest()


def _holds(given: str, wanted: Iterable[str]) -> bool:
    """Whether it is one of them, in constant time; empty text never is."""
    shown = given.encode("utf-8", "surrogateescape")
    return any(compare_digest(shown, one.encode()) for one in wanted if one)


def _keys(secrets: Sequence[str]) -> Iterator[bytes]:
    """A secret's key. One without the prefix is taken as it stands, and as base64 where it is some."""
    for secret in secrets:
        try:
            key = b64decode(secret.removeprefix(PREFIX), validate=True)
        except (NotBase64, ValueError):
            key = b""
        if key:
            yield key
        if not secret.startswith(PREFIX) and secret:
            yield secret.encode()
