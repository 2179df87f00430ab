"""The configuration's models, what they refuse, and the schema and examples made of them."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from connector.model.durations import Duration, Percent, format_duration
from connector.model.errors import UsageError
from connector.sdk import registry
from connector.sdk.contract import PLUGIN_SIGNATURE
from connector.settings.examples import EXAMPLES, companions, starter
from connector.settings.loader import load
from connector.settings.models import AccountSettings, Settings, StoreSettings, store_model
from connector.settings.schema import schema
from connector.settings.urls import same_place, web_address
from connector.settings.yaml_tree import read
from tests.json_schema import faults

FILES = sorted(EXAMPLES.rglob("*.example.yaml"))
KEYS = {"consumer_key": "ck_1", "consumer_secret": "cs_1"}


def store(**values: Any) -> StoreSettings:
    given = {"name": "acme", "platform": "woocommerce", "url": "https://a.example", "account": "main"}
    return store_model("woocommerce").model_validate({**given, "credentials": KEYS, **values})


def account(**values: Any) -> AccountSettings:
    return AccountSettings.model_validate({"name": "main", "token": "privy_1", **values})


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("7d", 604800), ("1.5h", 5400), ("0s", 0)]
)
def test_durations_are_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert TypeAdapter(Duration).validate_python(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["5", 5, "5 min", "-5m", "", "m", "1h30m", "PT5M", "99999999999d", None, "١m"]
)
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(text)


@pytest.mark.parametrize("text", ["90s", "5m", "2h", "7d", "36h"])
def test_a_duration_is_written_in_its_largest_whole_unit(text: str) -> None:
    assert format_duration(TypeAdapter(Duration).validate_python(text)) == text


@pytest.mark.parametrize(("text", "share"), [("10%", 0.1), ("0%", 0.0), ("2.5%", 0.025), (0.1, 0.1)])
def test_a_share_is_written_in_percent(text: object, share: float) -> None:
    assert TypeAdapter(Percent).validate_python(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["100%", "10", 10, 1, "-1%", 1.0, None])
def test_a_share_that_could_mean_two_things_or_leaves_nothing_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Percent).validate_python(text)


def test_defaults_are_those_of_the_design() -> None:
    settings, shop, privy = Settings(), store(), account()
    assert (settings.database, settings.listen) == ("sqlite:///connector.db", "127.0.0.1:8080")
    assert settings.retention == timedelta(days=30)
    assert (shop.poll, shop.live_window) == (timedelta(seconds=60), timedelta(hours=24))
    assert (shop.live_from, shop.webhook_secret, shop.historical_updates) == (None, (), "history")
    assert privy.base_url == "https://api.privy.com"
    assert (privy.quota.per_minute, privy.quota.per_day) == (60, 10_000)
    assert privy.quota.reserve_for_live == pytest.approx(0.1)


@pytest.mark.parametrize(
    "address",
    [
        "https://shop.example",
        "https://shop.example:8443/store",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:80",
        "http://192.168.1.20/shop",
        "http://10.0.0.1",
        "http://woocommerce",
        "http://shop.internal",
        "http://printer.local",
    ],
)
def test_https_anywhere_and_http_in_private_networks_is_taken(address: str) -> None:
    assert web_address(address) == address


@pytest.mark.parametrize("address", ["http://shop.example", "http://8.8.8.8", "http://[2001:4860::1]"])
def test_http_to_a_public_address_needs_to_be_allowed(address: str) -> None:
    with pytest.raises(ValueError, match="insecure_http: true"):
        web_address(address)
    assert web_address(address, insecure_http=True) == address
    assert store(url=address, insecure_http=True).url == address
    assert account(base_url=address, insecure_http=True).base_url == address
    with pytest.raises(ValidationError, match="insecure_http"):
        store(url=address)


@pytest.mark.parametrize(
    "address",
    [
        *["shop.example", "//a.example", "", "ftp://a.example", "https://", "https:///x", "https://[::1"],
        *["https://a.example:99999", "https://a.example:0", "https://a b.example", "https://a\n.example"],
        *["https://me:hush@a.example", "https://a.example?key=hush", "https://a.example/#hush"],
        "https://a.example\\@hush",
    ],
)
def test_what_is_no_plain_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*hush)"):
        web_address(address, insecure_http=True)


def test_a_slash_at_the_end_is_dropped_and_spellings_of_one_shop_are_the_same_place() -> None:
    assert web_address("https://a.example/shop/") == "https://a.example/shop"
    places = {
        same_place(url) for url in ("https://A.example:443", "http://www.a.example", "https://a.example")
    }
    assert places == {"a.example"}
    assert same_place("https://a.example/one") != same_place("https://a.example/two")


@pytest.mark.parametrize(
    "listen", ["8080", ":8080", "localhost", "a:b", "127.0.0.1:70000", "a b:1", "::1:80"]
)
def test_listen_needs_a_host_and_a_port(listen: str) -> None:
    with pytest.raises(ValidationError):
        Settings(listen=listen)


def test_the_address_to_listen_at_is_given_as_host_and_port() -> None:
    assert Settings(listen="[::1]:8080").address == ("::1", 8080)
    assert Settings(listen="0.0.0.0:80").address == ("0.0.0.0", 80)


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://x/y", "connector.db"]
)
def test_a_database_that_would_forget_or_is_not_supported_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="sqlite:///FILE or postgresql://"):
        Settings(database=url)


def test_an_account_has_exactly_one_way_in() -> None:
    oauth = {"client_id": "me", "client_secret": "s"}
    assert account(token=None, oauth=oauth).token is None
    with pytest.raises(ValidationError, match="both are given"):
        account(oauth=oauth)
    with pytest.raises(ValidationError, match="neither is given"):
        account(token=None)


@pytest.mark.parametrize("token", ["", " ", "tok en", "token\n", "tökèn"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ValidationError):
        account(token=token)
    with pytest.raises(ValidationError):
        store(integration_token=token)


def test_webhook_secrets_are_one_or_two_and_never_empty() -> None:
    one, other = "one that is long enough", "another-of-16-ch"
    assert [s.get_secret_value() for s in store(webhook_secret=one).webhook_secret] == [one]
    assert [s.get_secret_value() for s in store(webhook_secret=[one, other]).webhook_secret] == [one, other]
    for wrong in ("", [], [one, ""], [one, other, one], "a", "fifteen-letters", [one, "short"]):
        with pytest.raises(ValidationError):
            store(webhook_secret=wrong)


def test_live_from_is_kept_in_utc_and_needs_a_time_zone() -> None:
    assert store(live_from="2026-06-01T02:00:00+02:00").live_from == datetime(2026, 6, 1, tzinfo=UTC)
    for wrong in ("2026-06-01T00:00:00", "2026-06-01", "2026", 2026, True, 1780272000.5, "yesterday"):
        with pytest.raises(ValidationError):
            store(live_from=wrong)


def test_polling_more_often_than_each_second_is_refused() -> None:
    assert store(poll="1s").poll == timedelta(seconds=1)
    with pytest.raises(ValidationError, match="shortest duration here is 1s"):
        store(poll="0.5s")


def test_names_suit_addresses_and_tables() -> None:
    assert store(name="acme-2.eu_west").name == "acme-2.eu_west"
    for wrong in ("", "-a", "a b", "a/b", "ü", "a" * 65, "a\n"):
        with pytest.raises(ValidationError, match="a name has 1 to 64 letters"):
            store(name=wrong)


def test_no_secret_shows_when_settings_are_printed() -> None:
    keys = dict.fromkeys(KEYS, "hush-3")
    shop = store(integration_token="hush-1", webhook_secret="hush-2-and-more-of-it", credentials=keys)
    privy = account(token=None, oauth={"client_id": "me", "client_secret": "hush-4"})
    settings = Settings(
        database="postgresql://me:hush-5@db/x", accounts={"main": privy}, stores={"acme": shop}
    )
    assert "hush" not in f"{settings!r} {settings}"


def test_a_store_gets_the_platforms_own_models_of_credentials_and_options() -> None:
    adapter = registry.adapter("woocommerce")
    assert isinstance(store().credentials, adapter.Credentials)
    assert isinstance(store(options={"page_size": 50}).options, adapter.Options)
    with pytest.raises(UsageError, match="no platform"):
        store_model("nosuch")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_example_loads_and_fits_the_schema(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in re.findall(r"\$\{([A-Z_]+)\}", file.read_text()):
        monkeypatch.setenv(name, f"value-of-{name}")
    main = tmp_path / "connector.yaml"
    if file.parent.name == "stores":
        shutil.copy(file, tmp_path / "store.yaml")
        main.write_text("include: [store.yaml]\naccounts: {main: {token: privy_1}}")
    else:
        shutil.copy(file, main)
    main.chmod(0o600)
    loaded = load(main)
    assert loaded.settings.stores
    assert loaded.warnings == ()
    assert faults(read(file.read_text(), file.name).value, schema(), schema()) == []


def test_the_main_example_shows_every_setting() -> None:
    example = (EXAMPLES / "connector.example.yaml").read_text()
    for model in (Settings, AccountSettings, StoreSettings, type(account().quota), type(store().mapping)):
        for name in model.model_fields:
            assert name == "name" or f"{name}:" in example


@pytest.mark.parametrize("platform", registry.platforms())
def test_the_starter_of_each_platform_loads_with_nothing_but_its_variables_set(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = starter(platform)
    for name in re.findall(r"\$\{([A-Z_]+)\}", text):
        monkeypatch.setenv(name, f"value-of-{name}")
    (tmp_path / "connector.yaml").write_text(text)
    settings = load(tmp_path / "connector.yaml").settings
    assert {shop.platform for shop in settings.stores.values()} == {platform}
    assert yaml.safe_load(text)["accounts"].keys() == settings.accounts.keys()


def test_what_goes_into_a_shop_itself_comes_with_the_starter() -> None:
    assert list(companions("medusa")) == ["medusa.subscriber.js"]
    assert list(companions("vendure")) == ["vendure.plugin.ts"]
    for platform in ("medusa", "vendure"):
        (text,) = companions(platform).values()
        assert f'"{PLUGIN_SIGNATURE}"' in text.lower()  # it signs where it is read
    assert companions("woocommerce") == {}


def test_a_starter_of_an_unknown_platform_is_refused() -> None:
    with pytest.raises(UsageError, match='did you mean "woocommerce"'):
        starter("woocomerce")


VALID: dict[str, Any] = {
    "accounts": {"main": {"token": "x", "quota": {"per_minute": "${RATE}", "reserve_for_live": "10%"}}},
    "stores": {
        "acme": {
            "platform": "woocommerce",
            "url": "https://a.example",
            "account": "main",
            "credentials": KEYS,
            "options": {"page_size": "${PAGE:-50}"},
            "poll": "${POLL}",
            "webhook_secret": ["sixteen letters.", "sixteen-letters-"],
            "mapping": {"skip": {"test-order": False, "free": "total == '0.00'"}},
        }
    },
}


def test_the_schema_is_plain_json_and_takes_references_where_numbers_and_durations_stand() -> None:
    assert json.loads(json.dumps(schema())) == schema()
    assert faults(VALID, schema(), schema()) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("databse", "x"),
        ("retention", "30"),
        ("retention", 30),
        ("accounts.main.name", "main"),
        ("accounts.main.quota.per_minute", "sixty"),
        ("accounts.main.quota.reserve_for_live", 10),
        ("stores.acme.platform", "woocomerce"),
        ("stores.acme.pol", "60s"),
        ("stores.acme.credentials.consumer_secrte", "x"),
        ("stores.acme.credentials", {"consumer_key": "x"}),
        ("stores.acme.options.page_size", 500),
        ("stores.acme.webhook_secret", ["a", "b", "c"]),
        ("stores.acme.historical_updates", "lives"),
        ("stores.acme.mapping.order_id", {"strategy": "natve"}),
        ("stores.acme.mapping.fields", {"customer_di": "id"}),
        ("stores.acme.mapping.financial_status", {"on-hold": "pendin"}),
        ("stores.a b", {"platform": "woocommerce"}),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(path: str, value: Any) -> None:
    document = json.loads(json.dumps(VALID))
    *above, last = path.split(".")
    place = document
    for key in above:
        place = place[key]
    place[last] = value
    assert faults(document, schema(), schema()) != []
