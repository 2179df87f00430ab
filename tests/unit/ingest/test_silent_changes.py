"""What no poll shows reaches Privy with the next sweep over open orders, at few requests to the shop.

The changes are those of the diaries that were kept on a real Medusa and a real Vendure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connector.mapping.order_ids import Numbering, Strategy
from connector.runtime.http import Http
from connector.sdk import graphql
from tests.privy import running_sandbox
from tests.program import STORE, TOKEN, Front, Program, until
from tests.shops.diary import Poll, Step, diary
from tests.shops.medusa import contract as medusa
from tests.shops.vendure import contract as vendure

STAND_INS: dict[str, Any] = {"medusa": medusa.stand_in, "vendure": vendure.stand_in}
OPTIONS = {"medusa": {}, "vendure": {"page_size": 10}}

# Every change of the diaries by which no time of its order moved, and what Privy must hold after it.
SILENT = {
    "medusa": {"capture A": ("paid", "unfulfilled")},
    "vendure": {
        "settle B": ("paid", "unfulfilled"),
        "fulfil A": ("paid", "in_progress"),
        "ship A": ("paid", "fulfilled"),
        "refund C": ("paid", "unfulfilled"),  # under way: no money went back yet
        "settle_refund C": ("partially_refunded", "unfulfilled"),
        "deliver A": ("paid", "delivered"),
    },
}
OTHERS = 30  # open orders besides
SWEEP = {"medusa": [20, 13], "vendure": [10, 10, 10, 3]}  # orders that each request of a sweep asks for
PACE = 1.0  # seconds: sixty requests a minute


@pytest.mark.parametrize("platform", SILENT)
async def test_the_stand_in_shows_a_poll_what_the_real_shop_showed(platform: str) -> None:
    polls = 0
    with STAND_INS[platform]() as stand:
        async with Http() as http:
            for entry in diary(platform):
                if isinstance(entry, Step):
                    stand.shop.put(entry.body)
                else:
                    assert await _shown(http, stand, platform, entry) == entry.shown, entry.title
                    polls += 1
    assert polls >= 6


@pytest.mark.parametrize("platform", SILENT)
async def test_every_silent_change_arrives_with_the_next_sweep_within_the_shops_limit(
    platform: str, tmp_path: Path
) -> None:
    steps = [entry for entry in diary(platform) if isinstance(entry, Step)]
    silent = [step for step in steps if step.silent]
    assert {step.action for step in silent} == set(SILENT[platform])
    with STAND_INS[platform]() as stand:
        front = Front(platform, stand.credentials, OPTIONS[platform])
        async with running_sandbox(per_minute=None, per_day=None, token=TOKEN) as sandbox:
            program = Program(tmp_path, shop=stand.url, privy=sandbox.base_url, token=TOKEN, front=front)
            # Polled once only, so that nothing but the sweep can bring anything.
            program.store["poll"] = "1h"
            program.store["reconcile"] = {"open_every": "10s", "per_minute": 60}
            program.store["mapping"]["order_id"] = {"strategy": "hash"}
            program.write()
            number = Numbering(store=STORE, strategy=Strategy.HASH).number
            others = stand.place(OTHERS)
            for step in steps:  # each order as it was when it was placed
                if step.action.startswith("place"):
                    stand.shop.put(step.body)
            refs = {*others, *(step.ref for step in steps)}
            await program.good("backfill", "--since", "2020-01-01")
            await until(lambda: len(sandbox.ledger.orders) == len(refs))
            calls = len(sandbox.arrivals)

            def statuses(ref: str) -> tuple[str, str]:
                fields = sandbox.ledger.orders[number(ref)].fields
                return fields["financial_status"], fields["fulfillment_status"]

            times: list[float] = []
            stand.before_request(lambda: times.append(monotonic()))
            start = len(stand.shop.requests)

            def looks(since: int) -> list[list[str]]:
                found = [_ids(platform, request) for request in stand.shop.requests[since:]]
                return [ids for ids in found if ids]

            async with program.daemon():
                for together in _rounds(silent):
                    since = len(stand.shop.requests)
                    for step in together:
                        stand.shop.put(step.body)
                    expected = {step.ref: SILENT[platform][step.action] for step in together}

                    def arrived(since: int = since, expected: Mapping[str, Any] = expected) -> bool:
                        looked = {ref for ids in looks(since) for ref in ids}
                        return expected.keys() <= looked and all(
                            statuses(ref) == wanted for ref, wanted in expected.items()
                        )

                    await until(arrived)
                    for ref in expected:  # twice only if one look was under way when the change was made
                        assert sum(ref in ids for ids in looks(since)) <= 2
                await until(lambda: {ref for ids in looks(start) for ref in ids} == refs)  # the sweep is over

            assert [len(ids) for ids in looks(start)[: len(SWEEP[platform])]] == SWEEP[platform]
            assert {ref for ids in looks(start) for ref in ids} == refs
            asked = [
                time
                for time, request in zip(times, stand.shop.requests[start:], strict=True)
                if _ids(platform, request)
            ]
            assert min(later - earlier for earlier, later in pairwise(asked)) > PACE * 0.99
            shown = [action for action in SILENT[platform] if action != "refund C"]
            assert len(sandbox.arrivals) == calls + len(shown)  # what stands as it was costs no call


def _rounds(steps: Iterable[Step]) -> list[list[Step]]:
    """The first change of each order, the second of each, and so on."""
    rounds: list[list[Step]] = []
    for step in steps:
        number = sum(step.ref == other.ref for together in rounds for other in together)
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(step)
    return rounds


def _ids(platform: str, request: Any) -> list[str]:
    """The orders that a request asks for by their ids; none in a poll's."""
    if platform == "medusa":
        return [value for name, value in parse_qsl(urlsplit(request).query) if name.startswith("id[")]
    options = request["variables"].get("options", {"filter": {"_and": [{}]}})
    found: list[str] = options["filter"]["_and"][-1].get("id", {}).get("in", [])
    return found


async def _shown(http: Http, stand: Any, platform: str, poll: Poll) -> list[str]:
    """The ids that the stand-in answers to a poll of the diary."""
    if platform == "medusa":
        auth = (stand.credentials["api_key"], "")
        answer = (await http.send("GET", f"{stand.url}{poll.request}", auth=auth)).json()
        rows = answer.get("orders", answer.get("payments"))
    else:
        query = "query($options: OrderListOptions) { orders(options: $options) { items { id } } }"
        headers = {"vendure-api-key": stand.credentials["api_key"]}
        answer = graphql.answer(await graphql.post(http, stand.url, query, poll.request, headers))
        rows = answer.data["orders"]["items"]
    return [row["id"] for row in rows]
