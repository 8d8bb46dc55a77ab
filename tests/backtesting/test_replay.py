"""A backtest over a real Prometheus with days of generated history: what is known to have happened is found, and when."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from typer.testing import CliRunner, Result

from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.adapters.recorded_source import RecordedSource
from slo_daemon.backtesting.past import PastRecords, ReplayClock
from slo_daemon.backtesting.replay import Replay, questions, slot_times
from slo_daemon.backtesting.run import Done, plan, run
from slo_daemon.cli import app
from slo_daemon.core.backtest.story import SloStory
from slo_daemon.core.pilot.records import Incident as Told
from slo_daemon.core.pilot.records import Severity
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import rfc3339
from slo_daemon.demo.history import generate_history
from slo_daemon.demo.incidents import Incident, IncidentKind
from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request
from slo_daemon.demo.servers import PrometheusServer, free_port
from slo_daemon.demo.traffic import Traffic
from slo_daemon.once import evaluate_once
from slo_daemon.settings import Settings, override, read_settings
from slo_daemon.spec.what_if import parse_changes

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("backtest")]

STEP, HOUR, DAY = 300, 3_600.0, 86_400.0
TREATMENT = 'search_requests_total{variant="treatment"}'
# A process that runs behind another may ignore the signal; ours is asked not to.
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import slo_daemon.cli as c; c.main()"
PILOT = {
    "apiVersion": "slo-daemon/v1",
    "kind": "Pilot",
    "metadata": {"name": "search", "title": "Search"},
    "spec": {
        "stage": "canary",
        "start": "2026-01-01",
        "duration": "8w",
        "variants": ["control", "treatment"],
        "slos": [
            {
                "name": "error-rate",
                "sli": {"ratio": {"bad": TREATMENT.replace("}", ',code=~"5.."}'), "total": TREATMENT}, "as": "bad"},
                "objective": {"at_most": "0.5%", "warning": "1%", "critical": "2%"},
                "window": "5m",
            },
            {
                "name": "availability",
                "sli": {"ratio": {"bad": TREATMENT.replace("}", ',code=~"5.."}'), "total": TREATMENT}, "as": "good"},
                "objective": {"at_least": "99.5%", "warning": "99%", "critical": "95%"},
                "window": "1h",
                "budget": {"window": "1d"},
            },
            {
                "name": "p95",
                "sli": {"quantile": {"histogram": 'search_request_duration_seconds{variant="treatment"}', "quantile": "p95"}},
                "objective": {"at_most": "80ms", "warning": "90ms", "critical": "200ms"},
                "window": "5m",
                "budget": {"window": "1d", "target": "99%"},
            },
        ],
    },
}  # fmt: skip


@dataclass(frozen=True)
class World:
    settings: Settings
    spec: Path
    url: str
    outage: Incident
    end: float


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three days; a day and a half before the end nearly every answer is an error for 40 minutes, and nothing else happens."""
    folder = tmp_path_factory.mktemp("backtest")
    end = time.time() // 60 * 60  # samples fall on the borders of chunks, where Prometheus extrapolates most
    outage = Incident.of(IncidentKind.OUTAGE, end - 1.5 * DAY, 40 * 60)
    server = PrometheusServer(folder)
    generate_history(
        server.data_folder,
        traffic=Traffic(7, end - 30 * DAY),
        now=end,
        labels={"job": "search", "instance": "127.0.0.1:1"},
        days=3,
        coarse_interval=30,
        fine_hours=0.1,
        incidents=[outage],
    )
    spec = folder / "pilot.yaml"
    spec.write_text(yaml.safe_dump(PILOT), encoding="utf-8")
    with server:
        yield World(settings_of(spec, server.url), spec, server.url, outage, end)


def settings_of(spec: Path, url: str) -> Settings:
    return read_settings(None, {}, override(specs=[str(spec)], prometheus=url)).settings


@pytest.fixture(scope="module")
def done(world: World) -> Done:
    """Two days, as it is and with another target, with an incident that somebody told of."""
    told = Told(1, "search", "Everything fails", Severity.CRITICAL, "", world.outage.start, world.outage.start, "restarted", world.outage.end)  # fmt: skip
    changes = [*parse_changes("error-rate=95%,0.01%")]
    wanted = plan(world.settings, changes, first=world.end - 2 * DAY, last=world.end)
    return run(world.settings, wanted, PastRecords((told,)), share=1.0)


def story_of(done: Done, slo: str, variant: str = "") -> SloStory:
    (story,) = (story for story in done.backtest.stories if story.variant == variant)
    return next(one for one in story.slos if one.id == f"search/{slo}")


def test_a_known_outage_is_one_critical_alert_from_a_slot_or_two_after_it_began(
    world: World, done: Done
) -> None:
    critical = [e for e in story_of(done, "error-rate").episodes if e.level is Level.CRITICAL]

    (episode,) = critical
    assert world.outage.start < episode.start <= world.outage.start + 2 * STEP
    assert episode.end is not None
    assert world.outage.end < episode.end <= world.outage.end + 4 * STEP
    assert "against at most 0.5 %" in episode.detail


def test_the_hour_that_availability_looks_back_keeps_its_alert_for_longer(world: World, done: Done) -> None:
    slo = story_of(done, "availability")
    raised = [e for e in slo.episodes if e.level is Level.CRITICAL]

    assert world.outage.start < raised[0].start <= world.outage.start + 2 * STEP
    assert raised[-1].end is not None
    assert raised[-1].end > story_of(done, "error-rate").episodes[-1].end  # type: ignore[operator]
    assert slo.budget is not None


def test_outside_the_outage_everything_is_met_and_seen(world: World, done: Done) -> None:
    slo = story_of(done, "error-rate")

    assert slo.share(None) == 0.0
    assert slo.blind == ()
    missed = slo.slots[False] * STEP
    assert 40 * 60 <= missed <= 40 * 60 + 2 * STEP
    assert sum(slo.slots.values()) == done.backtest.slots == pytest.approx(2 * DAY / STEP, abs=1)


def test_the_incident_counts_from_its_start_to_its_resolution_only(world: World, done: Done) -> None:
    (pilot,) = done.backtest.stories[0].pilots
    told = next(f for f in pilot.findings if "critical incident" in f.text)
    (false,) = (span for span in told.states if span.value is Truth.FALSE)

    assert 0 <= false.start - world.outage.start < STEP
    assert 0 <= false.end - world.outage.end < STEP
    assert done.backtest.told


def test_what_if_changes_the_outcome_of_that_slo_alone(done: Done) -> None:
    as_it_is, strict = story_of(done, "error-rate"), story_of(done, "error-rate", "error-rate=0.01%")
    lax = story_of(done, "error-rate", "error-rate=95%")

    assert lax.share(True) == 1.0
    assert strict.share(True) < as_it_is.share(True) < 1.0
    for name in ("availability", "p95"):
        assert story_of(done, name, "error-rate=95%") == story_of(done, name)


def test_prometheus_is_asked_little_and_what_ifs_ask_nothing_more(world: World, done: Done) -> None:
    wanted = plan(world.settings, first=world.end - 2 * DAY, last=world.end)
    alone = run(
        world.settings,
        wanted,
        PastRecords(
            (),
        ),
        share=1.0,
    )

    assert alone.queries == done.queries
    assert done.queries < 20


@pytest.mark.parametrize("hours", [30.0, 35.8, 12.0, 0.5])
def test_a_replayed_slot_is_what_evaluate_says_of_that_time(world: World, hours: float) -> None:
    slots = slot_times(world.end - hours * HOUR - 3 * HOUR, world.end - hours * HOUR, STEP)
    real, clock = PrometheusSource(PrometheusSettings(world.url)), ReplayClock(slots[0])
    source = RecordedSource(real, clock.now)
    specification = plan(world.settings, first=slots[0], last=slots[-1]).variants[0].specification
    replay = Replay(specification, source, clock, PastRecords(), world.settings, STEP)
    try:
        source.record(questions(replay.history, slots), 10.0)
        for at in slots:
            replayed = replay.slot(at)
    finally:
        replay.close()
        real.close()

    once = evaluate_once(world.settings, slots[-1]).snapshot

    assert replayed.slot is not None
    assert replayed.slot.time == slots[-1]
    assert replayed.slos.keys() == once.slos.keys()
    for key, view in replayed.slos.items():
        mine, theirs = view.evaluation, once.slos[key].evaluation
        assert mine is not None
        assert theirs is not None
        assert (mine.value, mine.met, mine.data_state, mine.reason) == (
            theirs.value, theirs.met, theirs.data_state, theirs.reason,
        )  # fmt: skip
        assert mine.coverage == theirs.coverage
        if mine.budget is not None and theirs.budget is not None:
            assert mine.budget.state is theirs.budget.state
            assert mine.budget.remaining == pytest.approx(theirs.budget.remaining, abs=0.01)


def test_longer_steps_replay_fewer_slots_and_tell_the_same_of_those(world: World, done: Done) -> None:
    wanted = plan(world.settings, first=world.end - 2 * DAY, last=world.end, step=3_600)
    hourly = run(
        world.settings,
        wanted,
        PastRecords(
            (),
        ),
        share=1.0,
    )

    assert hourly.backtest.slots in (48, 49)
    slo = story_of(hourly, "availability")
    assert slo.share(None) == 0.0
    assert 0 < slo.slots[False] <= 3
    assert hourly.queries < 20


def command(world: World, *more: str, url: str | None = None) -> Result:
    options = ["--spec", str(world.spec), "--prometheus", url or world.url, "--from", "6h", *more]
    return CliRunner().invoke(app, ["backtest", *options])


def test_the_command_prints_tables_and_a_timeline_and_writes_the_plot(world: World, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    result = command(world, "--plot", str(plot), "--what-if", "p95=1ms,2s")

    assert result.exit_code == 0, result.output
    for said in (
        "What if p95",
        "at most 1 ms",
        "as it is",
        "level of error-rate",
        "never READY",
        "one character is",
    ):
        assert said in result.stdout
    assert "incidents and ratings are not known" in result.stdout
    assert ET.fromstring(plot.read_text()).tag.endswith("svg")  # noqa: S314


def test_the_command_prints_json(world: World, tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text("[]")
    result = command(
        world, "--output", "json", "--incidents", str(tmp_path / "i.json"), "--to", str(world.end - HOUR)
    )

    shape = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (shape["step"], shape["incidents_known"]) == (STEP, True)
    assert [slo["id"] for slo in shape["variants"][0]["slos"]] == [
        "search/error-rate",
        "search/availability",
        "search/p95",
    ]
    assert "wait" not in result.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--what-if", "nothing=1%"], "there is no SLO 'nothing'"),
        (["--what-if", "p95=50%"], "what if p95=50%"),
        (["--what-if", "p95"], "write SLO=VALUE"),
        (["--step", "7m"], "no multiple of 5m"),
        (["--step", "soon"], "is not a duration"),
        (["--to", "tomorrow"], "is no time"),
        (["--to", "7h"], "no slot"),
        (["--feedback", "/none"], "--feedback needs --incidents"),
        (["--incidents", "/none"], "cannot be read"),
        (["--incidents", "/none", "--url", "http://127.0.0.1:1"], "give one of them"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_a_remedy(world: World, more: list[str], said: str) -> None:
    first = ["--from", str(world.end - HOUR)] if "7h" in more else []
    result = command(world, *first, *more)

    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("token", [None, "secret"])
def test_a_running_daemon_tells_of_the_past_and_ratings_only_with_a_token(
    world: World, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = world.end - 3 * HOUR
    told = {
        "title": "x",
        "severity": "critical",
        "started_at": rfc3339(started),
        "resolved_at": None,
        "pilot": "search",
    }
    vote = {"user": "u", "rating": 2, "given_at": rfc3339(started), "text": "", "pilot": "search"}

    def answer(request: Request) -> Reply:
        body = {"incidents": [told]} if request.path.endswith("/incidents") else {"feedback": [vote] * 40}
        return Reply(200, json.dumps(body).encode(), "application/json")

    monkeypatch.delenv("SLO_DAEMON_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("SLO_DAEMON_TOKEN", token)
    daemon = LoopbackHttp(answer)
    daemon.start()
    try:
        result = command(world, "--url", daemon.url, "--output", "json")
    finally:
        daemon.stop()

    assert result.exit_code == 0, result.stderr
    assert ("ratings are left out" in result.stderr) is (token is None)
    (pilot,) = json.loads(result.stdout)["variants"][0]["pilots"]
    criteria = {one["text"]: one for one in pilot["criteria"]}
    assert [s["state"] for s in criteria["no critical incident is unresolved"]["states"]] == ["true", "false"]
    assert ("user satisfaction is at least 3.5/5" in criteria) is (token is not None)


def test_an_interrupt_ends_it_soon_and_writes_nothing(world: World, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    options = ["--spec", str(world.spec), "--prometheus", world.url, "--from", "60d", "--plot", str(plot)]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "backtest", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(5.0)  # it has begun, and has far to go
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10.0)

    assert (process.returncode, out, err) == (130, "", "interrupted; nothing was written\n")
    assert not plot.exists()


def test_an_unreachable_prometheus_or_daemon_ends_with_4(world: World) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    assert "cannot be asked (connect)" in (result := command(world, url=nobody)).stderr
    assert result.exit_code == 4
    assert command(world, "--url", nobody).exit_code == 4
