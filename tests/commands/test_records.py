"""`slo-daemon incident` and `slo-daemon feedback`, against a real daemon's web."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer import Typer
from typer.testing import CliRunner, Result

from slo_daemon.adapters.daemon_api import DaemonApi
from slo_daemon.commands.overrides import override_app
from slo_daemon.commands.records import feedback_app, incident_app
from slo_daemon.core.pilot.records import NewFeedback, NewIncident, Severity
from slo_daemon.ports import Act
from slo_daemon.web.security import Role
from tests.web.house import NOW, PILOT, TOKENS, House, Visitor


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def visitor(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitor]:
    for name in ("SLO_DAEMON_URL", "SLO_DAEMON_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with capture_logs(), house.open() as visitor:  # the daemon's log is no part of a command's output
        yield visitor


def run(app: Typer, *words: str, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(app, words, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def environment(visitor: Visitor, role: Role = Role.ADMIN) -> dict[str, str]:
    return {"SLO_DAEMON_URL": visitor.url, "SLO_DAEMON_TOKEN": TOKENS[role]}


ADD = ("add", "--pilot", PILOT, "--title", "Search answers with errors", "--severity", "critical")
RATE = ("add", "--pilot", PILOT, "--user", "u-1", "--rating", "4")


def test_an_incident_lives_from_its_record_to_its_resolution(house: House, visitor: Visitor) -> None:
    env = environment(visitor)
    added = run(incident_app, *ADD, "--started-at", str(NOW - 60), "--reporter", "Ada", env=env)
    listed = run(incident_app, "list", "--pilot", PILOT, env=env)
    resolved = run(incident_app, "resolve", "1", "--pilot", PILOT, "--resolution", "rolled back", env=env)

    assert (added.exit_code, listed.exit_code, resolved.exit_code) == (0, 0, 0)
    line = "critical, open, since 2027-01-15T07:59:00Z: Search answers with errors"
    assert added.stdout == f"incident 1 recorded: {line}\n"
    assert listed.stdout == (
        "ID  STARTED               SEVERITY  STATE  TITLE\n"
        "1   2027-01-15T07:59:00Z  critical  open   Search answers with errors\n"
    )
    assert resolved.stdout.startswith("incident 1 resolved: critical, resolved")
    (kept,) = house.store.incidents(PILOT)
    assert (kept.resolution, kept.resolved_at) == ("rolled back", NOW)
    assert house.store.audit()[-1].actor == "admin: Ada"


def test_resolving_needs_no_words(house: House, visitor: Visitor) -> None:
    env = environment(visitor)
    run(incident_app, *ADD, env=env)

    assert run(incident_app, "resolve", "1", "--pilot", PILOT, env=env).exit_code == 0
    assert house.store.incidents(PILOT)[0].resolved


def test_a_second_resolution_is_refused_and_says_how_to_overwrite_the_first(
    house: House, visitor: Visitor
) -> None:
    env = environment(visitor)
    run(incident_app, *ADD, env=env)
    again = ("resolve", "1", "--pilot", PILOT, "--resolution", "went away")
    run(incident_app, "resolve", "1", "--pilot", PILOT, "--resolution", "rolled back", env=env)
    refused = run(incident_app, *again, env=env)
    assert refused.exit_code == 2
    assert "rolled back" in refused.stderr
    assert "--replace" in refused.stderr

    replaced = run(incident_app, *again, "--replace", env=env)
    assert replaced.exit_code == 0
    assert house.store.incidents(PILOT)[0].resolution == "went away"


def test_a_time_may_be_written_both_ways(house: House, visitor: Visitor) -> None:
    env = environment(visitor)
    for text in (str(NOW - 60), f"{NOW - 60:.0f}", "2027-01-15T07:59:00Z", "2027-01-15T08:59:00+01:00"):
        assert run(incident_app, *ADD, "--started-at", text, env=env).exit_code == 0

    assert {one.started_at for one in house.store.incidents(PILOT)} == {NOW - 60}


def test_feedback_is_recorded_and_listed(house: House, visitor: Visitor) -> None:
    env = environment(visitor, Role.FEEDBACK)
    added = run(
        feedback_app, *RATE, "--text", "good", "--context", "query=red=shoes", "--context", "n=1", env=env
    )
    listed = run(feedback_app, "list", "--pilot", PILOT, env=env)

    assert added.stdout == "feedback 1 recorded: 4/5\n"
    assert dict(house.store.feedback(PILOT)[0].context) == {"query": "red=shoes", "n": "1"}
    assert listed.stdout.splitlines() == [
        "ID  GIVEN                 RATING  USER  TEXT",
        "1   2027-01-15T08:00:00Z  4/5     u-1   good",
    ]


def test_programs_get_json(house: House, visitor: Visitor) -> None:
    env = environment(visitor)
    added = run(incident_app, *ADD, "--output", "json", env=env)
    incidents = run(incident_app, "list", "--pilot", PILOT, "--output", "json", env=env)
    ratings = run(feedback_app, "list", "--pilot", PILOT, "--output", "json", env=env)

    assert json.loads(added.stdout)["id"] == 1
    assert json.loads(incidents.stdout) == {"incidents": [json.loads(added.stdout)]}
    assert json.loads(ratings.stdout) == {"feedback": []}


def test_empty_lists_are_said(visitor: Visitor) -> None:
    env = environment(visitor)

    assert run(incident_app, "list", "--pilot", PILOT, env=env).stdout == "no incident\n"
    assert run(feedback_app, "list", "--pilot", PILOT, env=env).stdout == "no feedback\n"


def test_what_others_wrote_does_not_steer_the_terminal(house: House, visitor: Visitor) -> None:
    text = "\x1b]0;owned\x07\x1b[2J\u202etxet\r\nnext"
    act = Act("x", NOW)
    house.store.record_incident(NewIncident(PILOT, text, Severity.INFO, "", NOW), act)
    house.store.record_feedback(NewFeedback(PILOT, text, 3, text, NOW, {}), act)
    env = environment(visitor)

    for app in (incident_app, feedback_app):
        output = run(app, "list", "--pilot", PILOT, env=env).stdout
        assert set(output).isdisjoint("\x1b\x07\u202e\r")
        assert len(output.splitlines()) == 2


def test_the_token_comes_from_a_file_before_the_environment(visitor: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKENS[Role.INCIDENTS]}\n")
    env = {"SLO_DAEMON_URL": visitor.url, "SLO_DAEMON_TOKEN": "wrong"}

    assert run(incident_app, *ADD, env=env).exit_code == 2
    assert run(incident_app, *ADD, "--token-file", str(file), env=env).exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", "--pilot", "other"), "known: search"),
        ((*ADD[:-1], "fatal"), "fatal"),
        ((*ADD, "--started-at", "yesterday"), "started_at"),
        ((*ADD, "--started-at", "nan"), "started_at"),
        ((*ADD[:4], "", *ADD[5:]), "title"),
        (("resolve", "7", "--pilot", PILOT), "no incident 7"),
        (("resolve", "0", "--pilot", PILOT), "equal to 1"),
        (("resolve", "--pilot", PILOT), "ID"),
        (("list",), "--pilot"),
        (("list", "--pilot", PILOT, "--limit", "0"), "limit"),
        ((*ADD, "--token-file", "/no/such/file"), "No such file"),
        ((*ADD, "--url", "127.0.0.1:9750"), "http://127.0.0.1:9750"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_wrong(
    house: House, visitor: Visitor, words: tuple[str, ...], said: str
) -> None:
    result = run(incident_app, *words, env=environment(visitor))

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert house.store.audit() == ()


@pytest.mark.parametrize("context", ["x", "=1", ""])
def test_a_context_is_key_and_value(visitor: Visitor, context: str) -> None:
    result = run(feedback_app, *RATE, "--context", context, env=environment(visitor))

    assert result.exit_code == 2
    assert "key=value" in result.stderr


def test_without_a_token_one_is_asked_for(visitor: Visitor) -> None:
    result = run(incident_app, *ADD, env={"SLO_DAEMON_URL": visitor.url})

    assert result.exit_code == 2
    assert "SLO_DAEMON_TOKEN" in result.stderr


def test_nobody_there_ends_with_4(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(
        "slo_daemon.commands.daemon.DaemonApi", lambda url, token: DaemonApi(url, token, wait=waited.append)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    result = run(incident_app, "list", "--pilot", PILOT, env={"SLO_DAEMON_URL": url})

    assert result.exit_code == 4
    assert url in result.stderr
    assert result.stdout == ""


def test_an_incident_is_changed(house: House, visitor: Visitor) -> None:
    env = environment(visitor)
    run(incident_app, *ADD, env=env)
    changed = run(incident_app, "change", "1", "--pilot", PILOT, "--severity", "info", env=env)

    assert changed.stdout.startswith("incident 1 changed: info, open")
    assert house.store.incidents(PILOT)[0].severity is Severity.INFO
    nothing = run(incident_app, "change", "1", "--pilot", PILOT, env=env)
    assert (nothing.exit_code, "nothing to change" in nothing.stderr) == (2, True)


@pytest.mark.parametrize("name", ["ratings.csv", "ratings.json", "ratings"])
def test_a_file_is_imported_once(house: House, visitor: Visitor, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    rows = [{"user": f"u-{n}", "rating": 4, "given_at": "2027-01-15T07:00:00Z"} for n in range(3)]
    lines = ["user,rating,given_at", *(",".join(map(str, row.values())) for row in rows)]
    file.write_text("\n".join(lines) if name.endswith("csv") else json.dumps(rows))
    env = environment(visitor, Role.FEEDBACK)
    first = run(feedback_app, "import", str(file), "--pilot", PILOT, env=env)
    again = run(feedback_app, "import", str(file), "--pilot", PILOT, env=env)
    shape = run(feedback_app, "import", str(file), "--pilot", PILOT, "--output", "json", env=env)

    assert (first.exit_code, first.stdout, first.stderr) == (0, "3 of 3 rows recorded\n", "")
    assert again.stdout == "this file was imported before (3 of 3 rows recorded); nothing was recorded now\n"
    assert json.loads(shape.stdout) == {"rows": 3, "recorded": 3, "known": 0, "created": False}
    assert len(house.store.feedback(PILOT)) == 3


def test_incidents_of_a_file_that_is_wrong_are_told_line_by_line(
    house: House, visitor: Visitor, tmp_path: Path
) -> None:
    file = tmp_path / "incidents.csv"
    file.write_text("title,severity,started_at\nSlow,bad,2027-01-15T07:00:00Z\n,info,2027-01-15T07:00:00Z\n")
    result = run(incident_app, "import", str(file), "--pilot", PILOT, env=environment(visitor))

    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0] == "the file has 2 problems; nothing was recorded"
    assert lines[1].startswith("  line 2: severity: ")
    assert lines[2].startswith("  line 3: title: ")
    assert house.store.incidents(PILOT) == ()


def test_a_file_that_cannot_be_read_is_wrong_usage(visitor: Visitor, tmp_path: Path) -> None:
    missing = str(tmp_path / "no.csv")
    result = run(feedback_app, "import", missing, "--pilot", PILOT, env=environment(visitor))
    assert (result.exit_code, "No such file" in result.stderr) == (2, True)


HOLD = ("add", "--pilot", PILOT, "--by", "ada", "--reason", "a sale is on", "--hold")


def test_an_override_lives_from_its_record_to_its_revocation(house: House, visitor: Visitor) -> None:
    env = environment(visitor)
    house.assess(PILOT)
    added = run(override_app, *HOLD, "--until", str(NOW + 3_600), env=env)
    waived = run(
        override_app,
        *(
            *HOLD[:-1],
            "--waive",
            "every SLO is met now",
            "--until",
            "2027-01-16T08:00:00Z",
            "--output",
            "json",
        ),
        env=env,
    )
    revoked = run(override_app, "revoke", "1", "--pilot", PILOT, "--by", "bob", env=env)
    listed = run(override_app, "list", "--pilot", PILOT, env=env)

    assert added.stdout == "override 1 recorded, until 2027-01-15T09:00:00Z\n"
    assert json.loads(waived.stdout)["criterion"] == "every SLO is met now"
    assert revoked.stdout == "override 1 revoked by bob\n"
    assert [line.split() for line in listed.stdout.splitlines()] == [
        ["ID", "IN", "FORCE", "EXPIRES", "BY", "WHAT", "REASON"],
        [
            "2",
            "yes",
            "2027-01-16T08:00:00Z",
            "ada",
            *["every", "SLO", "is", "met", "now", "a", "sale", "is", "on"],
        ],
        ["1", "no", "2027-01-15T09:00:00Z", "ada", "hold", *["a", "sale", "is", "on"]],
    ]


def test_an_override_may_be_given_a_length(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo_daemon.adapters.system_clock.SystemClock.now", lambda _: NOW)
    assert run(override_app, *HOLD, "--for", "7d", env=environment(visitor)).exit_code == 0
    assert house.store.overrides(PILOT)[0].expires_at == NOW + 7 * 86_400


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*HOLD[:-1], "--for", "7d"), "either --waive"),
        ((*HOLD, "--waive", "x", "--for", "7d"), "either --waive"),
        (HOLD, "either --for"),
        ((*HOLD, "--for", "7d", "--until", "1"), "either --for"),
        ((*HOLD, "--for", "soon"), "--for"),
        ((*HOLD, "--until", "tomorrow"), "expires_at"),
        ((*HOLD, "--until", str(NOW + 91 * 86_400)), "90 days"),
        ((*HOLD[:-1], "--waive", "no such", "--until", str(NOW + 60)), "known: 'every SLO is met now'"),
        (("revoke", "7", "--pilot", PILOT, "--by", "bob"), "no override 7"),
    ],
)
def test_an_override_that_cannot_be_is_wrong_usage(
    house: House, visitor: Visitor, words: tuple[str, ...], said: str
) -> None:
    house.assess(PILOT)
    result = run(override_app, *words, env=environment(visitor))
    assert result.exit_code == 2
    assert said in result.stderr
    assert house.store.overrides(PILOT) == ()


def test_an_empty_list_of_overrides_is_said(visitor: Visitor) -> None:
    assert run(override_app, "list", "--pilot", PILOT, env=environment(visitor)).stdout == "no override\n"
