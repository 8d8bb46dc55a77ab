"""Logs by structlog through the standard library: JSON in a container, readable lines on a terminal.

One line for each slot and each transition; secrets are masked by key and inside URLs.
"""

import logging
import os
import re
import sys
from typing import Any, TextIO

import structlog

_SECRET_KEYS = re.compile(r"token|password|secret|authorization|api_?key", re.IGNORECASE)
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
DUMB_TERMINALS = ("dumb", "unknown")
MASK = "********"
_QUIET = ("apscheduler", "alembic", "urllib3", "uvicorn.access")


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at that moment; somebody may redirect it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def colourful(stream: TextIO) -> bool:
    """Whether colour belongs there: on a terminal that has any, or where FORCE_COLOR wants it, and never with NO_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") not in DUMB_TERMINALS


def configure(form: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Set up logging of the whole process. `form`: auto, json or console; `level`: debug, info, warning or error."""
    out = stream or sys.stderr
    readable = form == "console" or (form == "auto" and out.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]
    last: list[Any] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=colourful(out), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _StandardError() if stream is None else logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def silence() -> None:
    """Log nothing any more: the stream that was given may be closed."""
    logging.getLogger().handlers[:] = [logging.NullHandler()]


def mask_secrets(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Hide values of keys that name secrets, and credentials inside URLs."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = MASK
        elif isinstance(value, str) and "://" in value:
            event[key] = _URL_CREDENTIALS.sub(f"{MASK}@", value)
    return event
