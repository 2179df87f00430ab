"""The status page in a real browser, served by the real daemon between a stand-in shop and the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, StorageState, expect

from connector.runtime import passwords
from connector.sandbox.faults import Fault
from tests.browser import FAINT, Tab, chromium, tab
from tests.privy import RunningSandbox, running_sandbox
from tests.program import STORE, Program, Running, until
from tests.shops.woocommerce import Shop, serve

PASSWORD = "a password for the browser"
SCRIPT = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
PHONE = {"width": 360, "height": 740}
REFRESH = 5_500  # milliseconds of the browser's clock, moved by hand: the overview was refreshed


@dataclass
class World:
    """A daemon at work, with orders of every kind; ``browse`` opens a tab that is signed in."""

    shop: Shop
    sandbox: RunningSandbox
    daemon: Running
    url: str
    browser: Browser
    session: StorageState
    delivered: int
    failed: list[int]
    scripted: int

    def browse(self, **options: Any) -> AbstractAsyncContextManager[Tab]:
        return tab(self.browser, self.url, storage_state=self.session, **options)

    def paths(self) -> list[str]:
        return [
            "/", "/browse", "/browse?q=none", f"/browse/{STORE}/{self.delivered}",
            f"/browse/{STORE}/{self.failed[-1]}", f"/browse/{STORE}/{self.scripted}", "/failed", "/sign-in",
        ]  # fmt: skip


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    shop = Shop(secure=True)
    async with AsyncExitStack() as opened:
        shop_url = opened.enter_context(serve(shop))
        sandbox = await opened.enter_async_context(
            running_sandbox(per_minute=None, per_day=None, token="privy_planted")
        )
        program = Program(
            tmp_path_factory.mktemp("page"), shop=shop_url, privy=sandbox.base_url, token="privy_planted"
        )
        program.configuration["page"] = {"password_hash": passwords.hashed(PASSWORD)}
        program.write()
        daemon = await opened.enter_async_context(program.daemon())
        url = daemon.events("daemon.started")[0]["listen"]
        browser = await opened.enter_async_context(chromium())
        delivered = shop.add()
        scripted = shop.add(
            billing={**shop.order(delivered)["billing"], "first_name": SCRIPT}, customer_note=SCRIPT
        )
        refused = [shop.add(currency="QQQ") for _ in range(6)]
        await until(lambda: {delivered, scripted} <= set(sandbox.ledger.orders))
        yield World(
            shop, sandbox, daemon, url, browser, await _signed_in(browser, url), delivered, refused, scripted
        )


async def _signed_in(browser: Browser, url: str) -> StorageState:
    async with tab(browser, url, java_script_enabled=False) as opened:
        await opened.page.goto("/")
        await opened.page.get_by_label("Password").fill(PASSWORD)
        await opened.page.get_by_role("button", name="Sign in").click()
        await expect(opened.page.get_by_role("heading", name="Overview")).to_be_visible()
        return await opened.page.context.storage_state()


# What it shows


async def test_the_overview_shows_stores_accounts_and_deliveries_and_follows_them(world: World) -> None:
    async with world.browse() as opened:
        page = opened.page
        await page.clock.install()
        await page.goto("/")
        store = page.get_by_role("article", name=STORE)
        await expect(store).to_contain_text("woocommerce → main")
        await expect(store).to_contain_text("currency")
        await expect(page.get_by_role("article", name="main")).to_contain_text(
            "of 60\N{NARROW NO-BREAK SPACE}000 requests"
        )
        await expect(page.get_by_role("img", name="Requests to Privy by hour")).to_be_visible()
        await expect(page.get_by_role("status")).to_contain_text("failed")
        await opened.evaluate("window.mark = 'not reloaded'")
        before = len(world.sandbox.ledger.orders)
        failed = page.locator(f"#failed-{STORE}")
        await failed.focus()
        added = world.shop.add()
        await until(lambda: added in world.sandbox.ledger.orders)
        await page.clock.run_for(REFRESH)
        figure = page.locator(".figure", has_text="delivered").locator("strong")
        await expect(figure).to_have_text(str(before + 1))
        assert await opened.evaluate("window.mark") == "not reloaded"
        await expect(failed).to_be_focused()
        _is_clean(world, opened)


async def test_an_order_is_found_by_its_number_and_tells_its_story(world: World) -> None:
    async with world.browse() as opened:
        page = opened.page
        await page.goto("/browse")
        await page.get_by_label("Order number").fill(f"#{world.delivered}")
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name=str(world.delivered), exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Order {world.delivered}")
        line = page.get_by_role("region", name="Time-line").get_by_role("listitem")
        await expect(line.first).to_contain_text("seen: waiting")
        await expect(line.last).to_contain_text("sent: delivered")
        payload = page.get_by_role("row", name="email", exact=False).first
        await expect(payload).to_contain_text("billing.email")
        await expect(payload).to_contain_text("@")
        await expect(page.get_by_role("region", name="The shop’s document")).to_contain_text('"billing"')
        _is_clean(world, opened)


async def test_the_figures_of_the_overview_lead_to_their_orders(world: World) -> None:
    cart = world.shop.add(status="pending")
    async with world.browse() as opened:
        page = opened.page
        await page.clock.install()
        await page.goto("/")
        rule = (
            page.get_by_role("article", name=STORE).locator(".tag", has_text="not-placed").get_by_role("link")
        )
        while not await rule.count():
            await page.clock.run_for(REFRESH)
        await rule.click()
        await expect(page.get_by_role("heading", level=2)).to_have_text(
            f"{STORE}, skipped, not-placed: 1 order"
        )
        await expect(page.get_by_role("row", name=str(cart))).to_contain_text("skipped · not-placed")
        _is_clean(world, opened)


async def test_what_a_buyer_wrote_stays_text(world: World) -> None:
    async with world.browse() as opened:
        page = opened.page
        for path in ("/", "/browse", f"/browse/{STORE}/{world.scripted}"):
            await page.goto(path)
            assert await page.title() != "owned"
        await expect(page.get_by_role("main")).to_contain_text(SCRIPT)
        assert await page.locator("main img, main script").count() == 0
        _is_clean(world, opened)


# What it does


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_an_order_that_privy_refused_is_tried_again(world: World, script: bool) -> None:
    refused = world.shop.ids()[-1] + 1
    world.sandbox.script(Fault(kind="status", status=422, order_ids=frozenset({refused})))
    assert world.shop.add() == refused
    async with world.browse(java_script_enabled=script) as opened:
        page = opened.page
        await until(lambda: any(one.order_id == refused for one in world.sandbox.arrivals))
        assert refused not in world.sandbox.ledger.orders
        state = page.locator(".headline .state")
        await page.goto(f"/browse/{STORE}/{refused}")
        while "sending" in await state.inner_text():  # its answer has left Privy, and is recorded now
            await page.reload()
        await expect(state).to_have_text("failed")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("status")).to_have_text("1 of 1 order will be sent.")
        await until(lambda: refused in world.sandbox.ledger.orders)
        await page.goto(f"/browse/{STORE}/{refused}")
        line = page.get_by_role("region", name="Time-line")
        await expect(line).to_contain_text("tried again by an operator (the page, signed in from 127.0.0.1)")
        assert world.daemon.events("failed.retried")[-1]["by"].startswith("the page, signed in from")
        _is_clean(world, opened)


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_failed_orders_are_grouped_and_set_aside_one_by_one(world: World, script: bool) -> None:
    async with world.browse(java_script_enabled=script) as opened:
        page = opened.page
        await page.goto("/failed")
        group = page.get_by_role("region", name="currency")
        await expect(group).to_contain_text("orders")
        await group.get_by_role("link", name="orders").click()
        rows = page.get_by_role("row")
        before = await rows.count()
        number = await rows.nth(1).get_by_role("link").inner_text()
        await rows.nth(1).get_by_role("button", name="Set aside").click()
        await expect(page.get_by_role("status")).to_have_text("1 order set aside.")
        await expect(rows).to_have_count(before - 1)
        await page.goto(f"/browse/{STORE}/{number}")
        await expect(page.locator(".headline .state")).to_have_text("skipped · discarded")
        world.failed.remove(int(number))
        _is_clean(world, opened)


async def test_where_the_connector_does_not_answer_the_page_says_so(world: World) -> None:
    async with world.browse() as opened:
        page = opened.page
        await page.clock.install()
        await page.goto("/")
        alert = page.get_by_role("alert")
        await expect(alert).to_be_hidden()
        await page.context.set_offline(True)
        await page.clock.run_for(REFRESH)
        await expect(alert).to_contain_text("does not answer")
        await page.context.set_offline(False)
        await page.clock.run_for(REFRESH)
        await expect(alert).to_be_hidden()


async def test_who_follows_a_link_from_elsewhere_stays_signed_in(world: World) -> None:
    async with world.browse() as opened:
        elsewhere = world.sandbox.base_url.replace("127.0.0.1", "localhost")
        await opened.page.goto(elsewhere)
        await opened.evaluate(f"location.href = '{world.url}/failed'")
        await expect(opened.page.get_by_role("heading", level=1)).to_have_text("Failed")
        await expect(opened.page.get_by_role("button", name="Sign out")).to_be_visible()
        assert opened.complaints == []


async def test_a_session_that_ended_leads_back_to_signing_in(world: World) -> None:
    async with tab(world.browser, world.url) as opened:
        page = opened.page
        await page.goto("/failed")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Failed")
        await page.clock.install()
        await page.goto("/")
        await page.context.clear_cookies()
        await page.clock.run_for(REFRESH)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        _is_clean(world, opened)


# How it looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_readable_and_well_formed(world: World, scheme: str) -> None:
    async with world.browse(color_scheme=scheme) as opened:
        page = opened.page
        for path in world.paths():
            await page.goto(path)
            ground = await opened.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (max(map(int, ground[4:-1].split(","))) < 64) == (scheme == "dark")
            assert await opened.evaluate(FAINT) == [], path
            for selector, count in (("main", 1), ("h1", 1), ("header nav", 1), ("html[lang=en]", 1)):
                assert await page.locator(selector).count() == count, (path, selector)
            assert await page.locator("th:not([scope]), img:not([alt]), table:not(:has(thead))").count() == 0
            assert await page.locator("time:not([datetime]):not(#as-of)").count() == 0
            ids = await opened.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
            assert len(ids) == len(set(ids)), path
        _is_clean(world, opened)


async def test_a_phone_scrolls_no_page_sideways(world: World) -> None:
    async with world.browse(viewport=PHONE, is_mobile=True) as opened:
        for path in world.paths():
            await opened.page.goto(path)
            width = await opened.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"], path
        _is_clean(world, opened)


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(world: World) -> None:
    async with world.browse() as opened:
        page = opened.page
        await page.goto("/failed")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main")).to_be_focused()
        reached = set()
        for _ in range(await page.locator("a, button, input:not([type=hidden])").count() + 2):
            await page.keyboard.press("Tab")
            focused = page.locator(":focus:not(body)")
            if await focused.count():
                name = (await focused.inner_text()).strip()
                assert await focused.evaluate("one => getComputedStyle(one).outlineStyle") == "solid", name
                reached.add(name)
        assert any(name.startswith("Try all") for name in reached)
        assert any(name.startswith("Set all") for name in reached)


async def test_without_javascript_the_overview_comes_anew_by_itself(world: World) -> None:
    async with world.browse(java_script_enabled=False) as opened:
        await opened.page.goto("/")
        assert await opened.page.locator("noscript meta[http-equiv=refresh]").count() == 1
        await expect(opened.page.get_by_role("article", name=STORE)).to_be_visible()
        _is_clean(world, opened)


def _is_clean(world: World, opened: Tab) -> None:
    """The browser found nothing wrong, and nothing was asked of anybody else."""
    assert opened.complaints == []
    assert opened.requests
    assert [url for url in opened.requests if not url.startswith(f"{world.url}/")] == []
