"""``connector status``."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import click

from connector.admin import status as model
from connector.cli.context import as_json_option, print_json, with_app
from connector.cli.retire import of_unconfigured
from connector.cli.tables import print_table
from connector.model.durations import ago, for_people
from connector.model.states import BreakerKind

LONGEST_NOTE = 80  # characters; it holds a word of the shop


@click.command()
@click.option("--check", is_flag=True, help="Exit 1 when something is wrong: for scripts.")
@as_json_option
@click.pass_obj
def status(config: Path | None, as_json: bool, check: bool) -> None:
    """How every store, account and backfill stands.

    With --check it exits 0 only where every store is green, and no account nor the program itself rests.
    """
    now = with_app(config, lambda app: app.db.read(model.collect, app.settings, app.clock), reading=True)
    print_json(now) if as_json else show(now)
    sys.exit(1 if check and now.wrong else 0)


def _show_notes(store: model.StoreStatus) -> None:
    often = store.often_noted
    for note, count in often:
        click.echo(f"{store.name}: {count} orders with note {_short(note)}")
    if more := len(store.notes) - len(often):
        click.echo(f"{store.name}: and {more} more notes; --json lists them all")


def _short(note: str) -> str:
    return note if len(note) <= LONGEST_NOTE else note[:LONGEST_NOTE] + "…"


def show(now: model.Status) -> None:
    """The status as tables on stdout."""
    print_table(
        "Stores",
        [
            "",
            "store",
            "live from",
            "read",
            "read up to",
            "waiting live",
            "history",
            "delivered",
            "skipped",
            "failed",
        ],
        [
            [
                one.light,
                one.name,
                f"{one.live_from:%Y-%m-%d %H:%M}Z" if one.live_from else "not yet",
                ago(one.read_at, now.at),
                f"{one.position:%Y-%m-%d %H:%M:%S}Z" if one.position else "-",
                str(one.waiting_live),
                str(one.waiting_history),
                str(one.delivered),
                str(sum(one.skipped.values())),
                str(one.failed),
            ]
            for one in now.stores
        ],
    )
    print_table(
        "Accounts",
        ["account", "last minute", "last 24 h", "left today"],
        [
            [
                one.name,
                f"{one.minute_used} of {one.per_minute}",
                f"{one.day_used} of {one.per_day}",
                str(one.day_left),
            ]
            for one in now.accounts
        ],
    )
    going = [one for one in now.backfills if one.state not in ("done", "cancelled")]
    if going:
        print_table(
            "Backfills",
            ["store", "since", "found", "waiting", "done"],
            [
                [
                    one.store,
                    f"{one.since:%Y-%m-%d}",
                    f"{one.found} of {one.total or 'an unknown number'}",
                    str(one.waiting),
                    f"{one.done_at:%Y-%m-%d %H:%M}Z" if one.done_at else "soon",
                ]
                for one in going
            ],
        )
    for gone in now.unconfigured:
        click.echo(f"{gone.store}: {of_unconfigured(gone)}")
    for store in now.stores:
        for rule, count in sorted(store.skipped.items()):
            click.echo(f"{store.name}: {count} skipped by rule {rule}")
        _show_notes(store)
        if store.mapping:
            click.echo(f"{store.name}: {store.mapping.sentence}")
        for alarm in store.alarms:
            click.echo(f"{store.name}: {alarm.message}")
        if store.prevented:
            click.echo(
                f"{store.name}: {store.prevented} times a message about an old order was prevented only at "
                "the last moment; nothing was sent, but please report it"
            )
        if store.failed:
            click.echo(f"{store.name}: {store.failed} failed; see: connector failed list")
    found = [
        *((f"store {store.name}: ", trouble) for store in now.stores for trouble in store.troubles),
        *((f"account {account.name}: ", trouble) for account in now.accounts for trouble in account.troubles),
        *(("", trouble) for trouble in now.troubles),
    ]
    for whose, trouble in found:
        follows = "" if trouble.kind == BreakerKind.GAP else f"; {next_try(trouble, now.at)}"
        click.echo(f"{whose}{trouble.kind} since {trouble.since:%Y-%m-%d %H:%M}Z: {trouble.message}{follows}")


def next_try(trouble: model.Trouble, now: datetime) -> str:
    """When what rests is tried again, in words."""
    seconds = (trouble.until - now).total_seconds()
    if seconds <= 0:
        return "the next try is now"
    return f"the next try is at {trouble.until:%H:%M:%S}Z, in {for_people(timedelta(seconds=seconds))}"
