"""Alerts for direct posting to Alertmanager, derived from what is known: the same alerts that the shipped rules make.

Labels identify and never hold a value; values are in the annotations. A level is told by one alert for each level it
reaches: at critical both SLOWarning and SLOCritical fire, and Alertmanager's inhibition mutes the first. So a level that
rises resolves nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slo_daemon.core.pilot.alert_reports import OWN_LABEL, OWN_VALUE
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import (
    say_cause,
    say_edge,
    say_evaluation,
    say_left,
    say_objective,
    say_time,
    visible,
)
from slo_daemon.core.slo.slo import SloInstance, split_id
from slo_daemon.core.slo.state import Transition
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification

ALERT_NAMES = {Level.WARNING: "SLOWarning", Level.CRITICAL: "SLOCritical"}
SOURCE_DOWN = "SLOBackendDown"
GROUP_LABEL = (
    "slo_group"  # all labels beside pilot and slo in one, so that an inhibition can say "the same SLO"
)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel of the Grafana dashboards that come with the daemon: the dashboard's uid and the panel's id in it."""

    dashboard: str
    id: int


# The panel that shows what each alert is about. Both parts are kept for good: alerts and bookmarks lead there.
PANELS: Mapping[str, Panel] = {
    "SLOWarning": Panel("slo-daemon-slo", 20),
    "SLOCritical": Panel("slo-daemon-slo", 20),
    "SLOBudgetExhausted": Panel("slo-daemon-slo", 30),
    "SLODataMissing": Panel("slo-daemon-slo", 41),
    "PilotRollbackTriggered": Panel("slo-daemon-pilot", 30),
    "PilotTriggerBlind": Panel("slo-daemon-pilot", 31),
    SOURCE_DOWN: Panel("slo-daemon-health", 20),
    "SLODaemonStalled": Panel("slo-daemon-health", 10),
    "SLODaemonDown": Panel("slo-daemon-health", 10),
    "SLOReportStale": Panel("slo-daemon-health", 33),
    "SLOConfigInvalid": Panel("slo-daemon-health", 32),
    "SLOStoreDown": Panel("slo-daemon-health", 30),
    "SLOWindowDrift": Panel("slo-daemon-health", 40),
    "SLOBackfillStuck": Panel("slo-daemon-health", 42),
    "SLOWatchdog": Panel("slo-daemon-health", 10),
}


@dataclass(frozen=True, slots=True)
class Links:
    """Where alerts point people to; empty: nowhere. `daemon` and `grafana` are base URLs, `runbooks` a page.

    `dashboard`: people's own dashboard, for alerts about an SLO; else those that come with the daemon, in `grafana`.
    """

    daemon: str = ""
    dashboard: str = ""
    runbooks: str = ""
    grafana: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Times are Unix seconds: `starts_at` is stable across restarts; once `ends_at` is past it is resolved."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: float
    ends_at: float

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """What makes two alerts the same one: their labels."""
        return tuple(sorted(self.labels.items()))


def firing(snapshot: Snapshot, until: float, links: Links) -> tuple[Alert, ...]:
    """Every alert that the levels of a snapshot call for, valid until the time `until` unless it is told again."""
    pilots = {pilot.name for pilot in snapshot.specification.pilots}
    return tuple(
        Alert(
            _labels(level, series_of(view.instance)),
            _annotations(view, level, links, reported=view.instance.slo.pilot in pilots),
            view.state.since,
            until,
        )
        for view in snapshot.slos.values()
        for level in ALERT_NAMES
        if view.state.level >= level
    )


def resolved(transition: Transition, series: Mapping[str, str]) -> tuple[Alert, ...]:
    """The alerts that a fallen level ends. `series`: the labels of the SLO's metrics, as of `series_of`."""
    return tuple(
        Alert(
            _labels(level, series),
            {
                "summary": f"SLO {series['slo']} of {series['pilot']} is no longer {level.word}",
                "description": f"{visible(transition.detail)} ({transition.reason.value})",
            },
            transition.slot,
            transition.slot,
        )
        for level in ALERT_NAMES
        if transition.after < level <= transition.before
    )


def source_down(source: SourceView, since: float, until: float, links: Links) -> Alert:
    """The one alert for a metric source that does not answer; resolved when `until` is past."""
    annotations = {
        "summary": "slo-daemon cannot ask Prometheus",
        "description": f"{visible(source.detail) or 'it answers again'}. No SLO can be evaluated meanwhile; levels are held.",
        "dashboard_url": dashboard_of(links, SOURCE_DOWN),
        "runbook_url": _runbook(links, SOURCE_DOWN),
    }
    return Alert(
        {"alertname": SOURCE_DOWN, "severity": Level.CRITICAL.word, OWN_LABEL: OWN_VALUE},
        _filled(annotations),
        since,
        until,
    )


def series_of(instance: SloInstance) -> dict[str, str]:
    """The labels of the metrics of an SLO (or group)."""
    return {**dict(instance.labels), "pilot": instance.slo.pilot, "slo": instance.slo.name}


def series_of_id(instance_id: str, specification: Specification) -> dict[str, str]:
    """The same from an id alone. The labels of an SLO that is no longer in the specification are not known any more."""
    slo_id, group = split_id(instance_id)
    pilot, _, name = slo_id.partition("/")
    labels = next((slo.labels for slo in specification.slos if slo.id == slo_id), ())
    return {**dict(labels), **dict(group), "pilot": pilot, "slo": name}


def _labels(level: Level, series: Mapping[str, str]) -> dict[str, str]:
    labels = {**series, "alertname": ALERT_NAMES[level], "severity": level.word, OWN_LABEL: OWN_VALUE}
    rest = sorted((name, value) for name, value in series.items() if name not in ("pilot", "slo"))
    if rest:
        labels[GROUP_LABEL] = ",".join(f"{name}={value}" for name, value in rest)
    return labels


def _annotations(view: SloView, level: Level, links: Links, *, reported: bool) -> dict[str, str]:
    slo, state = view.instance.slo, view.state
    if view.evaluation is None or view.evaluation.evidence is None:
        reason = say_evaluation(view.evaluation)
        now = f"No value now: {reason}. The objective is {say_objective(slo.objective)}. The level is held"
    else:
        now = f"Value over {slo.window}: {say_evaluation(view.evaluation)}"
        value = view.evaluation.value
        if value is not None and slo.objective.threshold_level(value) >= level:
            now += f"; {say_edge(slo.objective, level)}"
    cause, budget = say_cause(view.evaluation), view.evaluation.budget if view.evaluation else None
    said = [now, cause[:1].upper() + cause[1:], f"Error budget left: {say_left(budget)}" if budget else ""]
    annotations = {
        "summary": f"SLO {view.instance.id} is {level.word}",
        "description": visible(
            f"{'. '.join(filter(None, said))}. At this level since {say_time(state.since)}."
        ),
        "dashboard_url": dashboard_of(links, ALERT_NAMES[level], slo.pilot, slo.name),
        "report_url": report_of(links, slo.pilot) if reported else "",
        "runbook_url": slo.runbook or _runbook(links, ALERT_NAMES[level]),
    }
    return _filled(annotations)


def dashboard_of(links: Links, alert: str, pilot: str = "", slo: str = "") -> str:
    """The panel that shows what an alert is about. Names are plain (a-z, 0-9, -), so they need no quoting."""
    names = [("var-pilot", pilot), ("var-slo", slo)]
    chosen = [f"{variable}={value}" for variable, value in names if value]
    if slo and links.dashboard:
        return f"{links.dashboard}{'&' if '?' in links.dashboard else '?'}{'&'.join(chosen)}"
    panel = PANELS.get(alert)
    if panel is None or not links.grafana:
        return ""
    return f"{links.grafana.rstrip('/')}/d/{panel.dashboard}?{'&'.join([*chosen, f'viewPanel={panel.id}'])}"


def report_of(links: Links, pilot: str) -> str:
    """The latest report on a pilot."""
    return f"{links.daemon.rstrip('/')}/api/v1/pilots/{pilot}/reports/latest" if links.daemon else ""


def runbook_of(links: Links, level: Level) -> str:
    """What to do about an SLO at a level, for one without a runbook of its own."""
    return _runbook(links, ALERT_NAMES[level]) if level in ALERT_NAMES else ""


def _runbook(links: Links, alert: str) -> str:
    return f"{links.runbooks}#{alert.lower()}" if links.runbooks else ""


def _filled(annotations: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in annotations.items() if text}
