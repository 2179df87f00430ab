"""``make live``: see the package. Prints a table; exit 1 when a shop and Privy differ in anything."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.live.proof import Result, prove
from tests.live.shop import LiveShop

HERE = Path(__file__).parent
SHOPS = sorted(path.parent.name for path in HERE.glob("*/__init__.py"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__)
    parser.add_argument("--shops", default=",".join(SHOPS), help=f"which of {', '.join(SHOPS)}; default: all")
    parser.add_argument(
        "--folder",
        type=Path,
        default=HERE.parents[1] / ".live",
        help="keeps what was installed (default: .live)",
    )
    parser.add_argument("--record", action="store_true", help="keep recordings for make test")
    arguments = parser.parse_args()
    chosen = [name for name in arguments.shops.split(",") if name]
    unknown = [name for name in chosen if name not in SHOPS]
    if unknown:
        parser.error(f"no such shop: {', '.join(unknown)}")
    results = [asyncio.run(_prove(name, arguments.folder, arguments.record)) for name in chosen]
    console = Console(width=150)
    console.print(_overview(results), _latencies(results))
    for result in results:
        for fault in result.faults:
            console.print(f"{result.shop}: {fault}", style="red", highlight=False)
    return 1 if any(result.faults for result in results) else 0


async def _prove(name: str, folder: Path, keep: bool) -> Result:
    task = asyncio.current_task()
    assert task is not None
    # However it ends, what was started is stopped.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    shop: LiveShop = import_module(f"tests.live.{name}").Shop(folder / name)
    shop.folder.mkdir(parents=True, exist_ok=True)
    work = shop.folder / "connector"  # kept, to look at afterwards
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        return await prove(shop, work, keep=keep)
    except Exception:  # the other shops' proofs are worth having
        traceback.print_exc()
        return Result(shop.title, faults=["broke off: see above, and the logs in " + str(shop.folder)])


def _overview(results: list[Result]) -> Table:
    table = Table("", *(result.shop for result in results), title="Shop and Privy, order by order")
    rows = {
        "orders at the shop": [str(one.orders) for one in results],
        "of them placed before the store went live": [str(one.past) for one in results],
        "Order Placed started": [str(one.placed_flows) for one in results],
        "steps of the merchant": [str(one.steps) for one in results],
        "calls to Privy": [str(one.calls) for one in results],
        "requests to the shop a minute": [f"{one.per_minute:.0f}" for one in results],
        "requests of the sweep in its busiest minute": [str(one.sweep_per_minute) for one in results],
        "differences and broken promises": [str(len(one.faults)) for one in results],
    }
    for name in dict.fromkeys(name for one in results for name in one.seconds):
        rows[f"seconds: {name}"] = [f"{one.seconds.get(name, 0):.0f}" for one in results]
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table


def _latencies(results: list[Result]) -> Table:
    table = Table(
        "shop",
        "step",
        "moves the order's time",
        "times",
        "median s",
        "slowest s",
        "allowed s",
        title="From a step to Privy",
    )
    for result in results:
        for step, seconds in result.latency.items():
            table.add_row(
                result.shop,
                step,
                "no" if step in result.silent else "yes",
                str(len(seconds)),
                f"{median(seconds):.1f}",
                f"{max(seconds):.1f}",
                f"{result.limit:.0f}",
            )
    return table


if __name__ == "__main__":
    sys.exit(main())
