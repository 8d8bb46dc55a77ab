"""One pilot: may it go on, what is missing, what people told, what the experiment says."""

from grafana_foundation_sdk.builders import dashboard as build

from grafana.generator import words
from grafana.generator.board import (
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
from grafana.generator.names import budget_state, coded, over_targets, series
from grafana.generator.panels import AGE, LEFT, Column, Query, lines, numbers, rows, states
from grafana.generator.words import GOOD, WARN
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Verdict

_PILOT, _OPEN = 'pilot="$pilot"', 'state="open"'
_JUDGED, _SUCCESS = 'role!="rollback"', 'role="success"'
_TRUTHS = [truth.value for truth in Truth]


def pilot() -> build.Dashboard:
    """Dashboard `slo-daemon-pilot`."""
    page = board(
        PILOT,
        "slo-daemon / Pilot readiness",
        "One pilot: its verdict and gates, every criterion and rollback trigger, the ramp, incidents, users and the experiment.",
        "24h",
    )
    page = page.with_variable(
        choice("pilot", "Pilot", "Pilots.", f"label_values({series('pilot_ready')}, pilot)", several=False)
    ).with_variable(daemon_url())
    for one in to_boards(PILOT, pilot=True):
        page = page.link(one)
    at = "${daemon_url}/api/v1/pilots/${pilot}"
    page = page.link(link("Latest report", f"{at}/reports/latest", "Latest report on this pilot")).link(
        link(
            "Page of this pilot",
            "${daemon_url}/pilots/${pilot}",
            "The daemon's own page: the verdict with all evidence",
        )
    )
    for mark in (*level_marks(_PILOT), *pilot_marks(_PILOT)):
        page = page.annotation(mark)
    return laid_out(
        page,
        (
            Section(100, "Now", _now()),
            Section(200, "Verdict and criteria", _criteria()),
            Section(300, "Rollback triggers", _triggers()),
            Section(400, "Users and incidents", _users()),
            Section(500, "Experiment and success", _success()),
            Section(600, "SLOs", _slos()),
        ),
    )


def _of(name: str, *matchers: str, without: tuple[str, ...] = (), aggregate: str = "max") -> str:
    return over_targets(series(name, _PILOT, *matchers), "pilot", *without, aggregate=aggregate)


def _verdict() -> str:
    return coded("pilot_verdict", "verdict", [verdict.value for verdict in Verdict], _PILOT)


def _now() -> tuple[Line, ...]:
    criteria = _of("pilot_criterion", 'role="go_live"', 'state="true"', aggregate="min")
    incidents = f"sum by (severity) ({_of('pilot_incidents', _OPEN)})"
    return (
        Line(5, (
            (4, numbers(10, "Verdict", "What all findings come to. INCONCLUSIVE: too little is known to say either.",
                        Query(_verdict(), "verdict"), words=words.VERDICT, missing="not known")),
            (5, numbers(11, "Gates", "What a deployment tool is told: may everybody get it, may the next step be taken, must it be rolled back.",
                        Query(_of("pilot_gate_verdict", aggregate="min"), "{{gate}}"), words=words.GATE)),
            (3, numbers(12, "Go-live criteria met", "Criteria for going live that are true, of all of them.",
                        Query(f"sum({criteria})", "met"), Query(f"count({criteria})", "of"), missing="none, or not known")),
            (4, numbers(13, "Share of users", "Planned for today, advised by the daemon, and really served.",
                        Query(_of("pilot_ramp_percentage"), "{{kind}}"), unit="percent", missing="no ramp")),
            (3, numbers(14, "Open incidents", "Incidents that nobody has resolved, by severity.",
                        Query(incidents, "{{severity}}"), steps=((0, GOOD), (1, WARN)), missing="not known")),
            (3, numbers(15, "Satisfaction", "Mean rating of 1 to 5, and the lower end of its 95 % interval.",
                        Query(_of("pilot_user_satisfaction_mean"), "mean"),
                        Query(_of("pilot_user_satisfaction_lower", aggregate="min"), "at least"), missing="no votes")),
            (2, numbers(16, "Assessed", "Since the pilot was last assessed.",
                        Query(f"time() - {_of('pilot_last_assessment_timestamp_seconds')}", "ago"), unit="s",
                        steps=AGE, missing="never")),
        )),
    )  # fmt: skip


def _criteria() -> tuple[Line, ...]:
    each = f"max without (pilot) ({coded('pilot_criterion', 'state', _TRUTHS, _PILOT, _JUDGED)})"
    state = f"{_of('pilot_criterion', _JUDGED)} == 1"
    earliest = f"1000 * {_of('pilot_criterion_earliest_timestamp_seconds', _JUDGED, aggregate='min')}"
    return (
        Line(5, (
            (12, states(20, "Verdict history", "How the verdict changed.", Query(_verdict(), "verdict"), words=words.VERDICT)),
            (12, states(21, "Gate history", "What each gate answered.", Query(_of("pilot_gate_verdict", aggregate="min"), "{{gate}}"),
                        words=words.GATE)),
        )),
        Line(11, ((24, states(22, "Criteria", "Every criterion over time. Unknown is never taken for true.",
                              Query(each, "{{role}}: {{criterion}}"), words=words.TRUTH)),)),
        Line(9, ((24, rows(23, "Criteria now", "Every criterion with its state; and when one that is not met could be met at the earliest, where that can be told.",
                           (
                               Column("criterion", state, label="criterion"),
                               Column("role", label="role"),
                               Column("state", label="state", words=words.TRUTH_TEXT, missing="unknown"),
                               Column("earliest", earliest, unit="dateTimeAsIso", missing="–"),
                           ))),)),
    )  # fmt: skip


def _triggers() -> tuple[Line, ...]:
    return (
        Line(7, (
            (12, states(30, "Rollback triggers", "Which triggers had fired. One stays fired until it was surely false for 5 minutes.",
                        Query(_of("pilot_rollback_triggered"), "{{trigger}}"), words=words.FIRED)),
            (12, states(31, "Blind triggers", "Which triggers could not see for 15 minutes or longer: the pilot ran without them.",
                        Query(_of("pilot_trigger_blind"), "{{trigger}}"), words=words.BLIND)),
        )),
    )  # fmt: skip


def _users() -> tuple[Line, ...]:
    mean, low, high = (_of(f"pilot_user_satisfaction_{part}") for part in ("mean", "lower", "upper"))
    return (
        Line(8, (
            (12, lines(40, "Ramp", "Share of users: scheduled by the plan, advised by the daemon, observed in traffic.",
                       Query(_of("pilot_ramp_percentage"), "{{kind}}"), unit="percent", least=0)),
            (12, lines(41, "Incidents", "Recorded incidents by severity and state.",
                       Query(_of("pilot_incidents"), "{{severity}}, {{state}}"), least=0)),
        )),
        Line(8, (
            (16, lines(42, "User satisfaction", "Mean rating of 1 to 5 between the ends of its 95 % interval.",
                       Query(mean, "mean"), Query(low, "lower end", dashed=True), Query(high, "upper end", dashed=True), least=1, most=5)),
            (8, lines(43, "Users who have rated", "How many votes the mean stands on.",
                      Query(_of("pilot_user_satisfaction_responses"), "votes"), least=0, calculations=("lastNotNull",))),
        )),
    )  # fmt: skip


def _success() -> tuple[Line, ...]:
    point = _of("pilot_experiment_lift_ratio", 'bound="point"', without=("bound",))
    bounds = _of("pilot_experiment_lift_ratio", 'bound!="point"')
    success = f"max without (pilot) ({coded('pilot_criterion', 'state', _TRUTHS, _PILOT, _SUCCESS)})"
    return (
        Line(9, (
            (16, lines(50, "Lift of the experiment", "How much more often treatment converts than control, with its always-valid interval. An interval that holds "
                       "0 proves nothing yet.",
                       Query(point, "{{metric}}"), Query(bounds, "{{metric}} {{bound}}", dashed=True), unit="percentunit",
                       steps=((0, WARN),))),
            (8, states(51, "Variants get the planned users", "A mismatch: the variants do not get the users that were planned, so the lift cannot be trusted.",
                       Query(_of("pilot_experiment_mismatch"), "{{metric}}"), words=words.MISMATCH)),
        )),
        Line(8, (
            (12, lines(52, "Success metrics", "Every success metric in its base unit: shares and lifts of 1, times in seconds, ratings of 1 to 5.",
                       Query(_of("pilot_success_metric_value"), "{{metric}}"))),
            (12, states(53, "Success metrics against their objectives", "Which success metrics reached their objective.",
                        Query(success, "{{criterion}}"), words=words.TRUTH)),
        )),
    )  # fmt: skip


def _slos() -> tuple[Line, ...]:
    to_slo = (
        f"/d/{SLO}?var-pilot=${{pilot}}&var-slo=${{__data.fields.slo}}&var-datasource=${{datasource}}"
        "&var-daemon_url=${daemon_url}&${__url_time_range}"
    )
    info = _of("slo_info", without=("runbook", "window"))
    return (
        Line(8, ((24, rows(60, "SLOs of this pilot", "Every SLO of the pilot; a name leads to its dashboard.",
                           (
                               Column("slo", info, label="slo", link=("SLO", to_slo)),
                               Column("objective", label="objective"),
                               Column("level", _of("slo_alert_level"), words=words.LEVEL),
                               Column("met", _of("slo_met", aggregate="min"), words=words.MET, missing="cannot be told"),
                               Column("data", f"{_of('slo_data_state')} == 1", label="state", words=words.DATA_STATE_TEXT),
                               Column("budget left", _of("slo_error_budget_remaining_ratio", without=("window",), aggregate="min"),
                                      unit="percentunit", steps=LEFT, missing="no budget, or not known"),
                               Column("stands on", budget_state(_PILOT, without=("pilot",)), label="basis", words=words.BUDGET_STATE_TEXT,
                                      missing="no budget"),
                           ),
                           hidden=("sli",), worst_first="level")),)),
    )  # fmt: skip
