"""``connector health``: asks the running daemon."""

from __future__ import annotations

import http.client
import ipaddress
import sys
from pathlib import Path
from typing import Any

import click

from connector.cli.context import as_json_option, print_json
from connector.model.errors import StateError, UsageError
from connector.runtime import exact_json
from connector.settings import loader

SECONDS = 8.0


@click.command()
@click.option("--ready", is_flag=True, help="Exit 1 also when it lives, but cannot do its work now.")
@as_json_option
@click.pass_obj
def health(config: Path | None, ready: bool, as_json: bool) -> None:
    """Ask the running daemon how it is, at the address of listen. Exits 0 when it answers, else 1.

    With --ready it must be able to work, too: database, shops and accounts without a pause, fresh polls.
    """
    found = _ask(*loader.address(config))
    if as_json:
        print_json(found)
    else:
        click.echo(f"The daemon answers; it is {found['status']}.")
        for reason in found["reasons"]:
            click.echo(f"- {reason}")
    sys.exit(1 if ready and found["status"] != "ready" else 0)


def _ask(host: str, port: int) -> dict[str, Any]:
    if not port:
        raise UsageError("listen has port 0, so the daemon's port is known from its log only; choose a port")
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=SECONDS)
    try:
        connection.request("GET", "/readyz", headers={"Accept": "application/json"})
        found = exact_json.decode(connection.getresponse().read())
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", "") or str(error) or type(error).__name__
        raise StateError(f"no daemon answers on {host}:{port} ({why})") from None
    except exact_json.NotJSON:
        found = None
    finally:
        connection.close()
    if not isinstance(found, dict) or not isinstance(found.get("reasons"), list):
        raise StateError(f"what answers on {host}:{port} is not the connector's daemon")
    return found


def _reachable(host: str) -> str:
    """Where to ask a daemon that listens on every address of the machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
