"""Reading the configuration: every mistake at once, with file, line and key, and never a secret's value."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.model.errors import ConfigError, Problem
from connector.settings import loader
from connector.settings.loader import Loaded, find, load

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GOOD = """\
accounts:
  main: {token: privy_hush}
stores:
  acme:
    platform: woocommerce
    url: https://shop.acme.example
    credentials: {consumer_key: ck_hush, consumer_secret: cs_hush}
    account: main
"""
STORE = GOOD[GOOD.index("    platform") :]

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file, readable by its owner only, and gives its path."""

    def write(text: str, name: str = "connector.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def problems(path: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(path, now=NOW)
    assert "hush" not in str(caught.value)
    return caught.value.problems


def only(path: Path) -> str:
    """The one problem, with the file's name alone for its path."""
    [problem] = problems(path)
    return str(problem).replace(f"{path.parent}/", "")


def test_the_designs_example_loads(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PRIVY_TOKEN", "ACME_KEY", "ACME_SECRET", "ACME_PRIVY_INTEGRATION", "ACME_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, f"hush-{name}")
    loaded = load(
        write(
            """\
database: sqlite:///connector.db
listen: 127.0.0.1:8080
include: [stores/*.yaml]
accounts:
  main:
    token: ${PRIVY_TOKEN}
    base_url: https://api.privy.com
    quota: {per_minute: 60, per_day: 10000, reserve_for_live: 10%}
stores:
  acme:
    platform: woocommerce
    url: https://shop.acme.example
    credentials: {consumer_key: "${ACME_KEY}", consumer_secret: "${ACME_SECRET}"}
    account: main
    integration_token: ${ACME_PRIVY_INTEGRATION}
    poll: 60s
    webhook_secret: ${ACME_WEBHOOK_SECRET}
    live_from: 2026-06-01T00:00:00Z
    mapping:
      order_id: {from: id, strategy: native}
      financial_status: {on-hold: pending, wc-custom: paid}
      fulfillment_status: {completed: delivered}
      fields:
        customer_id: "meta_data[?key=='_crm_id'].value | [0]"
        accepts_email_marketing: "meta_data[?key=='newsletter'].value | [0] == 'yes'"
      default_phone_region: US
      skip:
        free-orders: "total == '0.00'"
"""
        ),
        now=NOW,
    )
    acme = loaded.settings.stores["acme"]
    assert acme.name == "acme"
    assert acme.live_from == datetime(2026, 6, 1, tzinfo=UTC)
    assert acme.integration_token is not None
    assert acme.integration_token.get_secret_value() == "hush-ACME_PRIVY_INTEGRATION"
    assert acme.mapping.order_id.from_ == "id"
    assert len(loaded.secrets) == 5
    assert loaded.warnings == ()


def test_every_mistake_is_told_in_one_pass_with_its_line_and_key(write: Write) -> None:
    path = write(
        """\
databse: sqlite:///x.db
listen: 8080
accounts:
  main:
    token: ${NOT_SET}
    quota: {per_minute: sixty, per_dya: 3}
stores:
  acme:
    platform: woocommerce
    url: https://shop.acme.example?key=hush
    credentials: {consumer_secrte: hush}
    account: mian
    poll: 0s
    live_from: 2030-06-01T00:00:00Z
    mapping:
      order_id: {from: id, strategy: natve}
      fields: {customer_di: id}
  other:
    platform: woocomerce
    url: http://public.example
    account: main
    live_from: 2026-06-01T00:00:00
"""
    )
    told = [(problem.where.rpartition(":")[2], problem.key) for problem in problems(path)]
    assert told == [
        ("1", "databse"),
        ("2", "listen"),
        ("5", "accounts.main.token"),
        ("6", "accounts.main.quota.per_minute"),
        ("6", "accounts.main.quota.per_dya"),
        ("10", "stores.acme.url"),
        ("11", "stores.acme.credentials.consumer_key"),
        ("11", "stores.acme.credentials.consumer_secret"),
        ("11", "stores.acme.credentials.consumer_secrte"),
        ("12", "stores.acme.account"),
        ("13", "stores.acme.poll"),
        ("14", "stores.acme.live_from"),
        ("16", "stores.acme.mapping.order_id.strategy"),
        ("17", "stores.acme.mapping.fields.customer_di"),
        ("19", "stores.other.platform"),
        ("20", "stores.other.url"),
        ("22", "stores.other.live_from"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pol: 60s", 'stores.acme.pol: there is no such key here; did you mean "poll"?'),
        ("Poll: 60s", 'stores.acme.Poll: there is no such key here; did you mean "poll"?'),
        ("name: acme", "stores.acme.name: there is no such key here; the name is acme, the key above"),
        ("poll: 60", "stores.acme.poll: found 60: a duration is a number and its unit"),
        ("poll: 0.5s", 'stores.acme.poll: found "0.5s": the shortest duration here is 1s'),
        (
            "historical_updates: lives",
            "found \"lives\", allowed: 'history' or 'live'; did you mean \"live\"?",
        ),
        (
            "integration_token: 12345",
            "stores.acme.integration_token: found a number, a text is needed; write it",
        ),
        ("integration_token: ''", "stores.acme.integration_token: is empty"),
        ("webhook_secret: [hush, hush, hush]", "webhook_secret: a list of 3; allowed are one secret, or two"),
        ("webhook_secret: []", "stores.acme.webhook_secret: a list of 0; allowed are one secret, or two"),
        ("webhook_secret: ''", "stores.acme.webhook_secret: is empty"),
        ("live_from: 2026-11-24T00:00:00Z", 'live_from: found "2026-11-24T00:00:00Z": lies in the future'),
        (
            "live_from: 2026-06-01T00:00:00",
            'live_from: found "2026-06-01T00:00:00": the time zone is missing',
        ),
        ("live_from: 2026", "stores.acme.live_from: found 2026: a time is written like 2026-06-01T00:00:00Z"),
        (
            "options: {page_size: 500}",
            "stores.acme.options.page_size: found 500, should be less than or equal",
        ),
        (
            "options: {page_sise: 5}",
            'stores.acme.options.page_sise: there is no such key here; did you mean "page_',
        ),
        ("options: fast", 'stores.acme.options: found "fast", a group of keys is needed'),
        (
            "mapping: {skip: {free: 'total =='}}",
            "stores.acme.mapping.skip.free: found \"total ==\": 'total =='",
        ),
        (
            "mapping: {placed: {x: perhaps}}",
            'stores.acme.mapping.placed.x: found "perhaps", should be a valid',
        ),
        (
            "mapping: {fields: {emial: x}}",
            'fields.emial: found "emial": emial is not a field of Privy\'s order',
        ),
        (
            "mapping: {order_id: {strategy: offset}}",
            "stores.acme.mapping.order_id: strategy offset needs an offset",
        ),
    ],
)
def test_a_mistake_in_a_store_says_what_was_found_and_what_is_allowed(
    write: Write, line: str, said: str
) -> None:
    told = only(write(f"{GOOD}    {line}\n"))
    assert told.startswith("connector.yaml:9: stores.acme")
    assert said in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "accounts: {main: {}}",
            "connector.yaml:1: accounts.main: exactly one of token and oauth is needed; neither",
        ),
        ("accounts: {main: }", "connector.yaml:1: accounts.main: a group of keys is needed here"),
        ("accounts: [main]", "connector.yaml:1: accounts: a group is needed here"),
        ("stores: acme", "connector.yaml:1: stores: a group is needed here"),
        ("stores: {acme: acme}", "connector.yaml:1: stores.acme: a group of keys is needed here"),
        ("accounts: {'a b': {token: hush}}", 'connector.yaml:1: accounts.a b: found "a b": a name has 1 to'),
        ("include: stores/*.yaml", 'connector.yaml:1: include: found "stores/*.yaml", a list is needed'),
        ("- a", "connector.yaml: a configuration begins with its keys"),
        (
            "database: postgresql+mysql://me:hush@db/x",
            "connector.yaml:1: database: a database is sqlite:///FILE",
        ),
        ("listen: 8080", "connector.yaml:1: listen: found a number, a text is needed; write it in quotes"),
    ],
)
def test_a_mistake_elsewhere_names_its_place(write: Write, text: str, said: str) -> None:
    assert only(write(text)).startswith(said)


def test_token_and_oauth_together_are_refused_beside_other_mistakes_of_the_account(write: Write) -> None:
    path = write(
        "accounts: {main: {token: hush, oauth: {client_id: a, client_secret: hush}, quota: {per_day: 0}}}"
    )
    told = {problem.key: problem.what for problem in problems(path)}
    assert told["accounts.main.oauth"].endswith("both are given")
    assert told["accounts.main.quota.per_day"] == "found 0, should be greater than or equal to 1"


def test_an_unknown_account_is_refused_with_the_nearest(write: Write) -> None:
    assert only(write(GOOD.replace("account: main", "account: mian"))) == (
        'connector.yaml:8: stores.acme.account: there is no account "mian"; did you mean "main"?'
    )


def test_an_unknown_platform_does_not_hide_the_stores_other_mistakes(write: Write) -> None:
    path = write(GOOD.replace("platform: woocommerce", "platform: woocomerce") + "    pol: 5s\n")
    first, second = problems(path)
    assert first.what == 'there is no platform "woocomerce"; did you mean "woocommerce"?'
    assert second.key == "stores.acme.pol"


def test_a_mistake_in_one_store_does_not_hide_those_between_others(write: Write) -> None:
    two = GOOD + "  beta:\n" + STORE.replace("shop.acme", "beta") + "  gamma: {}\n"
    told = [problem.key for problem in problems(write(two))]
    assert "stores.beta.mapping.order_id" in told
    assert "stores.gamma.url" in told


def test_stores_whose_order_ids_could_meet_are_refused_and_kept_apart_they_load(write: Write) -> None:
    two = GOOD + "  beta:\n" + STORE.replace("shop.acme", "beta")
    assert "stores acme and beta both deliver to account main, and their order_ids could meet" in only(
        write(two)
    )
    load(write(two + "    mapping: {order_id: {strategy: hash}}\n"), now=NOW)


def test_two_stores_that_read_one_shop_for_one_account_are_refused(write: Write) -> None:
    again = STORE.replace("https://shop.acme.example", "https://Shop.Acme.Example:443/")
    two = f"{GOOD}  beta:\n{again}    mapping: {{order_id: {{strategy: hash}}}}\n"
    assert only(write(two)).startswith(
        "connector.yaml:11: stores.beta.url: this shop is already read by store acme for account main"
    )


def test_two_accounts_that_are_one_privy_business_are_refused(write: Write) -> None:
    again = "accounts:\n  again: {token: privy_hush}\n"
    assert only(write(GOOD.replace("accounts:\n", again))).startswith(
        "connector.yaml:3: accounts.main.token: account again has the same, so both are one Privy business"
    )
    load(write(GOOD.replace("accounts:\n", again.replace("hush", "other"))), now=NOW)
    one = "{oauth: {client_id: app, client_secret: hush}}"
    oauth = (
        f"accounts:\n  one: {one}\n  two: {one}\n  sandbox: {one[:-1]}, base_url: 'http://127.0.0.1:9'}}\n"
    )
    assert only(write(GOOD.replace("accounts:\n", oauth))).startswith(
        "connector.yaml:3: accounts.two.oauth.client_id: account one has the same"
    )


def test_an_empty_key_is_refused_wherever_it_comes_from(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "")
    told = only(write(GOOD.replace("ck_hush", '"${KEY}"')))
    assert told == "connector.yaml:7: stores.acme.credentials.consumer_key: is empty"


# Text of a file, of the environment, and of other files


def test_a_variable_a_default_and_a_file_stand_in_for_text(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "from-variable")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("RATE", "30")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(write("first\n\n", "run/secrets/first").parent))
    write("second", "secrets/second")
    quota = "quota: {per_minute: '${RATE}', per_day: '${EMPTY:-500}'}"
    keys = "${file:secrets/second}-${file:$CREDENTIALS_DIRECTORY/first}"
    text = GOOD.replace("privy_hush", f"'${{TOKEN}}', {quota}").replace("ck_hush", f"'{keys}'")
    settings = load(
        write(text.replace("cs_hush", "'${file:${CREDENTIALS_DIRECTORY}/first}$${x}-$5-${UNSET:-}{}'")),
        now=NOW,
    ).settings
    token = settings.accounts["main"].token
    assert token is not None
    assert token.get_secret_value() == "from-variable"
    assert (settings.accounts["main"].quota.per_minute, settings.accounts["main"].quota.per_day) == (30, 500)
    keys_given = settings.stores["acme"].credentials.model_dump()
    assert keys_given["consumer_key"].get_secret_value() == "second-first"
    assert keys_given["consumer_secret"].get_secret_value() == "first${x}-$5-{}"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (
            "${NOT_SET}",
            "the environment variable NOT_SET is not set; set it, or give a default with ${NOT_SET:-",
        ),
        ("${file:missing}", "/missing cannot be read (No such file or directory)"),
        ("${file:.}", "cannot be read (Is a directory)"),
        ("${file:${NOT_SET}/x}", "the environment variable NOT_SET is not set"),
        ("${file:binary}", "/binary is not UTF-8 text"),
        ("${file:/dev/zero}", "is larger than 64 KiB; is it the right one?"),
        ("${1BAD}", "a ${ that is no ${NAME}"),
        ("${A:-${B}}", "a ${ that is no ${NAME}"),
        ("${unclosed", "a ${ that is no ${NAME}"),
        ("${}", "a ${ that is no ${NAME}"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_once(write: Write, reference: str, said: str) -> None:
    path = write(GOOD.replace("privy_hush", f"'{reference}'"))
    (path.parent / "binary").write_bytes(b"\xff\xfe")
    told = only(path)
    assert told.startswith("connector.yaml:2: accounts.main.token: ")
    assert said in str(problems(path)[0])


def test_what_came_from_the_environment_is_never_shown(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLL", "hush")
    told = only(write(GOOD + "    poll: ${POLL}\n"))
    assert told.startswith("connector.yaml:9: stores.acme.poll: a duration is a number and its unit")


def test_each_top_level_setting_can_be_overridden_in_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(GOOD + "include: [nowhere.yaml]\nretention: 1d\n")
    write("accounts: {more: {token: privy_1}}", "more.yaml")
    monkeypatch.setenv("CONNECTOR_DATABASE", "postgresql://me:p%40ss@db/connector")
    monkeypatch.setenv("CONNECTOR_LISTEN", "0.0.0.0:80")
    monkeypatch.setenv("CONNECTOR_RETENTION", "2d")
    monkeypatch.setenv("CONNECTOR_INCLUDE", json.dumps(["more.yaml"]))
    monkeypatch.setenv(
        "CONNECTOR_ACCOUNTS", json.dumps({"main": {"token": "new"}, "second": {"token": "other"}})
    )
    monkeypatch.setenv("CONNECTOR_STORES", json.dumps({"acme": {"poll": "5s"}}))
    loaded = load(path, now=NOW)
    settings = loaded.settings
    assert settings.database == "postgresql://me:p%40ss@db/connector"
    assert (settings.listen, settings.retention) == ("0.0.0.0:80", timedelta(days=2))
    assert settings.accounts.keys() == {"main", "second", "more"}
    assert settings.stores["acme"].poll == timedelta(seconds=5)
    assert settings.stores["acme"].url == "https://shop.acme.example"
    assert {"new", "other", "p@ss", "p%40ss"} <= set(loaded.secrets)
    assert "privy_hush" not in loaded.secrets


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CONNECTOR_RETENTION", "hush", "CONNECTOR_RETENTION: retention: a duration is a number"),
        ("CONNECTOR_ACCOUNTS", "{", "environment: CONNECTOR_ACCOUNTS: must be JSON: an object whose values"),
        ("CONNECTOR_STORES", "[]", "environment: CONNECTOR_STORES: must be JSON: an object whose values"),
        ("CONNECTOR_INCLUDE", '"x"', "environment: CONNECTOR_INCLUDE: must be JSON: a list of texts"),
        (
            "CONNECTOR_STORES",
            '{"acme": {"pol": 1}}',
            "CONNECTOR_STORES: stores.acme.pol: there is no such key",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    write: Write, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert only(write(GOOD)).startswith(said)


# YAML


def test_words_that_older_yaml_takes_for_booleans_times_and_octals_stay_text(write: Write) -> None:
    words = "{NO: pending, on: paid, 12:30: paid, 010: paid, 1e3: paid, ~: paid, true: paid}"
    skip = "{yes: yes, test-order: false}"
    mapping = f"mapping: {{financial_status: {words}, skip: {skip}, placed: {{off: true}}}}"
    settings = load(write(f"{GOOD}    {mapping}\n"), now=NOW).settings.stores["acme"].mapping
    assert list(settings.financial_status) == ["NO", "on", "12:30", "010", "1e3", "~", "true"]
    assert settings.skip == {"yes": "yes", "test-order": False}
    assert settings.placed == {"off": True}


def test_a_secret_that_looks_like_a_number_must_be_quoted_and_then_keeps_its_zeros(write: Write) -> None:
    assert "found a number, a text is needed; write it in quotes" in only(
        write(GOOD.replace("privy_hush", "0071"))
    )
    token = load(write(GOOD.replace("privy_hush", "'0071'"))).settings.accounts["main"].token
    assert token is not None
    assert token.get_secret_value() == "0071"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stores:\n  a: [1, 2\n  b: 3\n", "connector.yaml:3:4: this is not YAML"),
        ("stores: {a: b: c}", "connector.yaml:1:14: this is not YAML"),
        ("stores:\n\t- a", "connector.yaml:2:1: this is not YAML: while scanning for the next token"),
        ("stores: *hush", "connector.yaml:1:9: this is not YAML: found undefined alias"),
        ("a: 1\n---\nb: 2", "connector.yaml:2:1: this is not YAML: expected a single document"),
        ("stores: !hush x", "connector.yaml:1: stores: a tag (!…) that a configuration does not know"),
        ("stores: !!python/object:os.system x", "connector.yaml:1: stores: a tag (!…)"),
        ("? [a]\n: b", "connector.yaml:1: a key must be a text"),
        ("listen: !!int hush", "connector.yaml:1: listen: a number that cannot be read"),
        ("<<: 5", "connector.yaml:1: << takes a mapping"),
        ("stores: \x01", "connector.yaml: this is not YAML: it holds a control character"),
    ],
)
def test_broken_yaml_is_told_with_line_and_column(write: Write, text: str, said: str) -> None:
    assert only(write(text)).startswith(said)


def test_a_key_that_stands_twice_is_refused_with_both_lines(write: Write) -> None:
    assert only(write(f"{GOOD}    account: main\n")) == (
        "connector.yaml:9: stores.acme.account: stands here again; it is already in line 8. Keep one of them"
    )


def test_anchors_and_merge_keys_share_settings_and_own_keys_win(write: Write) -> None:
    text = GOOD.replace("  acme:\n", "  acme: &base\n") + (
        "    mapping: &hashed {order_id: {strategy: hash}}\n"
        "  beta:\n    <<: *base\n    url: https://beta.example\n    poll: 5s\n"
    )
    stores = load(write(text), now=NOW).settings.stores
    assert (stores["beta"].url, stores["beta"].poll) == ("https://beta.example", timedelta(seconds=5))
    assert stores["acme"].mapping == stores["beta"].mapping


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
        "a0: &a0 {x: 1}\n"
        + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)),
        "stores: &a {b: *a}",
        "stores: &a {<<: *a}",
        "stores: " + "[" * 500 + "]" * 500,
    ],
    ids=["laughs", "merged laughs", "itself", "itself merged", "deep"],
)
def test_a_file_that_expands_without_end_is_refused_at_once(write: Write, text: str) -> None:
    assert "does an alias contain itself?" in only(write(text))


def test_a_file_that_is_no_text_is_refused_with_its_line(write: Write) -> None:
    path = write("")
    path.write_bytes(b"listen: a\nstores: \xff\n")
    assert only(path) == "connector.yaml: line 2 is not UTF-8 text"


def test_a_byte_order_mark_and_an_empty_file_do_no_harm(write: Write) -> None:
    assert load(write("\ufeff" + GOOD), now=NOW).settings.stores.keys() == {"acme"}
    assert load(write("# nothing yet\n")).settings.stores == {}


# Files


def test_stores_in_files_of_their_own_are_put_together(write: Write) -> None:
    beta = STORE.replace("shop.acme", "beta") + "    mapping: {order_id: {strategy: hash}}\n"
    write(f"stores:\n  beta:\n{beta}", "stores/b.yaml")
    write("accounts: {second: {token: privy_2}}\n", "stores/a.yaml")
    path = write("include: [stores/*.yaml, 'none/*.yaml', stores/a.yaml, '*.yaml']\n" + GOOD)
    settings = load(path, now=NOW).settings
    assert settings.accounts.keys() == {"main", "second"}
    assert settings.stores.keys() == {"acme", "beta"}


def test_the_same_store_in_two_files_is_refused_with_both_places(write: Write) -> None:
    write(f"stores:\n  acme:\n{STORE}", "stores/b.yaml")
    told = only(write("include: [stores/*.yaml]\n" + GOOD))
    assert told.startswith("stores/b.yaml:2: stores.acme: is already in ")
    assert told.endswith("connector.yaml:5; remove one of the two")


def test_a_plain_name_that_is_missing_is_an_error_and_a_pattern_without_files_is_not(write: Write) -> None:
    told = only(write("include: ['none/*.yaml', gone.yaml]\n" + GOOD))
    assert told.startswith("connector.yaml:1: include[1]: there is no file gone.yaml")


def test_an_included_file_brings_accounts_and_stores_only(write: Write) -> None:
    write("include: [x]\nlisten: a:1\nplatform: woocommerce\n", "b.yaml")
    told = problems(write("include: [b.yaml]\n" + GOOD))
    assert [(problem.where.rpartition("/")[2], problem.key) for problem in told] == [
        ("b.yaml:1", "include"),
        ("b.yaml:2", "listen"),
        ("b.yaml:3", "platform"),
    ]
    assert told[2].what.endswith("put the store's keys below stores: and its name")


def test_a_file_that_cannot_be_read_hides_no_other_mistake_and_blames_no_store(write: Write) -> None:
    write("accounts: {second: {token: [", "b.yaml")
    path = write("include: [b.yaml]\n" + GOOD.replace("account: main", "account: second") + "    pol: 5s\n")
    assert [problem.key for problem in problems(path)] == ["", "stores.acme.pol"]


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    assert only(tmp_path / "connector.yaml") == "connector.yaml: cannot be read (No such file or directory)"


def test_the_configuration_is_looked_for_in_its_places_in_order(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    system = write(GOOD, "etc/connector.yaml")
    monkeypatch.setattr(loader, "PLACES", (Path("connector.yaml"), system))
    assert find() == system
    write(GOOD)
    assert find() == Path("connector.yaml")
    monkeypatch.setenv("CONNECTOR_CONFIG", "elsewhere.yaml")
    assert find() == Path("elsewhere.yaml")


def test_where_there_is_no_configuration_all_places_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if loader.PLACES[1].exists():  # a machine that runs a connector
        monkeypatch.setattr(
            loader, "PLACES", (Path("connector.yaml"), tmp_path / "etc/connector/connector.yaml")
        )
    with pytest.raises(ConfigError) as caught:
        load()
    for part in (
        "-c FILE",
        "$CONNECTOR_CONFIG",
        "connector.yaml",
        "/etc/connector/connector.yaml",
        "connector init",
    ):
        assert part in str(caught.value)


def test_a_relative_database_counts_from_the_configurations_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(GOOD)
    monkeypatch.chdir("/")
    assert load(path).settings.database == f"sqlite:///{tmp_path}/connector.db"
    assert (
        load(write("database: sqlite:////var/lib/c.db\n" + GOOD)).settings.database
        == "sqlite:////var/lib/c.db"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CONNECTOR_DATABSE", "did you mean CONNECTOR_DATABASE?"),
        ("CONNECTOR_DATABASE_URL", "did you mean CONNECTOR_DATABASE?"),
        ("connector_storse", "did you mean CONNECTOR_STORES?"),
        ("CONNECTOR_CONFG", "did you mean CONNECTOR_CONFIG?"),
        ("CONNECTOR_STORES__ACME__POLL", "CONNECTOR_STORES takes the whole group, as JSON"),
    ],
)
def test_a_variable_that_looks_like_a_setting_and_is_none_is_warned_about(
    write: Write, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "hush")
    [warning] = load(write(GOOD), now=NOW).warnings
    assert warning == f"the environment's {name} is no setting and changes nothing; {hint}"


def test_variables_that_others_set_or_the_files_ask_for_are_not_warned_about(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # the first three are what Kubernetes sets where a service is called "connector"
    for name in ("PORT", "SERVICE_HOST", "PORT_8080_TCP_ADDR", "CONFIG", "LISTENS", "STORE", "STORES_DIR"):
        monkeypatch.setenv(f"CONNECTOR_{name}", "sub")
    monkeypatch.setenv("connector_retention", "2d")
    write("hush", "sub/token")
    text = GOOD.replace("privy_hush", "'${file:${CONNECTOR_STORES_DIR}/token}'")
    text += (
        "    webhook_secret: ['${CONNECTOR_LISTENS:-x}12-and-more-of', '${CONNECTOR_STORE}45-and-more-of']\n"
    )
    loaded = load(write(text), now=NOW)
    assert loaded.warnings == ()
    assert loaded.settings.retention.days == 2


# Secrets


def test_all_secrets_are_handed_over_for_redaction_and_none_shows_in_the_result(write: Write) -> None:
    text = GOOD + "    integration_token: it_hush\n    webhook_secret: [wh_hush_of_16_c1, wh_hush_of_16_c2]\n"
    loaded: Loaded = load(write(text), now=NOW)
    assert set(loaded.secrets) == {
        "privy_hush",
        "ck_hush",
        "cs_hush",
        "it_hush",
        "wh_hush_of_16_c1",
        "wh_hush_of_16_c2",
    }
    assert "hush" not in repr(loaded)


def test_a_secret_in_a_file_that_everybody_may_read_is_warned_about_once_a_load(write: Write) -> None:
    write(
        f"stores:\n  acme:\n{STORE}    webhook_secret: [a1234567890123456, b1234567890123456]\n",
        "stores/b.yaml",
    ).chmod(0o644)
    path = write("include: [stores/*.yaml]\naccounts: {main: {token: privy_hush}}\n")
    path.chmod(0o644)
    [warning] = load(path, now=NOW).warnings
    assert warning.startswith(f"{path}:2: accounts.main.token is a secret in a file that everybody")
    assert "(and 1 more files)" in warning
    assert "hush" not in warning


def test_a_readable_file_whose_secrets_come_from_elsewhere_is_not_warned_about(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", "hush")
    text = GOOD.replace("privy_hush", "'${X}'").replace("ck_hush", "'${X}'").replace("cs_hush", "'${X}'")
    path = write(text + "    webhook_secret: ['${X}1_of_16_letters', '${X}2_of_16_letters']\n")
    path.chmod(0o644)
    assert load(path, now=NOW).warnings == ()


def test_a_thousand_stores_load_and_are_checked_against_each_other(write: Write) -> None:
    stores = "".join(
        f"  s{n}:\n" + STORE.replace("shop.acme", f"s{n}") + "    mapping: {order_id: {strategy: hash}}\n"
        for n in range(1000)
    )
    path = write(GOOD[: GOOD.index("  acme:")] + stores)
    assert len(load(path, now=NOW).settings.stores) == 1000


def test_references_may_stand_inside_of_braces_and_brackets(tmp_path: Path) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(
        "accounts:\n"
        "  main: {token: ${TOKEN_A}, quota: {per_minute: ${RATE:-60}, reserve_for_live: 10%}}\n"
        "stores:\n"
        "  acme:\n"
        "    platform: woocommerce\n"
        "    url: https://shop.acme.example\n"
        "    credentials: {consumer_key: ${KEY_A}, consumer_secret: ${file:${FOLDER_A}/secret}}\n"
        "    account: main\n"
        "    webhook_secret: [${HOOK_A:-a,b: c,d: e,f: g}, 'plain ${KEY_A} and more']\n"
    )
    path.chmod(0o600)
    (tmp_path / "secret").write_text("cs_1\n")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"TOKEN_A": "privy_1", "KEY_A": "ck_1", "FOLDER_A": str(tmp_path)}.items():
            patch.setenv(name, value)
        store = load(path).settings.stores["acme"]
    assert store.credentials.consumer_key.get_secret_value() == "ck_1"  # type: ignore[attr-defined]
    assert store.credentials.consumer_secret.get_secret_value() == "cs_1"  # type: ignore[attr-defined]
    assert [secret.get_secret_value() for secret in store.webhook_secret] == [
        "a,b: c,d: e,f: g",
        "plain ck_1 and more",
    ]
