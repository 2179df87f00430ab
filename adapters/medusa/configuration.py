"""What a store of platform ``medusa`` can configure."""

from __future__ import annotations

from pydantic import Field, SecretStr

from connector.sdk.contract import StrictModel


class Credentials(StrictModel):
    """A secret API key (Settings, Secret API Keys). It may do whatever its maker may; there are no scopes."""

    api_key: SecretStr = Field(min_length=1)


class Options(StrictModel):
    """How the shop is read."""

    page_size: int = Field(
        default=50,
        ge=1,
        le=500,
        description="Orders per request; less for a shop that is slow or short of memory.",
    )
