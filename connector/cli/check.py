"""``connector check``: a line each, green or red. It places no order in Privy."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import assert_never

import click
import msgspec

from connector.admin import mapping_change, status
from connector.admin.coverage import coverage
from connector.admin.mapping_change import MappingChange
from connector.cli.context import as_json_option, load, print_json
from connector.cli.coverage import places
from connector.cli.retire import of_unconfigured
from connector.daemon.app import App
from connector.daemon.registration import numbering_of
from connector.delivery import integration_tokens
from connector.delivery.answers import Outcome
from connector.delivery.sender import Sender, Verdict
from connector.ingest import subscriptions
from connector.ingest.remapping import in_use
from connector.ingest.source import Shop
from connector.model.durations import live_text
from connector.model.errors import AuthError, StateError, Unavailable
from connector.model.states import AttemptOutcome
from connector.state import quota

COVERED = 200  # of a store's newest orders that are mapped to see what its mapping has no meaning for
MOST_UNCOVERED = 5
SKEW_SECONDS = 30.0
_NO_BUDGET = "the budget of this minute or day is used up, so Privy was not asked; try again later"
COLORS = {"ok": "green", "warning": "yellow", "error": "red"}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One finding: ``level`` is ok, warning or error."""

    level: str
    subject: str
    message: str


@click.command()
@click.option("--offline", is_flag=True, help="Only the configuration; ask neither shops nor Privy.")
@as_json_option
@click.pass_obj
def check(config: Path | None, offline: bool, as_json: bool) -> None:
    """Test configuration, credentials and the shops' limits. Places no order in Privy.

    A good Privy token is told by the answer to a body that cannot create an order. Exits 1 on any error.
    """
    lines = asyncio.run(_check(config, offline))
    if as_json:
        print_json(lines)
    else:
        for line in lines:
            mark = click.style(f"{line.level:<8}", fg=COLORS[line.level])
            click.echo(f"{mark}{line.subject}: {line.message}")
    sys.exit(1 if any(line.level == "error" for line in lines) else 0)


async def _check(config: Path | None, offline: bool) -> list[Line]:
    loaded = load(config)
    settings = loaded.settings
    counts = f"stores: {len(settings.stores)}, accounts: {len(settings.accounts)}"
    lines = [Line(level="ok", subject="configuration", message=f"{loaded.path} is good: {counts}")]
    if not settings.stores:
        message = "there are no stores yet, so there is nothing to do; connector init writes one"
        lines.append(Line(level="warning", subject="stores", message=message))
    for name, numbering in numbering_of(settings).items():
        lines.append(
            Line(level="ok", subject=f"store {name}", message=f"orders are numbered {numbering.text}")
        )
    if offline:
        return lines
    async with App(loaded, reading=True) as app:
        for sender in app.senders.values():
            lines += await _account(app, sender)
        if app.db.elsewhere:
            message = f"it is not where it belongs: {app.db.elsewhere}; nothing is sent until it is adopted"
            message += " (connector adopt --database), which is right only if the other is not used any more"
            lines.append(Line(level="error", subject="database", message=message))
        now = await app.db.read(status.collect, settings, app.clock)
        lines += [*_known(now), *_unconfigured(now)]
        for one in await mapping_changes(app):
            lines.append(Line(level="warning", subject=f"store {one.store}", message=one.sentence))
        lines += [line for shop in app.shops.values() for line in await _uncovered(app, shop)]
        for found in await asyncio.gather(*(_shop(app, shop) for shop in app.shops.values())):
            lines += found
    return lines


def _unconfigured(now: status.Status) -> Iterable[Line]:
    """Stores that were taken out of the configuration and still hold something."""
    for one in now.unconfigured:
        yield Line(level="warning", subject=f"store {one.store}", message=of_unconfigured(one))


def _known(now: status.Status) -> Iterable[Line]:
    """What the daemon found out: who rests and why, and what looks wrong though nothing failed."""
    for store in now.stores:
        for alarm in (one for one in store.alarms if one.kind != "webhooks"):  # check looks at them itself
            yield Line(level="error", subject=f"store {store.name}", message=alarm.message)
    for kind, owners in (("store", now.stores), ("account", now.accounts)):
        for owner in owners:
            for trouble in (one for one in owner.troubles if one.lasting):
                since = f"rests since {trouble.since:%Y-%m-%d %H:%M}Z, is tried again by itself"
                message = f"{since}: {trouble.message}"
                yield Line(level="error", subject=f"{kind} {owner.name}", message=message)


async def _account(app: App, sender: Sender) -> Iterable[Line]:
    subject = f"account {sender.account}"
    lines: list[Line] = []
    try:
        told = await integration_tokens.ask(sender, None)
    except StateError as error:
        message = f"Privy was not asked, because that could not be recorded: {error}"
        return [Line(level="warning", subject=subject, message=message)]
    answers = [told]
    if told is None:
        lines.append(Line(level="warning", subject=subject, message=_NO_BUDGET))
    elif told.kind is not AttemptOutcome.REFUSED:
        lines.append(Line(level="error", subject=subject, message=told.detail))
    else:
        lines.append(Line(level="ok", subject=subject, message="Privy takes the token"))
        for token, store in {token: store for store, token in sender.tokens.items() if token}.items():
            verdict, answer = await integration_tokens.judge(sender, token, told)
            answers.append(answer)
            lines.append(_of_token(store, verdict, answer))
    now = app.clock.now()
    said_at = next((one.said_at for one in reversed(answers) if one is not None and one.said_at), None)
    if said_at is not None and abs((now - said_at).total_seconds()) > SKEW_SECONDS:
        skew = (now - said_at).total_seconds()
        where = "ahead of" if skew > 0 else "behind"
        message = f"this machine's clock is {abs(skew):.0f} s {where} Privy's; set it"
        lines.append(Line(level="error", subject="clock", message=message))
    stated = await app.db.read(quota.limits_seen, sender.account)
    for level, what in _granted(sender, stated):
        lines.append(Line(level=level, subject=subject, message=what))
    return lines


def _granted(sender: Sender, stated: Mapping[str, int]) -> Iterable[tuple[str, str]]:
    """What Privy's headers say of the limits, where the configuration says otherwise."""
    limits = sender.limits
    for span, configured, is_cap in (
        ("minute", limits.per_minute, limits.minute_is_cap),
        ("day", limits.per_day, limits.day_is_cap),
    ):
        granted = stated.get(span, configured)
        key = f"accounts.{sender.account}.quota.per_{span}"
        if granted == configured:
            continue
        if not is_cap:
            yield "ok", f"Privy grants {granted} requests a {span}, and that is what is kept to"
        elif granted < configured:
            yield (
                "warning",
                f"{key} is {configured}, but Privy grants {granted} a {span}, and that is what is kept to; "
                f"set it to {granted}, or take it out",
            )
        else:
            yield (
                "ok",
                f"Privy grants {granted} requests a {span}, and {key} keeps to {configured} of them; take it "
                "out to use them all",
            )


def _of_token(store: str, verdict: Verdict, answer: Outcome | None) -> Line:
    """What was found out of a store's integration token."""
    subject = f"store {store}"
    match verdict:
        case Verdict.TAKEN:
            return Line(level="ok", subject=subject, message="Privy takes the integration token")
        case Verdict.REFUSED:
            said = answer.detail if answer else ""
            message = f"Privy refuses the integration token ({said}); check the store's integration_token"
            return Line(level="error", subject=subject, message=message)
        case Verdict.UNKNOWN:
            why = _NO_BUDGET if answer is None else answer.detail
            message = f"whether Privy takes the integration token could not be found out: {why}"
            return Line(level="warning", subject=subject, message=message)
        case _:
            assert_never(verdict)


async def mapping_changes(app: App) -> list[MappingChange]:
    """What changed mappings would change of orders that Privy has; counted now where that was not done."""
    found = []
    for shop in app.shops.values():
        used = await in_use(shop)
        if used.since is not None:
            limits = app.settings.accounts[shop.account].limits
            use = await app.db.read(status.usage_of, shop.account, app.clock.steady())
            found.append(mapping_change.of(used, limits, use))
    return [one for one in found if one is not None]


async def _uncovered(app: App, shop: Shop) -> list[Line]:
    """The worst of what the store's mapping makes of its newest orders; the whole is connector coverage."""
    found = await coverage(shop, last=COVERED)
    worst = list(found.worst(places(app.path, shop.name)))
    shown = worst[:MOST_UNCOVERED]
    if more := len(worst) - len(shown):
        shown.append(f"and {more} more like these: connector coverage {shop.name}")
    return [Line(level="warning", subject=f"store {shop.name}", message=one) for one in shown]


async def _shop(app: App, shop: Shop) -> list[Line]:
    subject = f"store {shop.name}"
    try:
        report = await shop.adapter.check()
    except (AuthError, Unavailable) as error:
        return [Line(level="error", subject=subject, message=str(error))]
    lines = [
        Line(level=one.level, subject=f"{subject}, {one.subject}", message=one.message)
        for one in report.findings
    ]
    if shop.pushed:
        origin = app.settings.public_url or f"http://{app.settings.listen}"
        message = f"orders are taken at {origin}/orders/{shop.name}"
        lines.append(Line(level="ok", subject=subject, message=message))
    known = shop.facts.identity
    if known and report.identity and known != report.identity:
        message = (
            f"the shop says it is {report.identity}, this store began with {known}; if it moved: "
            f"connector adopt {shop.name}"
        )
        lines.append(Line(level="error", subject=subject, message=message))
    lines.append(Line(level="ok", subject=subject, message=live_text(shop.facts.live_from)))
    if shop.facts.live_from is not None and shop.facts.live_from < shop.facts.first_seen_at:
        message = (
            f"live_from {shop.facts.live_from:%Y-%m-%d %H:%M}Z lies before this program first ran here "
            f"({shop.facts.first_seen_at:%Y-%m-%d %H:%M}Z): orders in between go out as live and can write "
            "to their buyers"
        )
        lines.append(Line(level="warning", subject=subject, message=message))
    return lines + await _webhooks(app, shop)


async def _webhooks(app: App, shop: Shop) -> list[Line]:
    """Whether the shop sends what the configuration expects."""
    if not subscriptions.expected(shop, app.settings):
        return []
    subject = f"store {shop.name}, webhooks"
    address = subscriptions.address_of(shop.name, app.settings)
    try:
        wrong = subscriptions.faults(shop, await subscriptions.inspect(shop, address))
    except (AuthError, Unavailable) as error:
        return [Line(level="warning", subject=subject, message=f"cannot be looked at: {error}")]
    if not wrong:
        return [Line(level="ok", subject=subject, message="the shop sends all that are needed")]
    return [Line(level="warning", subject=subject, message=message) for message in wrong.values()]
