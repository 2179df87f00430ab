"""Who may call: API tokens, OAuth applications and the access tokens they are given."""

from __future__ import annotations

import secrets

import msgspec

TOKEN_SECONDS = 7200  # an OAuth access token's life, from the reference
WRITE = "orders_write"


class Grant(msgspec.Struct, kw_only=True):
    """What a bearer token allows: the business it belongs to, its scopes, and until when (unix seconds)."""

    business: str
    scopes: frozenset[str]
    expires_at: float | None = None
    revoked: bool = False
    oauth: bool = False


class Application(msgspec.Struct, kw_only=True):
    """An OAuth application of one business."""

    business: str
    secret: str
    scopes: frozenset[str]


class Access:
    """Every token and application of every business. Times are unix seconds, passed in."""

    def __init__(self, token_seconds: float = TOKEN_SECONDS) -> None:
        self.token_seconds = token_seconds
        self.grants: dict[str, Grant] = {}
        self.applications: dict[str, Application] = {}

    def add_token(
        self,
        business: str,
        token: str,
        *,
        scopes: frozenset[str] = frozenset((WRITE,)),
        expires_at: float | None = None,
    ) -> None:
        """An API token as made in Privy's dashboard."""
        self.grants[token] = Grant(business=business, scopes=scopes, expires_at=expires_at)

    def add_application(
        self, business: str, client_id: str, secret: str, *, scopes: frozenset[str] = frozenset((WRITE,))
    ) -> None:
        """An OAuth application; one id belongs to one business."""
        self.applications[client_id] = Application(business=business, secret=secret, scopes=scopes)

    def application(self, client_id: str, secret: str) -> Application | None:
        """The application, if the secret is right."""
        application = self.applications.get(client_id)
        if application is None or not secrets.compare_digest(application.secret.encode(), secret.encode()):
            return None
        return application

    def issue(self, application: Application, scopes: frozenset[str], now: float) -> str:
        """A new access token; there are no refresh tokens, and earlier tokens live on."""
        token = secrets.token_hex(32)
        self.grants[token] = Grant(
            business=application.business, scopes=scopes, expires_at=now + self.token_seconds, oauth=True
        )
        return token

    def grant(self, authorization: str) -> Grant | None:
        """What the ``Authorization`` header's token allows, expired and revoked ones too; None if unknown."""
        scheme, _, token = authorization.partition(" ")
        return self.grants.get(token.strip()) if scheme.lower() == "bearer" else None

    def revoke(self, *, tokens: tuple[str, ...] = (), oauth: bool = False) -> None:
        """Revoke these tokens, and with ``oauth`` every access token given out so far."""
        for token, grant in self.grants.items():
            if token in tokens or (oauth and grant.oauth):
                grant.revoked = True


def new_token() -> str:
    """An API token of Privy's form: ``privy_`` and 40 hexadecimal digits."""
    return f"privy_{secrets.token_hex(20)}"
