"""The command line: parse, load one command's module, call it, turn our errors into exit codes.

Command modules are imported when they are called, so that ``--help`` costs no more than click.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, EIO, ENOSPC
from importlib import import_module
from keyword import iskeyword
from pathlib import Path

import click

from connector.cli.streams import forget_the_rest, open_streams
from connector.model.errors import ConfigError, ConnectorError, UsageError
from connector.model.spelling import suggestion
from connector.runtime.interrupts import EndsAtOnce

# Command, its short help; the module connector.cli.<command> holds a click command of that name (with a
# "_" where that is a word of Python's own).
COMMANDS = {
    "run": "The daemon: poll, deliver, until it is told to stop.",
    "reload": "Make the running daemon read its configuration again.",
    "backfill": "Bring history in, with progress and an honest ETA.",
    "sync": "One round of polling and delivering, for cron.",
    "check": "Test configuration, credentials and the shops' limits.",
    "status": "How every store, account and backfill stands.",
    "preview": "What would be sent for an order, and where each field comes from.",
    "test": "Run the tests of mappings.",
    "diff": "What a changed mapping would change, and what that costs.",
    "coverage": "How often each field is filled, and which words have no meaning yet.",
    "sample": "An order's document made anonymous, to test a mapping with.",
    "explain": "One order's time-line: what came in, what went out, and why.",
    "failed": "The orders that could not be sent, and why.",
    "reconcile": "Read a shop again, make good what was missed, and show the sum.",
    "replay": "Send orders again, though unchanged.",
    "webhooks": "List, register or remove the shop's webhook subscriptions.",
    "health": "Ask the running daemon how it is.",
    "import": "Orders from a file, for a store whose orders are pushed.",
    "adopt": "Accept that a shop has moved to another address.",
    "retire": "Drop what is held of a store that is configured no longer.",
    "forget": "Purge a buyer's data held here.",
    "password": "Hash a password for the status page.",
    "init": "Write a commented starter configuration.",
    "schema": "The configuration's JSON Schema, for editors.",
    "platforms": "The adapters installed, and what each can do.",
    "sandbox": "A local stand-in for Privy that keeps its rules.",
    "demo": "Sandbox, a lively sample shop and the daemon, without any account.",
}


_WHILE_LOADING = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull, "FROZENLIST_NO_EXTENSIONS": "1"}


@contextmanager
def _thriftily() -> Iterator[None]:
    """Load modules without the collector, which finds nothing in them and takes a sixth of the time.

    And keep libraries from loading what they can do without, and foresee to be absent: rich, a tenth of a
    second and 5 MB for httpx and structlog, which commands import when they draw something; greenlet, and
    frozenlist's C extension, no faster for aiohttp's use of it, which bring C++'s library of 1 MB.

    And keep aiohttp from reading the machine's authorities twice, for two TLS contexts that are never used:
    ``connector.runtime.http`` reads them when it needs them.
    """
    hidden = {"rich", "pygments", "greenlet"} - sys.modules.keys()
    variables = {name: os.environ.get(name) for name in _WHILE_LOADING}
    gc.disable()
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: cannot be imported
    os.environ.update(_WHILE_LOADING)
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        for name, value in variables.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        gc.freeze()  # what was loaded stays
        gc.enable()


class LazyGroup(click.Group):
    """A group that knows its commands' names and short helps, and imports a command when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        with EndsAtOnce(), _thriftily():
            name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
            command = getattr(import_module(f"connector.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise UsageError(f"there is no command {args[0]!r}; {suggestion(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration; default: $CONNECTOR_CONFIG, ./connector.yaml, /etc/connector/connector.yaml.",
)
@click.version_option(package_name="privy-connector", prog_name="connector")
@click.pass_context
def connector(ctx: click.Context, config: Path | None) -> None:
    """Keeps online shops in step with Privy."""
    ctx.obj = config


def main() -> None:
    """The console script. Exits 0 good, 1 when something failed, 2 for wrong usage or configuration."""
    try:
        open_streams()
        _refuse_what_cannot_be_used()
        code = connector.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (ConfigError, UsageError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except ConnectorError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        forget_the_rest()
        sys.exit(1)
    except OSError as error:
        if error.errno not in (ENOSPC, EDQUOT, EFBIG, EIO):
            raise
        forget_the_rest()
        click.echo(f"Error: what is to be said cannot be written: {error.strerror}; make room", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse_what_cannot_be_used() -> None:
    """Raises UsageError for arguments and variables that would end in a fault of some library."""
    for argument in sys.argv[1:]:
        if not _is_text(argument):
            raise UsageError(
                f"the argument {argument!r} holds bytes that are not UTF-8; nothing is called so"
            )
    keys = os.environ.get("SSLKEYLOGFILE")
    try:
        if keys:
            Path(keys).open("ab").close()
    except OSError as error:
        raise UsageError(
            f"the environment's SSLKEYLOGFILE names {keys}, which cannot be written ({error.strerror}); "
            "unset it: it is for the debugging of TLS"
        ) from None


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True
