"""Orders that are pushed: a headless shop or a system of one's own sends each order when it changes.

The document is whatever the sender has; JMESPath expressions under ``options`` say where things stand in it.
Their defaults are the names of Privy's own order, so a sender that speaks those needs none.

The body is the order: there is nobody to ask afterwards. Its version is the change time, or the counter,
that the document states; without one the order of arrival counts, and a sender that repeats an older state
after a newer one is believed.

How verified: by the tests; signatures by the reference example of the Standard Webhooks specification
(https://www.standardwebhooks.com).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.push import configuration
from adapters.push.parse import Parser
from adapters.push.signing import authenticate
from connector.model.order import Document, Order
from connector.runtime.http import Http
from connector.sdk.contract import Finding, PushedAdapter, ShopReport, Traits, WebhookRequest


class Push(PushedAdapter[configuration.Credentials, configuration.Options]):
    """One sender of orders."""

    Credentials = configuration.Credentials
    Options = configuration.Options
    traits = Traits(
        title="Push (any JSON order)",
        ids="integer",
        webhooks=False,
        history=False,
        verified="the tests of this package; signatures by the reference example of Standard Webhooks",
    )

    def __init__(
        self,
        *,
        url: str,
        credentials: configuration.Credentials,
        options: configuration.Options,
        http: Http,
    ) -> None:
        super().__init__(url=url, credentials=credentials, options=options, http=http)
        self._parser = Parser(options)
        self.dated = not options.version
        self._tokens = [token.get_secret_value() for token in credentials.token]

    async def check(self) -> ShopReport:
        """Says how versions are told; there is no shop that could be reached."""
        options = self.options
        if options.changed_at or options.version:
            what = f"the newest state of an order is told by {options.changed_at or options.version}"
            found = Finding(level="ok", subject="versions", message=what)
        else:
            what = (
                "the order of arrival tells which state of an order is the newest; a sender that may repeat "
                "or swap deliveries should state a time or a counter: options.changed_at, options.version"
            )
            found = Finding(level="warning", subject="versions", message=what)
        findings = [found]
        if not self._tokens:
            what = (
                "there is no credentials.token: who pushes must sign with the store's webhook_secret; "
                "without either, connector import is the only way in"
            )
            findings.append(Finding(level="warning", subject="senders", message=what))
        return ShopReport(findings=findings)

    def authenticate(self, request: WebhookRequest, secrets: Sequence[str], now: datetime) -> str:
        """See ``signing``."""
        return authenticate(request, self._tokens, secrets, now)

    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """See ``parse``."""
        return self._parser.document(body, arrived_at)

    def parse(self, document: Document) -> Order:
        """See ``parse``."""
        return self._parser.parse(document)
