"""Credentials of platforms that take a key as well as the login of one of the shop's users."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from connector.model.strict import StrictModel


class KeyOrLogin(StrictModel):
    """Either the key, in the field that ``key_field`` names, or user name and password."""

    key_field: ClassVar[str]

    username: SecretStr | None = Field(default=None, min_length=1)
    password: SecretStr | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        half = (self.username is None) != (self.password is None)
        if half or (self.username is None) == (getattr(self, self.key_field) is None):
            raise ValueError(f"give either {self.key_field}, or username and password")
        return self

    @property
    def login(self) -> dict[str, str]:
        """User name and password in plain, under these names; only where there is no key."""
        assert self.username is not None
        assert self.password is not None
        return {
            "username": self.username.get_secret_value(),
            "password": self.password.get_secret_value(),
        }
