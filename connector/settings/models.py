"""The configuration's models. They check what can be seen in one place; the loader checks the rest."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    SerializeAsAny,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    field_validator,
)
from pydantic.json_schema import SkipJsonSchema

from connector.mapping.settings import MappingSettings
from connector.model.durations import Duration, Percent, at_least
from connector.model.limits import Limits
from connector.model.strict import StrictModel
from connector.runtime import passwords
from connector.sdk import registry
from connector.sdk.contract import NoOptions
from connector.settings.urls import web_address

PRIVY = "https://api.privy.com"
SHORTEST_WEBHOOK_SECRET = 16  # characters
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

_DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")


def _name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise ValueError(
            "a name has 1 to 64 letters (a to z), digits, dots, dashes and underscores, and begins with a "
            "letter or digit"
        )
    return text


def _filled(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("is empty")
    return secret


def _sendable(secret: SecretStr) -> SecretStr:
    """A token travels in a header, which carries visible ASCII and nothing else."""
    if not re.fullmatch(r"[\x21-\x7e]+", _filled(secret).get_secret_value()):
        raise ValueError("holds spaces, line breaks or characters that a token cannot have")
    return secret


def _password_hash(secret: SecretStr) -> SecretStr:
    passwords.check(_filled(secret).get_secret_value())
    return secret


def _network(text: str) -> Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError("a proxy is an address like 127.0.0.1, or a network like 10.0.0.0/8") from None


def _long(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < 20:
        raise ValueError("is too short; take 20 random characters or more (openssl rand -hex 20)")
    return secret


def _hard_to_guess(secret: SecretStr) -> SecretStr:
    if len(_filled(secret).get_secret_value()) < SHORTEST_WEBHOOK_SECRET:
        raise ValueError(
            f"is shorter than {SHORTEST_WEBHOOK_SECRET} characters, so it can be guessed from one delivery; "
            "make a long one, as with: openssl rand -hex 32"
        )
    return secret


def _one_or_two(value: Any) -> Any:
    if isinstance(value, list) and not 1 <= len(value) <= 2:
        raise ValueError(f"a list of {len(value)}; allowed are one secret, or two while rotating")
    return (value,) if isinstance(value, str | SecretStr) else value


def _written_time(value: Any) -> Any:
    """Numbers would be taken for seconds since 1970."""
    if not isinstance(value, str | datetime):
        raise ValueError("a time is written like 2026-06-01T00:00:00Z")
    if isinstance(value, str) and value.strip().isdigit():
        raise ValueError("a time is written like 2026-06-01T00:00:00Z")
    return value


def _past_utc(value: datetime, info: ValidationInfo) -> datetime:
    now = (info.context or {}).get("now")
    if now and value > now:
        raise ValueError(
            "lies in the future; until then every order would count as old. Leave it out to go live when the "
            "store is first seen, and add the store then"
        )
    return _utc(value)


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies before the year 1") from None


Network = IPv4Network | IPv6Network
ProxyNetwork = Annotated[
    Network,
    BeforeValidator(lambda value: _network(value) if isinstance(value, str) else value),
    WithJsonSchema({"type": "string"}),
]
Name = Annotated[str, AfterValidator(_name)]
Secret = Annotated[SecretStr, AfterValidator(_filled)]
Token = Annotated[SecretStr, AfterValidator(_sendable)]
WrittenTime = Annotated[AwareDatetime, AfterValidator(_utc), BeforeValidator(_written_time)]
PastTime = Annotated[AwareDatetime, AfterValidator(_past_utc), BeforeValidator(_written_time)]
WebhookSecrets = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(_hard_to_guess)], ...],
    BeforeValidator(_one_or_two),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
            ]
        }
    ),
]


class OAuthSettings(StrictModel):
    """An OAuth application of Privy (client credentials)."""

    client_id: str = Field(min_length=1)
    client_secret: Secret


class QuotaSettings(StrictModel):
    """What may be spent of what Privy grants the account; its answers' headers say how much that is."""

    per_minute: int = Field(
        60,
        ge=1,
        le=10**9,
        description="Requests a minute at most; left out, it is what Privy's answers say.",
    )
    per_day: int = Field(
        10_000,
        ge=1,
        le=10**12,
        description="Requests a day at most; left out, it is what Privy's answers say.",
    )
    reserve_for_live: Percent = Field(
        "10%", validate_default=True, description="The part of each day that history leaves to live orders."
    )


class AccountSettings(StrictModel):
    """One Privy business."""

    name: SkipJsonSchema[Name]
    insecure_http: bool = Field(False, description="Allow http:// to a public address.")
    token: Token | None = Field(None, description="An API token of Privy with the scope orders_write.")
    oauth: OAuthSettings | None = Field(
        None, validate_default=True, description="Instead of the token: an OAuth application."
    )
    base_url: str = Field(PRIVY, description="Another address than Privy's own, such as the sandbox's.")
    quota: QuotaSettings = Field(default_factory=lambda: QuotaSettings())

    @field_validator("oauth")
    @classmethod
    def _one_way_in(cls, oauth: OAuthSettings | None, info: ValidationInfo) -> OAuthSettings | None:
        if "token" in info.data and (info.data["token"] is None) == (oauth is None):
            raise ValueError(
                "exactly one of token and oauth is needed; "
                + ("neither is given" if oauth is None else "both are given")
            )
        return oauth

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str, info: ValidationInfo) -> str:
        return web_address(url, insecure_http=info.data.get("insecure_http", True))

    @property
    def limits(self) -> Limits:
        """The account's quota as the engine counts it."""
        return Limits(
            per_minute=self.quota.per_minute,
            per_day=self.quota.per_day,
            reserve=self.quota.reserve_for_live,
            minute_is_cap="per_minute" in self.quota.model_fields_set,
            day_is_cap="per_day" in self.quota.model_fields_set,
        )


class ReconcileSettings(StrictModel):
    """How a store is read again by itself, so that what was missed or changed silently is made good."""

    every: Annotated[Duration, at_least("1m")] = Field(
        "24h", validate_default=True, description="How often the last days are read again."
    )
    span: Annotated[Duration, at_least("1h")] = Field(
        "14d", validate_default=True, description="How many days back orders are read again."
    )
    open_every: Annotated[Duration, at_least("10s")] = Field(
        "1h", validate_default=True, description="How often orders not yet in an end state are fetched again."
    )
    per_minute: int = Field(
        20, ge=1, le=10**9, description="At most so many requests a minute to the shop for it."
    )


class StoreSettings(StrictModel):
    """One shop. ``credentials`` and ``options`` are models of its platform's adapter: see store_model."""

    name: SkipJsonSchema[Name]
    platform: str = Field(description="The shop's software; connector platforms lists what is installed.")
    insecure_http: bool = Field(False, description="Allow http:// to a public address.")
    url: str = Field(description="The shop's address.")
    credentials: SerializeAsAny[BaseModel] = Field(description="The platform's keys for this shop.")
    options: SerializeAsAny[BaseModel] = Field(
        default_factory=NoOptions, description="The platform's own settings."
    )
    account: str = Field(description="The name of an account: where the orders go.")
    integration_token: Token | None = Field(
        None, description="The Privy Custom Integration that the orders belong to."
    )
    poll: Annotated[Duration, at_least("1s")] = Field(
        "60s", validate_default=True, description="How often the shop is asked for changes."
    )
    webhook_secret: WebhookSecrets = Field(
        (), description="What the shop signs its webhooks with; two while rotating."
    )
    webhook_fetches_per_minute: int = Field(
        60, ge=1, le=10**9, description="At most so many orders a minute are fetched because of webhooks."
    )
    live_from: PastTime | None = Field(
        None, description="Orders placed before are history and set off no mail; default: when first run."
    )
    live_window: Annotated[Duration, at_least("1s")] = Field(
        "24h", validate_default=True, description="A live order that waited longer is sent as history."
    )
    historical_updates: Literal["history", "live"] = Field(
        "history", description="How later updates of historical orders are sent."
    )
    forgotten_buyers: Literal["skip", "send"] = Field(
        "skip", description="What becomes of new orders of a buyer whose data was purged by forget."
    )
    reconcile: ReconcileSettings = Field(default_factory=lambda: ReconcileSettings())
    mapping: MappingSettings = Field(default_factory=lambda: MappingSettings())

    @field_validator("url")
    @classmethod
    def _address(cls, url: str, info: ValidationInfo) -> str:
        return web_address(url, insecure_http=info.data.get("insecure_http", True))


@cache
def store_model(platform: str) -> type[StoreSettings]:
    """StoreSettings with the platform's credentials and options. Raises UsageError for no such platform."""
    adapter = registry.adapter(platform)
    return create_model(
        f"{adapter.__name__}StoreSettings",
        __base__=StoreSettings,
        credentials=_part(adapter.Credentials, StoreSettings.model_fields["credentials"].description),
        options=_part(adapter.Options, StoreSettings.model_fields["options"].description),
    )


def _part(model: type[BaseModel], description: str | None) -> Any:
    required = any(field.is_required() for field in model.model_fields.values())
    default: dict[str, Any] = {} if required else {"default_factory": model}
    return (model, Field(description=description, **default))


class PageSettings(StrictModel):
    """How one signs in to the status page. With neither password nor token, by the link of ``run``."""

    password_hash: Annotated[SecretStr, AfterValidator(_password_hash)] | None = Field(
        None, description="What connector password made of the page's password."
    )
    token: Annotated[Token, AfterValidator(_long)] | None = Field(
        None, description="A random text that is taken in place of the password."
    )
    metrics_token: Annotated[Token, AfterValidator(_long)] | None = Field(
        None, description="A random text that opens /metrics and nothing else, as a bearer token."
    )
    trusted_proxies: tuple[ProxyNetwork, ...] = Field(
        (), description="Web servers before this one whose X-Forwarded-For is believed: addresses, networks."
    )


class Settings(StrictModel):
    """The whole configuration."""

    database: str = Field(
        "sqlite:///connector.db",
        repr=False,
        description="sqlite:///FILE (counted from the configuration's folder) or postgresql://…",
    )
    listen: str = Field(
        "127.0.0.1:8080",
        description="HOST:PORT for webhooks, the status page, /healthz, /readyz and /metrics.",
    )
    public_url: str = Field(
        "",
        description="Where shops on the internet reach listen: https://HOST, the address of a reverse proxy.",
    )
    page: PageSettings = Field(
        default_factory=lambda: PageSettings(), description="Who may see the status page."
    )
    retention: Duration = Field(
        "30d", validate_default=True, description="How long the payloads of delivered orders are kept."
    )
    include: tuple[str, ...] = Field(
        (), description="Further files with accounts and stores; patterns such as stores/*.yaml."
    )
    accounts: dict[str, AccountSettings] = Field({}, description="Privy businesses by a name of your choice.")
    stores: dict[str, StoreSettings] = Field({}, description="Shops by a name of your choice.")

    @field_validator("database")
    @classmethod
    def _known_database(cls, url: str) -> str:
        unusable = not url.isprintable() or ":memory:" in url
        if not url.startswith(_DATABASES) or url in _DATABASES or unusable:
            raise ValueError("a database is sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
        return url

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        _address(listen)
        return listen

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        return web_address(url) if url else url

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of ``listen``."""
        return _address(self.listen)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host) or not re.fullmatch(r"[0-9]{1,5}", port):
        raise ValueError("listen is HOST:PORT, like 127.0.0.1:8080 or [::1]:8080")
    if int(port) > 65535:
        raise ValueError("a port is at most 65535")
    return host.strip("[]"), int(port)
