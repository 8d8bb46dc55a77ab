"""A backtest as tables and a timeline for a terminal."""

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slo_daemon.console import BAD, DOUBTFUL, LEVEL_STYLES, QUIET
from slo_daemon.core.backtest.story import Backtest, Episode, PilotStory, SloStory, Story
from slo_daemon.core.backtest.terminal import timeline
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.report import LEVEL_WORDS, VERDICT_WORDS
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import (
    say_count,
    say_left,
    say_minute,
    say_objective,
    say_share,
    visible,
)
from slo_daemon.core.slo.slo import split_id

MOST_EPISODES = 20  # that are listed; the JSON has all
_NEVER = "–"


def told(screen: Console, backtest: Backtest, queries: int) -> None:
    """Everything, for people."""
    many = len(backtest.stories) > 1
    if many:
        for table in _comparison(backtest):
            screen.print(table, Text(), sep="\n")
    for story in backtest.stories:
        if many:
            screen.print(
                Text(f"What if {story.variant}" if story.variant else "As it is", style="bold underline")
            )
        for part in _story(backtest, story):
            screen.print(part, Text(), sep="\n")
        screen.print(timeline(backtest, story, screen.width), Text(), sep="\n", markup=False)
    screen.print(Text(_summary(backtest, queries), style=QUIET))


def _comparison(backtest: Backtest) -> Iterator[Table]:
    """For each SLO that was varied: how it is, and how it would have been with each other target."""
    as_it_is, varied = backtest.stories[0], backtest.stories[1:]
    for name in dict.fromkeys(story.changed for story in varied):
        table = _table(
            f"What if {visible(name)}", "Objective", "Met", "Missed", "Unknown", "Warning", "Critical",
            "Budget at the end", "READY", "First READY (UTC)", "Rollbacks",
        )  # fmt: skip
        for story in (as_it_is, *(story for story in varied if story.changed == name)):
            for slo in (slo for slo in story.slos if _is_named(slo, name)):
                pilot = next((pilot for pilot in story.pilots if pilot.name == slo.pilot), None)
                first = pilot.first_ready if pilot else None
                table.add_row(
                    Text(visible(slo.id)),
                    say_objective(slo.objective) + ("" if story.variant else ", as it is"),
                    *_outcome(slo),
                    say_left(slo.budget),
                    say_share(pilot.share(Verdict.READY)) if pilot else _NEVER,
                    say_minute(first) if first is not None else _NEVER,
                    str(len(pilot.rollbacks)) if pilot else _NEVER,
                )
        yield table


def _is_named(slo: SloStory, name: str) -> bool:
    slo_id = split_id(slo.id)[0]
    return name in (slo_id, slo_id.partition("/")[2])


def _outcome(slo: SloStory) -> Iterator[Text | str]:
    for met in (True, False, None):
        yield _share(slo.share(met))
    for level in (Level.WARNING, Level.CRITICAL):
        yield _alerts(slo, level)


def _story(backtest: Backtest, story: Story) -> Iterator[Table | Text]:
    yield _slos(story)
    episodes = sorted(
        ((episode, slo) for slo in story.slos for episode in slo.episodes), key=lambda pair: pair[0].start
    )
    if episodes:
        yield _episodes(episodes, backtest)
    for pilot in story.pilots:
        yield _findings(pilot)
        yield _verdict(pilot)
    if story.source_down:
        down = sum(span.seconds for span in story.source_down)
        yield Text(f"✗ Prometheus did not answer for {show_duration(down)}", style=BAD)


def _slos(story: Story) -> Table:
    table = _table(
        "SLO", "Objective", "Met", "Missed", "Unknown", "Warning", "Critical", "Blind", "Budget at the end"
    )
    for slo in story.slos:
        blind = sum(span.seconds for span in slo.blind)
        table.add_row(
            Text(visible(slo.id)),
            say_objective(slo.objective),
            *_outcome(slo),
            Text(show_duration(blind), style=DOUBTFUL) if blind else _NEVER,
            say_left(slo.budget),
        )
    return table


def _episodes(episodes: list[tuple[Episode, SloStory]], backtest: Backtest) -> Table:
    table = _table("Alert (UTC)", "SLO", "Level", "For", "Why")
    for episode, slo in episodes[:MOST_EPISODES]:
        end = backtest.end if episode.end is None else episode.end
        lasting = show_duration(end - episode.start) + (" and on" if episode.end is None else "")
        reason = f"{episode.reason}: " if episode.reason else ""
        table.add_row(
            say_minute(episode.start),
            Text(visible(slo.id)),
            Text(LEVEL_WORDS[episode.level], style=LEVEL_STYLES[episode.level]),
            lasting,
            Text(visible(f"{reason}{episode.detail}")),
        )
    if len(episodes) > MOST_EPISODES:
        table.add_row(Text(f"and {len(episodes) - MOST_EPISODES} more; --output json lists all", style=QUIET))
    return table


def _findings(pilot: PilotStory) -> Table:
    table = _table("Criterion", "True", "False", "Unknown", "First true (UTC)", "Longest true", "At the end")
    for finding in pilot.findings:
        best = finding.longest_true
        table.add_row(
            Text(visible(finding.text)),
            *(_share(finding.share(truth)) for truth in (Truth.TRUE, Truth.FALSE, Truth.UNKNOWN)),
            say_minute(finding.first_true) if finding.first_true is not None else _NEVER,
            show_duration(best.seconds) if best else _NEVER,
            Text(visible(finding.detail)),
        )
    return table


def _verdict(pilot: PilotStory) -> Text:
    lines = [
        f"{VERDICT_WORDS[verdict]}: {say_share(pilot.share(verdict))} of the time"
        for verdict in (Verdict.READY, Verdict.NOT_READY, Verdict.INCONCLUSIVE)
    ]
    first = pilot.first_ready
    lines.append("never READY" if first is None else f"READY for the first time: {say_minute(first)} UTC")
    for rollback in pilot.rollbacks:
        until = f"to {say_minute(rollback.end)} UTC" if rollback.end is not None else "to the end"
        why = "; ".join(rollback.triggers)
        lines.append(f"✗ roll back from {say_minute(rollback.start)} {until}: {why}")
    if not pilot.rollbacks:
        lines.append("no rollback was advised")
    return Text("\n".join([visible(pilot.title), *(f"  {visible(line)}" for line in lines)]))


def _summary(backtest: Backtest, queries: int) -> str:
    span = f"{say_minute(backtest.start)} to {say_minute(backtest.end)} UTC"
    slots = f"{say_count(backtest.slots, 'slot')}, one every {show_duration(backtest.step)}"
    asked = say_count(queries, "query", "queries")
    people = "" if backtest.told else "; incidents and ratings are not known (see --incidents, --url)"
    return f"{span}: {slots}, {asked} to Prometheus{people}"


def _alerts(slo: SloStory, level: Level) -> Text:
    """How often a level was reached, and for how long."""
    count = sum(episode.level is level for episode in slo.episodes)
    if not count:
        return Text(_NEVER)
    return Text(f"{count} x, {show_duration(slo.seconds_at(level))}", style=LEVEL_STYLES[level])


def _share(share: float) -> str:
    return say_share(share) if share else _NEVER


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    return table
