"""The daemon's settings: a file under the environment under the command line, and secrets that are never shown."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_daemon.settings import Settings, load_settings, override, read_settings, variables
from slo_daemon.spec import Severity, SpecError
from slo_daemon.spec.settings_shape import Listen, LogFormat, LogLevel

EXAMPLE = Path(__file__).parents[1] / "config" / "slo-daemon.yaml"
HEAD = "apiVersion: slo-daemon/v1\nkind: Settings\n"


def settings_of(text: str = "", environment: dict[str, str] | None = None) -> Settings:
    return load_settings(("etc/slo.yaml", HEAD + text), environment or {}).settings


def problems_of(text: str = "", environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SpecError) as refused:
        settings_of(text, environment)
    return [str(problem) for problem in refused.value.problems]


def test_the_example_says_the_defaults() -> None:
    example = read_settings(EXAMPLE, {}).settings
    nothing = load_settings(None, {}).settings

    assert example.specs == (EXAMPLE.parent / "pilots",)
    assert nothing.specs == ()
    assert (example.prometheus, example.evaluation, example.store, example.web) == (
        nothing.prometheus,
        nothing.evaluation,
        nothing.store,
        nothing.web,
    )
    assert (example.alertmanager, example.reports, example.logs) == (
        nothing.alertmanager,
        nothing.reports,
        nothing.logs,
    )


def test_every_setting_stands_in_the_example() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    keys = {part for path in variables().values() for part in path} - {"file", "env", "bearer_token"}

    assert {key for key in keys if f"{key}:" not in text} == set()


def test_the_defaults_are_these() -> None:
    settings = load_settings(None, {}).settings

    assert settings.prometheus.url == "http://localhost:9090"
    assert (settings.prometheus.timeout, settings.prometheus.concurrency) == (10.0, 2)
    assert (settings.prometheus.scrape_interval, settings.prometheus.stats) == (30, True)
    assert settings.evaluation.interval == 60
    assert settings.store.url == "sqlite:///slo-daemon.db"
    assert settings.web.listen == Listen("127.0.0.1", 9750)
    assert settings.web.tokens == {}
    assert (settings.alertmanager.urls, settings.alertmanager.resend) == ([], 60)
    assert (settings.reports.folder, settings.reports.every, settings.reports.keep) == ("reports", 3600, 200)
    assert (settings.logs.format, settings.logs.level) == (LogFormat.AUTO, LogLevel.INFO)


def test_the_environment_wins_over_the_file_and_an_option_over_both() -> None:
    text = "prometheus: {url: 'http://file:9090', concurrency: 3}\nspecs: [from-file]\n"
    environment = {"SLO_DAEMON_PROMETHEUS_URL": "http://environment:9090", "SLO_DAEMON_SPECS": "a.yaml, b"}
    document = ("etc/slo.yaml", HEAD + text)

    both = load_settings(document, environment).settings
    every = load_settings(
        document, environment, override(specs=["c"], prometheus="http://option:9090")
    ).settings

    assert settings_of(text).prometheus.url == "http://file:9090"
    assert (both.prometheus.url, both.prometheus.concurrency) == ("http://environment:9090", 3)
    assert both.specs == (Path("a.yaml"), Path("b"))
    assert (every.prometheus.url, every.specs) == ("http://option:9090", (Path("c"),))


def test_paths_in_the_file_are_relative_to_it_and_others_to_the_working_directory() -> None:
    settings = settings_of("specs: [pilots, /srv/slos]\nprometheus: {ca_file: ca.pem}\n")

    assert settings.specs == (Path("etc/pilots"), Path("/srv/slos"))
    assert settings.prometheus.ca_file == Path("etc/ca.pem")
    assert settings_of(environment={"SLO_DAEMON_PROMETHEUS_CA_FILE": "ca.pem"}).prometheus.ca_file == Path(
        "ca.pem"
    )


@pytest.mark.parametrize(("interval", "timeout"), [("60s", 10.0), ("20s", 10.0), ("5s", 2.5), ("1s", 0.5)])
def test_the_default_timeout_stays_within_the_interval(interval: str, timeout: float) -> None:
    assert settings_of(f"evaluation: {{interval: {interval}}}\n").prometheus.timeout == timeout


def test_a_timeout_may_be_less_than_a_second() -> None:
    assert settings_of("prometheus: {timeout: 800ms}\n").prometheus.timeout == 0.8


@pytest.mark.parametrize(
    ("text", "listen"),
    [("127.0.0.1:80", Listen("127.0.0.1", 80)), ("':9750'", Listen("0.0.0.0", 9750)), ("'[::1]:0'", Listen("::1", 0)),  # noqa: S104
     ("localhost:9750", Listen("localhost", 9750))],
)  # fmt: skip
def test_an_address_to_listen_on_is_host_and_port(text: str, listen: Listen) -> None:
    assert settings_of(f"web: {{listen: {text}}}\n").web.listen == listen


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("promethues: {}", "3:1: promethues: unknown key 'promethues'; did you mean 'prometheus'?"),
        ("evaluation: {interval: 0s}", "3:24: evaluation.interval: '0s' is not a whole number of seconds, at least 1s"),
        ("evaluation: {interval: 30}", "3:24: evaluation.interval: 30 has no unit; write for example 30s, 30m or 30d"),
        ("prometheus: {timeout: 60s}", ("3:23: prometheus.timeout: a query may take 60s, but the next slot begins after 60s; "
                                       "write a timeout shorter than evaluation.interval")),
        ("prometheus: {concurrency: 5}", ("3:27: prometheus.concurrency: 5 queries at the same time are too many for Prometheus; "
                                         "write 1 to 4")),
        ("prometheus: {url: prometheus:9090}", ("3:19: prometheus.url: this is not an http or https address; "
                                               "write for example https://prometheus.example.org")),
        ("prometheus: {url: 'http://me:secret@host'}", ("3:19: prometheus.url: the address carries a user name or password; "
                                                       "credentials are taken from files or the environment only")),
        ("prometheus: {headers: {authorization: Bearer x}}", ("3:24: prometheus.headers.authorization: a secret does not belong "
                                                             "into this file; use prometheus.bearer_token_file")),
        ("prometheus: {headers: {'X Scope': a}}", "3:24: prometheus.headers[\"X Scope\"]: 'X Scope' is not a header's name"),
        ("prometheus: {parameters: {query: up}}", ("3:27: prometheus.parameters.query: slo-daemon sets this itself; leave it out, or use "
                                                  "prometheus.stats or prometheus.timeout")),
        ("store: {url: 'postgresql://host/db'}", ("3:14: store.url: this store is not supported; write sqlite:/// and a path, for "
                                                 "example sqlite:///slo-daemon.db")),
        ("web: {listen: 9750}", "3:15: web.listen: text is wanted, but YAML reads 9750 as a number; put it in quotes"),
        ("web: {listen: 'host:99999'}", ("3:15: web.listen: this is not an address to listen on; write host:port, for example "
                                        "127.0.0.1:9750 or :9750")),
        ("web: {tokens: {admin: secret}}", "3:23: web.tokens.admin: a mapping (key: value) is wanted here, not a single value"),
        ("web: {tokens: {admin: {file: a, env: B}}}", "3:23: web.tokens.admin: a token comes from one place; give either file or env"),
        ("web: {tokens: {admin: {}}}", "3:23: web.tokens.admin: a token comes from one place; give either file or env"),
        ("alertmanager: {resend: 5m}", ("3:24: alertmanager.resend: 300s is too long: Alertmanager would take the alerts for "
                                       "resolved; write at most 60s")),
        ("logs: {level: verbose}", "3:15: logs.level: 'verbose' is not known here; the words are debug, info, warning, error"),
        ("---\na: b", "4:1: a settings file holds one document"),
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_what_is_wrong_in_the_settings_is_said_with_place_and_remedy(text: str, problem: str) -> None:
    assert problems_of(text) == [f"etc/slo.yaml:{problem}"]


def test_all_problems_of_all_layers_are_told_at_once() -> None:
    with pytest.raises(SpecError) as refused:
        load_settings(
            ("slo.yaml", HEAD + "web: {listen: nowhere}\nreports: {keep: 0, every: 1}\n"),
            {"SLO_DAEMON_LOGS_LEVEL": "loud", "SLO_DAEMON_EVALUATION_INTERVAL": "5"},
            override(prometheus="localhost"),
        )

    assert [str(problem).split(": ")[:2] for problem in refused.value.problems] == [
        ["slo.yaml:3:15", "web.listen"],
        ["slo.yaml:4:17", "reports.keep"],
        ["slo.yaml:4:27", "reports.every"],
        ["option --prometheus", "prometheus.url"],
        ["environment variable SLO_DAEMON_EVALUATION_INTERVAL", "evaluation.interval"],
        ["environment variable SLO_DAEMON_LOGS_LEVEL", "logs.level"],
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "slo.yaml:1:1: the file is empty; a document begins with apiVersion and kind"),
        ("kind: Pilot", "slo.yaml:1:7: kind: kind 'Pilot' is not the daemon's settings; name files with pilots and SLOs under specs"),
        ("a: [", "slo.yaml:1:5: a value is missing here"),
        ("- a", "slo.yaml:1:1: a document is a mapping that begins with apiVersion and kind"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_settings_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SpecError) as refused:
        load_settings(("slo.yaml", text), {})
    assert [str(found) for found in refused.value.problems] == [problem]


def test_a_file_that_cannot_be_read_is_a_problem_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"gone\.yaml: the settings cannot be read: No such file or directory"
    ):
        read_settings(tmp_path / "gone.yaml", {})


def test_a_misspelt_variable_is_a_warning() -> None:
    loaded = load_settings(None, {"SLO_DAEMON_PROMETEUS_URL": "http://x"})

    (warning,) = loaded.warnings
    assert warning.severity is Severity.WARNING
    assert str(warning) == (
        "environment variable SLO_DAEMON_PROMETEUS_URL: warning: no setting has this name; "
        "did you mean 'SLO_DAEMON_PROMETHEUS_URL'?"
    )


@pytest.mark.parametrize(
    "name",
    [
        "SLO_DAEMON_SERVICE_HOST",
        "SLO_DAEMON_SERVICE_PORT_HTTP",
        "SLO_DAEMON_PORT",
        "SLO_DAEMON_PORT_9750_TCP_ADDR",
        "SLO_DAEMON_WEB_SERVICE_PORT",
        "SLO_DAEMON_TOKEN",
        "SLO_DAEMON_CONFIG",
        "SLO_DAEMON_URL",
        "PATH",
    ],
)
def test_variables_of_kubernetes_and_of_commands_are_no_settings(name: str) -> None:
    assert load_settings(None, {name: "x"}) == load_settings(None, {})


def test_an_empty_variable_changes_nothing() -> None:
    assert load_settings(None, dict.fromkeys(variables(), "")) == load_settings(None, {})


def test_secrets_come_from_files_and_variables(tmp_path: Path) -> None:
    (tmp_path / "incidents").write_text("from-file\n")
    (tmp_path / "bearer").write_text("bearer-token")
    text = (
        f"prometheus: {{bearer_token_file: {tmp_path}/bearer}}\n"
        f"web:\n  tokens:\n    incidents: {{file: {tmp_path}/incidents}}\n    feedback: {{env: MY_TOKEN}}\n"
    )
    environment = {"MY_TOKEN": "from-variable", "SLO_DAEMON_WEB_TOKENS_ADMIN_FILE": f"{tmp_path}/incidents"}

    settings = settings_of(text, environment)

    assert settings.prometheus.bearer_token is not None
    assert settings.prometheus.bearer_token.reveal() == "bearer-token"
    assert {role: secret.reveal() for role, secret in settings.web.tokens.items()} == {
        "incidents": "from-file",
        "feedback": "from-variable",
        "admin": "from-file",
    }


def test_a_variable_replaces_the_files_source_of_a_token_whole(tmp_path: Path) -> None:
    text = f"web: {{tokens: {{admin: {{file: {tmp_path}/gone}}}}}}\nprometheus: {{bearer_token_file: gone}}\n"

    settings = settings_of(
        text, {"SLO_DAEMON_WEB_TOKENS_ADMIN": "direct", "SLO_DAEMON_PROMETHEUS_BEARER_TOKEN": "bearer"}
    )

    assert settings.web.tokens["admin"].reveal() == "direct"
    assert settings.prometheus.bearer_token is not None
    assert settings.prometheus.bearer_token.reveal() == "bearer"


def test_a_rotated_secret_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    secret = settings_of(f"web: {{tokens: {{admin: {{file: {file}}}}}}}\n").web.tokens["admin"]
    assert secret.reveal() == "first"

    file.write_text("second")

    assert secret.reveal() == "second"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b" \n", "the file is empty"),
        (b"\xff\xfe", "the file is not UTF-8"),
        (b"x" * 9_000, "the file is longer than 8192 bytes"),
    ],
)
def test_a_secret_that_cannot_be_read_names_its_place_in_the_settings(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    secret = settings_of(f"web:\n  tokens:\n    admin: {{file: {file}}}\n").web.tokens["admin"]

    with pytest.raises(SpecError) as refused:
        secret.reveal()

    assert str(refused.value) == (
        f"etc/slo.yaml:5:19: web.tokens.admin.file: the secret in {file} cannot be read: {why}"
    )


def test_a_token_variable_that_is_not_set_is_a_problem_when_it_is_used() -> None:
    secret = settings_of("web: {tokens: {admin: {env: NOT_SET}}}\n").web.tokens["admin"]

    with pytest.raises(
        SpecError, match="the secret in NOT_SET cannot be read: the variable is empty or not set"
    ):
        secret.reveal()


def test_no_secret_shows_in_the_settings() -> None:
    settings = settings_of(
        environment={
            "SLO_DAEMON_WEB_TOKENS_ADMIN": "hush-1",
            "SLO_DAEMON_PROMETHEUS_BEARER_TOKEN": "hush-2",
            "SLO_DAEMON_PROMETHEUS_URL": "http://me:hush-3@host",
        }
    )

    assert settings.prometheus.url == "http://me:hush-3@host"
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)


LINES = EXAMPLE.read_text(encoding="utf-8").splitlines()


@settings(deadline=None)
@given(
    st.integers(0, len(LINES) - 1),
    st.text(max_size=12) | st.sampled_from(["[]", "{}", "~", "5", "x", "1h", "@", "- a"]),
)
def test_any_slip_in_the_settings_loads_or_is_refused_in_words(line: int, text: str) -> None:
    changed = [*LINES]
    changed[line] = changed[line].partition(":")[0] + ": " + text
    for document in ("\n".join(changed), text):
        try:
            load_settings(("slo.yaml", document), {})
        except SpecError as refused:
            assert any(problem.severity is Severity.ERROR for problem in refused.problems)  # noqa: PT017


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(variables())), st.text(max_size=12)))
def test_any_environment_loads_or_is_refused_in_words(environment: dict[str, str]) -> None:
    try:
        load_settings(None, environment)
    except SpecError as refused:
        assert {problem.file.split()[0] for problem in refused.problems} == {"environment"}  # noqa: PT017


def test_an_alertmanager_that_is_named_twice_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        settings_of('alertmanager: {urls: ["http://am:9093", "http://am:9093/"]}\n', {})

    (problem,) = caught.value.problems
    assert problem.field == "alertmanager.urls[1]"
    assert "named twice" in problem.message
