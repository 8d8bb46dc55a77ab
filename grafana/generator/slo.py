"""One SLO: indicator, error budget, burn rates, data."""

from grafana_foundation_sdk.builders import dashboard as build

from grafana.generator import words
from grafana.generator.board import (
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
from grafana.generator.names import coded, named, over_targets, series
from grafana.generator.panels import LEFT, Column, Query, lines, numbers, rows, states
from grafana.generator.words import BAD, UNKNOWN, WARN
from slo_daemon.core.slo.budget import BudgetState
from slo_daemon.core.slo.measurement import DataState

_PILOT, _SLO = 'pilot="$pilot"', 'slo="$slo"'
# `slo` stays: a series without any label would be called by its expression.
_ONE = ("pilot",)
# The unit of a panel cannot follow a label, so each unit is a query of its own; two of three are empty.
_UNITS = (('unit="seconds"', "s"), ('unit="ratio"', "percentunit"), ('unit!~"seconds|ratio"', "short"))


def slo() -> build.Dashboard:
    """Dashboard `slo-daemon-slo`."""
    page = board(
        SLO,
        "slo-daemon / SLO",
        "One SLO: its value against the objective, its error budget, burn rates, and whether it could be seen at all.",
        "24h",
    )
    page = (
        page.with_variable(
            choice(
                "pilot",
                "Pilot",
                "Pilot, or document that holds SLOs without a pilot.",
                f"label_values({series('slo_info')}, pilot)",
                several=False,
            )
        )
        .with_variable(
            choice(
                "slo", "SLO", "SLO of it.", f"label_values({series('slo_info', _PILOT)}, slo)", several=False
            )
        )
        .with_variable(daemon_url())
    )
    for one in to_boards(SLO, pilot=True):
        page = page.link(one)
    page = page.link(
        link(
            "Page of this SLO",
            "${daemon_url}/slos/${pilot}/${slo}",
            "The daemon's own page: queries, answers, arithmetic and history of this SLO",
        )
    ).link(
        link(
            "Latest report",
            "${daemon_url}/api/v1/pilots/${pilot}/reports/latest",
            "Latest report on the pilot",
        )
    )
    for mark in (*level_marks(_PILOT, _SLO), *pilot_marks(_PILOT)):
        page = page.annotation(mark)
    return laid_out(
        page,
        (
            Section(100, "Now", _now()),
            Section(200, "Indicator", _indicator()),
            Section(300, "Error budget", _budget()),
            Section(400, "Data", _data()),
        ),
    )


def _of(name: str, *matchers: str, without: tuple[str, ...] = (), aggregate: str = "max") -> str:
    return over_targets(series(name, _PILOT, _SLO, *matchers), *_ONE, *without, aggregate=aggregate)


def _state(name: str, values: type[DataState] | type[BudgetState]) -> str:
    return f"max without (pilot) ({coded(name, 'state', [v.value for v in values], _PILOT, _SLO)})"


def _now() -> tuple[Line, ...]:
    values = [
        Query(_of("slo_sli_value", unit, without=("unit", "window")), unit=shown) for unit, shown in _UNITS
    ]
    end = f"{_of('slo_error_budget_exhausted_timestamp_seconds', aggregate='min')} - time()"
    return (
        Line(
            4,
            (
                (4, numbers(10, "Objective", "What is promised, in words.",
                            Query(f"max by (objective) ({series('slo_info', _PILOT, _SLO)})", "{{objective}}"),
                            missing="no such SLO", by_name=True)),
                (3, numbers(11, "Alert level", "The level now; it is held while there is no evidence.",
                            Query(_of("slo_alert_level")), words=words.LEVEL)),
                (3, numbers(12, "Objective met", "Whether the value is on the good side of the target now.",
                            Query(_of("slo_met", aggregate="min")), words=words.MET, missing="cannot be told")),
                (3, numbers(13, "Data", "Whether the daemon could look: only ok and no traffic are answers.",
                            Query(_state("slo_data_state", DataState)), words=words.DATA_STATE)),
                (3, numbers(14, "Value", "The indicator over its window.", *values)),
                (3, numbers(15, "Budget left", "Share of the error budget that is left: 100 % untouched, 0 % spent. See beside it how much of the "
                            "window it stands on.",
                            Query(_of("slo_error_budget_remaining_ratio", without=("window",), aggregate="min")),
                            unit="percentunit", steps=LEFT, missing="no budget, or not known")),
                (2, numbers(17, "Stands on", "How much of its window the budget stands on: complete, at least 95 % was seen; partial, less, so that "
                            "what is left proves nothing good; backfilling, no number is told.",
                            Query(_state("slo_error_budget_state", BudgetState)), words=words.BUDGET_STATE, missing="no budget")),
                (3, numbers(16, "Budget gone in", "When nothing of the budget will be left at the present pace.",
                            Query(end), unit="s", steps=((-1e12, BAD), (86_400, WARN), (7 * 86_400, UNKNOWN)), missing="not in sight")),
            ),
        ),
    )  # fmt: skip


def _indicator() -> tuple[Line, ...]:
    queries = []
    for unit, shown in _UNITS:
        value = _of("slo_sli_value", unit, without=("slo", "unit", "window"))
        target = _of("slo_objective_value", unit, without=("slo", "unit"))
        queries += [
            Query(named(value, "value"), unit=shown),
            Query(named(target, "objective"), unit=shown, dashed=True),
        ]
    good = over_targets(series("slo_sli_ratio", _PILOT, _SLO), *_ONE, aggregate="min")
    return (
        Line(10, ((24, lines(20, "Indicator against objective", "The value over its window, and the target as a dashed line, in the SLO's own unit. A gap: "
                             "no value was known.", *queries)),)),
        Line(6, (
            (12, states(21, "Alert level history", "The level over time. Levels rise and fall by both value and burn rates.",
                        Query(_of("slo_alert_level")), words=words.LEVEL)),
            (12, lines(22, "Good events", "Good events of all events in the window, for indicators that count events.",
                       Query(good), unit="percentunit", most=1, calculations=("lastNotNull", "min"))),
        )),
    )  # fmt: skip


def _budget() -> tuple[Line, ...]:
    rate = _of("slo_burn_rate", without=("slo",))
    limit = _of("slo_burn_rate_threshold", without=("slo",))
    return (
        Line(10, (
            (12, lines(30, "Budget burn-down", "Share of the error budget that is left, over its whole window. Below the line at 0 it is overspent. "
                       "A gap: its history is being fetched.",
                       Query(_of("slo_error_budget_remaining_ratio", aggregate="min")), unit="percentunit",
                       steps=((0, BAD),), most=1, calculations=("lastNotNull", "min"))),
            (12, lines(31, "Burn rates against limits", "How many times faster than allowed the budget goes, by lookback. Dashed: the limit of each long "
                       "lookback. An alert needs a long lookback and its short one above the limit.",
                       Query(named(rate, "rate")), Query(named(limit, "limit"), dashed=True), least=0, wide_range=True,
                       calculations=("lastNotNull", "max"))),
        )),
        Line(5, (
            (12, states(32, "What the budget stands on", "Complete: at least 95 % of the window were seen. Partial: less. Backfilling: history is still being fetched, "
                        "and no number is told.",
                        Query(_state("slo_error_budget_state", BudgetState)), words=words.BUDGET_STATE)),
            (12, lines(33, "Time until the budget is gone", "At the pace of each moment; a gap: no end in sight.",
                       Query(f"{_of('slo_error_budget_exhausted_timestamp_seconds', aggregate='min')} - time()"), unit="s", least=0,
                       calculations=("lastNotNull", "min"))),
        )),
    )  # fmt: skip


def _data() -> tuple[Line, ...]:
    info = over_targets(series("slo_info", _PILOT, _SLO))
    return (
        Line(6, (
            (12, lines(40, "Coverage", "Share of each window in which there was data. What was not seen is not known, and never counts as good.",
                       Query(_of("slo_coverage_ratio", aggregate="min")), unit="percentunit", least=0, most=1,
                       calculations=("lastNotNull", "min"))),
            (12, states(41, "Data state", "Whether the daemon could look. In no data, stale and error the level is held, and rises when data stays away.",
                        Query(_state("slo_data_state", DataState)), words=words.DATA_STATE)),
        )),
        Line(6, (
            (12, lines(42, "Since data was last usable", "Age of the last slot that got a value.",
                       Query(f"time() - {_of('slo_last_good_evaluation_timestamp_seconds')}"), unit="s", least=0,
                       calculations=("lastNotNull", "max"))),
            (12, rows(43, "What this SLO is", "Kind of the indicator, objective, window and runbook, as the specification has them.",
                      (
                          Column("indicator", info, label="sli"),
                          Column("objective", label="objective"),
                          Column("window", label="window"),
                          Column("runbook", label="runbook", missing="none of its own"),
                      ),
                      hidden=("pilot", "slo"))),
        )),
    )  # fmt: skip
