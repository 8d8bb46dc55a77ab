"""What the dashboards share: variables, links, annotations, and how panels are laid out in sections."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.generator.names import over_targets, series
from grafana.generator.panels import SOURCE, Panel
from grafana.generator.words import BAD, WARN

OVERVIEW, SLO, PILOT, HEALTH = (
    "slo-daemon-overview",
    "slo-daemon-slo",
    "slo-daemon-pilot",
    "slo-daemon-health",
)
WIDTH = 24
DAEMON_URL = "http://localhost:9750"
_HERE = "var-datasource=${datasource}&var-daemon_url=${daemon_url}"
_AT_PILOT = f"{_HERE}&var-pilot=${{pilot}}"
_STEP = "1m"


@dataclass(frozen=True)
class Line:
    """Panels side by side, with their widths; together they are as wide as the grid."""

    height: int
    panels: Sequence[tuple[int, Panel]]


@dataclass(frozen=True)
class Section:
    """Lines of panels under a heading."""

    id: int
    title: str
    lines: Sequence[Line]


def board(uid: str, title: str, description: str, span: str) -> build.Dashboard:
    """An empty dashboard; `span`: how far back it looks at first."""
    return (
        build.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["slo-daemon", "generated"])
        .readonly()
        .time(f"now-{span}", "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(
            build.DatasourceVariable("datasource")
            .label("Data source")
            .description("The Prometheus that scrapes slo-daemon.")
            .type("prometheus")
        )
    )


def laid_out(page: build.Dashboard, sections: Sequence[Section]) -> build.Dashboard:
    """All sections below each other. Raises ValueError where a line is not as wide as the grid."""
    top = 0
    for section in sections:
        page = page.with_row(
            build.Row(section.title).id(section.id).grid_pos(GridPos(x=0, y=top, w=WIDTH, h=1))
        )
        top += 1
        for line in section.lines:
            if sum(width for width, _ in line.panels) != WIDTH:
                raise ValueError(f"a line of {section.title} is not {WIDTH} wide")
            left = 0
            for width, panel in line.panels:
                page = page.with_panel(panel.grid_pos(GridPos(x=left, y=top, w=width, h=line.height)))
                left += width
            top += line.height
    return page


def choice(name: str, label: str, description: str, values: str, *, several: bool) -> build.QueryVariable:
    """A variable of the values of a label: `values` is `label_values(...)`. `several`: any number, at first all."""
    variable = (
        build.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(SOURCE)
        .definition(values)
        .query({"query": values, "refId": "Variable"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(several)
        .include_all(several)
    )
    return (
        variable.current(VariableOption(selected=True, text=["All"], value=["$__all"]))
        if several
        else variable
    )


def daemon_url() -> build.TextBoxVariable:
    """Where people reach the daemon, for links."""
    return (
        build.TextBoxVariable("daemon_url")
        .label("Daemon")
        .description("Where your browser reaches slo-daemon: for links to its pages and reports.")
        .default_value(DAEMON_URL)
        .current(VariableOption(text=DAEMON_URL, value=DAEMON_URL))
    )


def to_boards(own: str, *, pilot: bool = False) -> Iterator[build.DashboardLink]:
    """Links to the other dashboards; `pilot`: this one is about one pilot, and so will those be."""
    for uid, title in (
        (OVERVIEW, "Overview"),
        (SLO, "SLO"),
        (PILOT, "Pilot readiness"),
        (HEALTH, "Daemon health"),
    ):
        if uid != own:
            chosen = _AT_PILOT if pilot and uid in (SLO, PILOT) else _HERE
            yield link(title, f"/d/{uid}?{chosen}", "Dashboard of slo-daemon", icon="dashboard")


def link(title: str, url: str, tooltip: str, *, icon: str = "external link") -> build.DashboardLink:
    """A link at the top of a dashboard; the time range goes along to dashboards."""
    inside = url.startswith("/")
    return (
        build.DashboardLink(title)
        .type(DashboardLinkType.LINK)
        .url(url)
        .icon(icon)
        .tooltip(tooltip)
        .tags([])
        .as_dropdown(False)
        .include_vars(False)
        .keep_time(inside)
        .target_blank(not inside)
    )


def level_marks(*matchers: str) -> Iterator[build.AnnotationQuery]:
    """Where alert levels were reached and left: the edges of the regions are the transitions."""
    for value, word, colour in ((1, "warning", WARN), (2, "critical", BAD)):
        level = over_targets(series("slo_alert_level", *matchers))
        yield _mark(
            f"Level {word}",
            f"({level} == bool {value}) == 1",
            colour,
            f"{{{{pilot}}}}/{{{{slo}}}} is {word}",
            "pilot,slo",
        )


def pilot_marks(*matchers: str) -> Iterator[build.AnnotationQuery]:
    """Incidents that were open, and rollback triggers that had fired."""
    incidents = over_targets(series("pilot_incidents", 'state="open"', *matchers), "state")
    yield _mark(
        "Open incidents",
        f"({incidents} > bool 0) == 1",
        "purple",
        "{{pilot}}: {{severity}} incident open",
        "pilot,severity",
    )
    fired = over_targets(series("pilot_rollback_triggered", *matchers))
    yield _mark(
        "Rollback triggers",
        f"{fired} == 1",
        "dark-red",
        "{{pilot}} is to be rolled back: {{trigger}}",
        "pilot",
    )


def _mark(name: str, expression: str, colour: str, title: str, tags: str) -> build.AnnotationQuery:
    """Grafana marks where the value is exactly 1. Older versions read the expression beside `target`."""
    target = Dataquery().expr(expression).interval(_STEP).ref_id("Anno").range()
    return (
        build.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(colour)
        .target(target)
        .expr(expression)
        .step(_STEP)
        .title_format(title)
        .text_format(title)
        .tag_keys(tags)
    )
