"""``connector sandbox``: a stand-in for Privy on this machine."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import click

from connector.sandbox.access import new_token
from connector.sandbox.journal import Arrival
from connector.sandbox.limits import PER_DAY, PER_MINUTE, Kind, Limits
from connector.sandbox.privy import Business, Sandbox
from connector.sandbox.server import serving


def _limit(context: click.Context, parameter: click.Parameter, value: str) -> int | None:
    if value == "none":
        return None
    if value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    raise click.BadParameter(f"{value!r} is neither a whole number of requests nor none")


def _clients(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    clients = dict(value.split(":", 1) for value in values if ":" in value)
    if len(clients) < len(values) or not all(name and secret for name, secret in clients.items()):
        raise click.BadParameter("write each application once, as id:secret")
    return clients


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; default: any free one.")
@click.option(
    "--per-minute", metavar="N|none", callback=_limit, default=str(PER_MINUTE), show_default=True,
    help="Requests a minute.",
)  # fmt: skip
@click.option(
    "--per-day", metavar="N|none", callback=_limit, default=str(PER_DAY), show_default=True,
    help="Requests a day.",
)  # fmt: skip
@click.option(
    "--window", type=click.Choice(["fixed", "sliding"]), default="fixed", show_default=True,
    help="Whether limits count by the clock's minute and day, or over the last ones.",
)  # fmt: skip
@click.option("--token", "tokens", multiple=True, help="API token to accept; default: a new one.")
@click.option(
    "--client", "clients", metavar="ID:SECRET", multiple=True, callback=_clients, help="OAuth application."
)
@click.option(
    "--integration", "integrations", metavar="TOKEN", multiple=True, help="Custom Integration's token."
)
@click.option(
    "--wording", metavar="TEXT", default="",
    help="How an unknown integration token is refused; default: by a detail that names the header.",
)  # fmt: skip
@click.option(
    "--data",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps what arrived; default: none.",
)
@click.option("--follow/--no-follow", default=None, help="Show each request; default: on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, one object a line.")
def sandbox(
    host: str,
    port: int,
    per_minute: int | None,
    per_day: int | None,
    window: Kind,
    tokens: tuple[str, ...],
    clients: dict[str, str],
    integrations: tuple[str, ...],
    wording: str,
    data: Path | None,
    follow: bool | None,
    as_json: bool,
) -> None:
    """A local stand-in for Privy that keeps its rules and limits, and shows what arrived.

    Nothing sent to it reaches Privy or a buyer. Prints its address and a token, then runs until it is
    stopped; the address in a browser shows orders, contacts and the flows that would have started.
    """
    business = Business(limits=Limits(per_minute, per_day, window), integrations=integrations)
    business.wording = wording
    show = sys.stdout.isatty() if follow is None else follow
    privy = Sandbox(business, data=data)
    privy.on_arrival = (lambda arrival: _show_while_read(privy, arrival, as_json)) if show else None
    for token in tokens or (new_token(),):
        privy.access.add_token(business.name, token)
    for client_id, secret in clients.items():
        privy.access.add_application(business.name, client_id, secret)
    asyncio.run(_run(privy, host, port, as_json))


async def _run(privy: Sandbox, host: str, port: int, as_json: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with serving(privy, host=host, port=port) as base_url:
        token = next(iter(privy.access.grants))
        if as_json:
            click.echo(json.dumps({"base_url": base_url, "token": token, "page": f"{base_url}/"}))
        else:
            click.echo(f"The sandbox is at {base_url} (open it in a browser); Ctrl-C ends it.")
            click.echo(f"token: {token}")
        sys.stdout.flush()
        await stopped.wait()


def _show_while_read(privy: Sandbox, arrival: Arrival, as_json: bool) -> None:
    try:
        _show(arrival, as_json)
    except OSError:  # nobody reads it any more; whoever sends orders must not notice
        privy.on_arrival = None


def _show(arrival: Arrival, as_json: bool) -> None:
    """One line a request, with nothing of the buyer."""
    if as_json:
        seen = {
            "received_at": arrival.received_at.isoformat(),
            "order_id": arrival.order_id,
            "status": arrival.status,
            "stored": arrival.stored,
            "initial_sync": arrival.initial_sync,
            "fault": arrival.fault,
        }
        click.echo(json.dumps(seen))
        return
    answer = str(arrival.status or arrival.fault)
    lane = {None: "", False: "live", True: "history"}[arrival.initial_sync]
    click.echo(f"{arrival.received_at:%H:%M:%S}  {answer:<6} order {arrival.order_id or '?'}  {lane}")
