"""What a store of platform ``oscar`` can configure."""

from __future__ import annotations

from pydantic import Field, SecretStr

from connector.sdk.contract import StrictModel
from connector.sdk.credentials import KeyOrLogin


class Credentials(KeyOrLogin):
    """A token of Django REST framework, or a staff user's login."""

    key_field = "token"

    token: SecretStr | None = Field(default=None, min_length=1)


class Options(StrictModel):
    """How far back each poll looks."""

    watch: int = Field(
        default=200,
        ge=1,
        le=5000,
        description="How many of the newest orders each poll compares with what they were. Changes of older "
        "ones are found by reading again (reconcile).",
    )
