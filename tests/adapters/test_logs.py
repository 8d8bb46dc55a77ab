"""Logs: JSON lines for machines, readable lines for people, and no secret in either."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from slo_daemon.adapters import logs


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_its_event_and_facts(out: io.StringIO) -> None:
    logs.configure("json", "info", out)
    structlog.get_logger("slo_daemon").info("slot_evaluated", slot=60.0, slos=2, text="two\nlines")
    logging.getLogger("someone.else").warning("their %s", "words", extra={"more": 1})
    ours, theirs = map(json.loads, out.getvalue().splitlines())
    assert (ours["event"], ours["slot"], ours["level"], ours["text"]) == (
        "slot_evaluated",
        60.0,
        "info",
        "two\nlines",
    )
    assert (theirs["event"], theirs["more"], theirs["level"]) == ("their words", 1, "warning")
    assert ours["timestamp"].endswith("Z")


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_masked_by_key_and_inside_urls(out: io.StringIO, form: str) -> None:
    logs.configure(form, "info", out)
    log = structlog.get_logger("slo_daemon")
    log.info(
        "asked",
        bearer_token="s3cret",
        Authorization="Bearer s3cret",
        url="http://user:s3cret@prometheus:9090/x",
    )
    assert "s3cret" not in out.getvalue()
    assert "prometheus:9090" in out.getvalue()


def test_a_traceback_shows_no_local_variables(out: io.StringIO) -> None:
    logs.configure("json", "info", out)
    password_of_mine = "s3cret"
    try:
        int("a bug")
    except ValueError:
        structlog.get_logger("slo_daemon").exception("crashed")
    assert password_of_mine not in out.getvalue()
    assert "a bug" in json.loads(out.getvalue())["exception"]


def test_lines_below_the_level_are_not_written(out: io.StringIO) -> None:
    logs.configure("json", "warning", out)
    structlog.get_logger("slo_daemon").info("quiet")
    logging.getLogger("apscheduler").warning("loud")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["loud"]
