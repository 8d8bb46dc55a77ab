"""What `demo` does and shows: kept apart, for it needs all of the program, and other commands need not wait for that."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import NoReturn

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.app import Daemon
from slo_daemon.commands.demo_text import replayed_block
from slo_daemon.commands.exit_codes import OF_VERDICT, Exit
from slo_daemon.commands.options import Output, complain, watched
from slo_daemon.console import (
    BAD,
    budget_table,
    findings_list,
    gates_block,
    pilot_blocks,
    slo_notes,
    slo_table,
    snapshot_summary,
    verdict_banner,
)
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.shapes import assessment_json
from slo_daemon.core.slo.phrases import say_time, visible
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.demo.changes import Standing, changes
from slo_daemon.demo.servers import ServerError
from slo_daemon.demo.story import Addresses, Demo, run_service
from slo_daemon.demo.webhook import Notification, WebhookReceiver
from slo_daemon.ports import SourceError
from slo_daemon.spec.settings_shape import Listen

FIRST_VERDICT_SECONDS = 60.0


def show(*, once: bool, output: Output, days: float, seed: int) -> None:
    """Run it until Ctrl-C, or until the first verdict with `once`. Raises typer.Exit."""
    code = [Exit.UNREACHABLE if once else Exit.OK]
    screen = Console(highlight=False)
    preparation = _Preparation(Console(stderr=True, highlight=False))

    def watch(story: Demo, daemon: Daemon, webhook: WebhookReceiver, addresses: Addresses) -> None:
        first = story.first_verdict(daemon, FIRST_VERDICT_SECONDS)
        preparation.done()
        if first is None:
            if not story.ending.is_set():
                complain(
                    f"error: there was no verdict within {FIRST_VERDICT_SECONDS:g} s of the daemon's start"
                )
                code[0] = Exit.UNREACHABLE
            return
        snapshot, assessment = first
        if once:
            code[0] = OF_VERDICT[assessment.verdict]
        if output is Output.JSON:
            print(json.dumps(assessment_json(assessment), indent=2), flush=True)
        else:
            screen.print(_first_page(snapshot, assessment, story.standing(snapshot)))
            screen.print(_replayed(story))
        if output is Output.TEXT and not once:  # once it has ended nobody answers there
            screen.print(_links(addresses), soft_wrap=True)
        if once:
            story.end()
        elif output is Output.TEXT and watched(sys.stdout):
            _live(story, daemon, webhook, screen)
        else:
            _lines(story, daemon, webhook)

    try:
        Demo(preparation.step, SystemClock().now, days=days, seed=seed).run(watch)
    except (
        ServerError,
        OSError,
    ) as error:  # OSError: no space for the history, or somebody took the daemon's port
        preparation.done()
        complain(f"error: {error}")
        raise typer.Exit(Exit.USAGE) from error
    except KeyboardInterrupt:  # while things were being prepared; all of it has been stopped
        preparation.done()
        raise typer.Exit(130) from None
    raise typer.Exit(code[0])


def only_service(address: str, seed: int) -> NoReturn:
    """Run the simulated service at HOST:PORT until a signal. Raises typer.Exit, and typer.BadParameter for no address."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise typer.BadParameter(
            f"{address!r} is no address to listen on; write 127.0.0.1:8000, or :8000 for every address",
            param_hint="--service",
        )
    where = Listen(host or "0.0.0.0", int(port))  # noqa: S104 - only when the operator asks for it
    try:
        run_service(where, SystemClock().now, seed, lambda at: complain(f"demo: http://{at}/metrics"))
    except OSError as error:
        complain(f"error: {address}: {error.strerror or error}")
        raise typer.Exit(Exit.USAGE) from error
    raise typer.Exit(Exit.OK)


class _Preparation:
    """Progress on standard error: a bar on a terminal, one line a step elsewhere."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._last = ""
        self._bar: Progress | None = None
        if watched(sys.stderr):
            self._bar = Progress(
                TextColumn("{task.description:<44}"),
                BarColumn(20),
                TimeElapsedColumn(),
                console=screen,
                transient=True,
            )
            self._task = self._bar.add_task("preparing", total=1.0)
            self._bar.start()

    def step(self, share: float, text: str) -> None:
        """`share` done, 0 to 1."""
        if self._bar is not None:
            self._bar.update(self._task, completed=share, description=text)
        elif text != self._last:
            self._screen.print(f"demo: {text}", style=None)
        self._last = text

    def done(self) -> None:
        """Take the bar away. May be called again."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _first_page(snapshot: Snapshot, assessment: Assessment, now: Standing) -> RenderableType:
    title = next(p.title for p in snapshot.specification.pilots if p.name == assessment.pilot)
    budgets = budget_table(snapshot.slos.values())
    return Group(
        verdict_banner(assessment, title),
        slo_table(snapshot.slos.values()),
        Text(),
        *([] if budgets is None else [budgets, Text()]),
        findings_list(assessment),
        pilot_blocks(assessment),
        Text(),
        gates_block(now.gates),
        Text(),
        snapshot_summary(snapshot),
        Text(),
    )


def _replayed(story: Demo) -> RenderableType:
    """What would have happened in the outage of the past, from a replay of these hours."""
    try:
        found = story.replay_outage()
    except SourceError as error:
        return Text(f"The past outage cannot be replayed ({error.reason}): {error.detail}\n", style=BAD)
    return Group(replayed_block(found, SystemClock().now()), Text()) if found is not None else Text()


def _links(addresses: Addresses) -> Text:
    links, pilot = Text(), f"{addresses.daemon}/api/v1/pilots/{addresses.pilot}"
    called = sys.argv[0]  # `make demo` calls it by a path that is not on PATH
    program = (
        shlex.quote(called) if Path(called).name == "slo-daemon" and not which("slo-daemon") else "slo-daemon"
    )
    for name, url in (
        ("status page", f"{addresses.daemon}/"),
        (
            "sign in",
            f"{addresses.daemon}/sign-in  with any name and the token that is in {addresses.token_file}",
        ),
        ("report", f"{pilot}/reports/latest?format=html"),
        ("readiness", f"{pilot}/readiness"),
        ("gate", f"curl {pilot}/gates/rollback"),
        ("gate", f"{program} gate {addresses.pilot} --gate rollback --url {addresses.daemon}"),
        ("metrics", f"{addresses.daemon}/metrics"),
        ("Prometheus", addresses.prometheus),
        ("Alertmanager", addresses.alertmanager),
        (
            "tell it",
            (
                f"{program} incident add --pilot {addresses.pilot} --title 'Index broken' --severity critical "
                f"--url {addresses.daemon} --token-file {addresses.token_file}"
            ),
        ),
        ("break it", f"curl -X POST '{addresses.service}/incident?kind=errors&seconds=120'"),
        ("burn it", f"curl -X POST '{addresses.service}/incident?kind=outage&seconds=300'"),
    ):
        links.append(f"{name:>12}  ", style="bold")
        links.append(f"{url}\n")
    return links


def _live(story: Demo, daemon: Daemon, webhook: WebhookReceiver, screen: Console) -> None:
    screen.print(Text("Live from here on; Ctrl-C ends everything.", style="dim"))
    events = _Events(story, daemon, webhook)
    with Live(console=screen, auto_refresh=False, transient=True) as live:
        while not story.ending.wait(1.0):
            if told := [f"{say_time(SystemClock().now())}  {text}" for text in events.new()]:
                screen.print(Text("\n".join(told)))  # stays above the tables
            live.update(_now(daemon.board.current, events.last), refresh=True)
    screen.print("Stopped. Nothing is left behind.")


def _now(snapshot: Snapshot, standing: Standing) -> RenderableType:
    views = snapshot.slos.values()
    budgets = budget_table(views)
    verdicts = ", ".join(f"{name}: {a.verdict.value}" for name, a in snapshot.assessments.items())
    return Group(  # what matters most first: a low terminal shows only that
        Text(),
        Text(verdicts, style="bold"),
        *(Text(visible(f"✗ {one.text}: {one.detail}"), style=BAD) for one in standing.fired.values()),
        gates_block(standing.gates),
        Text(),
        slo_table(views),
        *([] if budgets is None else [Text(), budgets]),
        Text(),
        slo_notes(views),
        snapshot_summary(snapshot),
    )


def _lines(story: Demo, daemon: Daemon, webhook: WebhookReceiver) -> None:
    """One line for each change, for pipes and logs."""
    events = _Events(story, daemon, webhook)
    while not story.ending.wait(1.0):
        for text in events.new():
            complain(f"demo: {text}")
        sys.stderr.flush()


class _Events:
    """What happened since it was asked last. `last`: how the pilot stood then."""

    def __init__(self, story: Demo, daemon: Daemon, webhook: WebhookReceiver) -> None:
        self._story, self._daemon, self._webhook = story, daemon, webhook
        self._told = 0
        self.last = story.standing(daemon.board.current)

    def new(self) -> Iterator[str]:
        """In sentences."""
        before, self.last = self.last, self._story.standing(self._daemon.board.current)
        yield from changes(before, self.last)
        for notification in self._webhook.notifications[self._told :]:
            yield f"Alertmanager notified: {said(notification)}"
            self._told += 1


def said(notification: Notification) -> str:
    """`firing PilotRollbackTriggered; resolved SLOWarning`."""
    return "; ".join(
        f"{status} {', '.join(names)}"
        for status in ("firing", "resolved")
        if (names := list(dict.fromkeys(notification.names(status))))
    )
