"""``connector demo``."""

from __future__ import annotations

import asyncio
import signal
import sys

import click

from connector.cli.context import as_json_option, print_json
from connector.cli.tables import print_table
from connector.demo.demo import Demo, Fell, Seen, Summary

MOST = 10  # problems that are shown one by one


@click.command()
@click.option("--seconds", type=click.FloatRange(1), help="How long the shop lives; default: until Ctrl-C.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another story.")
@as_json_option
def demo(seconds: float | None, seed: int, as_json: bool) -> None:
    """Sandbox, a lively sample shop and the daemon, without any account.

    Each call that reaches the sandbox is a line. Ctrl-C closes the shop, lets the last orders come in and
    shows the summary; a second Ctrl-C does not wait for them. Exits 0 only when every order reached its
    final state in the sandbox and no old order started a flow.
    """
    try:
        summary = asyncio.run(_run(seconds, seed))
    except Fell as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    print_json(summary) if as_json else _show_summary(summary)
    sys.exit(1 if summary.problems else 0)


async def _run(seconds: float | None, seed: int) -> Summary:
    run = Demo(tell=lambda sentence: click.echo(sentence, err=True), show=_show, seed=seed)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, run.stop.set)
    return await run.run(seconds)


def _show(seen: Seen) -> None:
    """One line an arrival."""
    if seen.status not in (200, 201):
        click.echo(f"{seen.at:%H:%M:%S}  order {seen.order_id or '?':<6} refused: {seen.status}", err=True)
        return
    lane, sync = ("history", "true ") if seen.initial_sync else ("live   ", "false")
    flows = f"→ {' and '.join(seen.flows)}" if seen.flows else "no flow"
    statuses = f"{seen.financial_status} / {seen.fulfillment_status}"
    click.echo(
        f"{seen.at:%H:%M:%S}  order {seen.order_id:<6} {'new    ' if seen.status == 201 else 'update '}"
        f"{lane}  initial_sync={sync}  {statuses:<36} {seen.amount:>14}  {seen.contact:<15}  {flows}",
        err=True,
    )


def _show_summary(summary: Summary) -> None:
    rows = [
        ["orders in the shop", str(summary.shop_orders)],
        ["in the sandbox as history", str(summary.history)],
        ["in the sandbox as live orders", str(summary.live)],
        ["not sent (carts, test orders, no contact)", str(summary.not_sent)],
        ["calls", str(summary.calls)],
        ["calls refused for the limits (429)", str(summary.rate_limited)],
        ["flows Order Placed", str(summary.order_placed_flows)],
        ["flows Order Received", str(summary.order_received_flows)],
        ["flows for old orders", str(summary.historical_flows)],
    ]
    print_table("What happened", ["", "count"], rows)
    for problem in summary.problems[:MOST]:
        click.echo(f"Wrong: {problem}")
    if len(summary.problems) > MOST:
        click.echo(f"Wrong: {len(summary.problems) - MOST} more like these; --json lists them all")
    if not summary.problems:
        click.echo(
            "Every order of the shop is in its final state in the sandbox; no old order wrote to anybody."
        )
