"""The command line's first moments, and what no command can use: a sentence, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "connector"]
QUICK = "import sys, connector.__main__ as it; sys.stderr.write('here\\n'); it.main()"

CONFIGURATION = """
database: sqlite:///connector.db
listen: 127.0.0.1:0
accounts: {main: {token: privy-token-of-a-test, base_url: "http://127.0.0.1:9"}}
stores:
  acme:
    platform: sample
    url: http://127.0.0.1:9
    account: main
    integration_token: an-integration-token-of-a-test
    credentials: {api_key: a-key-of-a-test}
"""
SWALLOWING = """
import os, signal, sys

class Swallowing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000): pass  # Python ignores what is raised here

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["LOADING"]:
            Swallowing()

sys.meta_path.insert(0, Finder())
import connector.__main__ as it
it.main()
"""


@pytest.mark.parametrize("wait", [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4])
def test_ctrl_c_at_any_moment_of_the_start_is_answered_with_a_word(tmp_path: Path, wait: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", QUICK, "sandbox", "--port", "0"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"]},
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stderr.readline() == b"here\n"
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        said = _last_words(process)
    assert b"Traceback" not in said
    assert process.returncode in (0, 130), said
    assert said.strip() in (b"Interrupted.", b"")


@pytest.mark.parametrize("loading", ["connector.cli.main", "connector.cli.sandbox", "adapters.sample"])
def test_ctrl_c_where_python_swallows_exceptions_ends_the_program(tmp_path: Path, loading: str) -> None:
    (tmp_path / "connector.yaml").write_text(CONFIGURATION)
    command = ["run"] if loading.startswith("adapters") else ["sandbox"]
    with subprocess.Popen(
        [sys.executable, "-c", SWALLOWING, *command], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"], "LOADING": loading},
    ) as process:  # fmt: skip
        said = _last_words(process)
    assert (process.returncode, said) == (130, b"Interrupted.\n")


def _last_words(process: subprocess.Popen[bytes]) -> bytes:
    """What it says on stderr until it ends; one that does not end is killed, and named by its exit code."""
    try:
        return process.communicate(timeout=60)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[1]


def test_whoever_starts_it_in_the_background_keeps_ctrl_c_from_it() -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); import connector.__main__; "
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        [b"explain", b"p", b"\xff1"],
        [b"-c", b"\xff.yaml", b"check"],
        [b"\xc3("],
        [b"failed", b"show", b"p", b"\xed\xa0\x80"],
    ],
)
def test_bytes_that_are_no_text_are_told(tmp_path: Path, arguments: list[bytes]) -> None:
    finished = subprocess.run([*PROGRAM, *arguments], cwd=tmp_path, capture_output=True, check=False)
    assert finished.returncode == 2
    assert finished.stdout == b""
    assert b"bytes that are not UTF-8" in finished.stderr
    assert b"Traceback" not in finished.stderr


@pytest.mark.parametrize("place", ["nowhere/keys", ".", "/proc/keys"])
def test_a_key_log_that_cannot_be_written_is_told(tmp_path: Path, place: str) -> None:
    finished = subprocess.run(
        [*PROGRAM, "platforms"], cwd=tmp_path, capture_output=True, check=False,
        env={"PATH": os.environ["PATH"], "SSLKEYLOGFILE": place},
    )  # fmt: skip
    assert finished.returncode == 2
    assert f"SSLKEYLOGFILE names {place}".encode() in finished.stderr
    assert b"Traceback" not in finished.stderr
