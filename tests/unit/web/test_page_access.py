"""Who may see the page and act on it: signing in, also behind proxies, others' forms, masking, headers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from connector.daemon.app import App
from connector.ingest.page import take
from connector.model.facts import Version
from connector.model.order import Document
from connector.runtime import passwords
from connector.settings import loader
from connector.settings.loader import Loaded
from connector.state import audit
from connector.state.outbox import acceptance
from connector.web.access import ATTEMPTS, ATTEMPTS_SECONDS
from connector.web.application import open_front
from tests.program import STORE, Program, Running
from tests.shops.woocommerce.templates import template
from tests.state import HandClock, version

PASSWORD, TOKEN = "a password of the page", "planted-token-of-the-page-7f3a"
HASH = passwords.hashed(PASSWORD)
SECRETS = ("privy_planted_token", "cs_planted", "ck_planted", "planted-webhook-secret", TOKEN, HASH, PASSWORD)
BUYER = (
    "ann.private@shop.example",
    "Ann-Private",
    "Secretstreet",
    "555-0142",
    "Privateville",
    "Engraved-for-Bob",
)
SCRIPT = "<script>document.title='owned'</script>"
PAGES = ("/", "/overview", "/browse", "/browse?q=1001", "/browse/acme/17", "/failed", "/sign-in")


class Page:
    """A front on a free port, with orders in its database; ``browser`` keeps cookies as a browser does."""

    def __init__(self, app: App, url: str, link: str) -> None:
        self.app = app
        self.url = url
        self.link = link
        self.browser = httpx.AsyncClient(base_url=url, headers={"Accept": "text/html"}, trust_env=False)

    async def sign_in(self, password: str = PASSWORD, following: str = "/") -> httpx.Response:
        page = await self.browser.get("/sign-in")
        form = {"form": form_of(page), "password": password, "next": following}
        return await self.browser.post("/sign-in", data=form)

    async def text(self, path: str) -> str:
        return (await self.browser.get(path)).text

    async def state(self, ref: str) -> str:
        rows = await self.app.db.run(acceptance.known, "acme", [ref])
        return str(rows[ref].state)


@asynccontextmanager
async def serving(folder: Path, *, page: dict[str, Any] | None = None) -> AsyncIterator[Page]:
    loaded = _loaded(folder, page or {})
    app = App(loaded, starts=loaded.settings.stores)
    app.clock = HandClock()
    links: list[str] = []
    async with app, open_front(app, links.append) as front:
        await app.db.run(_furnish, app)
        opened = Page(app, front.url, links[0])
        async with opened.browser:
            yield opened


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Page]:
    """Without a password; the printed link was opened."""
    async with serving(tmp_path) as page:
        await page.browser.get(page.link)
        yield page


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Page]:
    async with serving(tmp_path, page={"password_hash": HASH, "token": TOKEN}) as page:
        yield page


def form_of(page: httpx.Response) -> str:
    found = re.search(r'name="form" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


# Without a password


async def test_without_a_password_the_printed_link_alone_opens_the_page(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as page:
        assert page.link.startswith(f"{page.url}/sign-in?token=")
        for path in PAGES[:-1]:
            for headers in ({}, {"Host": "localhost:8080"}, {"X-Forwarded-For": "127.0.0.1"}):
                answer = await page.browser.get(path, headers=headers)
                assert (answer.status_code, answer.text) == (303, ""), (path, headers)
        for wrong in ("", "x", page.link.rpartition("=")[2][:-1]):
            refused = await page.browser.get("/sign-in", params={"token": wrong})
            assert refused.status_code == 403
            assert "earlier start" not in refused.text
            assert "connector run" in refused.text
            assert (await page.browser.get("/")).status_code == 303
        opened = await page.browser.get(page.link)
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        assert "acme" in await page.text("/")
        assert (await page.browser.get(page.link)).status_code == 303, "again, while signed in"


async def test_the_token_can_be_typed_and_is_no_password_of_the_configuration(tmp_path: Path) -> None:
    async with serving(tmp_path) as page:
        token = page.link.rpartition("=")[2]
        assert (await page.sign_in("wrong")).status_code == 403
        assert (await page.sign_in(token)).status_code == 303
        assert "acme" in await page.text("/")
    async with serving(tmp_path, page={"token": TOKEN}) as other:
        assert other.link == f"{other.url}/", "nothing secret is printed where something is configured"
        for given in (token, TOKEN):
            assert (await other.browser.get("/sign-in", params={"token": given})).status_code == 403


async def test_with_the_link_alone_buyers_data_stays_masked(local: Page) -> None:
    for path in PAGES[:-1]:
        page = await local.browser.get(path)
        assert page.status_code == 200, path
        assert not [word for word in BUYER if word in page.text], path
    order = await local.text("/browse/acme/17")
    assert "billing.email" in order, "where a field came from is shown"
    assert "•••••" in order
    assert (await local.browser.get("/sign-in")).headers["location"] == "/"


async def test_the_daemon_prints_the_link_on_stdout_and_never_in_its_log(
    tmp_path: Path, free_port: int
) -> None:
    program = Program(tmp_path, shop=f"http://127.0.0.1:{free_port}", privy="http://127.0.0.1:1", token="t")
    program.configuration["listen"] = "0.0.0.0:0"
    program.store["webhook_secret"] = "planted-webhook-secret"
    program.write()
    async with program.daemon() as daemon, _browser(daemon) as browser:
        link = await daemon.link()
        for path in PAGES[:-1]:
            assert (await browser.get(path)).status_code == 303
        assert (await browser.get("/healthz")).status_code == 200
        assert (await browser.post(f"/webhooks/{STORE}", content=b"{}")).status_code == 401
        port = str(browser.base_url).rstrip("/").rpartition(":")[2]
        assert link.startswith(f"http://localhost:{port}/sign-in?token=")
        await browser.get(link.partition(port)[2])
        assert STORE in (await browser.get("/")).text
        program.configuration["page"] = {"password_hash": HASH}
        program.write()
        await program.good("reload")
        await daemon.until_event("daemon.started", 2)
        assert (await browser.get("/")).status_code == 303, "another way in, another session"
        assert await daemon.link() == f"http://localhost:{port}/"
    assert link.rpartition("=")[2] not in daemon.err.read_text()


async def test_nothing_but_post_answers_where_orders_are_pushed(local: Page) -> None:
    for path in ("/orders", "/orders/", "/orders/acme", "/orders/acme/17", "/orders/acme/17/", "/orders//"):
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            answer = await local.browser.request(method, path)
            assert answer.status_code in (404, 405), (method, path)
            assert "1001" not in answer.text


async def test_the_metrics_ask_for_a_token_or_the_pages_session(tmp_path: Path) -> None:
    scraper = "a-token-for-the-scraper-alone"
    async with serving(tmp_path, page={"metrics_token": scraper}) as page:
        own = page.link.rpartition("=")[2]
        for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {scraper}"}):
            refused = await page.browser.get("/metrics", headers={"Accept": "*/*", **wrong})
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert "page.metrics_token" in refused.text
            assert "acme" not in refused.text
        for good in (scraper, own):
            headers = {"Authorization": f"Bearer {good}"}
            assert "connector_" in (await page.browser.get("/metrics", headers=headers)).text
        assert (await page.sign_in(scraper)).status_code == 403, "it opens the metrics alone"
        await page.browser.get(page.link)
        assert (await page.browser.get("/metrics")).status_code == 200


async def test_with_a_password_it_opens_to_who_signs_in(tmp_path: Path, free_port: int) -> None:
    program = Program(tmp_path, shop=f"http://127.0.0.1:{free_port}", privy="http://127.0.0.1:1", token="t")
    program.configuration |= {"listen": "0.0.0.0:0", "page": {"password_hash": HASH}}
    program.write()
    async with program.daemon() as daemon, _browser(daemon) as browser:
        assert (await browser.get("/")).status_code == 303
        page = await browser.get("/sign-in")
        await browser.post("/sign-in", data={"form": form_of(page), "password": PASSWORD})
        there = await browser.get("/", headers={"Host": "connector.shop.example"})
        assert STORE in there.text
        assert "signed in from 127.0.0.1" in daemon.events("page.signed_in")[0]["by"]


def _browser(daemon: Running) -> httpx.AsyncClient:
    url = daemon.events("daemon.started")[0]["listen"].replace("0.0.0.0", "127.0.0.1")
    return httpx.AsyncClient(base_url=url, trust_env=False)


# Signing in


async def test_who_does_not_sign_in_sees_nothing(guarded: Page) -> None:
    for path in PAGES[:-1]:
        page = await guarded.browser.get(path)
        assert page.status_code == 303, path
        assert page.headers["location"].startswith("/sign-in?next=/")
        assert page.text == ""
    refresh = await guarded.browser.get("/overview", headers={"HX-Request": "true"})
    assert (refresh.status_code, refresh.headers["hx-redirect"]) == (204, "/sign-in")
    sign_in = await guarded.text("/sign-in")
    assert "acme" not in sign_in
    assert "Overview" not in sign_in


@pytest.mark.parametrize("secret", [PASSWORD, TOKEN])
async def test_password_and_token_open_the_page_and_show_buyers_data(guarded: Page, secret: str) -> None:
    wanted = "/browse/acme/17?from=a%26b"
    asked = await guarded.browser.get(wanted)
    page = await guarded.browser.get(asked.headers["location"])
    form = dict(re.findall(r'name="(form|next)" value="([^"]*)"', page.text))
    form["next"] = form["next"].replace("&amp;", "&")
    answer = await guarded.browser.post("/sign-in", data={**form, "password": secret})
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "max-age=43200" in cookie
    assert "secure" not in cookie.replace(secret.lower(), "")
    order = await guarded.text("/browse/acme/17")
    assert all(word in order for word in BUYER)
    assert "Sign out" in order


async def test_a_wrong_password_opens_nothing(guarded: Page) -> None:
    for wrong in ("", PASSWORD + "x", HASH, "x" * 5000):
        answer = await guarded.sign_in(wrong)
        assert answer.status_code == 403
        assert "not the password" in answer.text
        assert not wrong or wrong not in answer.text
    assert (await guarded.browser.get("/")).status_code == 303


async def test_passwords_cannot_be_tried_without_end(guarded: Page) -> None:
    clock = guarded.app.clock
    assert isinstance(clock, HandClock)
    for _ in range(ATTEMPTS):
        assert (await guarded.sign_in("wrong again")).status_code == 403
    limited = await guarded.sign_in(PASSWORD)
    assert limited.status_code == 429
    assert 0 < int(limited.headers["retry-after"]) <= ATTEMPTS_SECONDS
    clock.forward(ATTEMPTS_SECONDS)
    assert (await guarded.sign_in(PASSWORD)).status_code == 303


async def test_who_comes_through_a_trusted_proxy_counts_by_the_address_that_the_proxy_saw(
    tmp_path: Path,
) -> None:
    page = {"password_hash": HASH, "trusted_proxies": ["127.0.0.1", "10.1.0.0/16"]}
    async with serving(tmp_path, page=page) as opened:
        for number in range(ATTEMPTS + 1):
            opened.browser.headers["X-Forwarded-For"] = f"198.51.100.{number}, 203.0.113.9, 10.1.2.3"
            refused = await opened.sign_in("wrong again")
        assert refused.status_code == 429, "what stands further left is the caller's own invention"
        opened.browser.headers["X-Forwarded-For"] = "198.51.100.7, 10.1.2.3"
        assert (await opened.sign_in(PASSWORD)).status_code == 303


async def test_forged_forwarding_headers_lock_nobody_out(tmp_path: Path) -> None:
    async with serving(tmp_path, page={"password_hash": HASH, "token": TOKEN}) as opened:
        for number in range(ATTEMPTS + 1):
            opened.browser.headers["X-Forwarded-For"] = f"198.51.100.{number}"
            refused = await opened.sign_in("wrong again")
        assert refused.status_code == 429
        assert "page.trusted_proxies" in refused.text
        assert (await opened.sign_in(TOKEN)).status_code == 303, "a token cannot be guessed"
        opened.browser.cookies.clear()
        del opened.browser.headers["X-Forwarded-For"]
        assert (await opened.sign_in(PASSWORD)).status_code == 303, "who comes straight is somebody else"


async def test_signing_out_ends_the_session_whoever_still_has_its_cookie(guarded: Page) -> None:
    await guarded.sign_in()
    stolen = dict(guarded.browser.cookies)
    page = await guarded.browser.get("/")
    out = await guarded.browser.post("/sign-out", data={"form": form_of(page)})
    assert out.headers["location"] == "/sign-in"
    async with httpx.AsyncClient(base_url=guarded.url, cookies=stolen, trust_env=False) as thief:
        assert (await thief.get("/")).status_code == 303


async def test_a_session_that_was_signed_out_does_not_live_again_after_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path, page={"password_hash": HASH}) as page:
        await page.sign_in()
        (cookie,) = page.browser.cookies.values()
        form = form_of(await page.browser.get("/browse/acme/18"))
        await page.browser.post("/sign-out", data={"form": form})
    async with serving(tmp_path, page={"password_hash": HASH}) as page:
        port = page.url.rpartition(":")[2]
        page.browser.cookies.set(f"connector-{port}", cookie)
        assert (await page.browser.get("/")).status_code == 303
        acted = {"form": form, "store": "acme", "ref": "18"}
        assert (await page.browser.post("/failed/discard", data=acted)).status_code == 403
        assert await page.state("18") == "failed"


async def test_a_session_outlives_a_restart_but_not_another_password(tmp_path: Path) -> None:
    kept: dict[str, str] = {}
    for password_hash, status in ((HASH, 303), (HASH, 200), (passwords.hashed(PASSWORD), 303)):
        async with serving(tmp_path, page={"password_hash": password_hash}) as page:
            port = page.url.rpartition(":")[2]
            for name, value in kept.items():
                page.browser.cookies.set(name.replace("PORT", port), value)
            assert (await page.browser.get("/")).status_code == status
            if not kept:
                await page.sign_in()
                kept = {name.replace(port, "PORT"): value for name, value in page.browser.cookies.items()}


async def test_a_session_of_nobody_and_a_forged_one_are_no_sign_in(guarded: Page) -> None:
    await guarded.browser.get("/sign-in")
    (name,) = guarded.browser.cookies
    assert (await guarded.browser.get("/")).status_code == 303
    for forged in ("", "x", "eyJzaWduZWRfaW4iOnRydWV9.x.y", guarded.browser.cookies[name] + "x"):
        guarded.browser.cookies.clear()
        guarded.browser.cookies.set(name, forged)
        assert (await guarded.browser.get("/")).status_code == 303


async def test_a_session_is_another_one_after_signing_in(guarded: Page) -> None:
    await guarded.browser.get("/sign-in")
    before = dict(guarded.browser.cookies)
    await guarded.sign_in()
    assert dict(guarded.browser.cookies) != before
    async with httpx.AsyncClient(base_url=guarded.url, cookies=before, trust_env=False) as other:
        assert (await other.get("/")).status_code == 303


async def test_behind_https_the_cookie_stays_on_https(guarded: Page) -> None:
    page = await guarded.browser.get("/sign-in", headers={"X-Forwarded-Proto": "https"})
    assert "secure" in page.headers["set-cookie"].lower()


async def test_signing_in_leads_nowhere_else(guarded: Page) -> None:
    for elsewhere in (
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "evil",
        "/\n/x",
        "//[",
        "[::",
    ):
        guarded.browser.cookies.clear()
        assert (await guarded.sign_in(following=elsewhere)).headers["location"] == "/", elsewhere


# Forms


async def test_a_form_of_another_site_does_nothing(local: Page) -> None:
    token = form_of(await local.browser.get("/browse/acme/18"))
    form = {"form": token, "store": "acme", "ref": "18"}
    foreign: list[tuple[dict[str, str], dict[str, str]]] = [
        ({**form, "form": ""}, {}),
        ({**form, "form": token[:-1]}, {}),
        ({"store": "acme", "ref": "18"}, {}),
        (form, {"Sec-Fetch-Site": "cross-site"}),
        (form, {"Sec-Fetch-Site": "same-site"}),
        (form, {"Sec-Fetch-Site": "none"}),
        (form, {"Origin": "https://attacker.example"}),
        (form, {"Origin": "null"}),
        (form, {"Origin": "http://["}),
        (form, {"Origin": ""}),
        (form, {"Cookie": "x=y"}),
    ]
    for data, headers in foreign:
        answer = await local.browser.post("/failed/discard", data=data, headers=headers)
        assert answer.status_code == 403, (data, headers)
    assert await local.state("18") == "failed"
    own = {"Sec-Fetch-Site": "same-origin", "Origin": local.url}
    assert (await local.browser.post("/failed/discard", data=form, headers=own)).status_code == 303
    assert await local.state("18") == "skipped"


async def test_another_sessions_form_does_nothing(local: Page) -> None:
    async with httpx.AsyncClient(base_url=local.url, trust_env=False) as other:
        await other.get(local.link)
        token = form_of(await other.get("/browse/acme/18"))
    await local.browser.get("/")
    answer = await local.browser.post("/failed/discard", data={"form": token, "store": "acme", "ref": "18"})
    assert answer.status_code == 403
    assert await local.state("18") == "failed"


async def test_who_did_what_stands_in_the_time_line(tmp_path: Path) -> None:
    page = {"password_hash": HASH, "trusted_proxies": ["127.0.0.1"]}
    async with serving(tmp_path, page=page) as guarded:
        await _act_twice(guarded)


async def _act_twice(guarded: Page) -> None:
    refused = await guarded.browser.post("/failed/discard", data={"store": "acme", "ref": "18"})
    assert refused.status_code == 403
    await guarded.sign_in()
    for action, outcome in (("retry", "retried"), ("discard", "discarded")):
        token = form_of(await guarded.browser.get("/browse/acme/18"))
        form = {"form": token, "store": "acme", "ref": "18", "next": "/browse/acme/18"}
        passed_on = {"X-Forwarded-For": "10.0.0.1, 203.0.113.9"}
        done = await guarded.browser.post(f"/failed/{action}", data=form, headers=passed_on)
        assert done.headers["location"] == "/browse/acme/18"
        last = [one for one in await guarded.app.db.run(audit.timeline, "acme", "18") if one.kind == "note"][
            -1
        ]
        assert last.outcome == outcome
        assert "the page, signed in from 127.0.0.1 for 203.0.113.9" in last.detail
    assert "1 order set aside." in await guarded.text("/failed")
    assert "set aside." not in await guarded.text("/failed"), "said once"


async def test_more_than_a_hundred_are_asked_for_again(local: Page) -> None:
    many = [_failed(str(number), "email: is required") for number in range(1000, 1150)]
    await local.app.db.run(_accept, many)
    page = await local.browser.get("/failed")
    assert "all 150" in page.text
    key = re.findall(r'name="group" value="([^"]+)"', page.text[page.text.index("email: is required") :])[0]
    form = {"form": form_of(page), "store": "acme", "group": key}
    asked = await local.browser.post("/failed/discard", data=form)
    assert asked.status_code == 200
    assert "Set 150 orders aside?" in asked.text
    assert await local.state("1000") == "failed"
    fewer = await local.browser.post("/failed/discard", data={**form, "confirmed": "149"})
    assert "Set 150 orders aside?" in fewer.text
    done = await local.browser.post("/failed/discard", data={**form, "confirmed": "150"})
    assert done.headers["location"] == "/failed"
    assert {await local.state(one.ref) for one in many} == {"skipped"}
    assert await local.state("18") == "failed", "another reason's"
    again = await local.browser.post("/failed/discard", data={**form, "confirmed": "150"})
    assert again.status_code == 303


# What is in every answer


async def test_no_page_holds_a_secret_or_anything_inline_and_nothing_is_kept(guarded: Page) -> None:
    await guarded.sign_in()
    for path in PAGES:
        page = await guarded.browser.get(path, follow_redirects=True)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'; style-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not [secret for secret in SECRETS if secret in page.text], path
        assert not re.search(r"\sstyle=|<style|<script(?! src=)|\son\w+=|javascript:", page.text), path
        assert not re.search(r'(?:src|href|action)="(?!/|#)', page.text), "everything is our own"


async def test_what_a_shop_says_stays_text(guarded: Page) -> None:
    await guarded.sign_in()
    for path in ("/browse", "/browse/acme/19", "/browse?q=" + SCRIPT.replace("#", "%23")):
        page = await guarded.text(path)
        assert SCRIPT not in page, path
        assert "&lt;script&gt;" in page, path


async def test_scripts_and_styles_are_kept_by_the_browser_under_an_address_of_their_content(
    local: Page,
) -> None:
    page = await local.text("/")
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(set(files)) == 4
    for file in files:
        answer = await local.browser.get(file)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].partition(";")[0] in (
            "text/css", "text/javascript", "image/svg+xml",
        )  # fmt: skip
    assert (await local.browser.get("/static/nothing.js")).status_code == 404
    assert (await local.browser.get("/static/..%2faccess.py")).status_code == 404


async def test_an_unknown_order_or_store_is_told(local: Page) -> None:
    for path, said in (("/browse/acme/77", "never seen"), ("/browse/nowhere/1", "no store")):
        page = await local.browser.get(path)
        assert page.status_code == 404
        assert said in page.text
    assert "No store has seen" in await local.text("/browse?q=nothing-like-it")


words = st.text(max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.one_of(
        words.map(lambda text: ("/browse", {"q": text})),
        st.fixed_dictionaries({"store": st.just("acme"), "state": words, "rule": words, "note": words}).map(
            lambda like: ("/browse", like)
        ),
        words.map(lambda text: ("/overview", {"seen": text, "said": text})),
        words.map(lambda text: ("/sign-in", {"next": text})),
        st.tuples(st.sampled_from(["/browse/acme/", "/failed/acme/", "/browse/", "/static/"]), words).map(
            lambda parts: (parts[0] + httpx.QueryParams({"": parts[1]}).__str__()[1:], {})
        ),
    ),
    form=st.dictionaries(st.sampled_from(["store", "ref", "group", "confirmed", "next"]), words),
    action=st.sampled_from(["/failed/retry", "/failed/discard", "/sign-in", "/sign-out"]),
)
async def test_nothing_that_is_asked_is_a_fault_of_ours(
    local: Page, path: tuple[str, dict[str, str]], form: dict[str, str], action: str
) -> None:
    await local.browser.get(local.link)  # one of these forms signs out
    page = await local.browser.get(path[0], params=path[1] or None)
    assert page.status_code < 500
    token = form_of(await local.browser.get("/browse/acme/18"))
    answer = await local.browser.post(action, data={**form, "form": token})
    assert answer.status_code < 500


# The world of these tests


def _loaded(folder: Path, page: dict[str, Any]) -> Loaded:
    configuration = {
        "listen": "127.0.0.1:0",
        "page": page,
        "accounts": {"main": {"token": "privy_planted_token"}},
        "stores": {
            "acme": {
                "platform": "woocommerce",
                "url": "https://shop.invalid",
                "credentials": {"consumer_key": "ck_planted", "consumer_secret": "cs_planted"},
                "webhook_secret": "planted-webhook-secret",
                "account": "main",
                "live_from": "2026-06-01T00:00:00Z",
                "mapping": {"default_phone_region": "US"},
            }
        },
    }
    path = folder / "connector.yaml"
    path.write_text(yaml.safe_dump(configuration))
    path.chmod(0o600)
    return loader.load(path, now=datetime(2026, 6, 2, tzinfo=UTC))


def _furnish(connection: Connection, app: App) -> None:
    """Three orders: 17 is good, 18 failed, and the names in 19 try to be script."""
    good, bad, script = (_document(number) for number in (17, 18, 19))
    bad["currency"] = "nonsense"
    script["number"] = SCRIPT
    script["billing"]["first_name"] = SCRIPT
    script["customer_note"] = SCRIPT
    now = app.clock.now()
    found = [Document(ref=str(one["id"]), changed_at=now, body=one) for one in (good, bad, script)]
    take(connection, app.shop("acme"), found, "poll of orders", now, now, app.clock.steady())


def _document(number: int) -> dict[str, Any]:
    document = template("processing_card_paid")
    person = {
        "first_name": "Ann-Private", "address_1": "12 Secretstreet", "city": "Privateville",
        "phone": "(212) 555-0142", "country": "US",
    }  # fmt: skip
    document |= {"id": number, "number": str(984 + number)}
    document |= dict.fromkeys(
        ("date_created_gmt", "date_modified_gmt", "date_paid_gmt"), "2026-05-20T10:00:00"
    )
    document["billing"] |= {**person, "email": "ann.private@shop.example"}
    document["shipping"] |= person
    document["line_items"][0]["name"] = "Engraved-for-Bob"
    return document


def _failed(ref: str, reason: str) -> Version:
    return version(ref, state="failed", reason=reason)


def _accept(connection: Connection, versions: Sequence[Version]) -> None:
    clock = HandClock()
    acceptance.accept(connection, "acme", "main", versions, {}, now=clock.now(), steady=clock.steady())
