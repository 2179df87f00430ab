"""The demo as a process: what it says, what it leaves behind, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from connector.demo.demo import Demo, Seen
from connector.demo.shop.catalogue import checkout
from connector.runtime import exact_json


def test_a_short_demo_delivers_everything_and_writes_to_nobody_about_old_orders(tmp_path: Path) -> None:
    with _started(tmp_path, "--seconds", "4", "--json") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, f"{out}{err}"
    summary = exact_json.decode(out)
    assert summary["problems"] == []
    assert summary["history"] > 80
    assert summary["live"] >= 1
    assert summary["order_placed_flows"] == summary["live"]
    assert summary["historical_flows"] == 0
    assert summary["rate_limited"] == 0
    assert "Status page: http://127.0.0.1:" in err
    assert "initial_sync=true" in err
    assert "→ Order Placed" in err
    assert "@example.com" in err
    assert not [line for line in err.splitlines() if "june@" in line], "contacts are masked"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_demo_with_its_summary_and_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    with _started(tmp_path) as process:
        assert process.stderr is not None
        while "initial_sync" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        while "closed" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "What happened" in out
    assert "did not arrive" in out
    assert list(tmp_path.iterdir()) == []
    assert _children_of(tmp_path) == []


async def test_an_order_that_did_not_arrive_is_named() -> None:
    seen: list[Seen] = []
    demo = Demo(tell=lambda sentence: None, show=seen.append, seed=1)
    order = demo.shop.add(**_fields(), payment="paid", delivery="new")
    summary = await demo.judge(datetime.now(UTC) + timedelta(minutes=1))
    assert summary.problems == [f"order {order.id} did not arrive"]
    assert seen == []


def _fields() -> dict[str, object]:
    return checkout(Random(1), "plain")


def _started(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "connector", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )


def _children_of(folder: Path) -> list[str]:
    """Processes whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/connector-demo-" in line:
            found.append(line)
    return found
