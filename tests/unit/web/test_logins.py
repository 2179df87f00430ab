"""Platforms that take a login instead of a key: the session lasts, and is begun anew when it has ended."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connector.model.errors import AuthError
from connector.runtime.http import Http
from connector.sdk import registry
from tests.shops.oscar import contract as oscar
from tests.shops.vendure import contract as vendure

STAND_INS: dict[str, Any] = {"oscar": oscar.stand_in, "vendure": vendure.stand_in}
KEYS = {"oscar": "token", "vendure": "api_key"}


@pytest.mark.parametrize("platform", STAND_INS)
async def test_a_login_lasts_and_is_renewed_when_its_session_ends(platform: str) -> None:
    with STAND_INS[platform]() as stand:
        (ref,) = stand.place(1)
        shop = stand.shop
        username, password = shop.login
        found = registry.adapter(platform)
        async with Http() as http:
            adapter = found(
                url=stand.url,
                credentials=found.Credentials.model_validate({"username": username, "password": password}),
                options=found.Options(),
                http=http,
            )
            for _ in range(3):
                assert await adapter.fetch(ref)
            assert len(shop.sessions) == 1
            shop.sessions.clear()
            assert await adapter.fetch(ref)
            shop.sessions.clear()
            shop.login = (username, "another")
            with pytest.raises(AuthError) as caught:
                await adapter.fetch(ref)
            assert password not in str(caught.value)


@pytest.mark.parametrize("platform", STAND_INS)
def test_credentials_are_a_key_or_a_whole_login(platform: str) -> None:
    key, login = KEYS[platform], {"username": "a", "password": "p"}
    model = registry.adapter(platform).Credentials
    assert model.model_validate({key: "k"})
    assert model.model_validate(login)
    for wrong in (
        {},
        {"username": "a"},
        {"password": "p"},
        {key: "k", **login},
        {key: "k", "password": "p"},
        {key: ""},
    ):
        with pytest.raises(ValidationError):
            model.model_validate(wrong)
