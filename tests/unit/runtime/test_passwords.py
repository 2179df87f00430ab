"""Passwords as hashes, the command that makes them, and what the configuration says of wrong ones."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from connector.model.errors import ConfigError
from connector.runtime import passwords
from connector.settings import loader

PASSWORD = "grüne Wiese 🌱 im März"


def test_a_password_matches_its_own_hash_alone() -> None:
    made = passwords.hashed(PASSWORD)
    assert passwords.matches(PASSWORD, made)
    assert not passwords.matches(PASSWORD[:-1], made)
    assert not passwords.matches("", made)
    assert passwords.hashed(PASSWORD) != made, "each has a salt of its own"
    assert PASSWORD not in made


@pytest.mark.parametrize(
    "text",
    [
        "", "secret", "scrypt:14:8:5:x:y", "scrypt:14:8:5:AAAAAAAAAAAAAAAAAAAAAA:",
        "scrypt:31:8:5:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAA",
        "scrypt:14:0:5:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAA",
        "bcrypt:14:8:5:AAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAA",
        "scrypt:14:8:5:ÄAAAAAAAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAA",
    ],
)  # fmt: skip
def test_anything_else_is_no_hash(text: str) -> None:
    with pytest.raises(ValueError, match="connector password"):
        passwords.check(text)


def test_the_command_makes_a_hash_that_the_configuration_takes(tmp_path: Path) -> None:
    made = _command(PASSWORD + "\n")
    assert made.returncode == 0, made.stderr
    config = tmp_path / "connector.yaml"
    config.write_text(f"page:\n  password_hash: {made.stdout}")
    page = loader.load(config).settings.page
    assert page.password_hash is not None
    assert passwords.matches(PASSWORD, page.password_hash.get_secret_value())
    assert made.stdout.strip() in loader.load(config).secrets


@pytest.mark.parametrize("text", ["", "\n", "short\n"])
def test_the_command_takes_no_short_password(text: str) -> None:
    refused = _command(text)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "at least 10 characters" in refused.stderr


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("password_hash", "plain-password-12345", "connector password"),
        ("token", "short-token", "20 random characters"),
        ("password", "plain-password-12345", "password_hash"),
    ],
)
def test_a_wrong_setting_is_told_without_its_value(tmp_path: Path, key: str, value: str, said: str) -> None:
    config = tmp_path / "connector.yaml"
    config.write_text(f"page:\n  {key}: {value}\n")
    with pytest.raises(ConfigError) as raised:
        loader.load(config)
    assert f"page.{key}" in str(raised.value)
    assert said in str(raised.value)
    assert value not in str(raised.value)


def test_the_environment_can_give_the_page_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "connector.yaml"
    config.write_text(f"page:\n  password_hash: {passwords.hashed(PASSWORD)}\n")
    monkeypatch.setenv("CONNECTOR_PAGE", '{"token": "0123456789-0123456789"}')
    page = loader.load(config).settings.page
    assert page.token is not None
    assert page.password_hash is not None
    monkeypatch.setenv("CONNECTOR_PAGE", "0123456789-0123456789")
    with pytest.raises(ConfigError, match=r"CONNECTOR_PAGE: must be JSON: an object$"):
        loader.load(config)


async def test_checking_a_password_leaves_the_loop_alone() -> None:
    made = passwords.hashed(PASSWORD)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    assert await asyncio.to_thread(passwords.matches, PASSWORD, made)
    turning.cancel()
    assert turns > 5


def _command(text: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "connector", "password"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
