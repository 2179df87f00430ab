"""Log records: one a line, for machines or people, and never a secret or a buyer's data."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from connector.runtime import log
from connector.runtime.redaction import Redactor

SECRET = 'cs_9f"ü/hush&hush'


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """A stream for a test's log; what logging and structlog were before comes back afterwards."""
    monkeypatch.setattr(log, "_redactor", Redactor())
    root = logging.getLogger()
    before = root.handlers, root.level
    yield io.StringIO()
    root.handlers, level = before
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_stream_that_is_no_terminal_gets_one_json_object_a_line_with_utc_time(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    structlog.get_logger("connector.state.outbox.acceptance").info(
        "outbox.delivered\nnot a second line", store="acme", tries=2
    )
    [record] = records(stream)
    assert record["event"] == "outbox.delivered\nnot a second line"
    assert (record["level"], record["store"], record["tries"]) == ("info", "acme", 2)
    assert record["logger"] == "connector.state.outbox.acceptance"
    assert datetime.fromisoformat(record["at"]).utcoffset() == UTC.utcoffset(None)


def test_a_terminal_gets_readable_lines_and_a_line_break_in_an_event_stays_on_its_line(
    stream: io.StringIO,
) -> None:
    log.configure(stream=stream, machine=False)
    structlog.get_logger("connector.ingest.poll").info("feed.lost\nfake event", store="acme")
    assert len(stream.getvalue().splitlines()) == 1
    assert "feed.lost\\nfake event" in stream.getvalue()
    assert "acme" in stream.getvalue()


@pytest.mark.parametrize("machine", [True, False])
def test_a_configured_secret_is_hidden_in_events_values_keys_and_exceptions(
    stream: io.StringIO, machine: bool
) -> None:
    log.configure(stream=stream, secrets=[SECRET], machine=machine)
    logger = structlog.get_logger("connector.runtime.http")
    logger.info(f"said {SECRET}", why=SECRET, deep={"list": [{"reply": f"<{SECRET}>"}], SECRET: 1})
    try:
        raise ValueError(f"refused {SECRET}") from KeyError(SECRET)
    except ValueError:
        logger.exception("http.failed", error=ValueError(SECRET))
    written = stream.getvalue()
    assert "hush" not in written
    assert "http.failed" in written
    assert "ValueError: refused [redacted]" in written


def test_a_secret_is_hidden_in_its_url_and_base64_forms_too(stream: io.StringIO) -> None:
    log.configure(secrets=[SECRET], stream=stream)
    assert log.redact("x?k=cs_9f%22%C3%BC%2Fhush%26hush&y=1") == "x?k=[redacted]&y=1"
    assert log.redact("Y3NfOWYiw7wvaHVzaCZodXNo!") == "[redacted]!"


def test_a_longer_secret_is_hidden_whole_when_another_one_begins_it(stream: io.StringIO) -> None:
    log.configure(secrets=["prefix", "prefix-and-more"], stream=stream)
    assert log.redact("a prefix-and-more b prefix c") == "a [redacted] b [redacted] c"


@pytest.mark.parametrize(
    "key",
    [
        *["token", "integration_token", "client_secret", "password", "Authorization", "consumer_key"],
        *["api_key", "set-cookie", "X-WC-Webhook-Signature"],
        *["email", "phone", "first_name", "billing_address"],
    ],
)
def test_a_sensitive_key_is_hidden_whatever_it_holds(stream: io.StringIO, key: str) -> None:
    log.configure(stream=stream)
    structlog.get_logger("connector.web").info("web.asked", headers={key: "zzz"}, **{key: ["zzz"]})
    [record] = records(stream)
    assert record[key] == "[redacted]"
    assert record["headers"] == {key: "[redacted]"}


def test_flags_and_absences_under_sensitive_keys_stay_readable(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    structlog.get_logger("connector.web").info("web.asked", has_token=True, phone=None)
    [record] = records(stream)
    assert (record["has_token"], record["phone"]) == (True, None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"),
        ("GET /orders?consumer_key=ck_1&page=2", "GET /orders?consumer_key=[redacted]&page=2"),
        ("postgresql://me:pass@db/x", "postgresql://[redacted]@db/x"),
        ("token privy_0123456789abcdef is old", "token [redacted] is old"),
        ("no order of jo.o'neil+x@mail.example.com", "no order of jo.o'[redacted]"),
        ("order 4711 of acme waits", "order 4711 of acme waits"),
    ],
)
def test_what_is_secret_or_personal_by_its_form_is_hidden_anywhere(text: str, shown: str) -> None:
    assert log.redact(text) == shown


def test_redacting_a_long_text_takes_time_in_proportion_to_its_length(stream: io.StringIO) -> None:
    log.configure(secrets=[f"ck_{number:040}" for number in range(2000)], stream=stream)
    text = "a" * 200_000
    assert log.redact(text) == text


def test_a_secret_learned_while_running_is_hidden_from_then_on(stream: io.StringIO) -> None:
    log.configure(stream=stream)
    log.learn("fresh-access-token-1")
    structlog.get_logger("connector.delivery.privy").info(
        "privy.answered", said="no fresh-access-token-1 here"
    )
    assert records(stream)[0]["said"] == "no [redacted] here"


def test_libraries_speak_from_warning_on_and_through_the_same_redaction(stream: io.StringIO) -> None:
    log.configure(stream=stream, secrets=[SECRET], level="debug")
    library = logging.getLogger("httpx")
    library.info("HTTP Request: GET https://shop.example")
    library.warning("cannot reach %s", SECRET, exc_info=ValueError(SECRET))
    logging.getLogger("connector.stdlib").debug("ours.debug")
    first, second = records(stream)
    assert (first["event"], first["level"], first["logger"]) == (
        "cannot reach [redacted]",
        "warning",
        "httpx",
    )
    assert "hush" not in first["exception"]
    assert second["event"] == "ours.debug"


def test_our_own_events_below_the_level_are_not_written(stream: io.StringIO) -> None:
    log.configure(stream=stream, level="warning")
    structlog.get_logger("connector.ingest.poll").info("feed.read")
    assert stream.getvalue() == ""


def test_a_warning_of_python_becomes_a_record(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log.configure(stream=stream)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    logging.captureWarnings(False)
    assert records(stream)[0]["logger"] == "py.warnings"


@pytest.mark.parametrize(
    "name",
    [
        *["uvicorn.error", "apscheduler.scheduler", "apscheduler.executors.default", "aiohttp.client"],
        *["alembic.runtime.migration", "asyncio", "sqlalchemy.engine.Engine", "concurrent.futures"],
    ],
)
def test_every_librarys_logger_speaks_through_the_same_redaction(stream: io.StringIO, name: str) -> None:
    log.configure(stream=stream, secrets=[SECRET])
    for level in (logging.DEBUG, logging.ERROR):
        logging.getLogger(name).log(
            level, "broken: %s\nof jo@mail.example", SECRET, exc_info=KeyError(SECRET)
        )
    written = stream.getvalue()
    assert "hush" not in written
    assert "jo@" not in written
    [record] = [record for record in records(stream) if record["level"] == "error"]
    assert record["logger"] == name
    assert record["event"] == "broken: [redacted]\nof [redacted]"


@pytest.mark.parametrize(
    "fault",
    [
        "raise ValueError(SAID)",
        "thread = threading.Thread(target=lambda: int(SAID)); thread.start(); thread.join()",
        "asyncio.new_event_loop().call_exception_handler({'message': SAID, 'exception': ValueError(SAID)})",
        "warnings.warn(SAID)",
        "type('Odd', (), {'__del__': lambda self: int(SAID)})(); gc.collect()",
    ],
)
def test_what_nothing_caught_is_one_event_a_line_too_and_redacted(fault: str) -> None:
    code = (
        "import asyncio, gc, threading, warnings\n"
        "from connector.runtime import log\n"
        "SAID = 'hush-hush-hush\\nof jo@mail.example'\n"
        "log.configure(secrets=['hush-hush-hush'])\n" + fault
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == (1 if fault.startswith("raise") else 0)
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert len(found) == 1
    assert "[redacted]" in done.stderr
    assert "hush" not in done.stderr
    assert "jo@" not in done.stderr


def test_a_record_that_cannot_be_formatted_shows_neither_its_arguments_nor_a_traceback(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(stream=stream)
    logging.getLogger("careless").error("%d orders", "hush-hush")
    assert records(stream) == [{"level": "error", "event": "log.unprintable", "logger": "careless"}]
    assert capsys.readouterr().err == ""


def test_setting_up_twice_writes_each_event_once(stream: io.StringIO) -> None:
    logger = structlog.get_logger("connector.daemon.app")
    log.configure(stream=io.StringIO())
    logger.info("app.first")
    log.configure(stream=stream)
    logger.info("app.second")
    assert [record["event"] for record in records(stream)] == ["app.second"]
