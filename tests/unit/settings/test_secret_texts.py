"""Secrets that were copied or saved badly are refused at load, each with its file, line and key."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.errors import ConfigError
from connector.settings.loader import load
from connector.settings.secret_texts import fault

KEY, PASSWORD, HOOK = ("credentials", "api_key"), ("credentials", "password"), ("webhook_secret", 1)
PLACES = (
    "accounts.main.token",
    "accounts.other.oauth.client_id",
    "accounts.other.oauth.client_secret",
    "stores.acme.credentials.consumer_key",
    "stores.acme.credentials.consumer_secret",
    "stores.acme.integration_token",
    "stores.acme.webhook_secret[0]",
    "stores.acme.webhook_secret[1]",
    "stores.house.credentials.token[0]",
    "stores.house.credentials.token[1]",
    "stores.vend.credentials.username",
    "stores.vend.credentials.password",
    "page.token",
    "page.metrics_token",
)
CONFIGURATION = """\
accounts:
  main: {token: "%(0)s"}
  other: {oauth: {client_id: "%(1)s", client_secret: "%(2)s"}}
stores:
  acme:
    platform: woocommerce
    url: https://shop.acme.example
    account: main
    credentials: {consumer_key: "%(3)s", consumer_secret: "%(4)s"}
    integration_token: "%(5)s"
    webhook_secret: ["%(6)s", "%(7)s"]
  house:
    platform: push
    url: https://house.example
    account: other
    credentials: {token: ["%(8)s", "%(9)s"]}
    mapping: {order_id: {strategy: hash}}
  vend:
    platform: vendure
    url: https://vend.example
    account: other
    credentials: {username: "%(10)s", password: "%(11)s"}
    mapping: {order_id: {strategy: hash}}
page: {token: "%(12)s", metrics_token: "%(13)s"}
"""
GOOD = "hush-0123456789-abcdef"


def written(folder: Path, **changed: str) -> Path:
    path = folder / "connector.yaml"
    path.write_text(CONFIGURATION % {**{str(number): GOOD for number in range(len(PLACES))}, **changed})
    path.chmod(0o600)
    return path


def test_good_secrets_are_taken(tmp_path: Path) -> None:
    assert load(written(tmp_path)).warnings == ()


@pytest.mark.parametrize("spoiled", [r"\rhush", r"hush\nhush", r"\u200bhush", r"\"hush\"", r"hush\0hush"])
def test_every_secret_is_checked_in_one_pass_and_none_is_shown(tmp_path: Path, spoiled: str) -> None:
    bad = {str(number): f"{spoiled}-0123456789-abcdef" for number in range(len(PLACES))}
    if spoiled.startswith(r"\""):
        bad = dict.fromkeys(bad, r"\"hush-0123456789-abcdef\"")
    path = written(tmp_path, **bad)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert [one.key for one in caught.value.problems] == sorted(
        PLACES, key=lambda key: [one.key for one in caught.value.problems].index(key)
    )
    assert {one.key for one in caught.value.problems} == set(PLACES)
    lines = path.read_text().splitlines()
    for problem in caught.value.problems:
        file, _, line = problem.where.rpartition(":")
        assert file == str(path)
        assert "hush" in lines[int(line) - 1]
        assert "hush" not in problem.what


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hush\rhush", "a line break"),
        ("hush\r", "a carriage return (5 of 5"),
        ("hush\n", "a line break (5 of 5"),
        ("hu\tsh", "a tab (3 of 5"),
        ("\u200bhush", "an invisible character (1 of 5"),
        ("hush\ufeff", "an invisible character (5 of 5"),
        ("hu\xa0sh", "an invisible character"),
        ("hu\xadsh", "an invisible character"),
        ("hu\u202esh", "an invisible character"),
        ("hu\x1b[0msh", "a control character"),
        ("hu\x00sh", "a control character"),
        ("hush\udcff", "bytes that are not UTF-8"),
        (" hush", "begins or ends with a space"),
        ("hush ", "begins or ends with a space"),
        ('"hush"', "quotes that are part of it"),
        ("'hush'", "quotes that are part of it"),
        ("“hush”", "quotes that are part of it"),
        ("«hush»", "quotes that are part of it"),
    ],
)
def test_what_no_secret_holds_is_named(text: str, said: str) -> None:
    for key in (KEY, PASSWORD, HOOK):
        assert said in fault(key, text)
        assert "hush" not in fault(key, text)


def test_people_use_every_letter_and_keys_do_not() -> None:
    for text in ("pässword", "парольпароль", "correct horse", "鍵鍵鍵", '"', 'say "hush"'):
        assert fault(PASSWORD, text) == ""
        assert fault(HOOK, text) == ""
    assert "a letter that a key or token cannot have (2 of 8" in fault(KEY, "pässword")
    assert "a space" in fault(KEY, "correct horse")


@given(st.text(string.ascii_letters + string.digits + "-_.~+/=:!#$%&*", min_size=1))
def test_what_a_header_carries_is_taken(text: str) -> None:
    assert fault(KEY, text) == ""


@given(st.text(st.characters(exclude_categories=[]), min_size=1, max_size=20))
def test_what_is_taken_can_be_sent(text: str) -> None:
    if fault(KEY, text) == "":
        assert text.encode("ascii").isalnum() or text.isprintable()
        assert text == text.strip()
