"""What a store of platform ``oscar`` can configure."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from connector.adapter import StrictModel


class Credentials(StrictModel):
    """A token of Django REST framework, or a staff user's login."""

    token: SecretStr | None = Field(default=None, min_length=1)
    username: SecretStr | None = Field(default=None, min_length=1)
    password: SecretStr | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        login = self.username is not None and self.password is not None
        half = (self.username is None) != (self.password is None)
        if half or login == (self.token is not None):
            raise ValueError("give either token, or username and password")
        return self


class Options(StrictModel):
    """How far back each poll looks."""

    watch: int = Field(
        default=200,
        ge=1,
        le=5000,
        description="How many of the newest orders each poll compares with what they were. Changes of older "
        "ones are found by reading again (reconcile).",
    )
