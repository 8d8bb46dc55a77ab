"""All pilots and SLOs on one page."""

from grafana_foundation_sdk.builders import dashboard as build

from grafana.generator import words
from grafana.generator.board import (
    OVERVIEW,
    PILOT,
    SLO,
    Line,
    Section,
    board,
    choice,
    daemon_url,
    laid_out,
    level_marks,
    link,
    pilot_marks,
    to_boards,
)
from grafana.generator.names import budget_state, over_targets, series
from grafana.generator.panels import AGE, LEFT, Column, Panel, Query, lines, numbers, rows, states
from grafana.generator.words import BAD, GOOD, WARN

_PILOT = 'pilot=~"$pilot"'
_SLO = 'slo=~"$slo"'
_OPEN = 'state="open"'
_HERE = "var-datasource=${datasource}&var-daemon_url=${daemon_url}&${__url_time_range}"
_ROW_SLO = f"/d/{SLO}?var-pilot=${{__data.fields.pilot}}&var-slo=${{__data.fields.slo}}&{_HERE}"
_ROW_PILOT = f"/d/{PILOT}?var-pilot=${{__data.fields.pilot}}&{_HERE}"
_LINE_SLO = f"/d/{SLO}?var-pilot=${{__field.labels.pilot}}&var-slo=${{__field.labels.slo}}&{_HERE}"
_TO_SLO = ("SLO", _LINE_SLO)
_COUNTED_BAD = ((0, GOOD), (1, BAD))
_COUNTED_WARN = ((0, GOOD), (1, WARN))


def overview() -> build.Dashboard:
    """Dashboard `slo-daemon-overview`."""
    page = board(
        OVERVIEW,
        "slo-daemon / Overview",
        "All pilots and SLOs that slo-daemon evaluates: what is critical, missed or not known now, and how it came.",
        "6h",
    )
    page = (
        page.with_variable(
            choice(
                "pilot",
                "Pilot",
                "Pilots, and documents that hold SLOs without a pilot.",
                f"label_values({series('slo_info')}, pilot)",
                several=True,
            )
        )
        .with_variable(
            choice(
                "slo",
                "SLO",
                "SLOs of them.",
                f"label_values({series('slo_info', _PILOT)}, slo)",
                several=True,
            )
        )
        .with_variable(daemon_url())
    )
    for one in to_boards(OVERVIEW):
        page = page.link(one)
    page = page.link(link("Status page", "${daemon_url}/", "Status page of the daemon"))
    for mark in (*level_marks(_PILOT, _SLO), *pilot_marks(_PILOT)):
        page = page.annotation(mark)
    return laid_out(
        page,
        (
            Section(100, "Now", (_now(),)),
            Section(200, "Pilots", (Line(6, ((24, _pilots()),)),)),
            Section(300, "SLOs", (Line(12, ((24, _slos()),)),)),
            Section(400, "How it came", _history()),
        ),
    )


def _level() -> str:
    return over_targets(series("slo_alert_level", _PILOT, _SLO))


def _now() -> Line:
    met, left = series("slo_met", _PILOT, _SLO), series("slo_error_budget_remaining_ratio", _PILOT, _SLO)
    ready, fired = series("pilot_ready", _PILOT), series("pilot_rollback_triggered", _PILOT)
    heartbeat = series("slo_daemon_heartbeat_timestamp_seconds")
    known = f"(count({over_targets(met)}) or 0 * count({_level()}))"
    return Line(
        4,
        (
            (3, numbers(10, "Critical SLOs", "SLOs (and groups of them) whose alert level is critical now.",
                        Query(f"sum({_level()} == bool 2)", "critical"), steps=_COUNTED_BAD)),
            (3, numbers(11, "SLOs at warning", "SLOs whose alert level is warning, and not critical, now.",
                        Query(f"sum({_level()} == bool 1)", "warning"), steps=_COUNTED_WARN)),
            (3, numbers(12, "Missed objectives", "SLOs whose value is on the bad side of its target now.",
                        Query(f"sum({over_targets(met, aggregate='min')} == bool 0)", "missed"), steps=_COUNTED_WARN,
                        missing="cannot be told")),
            (3, numbers(13, "Cannot be told", "SLOs of which nobody can say whether they are met: no data, or no evaluation.",
                        Query(f"count({_level()}) - {known}", "not known"), steps=_COUNTED_WARN)),
            (3, numbers(14, "Spent budgets", "Error budgets of which nothing is left. Budgets whose history is being fetched do not count.",
                        Query(f"sum({over_targets(left, aggregate='min')} <= bool 0)", "spent"), steps=_COUNTED_BAD)),
            (3, numbers(15, "Ready pilots", "Pilots whose verdict is READY, of all pilots.",
                        Query(f"sum({over_targets(ready, aggregate='min')})", "ready"), Query(f"count({over_targets(ready)})", "of"))),
            (3, numbers(16, "Rollback triggers", "Rollback triggers that have fired.",
                        Query(f"sum({over_targets(fired)})", "fired"), steps=_COUNTED_BAD)),
            (3, numbers(17, "Last evaluation", "Since the last finished slot, of the daemon that is furthest behind. Beyond minutes, what it "
                        "evaluates is not of now.",
                        Query(f"time() - min({heartbeat})", "age"), unit="s", steps=AGE,
                        missing="no daemon is scraped")),
        ),
    )  # fmt: skip


def _pilots() -> Panel:
    report = "${daemon_url}/api/v1/pilots/${__data.fields.pilot}/reports/latest"

    def gate(name: str) -> str:
        return over_targets(series("pilot_gate_verdict", _PILOT, f'gate="{name}"'), "gate", aggregate="min")

    def ramp(kind: str) -> str:
        return over_targets(series("pilot_ramp_percentage", _PILOT, f'kind="{kind}"'), "kind")

    verdict = f"{over_targets(series('pilot_verdict', _PILOT))} == 1"
    incidents = f"sum without (severity, state) ({over_targets(series('pilot_incidents', _PILOT, _OPEN))})"
    fired = f"sum without (trigger) ({over_targets(series('pilot_rollback_triggered', _PILOT))})"
    blind = f"sum without (trigger) ({over_targets(series('pilot_trigger_blind', _PILOT))})"
    return rows(
        20,
        "Pilots",
        "Every pilot with its verdict, its gates, the share of users and what people told. A pilot's name leads to its "
        "dashboard, its verdict to its latest report.",
        (
            Column("pilot", over_targets(series("pilot_ready", _PILOT), aggregate="min"), label="pilot", link=("Pilot readiness", _ROW_PILOT)),
            Column("verdict", verdict, label="verdict", words=words.VERDICT_TEXT, missing="not known", link=("Latest report", report)),
            Column("promote", gate("promote"), words=words.GATE),
            Column("advance", gate("advance"), words=words.GATE),
            Column("rollback", gate("rollback"), words=words.GATE),
            Column("triggers fired", fired, steps=_COUNTED_BAD),
            Column("triggers blind", blind, steps=_COUNTED_WARN),
            Column("planned share", ramp("scheduled"), unit="percent", missing="no ramp"),
            Column("advised share", ramp("advised"), unit="percent", missing="not known"),
            Column("served share", ramp("observed"), unit="percent", missing="not known"),
            Column("open incidents", incidents, steps=_COUNTED_WARN, missing="not known"),
            Column("satisfaction", over_targets(series("pilot_user_satisfaction_mean", _PILOT)), missing="no votes"),
            Column("assessed", f"time() - {over_targets(series('pilot_last_assessment_timestamp_seconds', _PILOT))}", unit="s",
                   missing="never"),
        ),
    )  # fmt: skip


def _slos() -> Panel:
    def now(name: str, *matchers: str, without: tuple[str, ...] = (), aggregate: str = "max") -> str:
        return over_targets(series(name, _PILOT, _SLO, *matchers), *without, aggregate=aggregate)

    value = ("window", "unit")
    state = f"{now('slo_data_state')} == 1"
    rates = f"{series('slo_burn_rate', _PILOT, _SLO)} / {series('slo_burn_rate_threshold', _PILOT, _SLO)}"
    info = now("slo_info", without=("runbook", "window"))
    return rows(
        30,
        "SLOs",
        "Every SLO, each group of a grouped one in its own row. A name leads to the SLO's dashboard. A value stands in the "
        "column of its unit; a burn rate above 1 is faster than its limit.",
        (
            Column("pilot", info, label="pilot", link=("Pilot readiness", _ROW_PILOT)),
            Column("slo", label="slo", link=("SLO", _ROW_SLO)),
            Column("objective", label="objective"),
            Column("level", now("slo_alert_level"), words=words.LEVEL),
            Column("met", now("slo_met", aggregate="min"), words=words.MET, missing="cannot be told"),
            Column("data", state, label="state", words=words.DATA_STATE_TEXT),
            Column("share", now("slo_sli_value", 'unit="ratio"', without=value), unit="percentunit", missing="–"),
            Column("time", now("slo_sli_value", 'unit="seconds"', without=value), unit="s", missing="–"),
            Column("number", now("slo_sli_value", 'unit!~"ratio|seconds"', without=value), unit="short", missing="–"),
            Column("budget left", now("slo_error_budget_remaining_ratio", without=("window",), aggregate="min"),
                   unit="percentunit", steps=LEFT, missing="no budget, or not known"),
            Column("stands on", budget_state(_PILOT, _SLO), label="basis", words=words.BUDGET_STATE_TEXT, missing="no budget"),
            Column("burn rate / limit", f"max without (lookback) ({over_targets(rates)})", unit="short",
                   steps=((0, GOOD), (1, BAD)), missing="not counted"),
            Column("last seen", f"time() - {now('slo_last_good_evaluation_timestamp_seconds')}", unit="s", missing="never"),
        ),
        hidden=("sli",),
        worst_first="level",
    )  # fmt: skip


def _history() -> tuple[Line, ...]:
    worst = f"max by (pilot, slo) ({series('slo_alert_level', _PILOT, _SLO)})"
    left = f"min by (pilot, slo) ({series('slo_error_budget_remaining_ratio', _PILOT, _SLO)})"
    rates = f"{series('slo_burn_rate', _PILOT, _SLO)} / {series('slo_burn_rate_threshold', _PILOT, _SLO)}"
    name = "{{pilot}}/{{slo}}"
    return (
        Line(9, ((24, states(40, "Alert levels", "The level of every SLO; of a grouped one, its highest.",
                             Query(worst, name), words=words.LEVEL, link=_TO_SLO)),)),
        Line(9, (
            (12, lines(41, "Error budgets left", "1 is untouched, 0 is spent; of a grouped SLO, the least.",
                       Query(left, name), unit="percentunit", steps=((0, BAD),), most=1, calculations=("lastNotNull", "min"), link=_TO_SLO)),
            (12, lines(42, "Burn rates against their limits", "The fastest burn rate of each SLO as a multiple of its limit: above 1 "
                       "is too fast (an alert needs the short lookback too).",
                       Query(f"max by (pilot, slo) ({rates})", name), steps=((1, BAD),), least=0, wide_range=True, calculations=("lastNotNull", "max"), link=_TO_SLO)),
        )),
    )  # fmt: skip
