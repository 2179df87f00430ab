"""Structured records on stderr: one event a line, JSON for machines, readable on a terminal.

Our own loggers (``structlog.get_logger()``), those of libraries, Python's warnings and what nothing caught go
through one chain, whose last step before printing is redaction, so no record comes round it. Event names are
dotted (``outbox.delivered``).
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from connector.runtime.redaction import Redactor
from connector.runtime.terminal import styled

OURS = ("connector", "adapters")
QUIET = ("sqlalchemy",)  # tells the rows that it reads from DEBUG on, which are buyers' data: never that
LEVELS = ("debug", "info", "warning", "error")

_redactor = Redactor()


def configure(
    *,
    secrets: Iterable[str] = (),
    level: str = "info",
    stream: TextIO | None = None,
    machine: bool | None = None,
) -> None:
    """Set logging up for this process; calling it again replaces the set-up and keeps known secrets.

    ``level`` is for our own events; libraries speak from WARNING on. ``machine`` chooses JSON; by default
    that is when ``stream`` (stderr) is no terminal.
    """
    stream = stream or styled(sys.stderr)
    machine = not stream.isatty() if machine is None else machine
    _redactor.learn(secrets)
    gathered: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *gathered,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=gathered,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redacted,
                structlog.processors.JSONRenderer(serializer=_json) if machine else _readable(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda fault: _uncaught(fault.exc_type, fault.exc_value, fault.exc_traceback)
    sys.unraisablehook = lambda fault: _uncaught(fault.exc_type, fault.exc_value, fault.exc_traceback)


def learn(*secrets: str) -> None:
    """Secrets that only became known while running, such as an OAuth access token."""
    _redactor.learn(secrets)


def redact(text: str) -> str:
    """The text without secrets and e-mail addresses, for errors that are stored or shown."""
    return _redactor.text(text)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """What Python itself would print, as an event."""
    if issubclass(kind, KeyboardInterrupt):
        return
    fault = (kind, error or kind(), trace)
    logging.getLogger("connector").critical("program.fault", exc_info=fault)


def _redacted(logger: WrappedLogger, method: str, event: EventDict) -> MutableMapping[str, Any]:
    return _redactor.fields(event)


def _json(event: EventDict, **options: Any) -> str:
    return json.dumps(event, ensure_ascii=False)


def _readable() -> Processor:
    """The console's form; a line break inside an event must not look like another event."""
    console = structlog.dev.ConsoleRenderer(timestamp_key="at", pad_event_to=32)

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        event["event"] = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(event["event"]))
        rendered = console(logger, method, event)
        return rendered if isinstance(rendered, str) else rendered.decode()

    return render


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """A record that cannot be printed: say so, without the arguments that logging would show."""
        line = json.dumps({"level": "error", "event": "log.unprintable", "logger": record.name})
        with suppress(OSError, ValueError):  # stderr itself is full or closed
            self.stream.write(line + self.terminator)
