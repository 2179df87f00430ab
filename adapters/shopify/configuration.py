"""What a store of platform ``shopify`` can configure."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from connector.sdk.contract import StrictModel

OLDEST_VERSION = "2026-10"  # the first in which a phone number says its consent (smsMarketingConsent)
_VERSION = re.compile(r"20\d\d-(01|04|07|10)")


class Credentials(StrictModel):
    """An app of the Dev Dashboard (client_id), or an older app made in the shop's admin (access_token).

    Both have a client secret: it gets the first kind its tokens, and Shopify signs webhooks with it.
    """

    client_secret: SecretStr = Field(
        min_length=1, description="The app's client secret (of an older app: API secret key)."
    )
    client_id: SecretStr | None = Field(default=None, min_length=1, description="Of a Dev Dashboard app.")
    access_token: SecretStr | None = Field(
        default=None, min_length=1, description="shpat_…, of an app made in the shop's admin before 2026."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.client_id is None) == (self.access_token is None):
            raise ValueError(
                "give client_id (an app of the Dev Dashboard) or access_token (an app made in the shop's "
                "admin), one of the two, and client_secret beside it"
            )
        return self


class Options(StrictModel):
    """All have defaults."""

    api_version: str = Field(
        default=OLDEST_VERSION,
        description="Of the Admin API; a version lives for a year. 2026-10 is the oldest that can be used.",
    )
    money: Literal["shop", "presentment"] = Field(
        default="shop",
        description="shop: amounts in the shop's own currency; presentment: in the one the buyer saw.",
    )
    page_size: int = Field(
        default=50, ge=1, le=250, description="Orders per request; made smaller by itself if too dear."
    )
    bulk_above: int = Field(
        default=1000,
        ge=0,
        description="History of more orders than this is read by a bulk operation, else page by page.",
    )

    @field_validator("api_version")
    @classmethod
    def _usable(cls, version: str) -> str:
        if not _VERSION.fullmatch(version) or version < OLDEST_VERSION:
            raise ValueError(f"expected a version of the Admin API from {OLDEST_VERSION} on, like 2027-01")
        return version
