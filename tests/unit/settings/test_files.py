"""Files that a configuration names: devices, pipes and bombs cost bounded time and memory, and a sentence."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.model.errors import ConfigError
from connector.sdk.expressions import Expression, ExpressionError
from connector.settings import files
from connector.settings.loader import load
from connector.settings.sources import MOST_FILES
from connector.settings.yaml_tree import DEEPEST, read

GOOD = """\
accounts: {main: {token: privy_0123}}
stores:
  acme:
    platform: woocommerce
    url: https://shop.acme.example
    credentials: {consumer_key: ck_1, consumer_secret: cs_1}
    account: main
"""


def told(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("/dev/zero", "/dev/zero: is larger than 4 MiB"),
        ("/dev/urandom", "/dev/urandom: is larger than 4 MiB"),
        ("loop", "loop: cannot be read (Too many levels of symbolic links)"),
        ("folder", "folder: cannot be read (Is a directory)"),
        ('"a\\0b"', "there is no file"),
        ("many/*", f"matches more than {MOST_FILES:,} files"),
    ],
)
def test_what_is_no_file_of_stores_is_told_and_bounded(tmp_path: Path, named: str, said: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    if named.startswith("many"):
        (tmp_path / "many").mkdir()
        for number in range(MOST_FILES + 1):
            (tmp_path / "many" / str(number)).touch()
    assert said in told(tmp_path / "connector.yaml", f"include: [{named}]\n{GOOD}")


@pytest.mark.parametrize(
    ("named", "said"),
    [("/dev/zero", "larger than 64 KiB"), ("folder", "Is a directory"), ("a\\0b", "No such file")],
)
def test_a_secret_that_is_no_file_is_told(tmp_path: Path, named: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    text = GOOD.replace("privy_0123", f'"${{file:{named}}}"')
    assert said in told(tmp_path / "connector.yaml", text)


def test_a_pipe_is_read_and_one_from_which_nothing_comes_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert files.read(pipe, 10) == b"", "nobody writes"
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    monkeypatch.setattr(files, "SECONDS", 0.1)
    with pytest.raises(TimeoutError):
        files.read(pipe, 10)
    monkeypatch.setattr(files, "SECONDS", 30.0)

    def write() -> None:
        os.write(writer, b"a: 1")
        os.close(writer)

    later = threading.Timer(0.1, write)
    later.start()
    assert files.read(pipe, 10) == b"a: 1"
    later.join()
    os.close(reader)


def test_no_more_than_allowed_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert files.read(file, 5) == b"12345"
    with pytest.raises(files.TooLarge):
        files.read(file, 4)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{" * 100_000,
        "{a: " * 50_000,
        "- " * 100_000,
        "? " * 100_000,
        "[a, " * 50_000,
        "[" * 50_000 + "]" * 50_000,
        "\n".join(" " * level + "a:" for level in range(1000)),
        "a: &a [*a]",
    ],
)
def test_yaml_that_is_nested_without_end_is_told(text: str) -> None:
    [problem] = read(text, "file").problems
    assert f"deeper than {DEEPEST} levels" in problem.what


def test_thousands_of_mistakes_are_told_in_part(tmp_path: Path) -> None:
    said = told(tmp_path / "connector.yaml", GOOD + "a: 1\n" * 3000)
    assert len(said.splitlines()) == 101
    assert said.endswith("more like these")


@pytest.mark.parametrize("value", ["[" * 100_000, '{"a":' * 100_000, '{"a":' * 100 + "1" + "}" * 100])
def test_an_environment_that_is_nested_without_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CONNECTOR_STORES", value)
    assert "CONNECTOR_STORES: must be JSON" in told(tmp_path / "connector.yaml", GOOD)


@pytest.mark.parametrize(
    "line",
    [
        "    live_from: 0001-01-01T00:00:00+23:59",
        "    webhook_fetches_per_minute: " + "9" * 4000,
        "    reconcile: {per_minute: " + "9" * 4000 + "}",
        "    mapping: {skip: {x: '" + "a || " * 5000 + "a'}}",
        "    mapping: {order_id: {strategy: offset, offset: " + "9" * 4000 + "}}",
    ],
)
def test_values_out_of_all_proportion_are_told(tmp_path: Path, line: str) -> None:
    assert "connector.yaml:8: stores.acme." in told(tmp_path / "connector.yaml", GOOD + line + "\n")


@pytest.mark.parametrize(
    "make",
    [
        lambda: "a || " * 700 + "a",
        lambda: "!" * 3900 + "a",
        lambda: "(" * 1900 + "a" + ")" * 1900,
    ],
)
def test_an_expression_that_could_not_be_evaluated_is_refused_at_load(make: Callable[[], str]) -> None:
    with pytest.raises(ExpressionError, match="nested too deeply"):
        Expression(make())
