"""Every metric that the daemon exports: name, type, labels, help. Rules, dashboards and documents are checked against it.

Families named `slo_*` also carry the labels that an SLO's specification and its `group_by` give it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The type of a metric family, as the text format spells it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family. A histogram's series end with `_bucket`, `_sum` and `_count`."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str

    @property
    def head(self) -> str:
        """Its HELP and TYPE lines."""
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.kind}\n"


_G, _C, _H = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM
_SLO, _PILOT = ("pilot", "slo"), ("pilot",)

_FAMILIES = (
    Family(
        "slo_alert_level", _G, _SLO, "Alert level: 0 none, 1 warning, 2 critical. Always there, never NaN."
    ),
    Family(
        "slo_data_state", _G, (*_SLO, "state"), "Could the daemon look? 1 for the state that the data is in."
    ),
    Family(
        "slo_met",
        _G,
        _SLO,
        "1 when the objective is met, 0 when it is missed; absent when that cannot be told.",
    ),
    Family(
        "slo_sli_value",
        _G,
        (*_SLO, "window", "unit"),
        "The indicator over its window, in the base unit. +Inf: beyond the last histogram bucket.",
    ),
    Family("slo_objective_value", _G, (*_SLO, "unit"), "The target, in the base unit."),
    Family(
        "slo_sli_ratio", _G, (*_SLO, "window"), "Good events of all events, for indicators that count events."
    ),
    Family(
        "slo_error_budget_remaining_ratio",
        _G,
        (*_SLO, "window"),
        "Share of the error budget that is left: 1 untouched, 0 spent, below 0 overspent. Absent while backfilling.",
    ),
    Family(
        "slo_error_budget_state",
        _G,
        (*_SLO, "state"),
        "How much of its window the error budget stands on: 1 for complete, partial or backfilling.",
    ),
    Family(
        "slo_error_budget_exhausted_timestamp_seconds",
        _G,
        _SLO,
        "When nothing of the error budget will be left at the present pace; absent when that is not in sight.",
    ),
    Family(
        "slo_burn_rate",
        _G,
        (*_SLO, "lookback"),
        "How many times faster than allowed the error budget goes; absent where nothing was counted.",
    ),
    Family(
        "slo_burn_rate_threshold",
        _G,
        (*_SLO, "lookback"),
        "The burn rate over a pair's long lookback that is too fast when it is exceeded.",
    ),
    Family(
        "slo_coverage_ratio",
        _G,
        (*_SLO, "window"),
        "Share of the window (of a calendar window: of its time so far) in which there was data.",
    ),
    Family(
        "slo_last_good_evaluation_timestamp_seconds",
        _G,
        _SLO,
        "The slot in which the SLO was last seen with usable data.",
    ),
    Family("slo_info", _G, (*_SLO, "sli", "objective", "window", "runbook"), "What the SLO is; always 1."),
    Family("pilot_ready", _G, _PILOT, "1 while the verdict is READY; 0 also when that is not known."),
    Family("pilot_verdict", _G, (*_PILOT, "verdict"), "1 for the verdict of the latest assessment."),
    Family(
        "pilot_criterion",
        _G,
        (*_PILOT, "criterion", "role", "state"),
        "1 for the state (true, false, unknown) that a criterion is in.",
    ),
    Family(
        "pilot_gate_verdict",
        _G,
        (*_PILOT, "gate"),
        "What a gate answers: 1 pass, -1 fail (roll back), 0 inconclusive, also when nothing is known or it is too old.",
    ),
    Family(
        "pilot_criterion_earliest_timestamp_seconds",
        _G,
        (*_PILOT, "criterion", "role"),
        "When a criterion that is not met could be met; absent where that cannot be told.",
    ),
    Family(
        "pilot_rollback_triggered",
        _G,
        (*_PILOT, "trigger"),
        "1 while a rollback trigger has fired, until it was surely false for 5 minutes.",
    ),
    Family(
        "pilot_trigger_blind",
        _G,
        (*_PILOT, "trigger"),
        "1 while a rollback trigger could not see for 15 minutes or longer.",
    ),
    Family(
        "pilot_ramp_percentage",
        _G,
        (*_PILOT, "kind"),
        "Share of users in percent (0 to 100): scheduled by the plan, observed, advised.",
    ),
    Family("pilot_success_metric_value", _G, (*_PILOT, "metric"), "A success metric, in its base unit."),
    Family(
        "pilot_experiment_lift_ratio",
        _G,
        (*_PILOT, "metric", "bound"),
        "Lift of the treatment over control (0.1 is 10 %): point, lower and upper of its always-valid interval.",
    ),
    Family(
        "pilot_experiment_mismatch",
        _G,
        (*_PILOT, "metric"),
        "1 when the variants do not get the users that were planned, so that the lift cannot be trusted.",
    ),
    Family("pilot_incidents", _G, (*_PILOT, "severity", "state"), "Recorded incidents, open and resolved."),
    Family(
        "pilot_user_satisfaction_mean",
        _G,
        _PILOT,
        "Mean rating, 1 to 5; the newest vote of each user counts.",
    ),
    Family("pilot_user_satisfaction_lower", _G, _PILOT, "Lower end of the mean rating's 95 % interval."),
    Family("pilot_user_satisfaction_upper", _G, _PILOT, "Upper end of the mean rating's 95 % interval."),
    Family("pilot_user_satisfaction_responses", _G, _PILOT, "How many users have rated."),
    Family("pilot_last_assessment_timestamp_seconds", _G, _PILOT, "When the pilot was last assessed."),
    Family("slo_daemon_build_info", _G, ("version",), "The running version; always 1."),
    Family("slo_daemon_source_up", _G, (), "1 when Prometheus answered in the last slot, else 0."),
    Family("slo_daemon_clock_skew_seconds", _G, (), "Prometheus' clock minus the daemon's."),
    Family("slo_daemon_heartbeat_timestamp_seconds", _G, (), "When the last slot was finished."),
    Family("slo_daemon_evaluations_scheduled_total", _C, (), "Slots that were due."),
    Family("slo_daemon_evaluations_missed_total", _C, (), "Slots that were due and skipped."),
    Family(
        "slo_daemon_evaluations_failed_total",
        _C,
        (),
        "Evaluations of one SLO that crashed; each one is a bug.",
    ),
    Family(
        "slo_daemon_evaluation_duration_seconds", _H, (), "Time from a slot's first question to its result."
    ),
    Family("slo_daemon_queries_total", _C, (), "Questions to Prometheus, answered or not."),
    Family("slo_daemon_query_failures_total", _C, ("reason",), "Questions without a usable answer."),
    Family("slo_daemon_query_duration_seconds", _H, (), "Time that answered questions took."),
    Family(
        "slo_daemon_query_samples_total", _C, (), "Samples that Prometheus touched for them, where it tells."
    ),
    Family(
        "slo_daemon_backfill_missing_chunks",
        _G,
        (),
        "Hours of questions whose answers windows and budgets still lack; 0 when all history is there.",
    ),
    Family(
        "slo_daemon_verifications_total",
        _C,
        ("result",),
        "Windows that were also asked directly, and what came out.",
    ),
    Family(
        "slo_daemon_window_drift_ratio",
        _G,
        _SLO,
        "How far a window as a sum was from the same window asked directly: in error budgets, of slices in targets.",
    ),
    Family("slo_daemon_store_up", _G, (), "1 when the last access to the store succeeded, else 0."),
    Family("slo_daemon_store_errors_total", _C, ("reason",), "Accesses to the store that failed."),
    Family(
        "slo_daemon_config_last_reload_successful", _G, (), "1 when the last configuration was taken, else 0."
    ),
    Family(
        "slo_daemon_config_last_reload_success_timestamp_seconds",
        _G,
        (),
        "When a configuration was last taken.",
    ),
    Family("slo_daemon_report_last_success_timestamp_seconds", _G, (), "When a report was last written."),
    Family(
        "slo_daemon_alerts_sent_total",
        _C,
        ("alertmanager",),
        "Alerts that an Alertmanager took, resends included.",
    ),
    Family(
        "slo_daemon_alerts_failed_total", _C, ("alertmanager",), "Alerts that an Alertmanager did not take."
    ),
    Family("slo_daemon_http_requests_total", _C, ("route", "code"), "HTTP requests that were answered."),
    Family("process_cpu_seconds_total", _C, (), "Total user and system CPU time spent in seconds."),
    Family("process_resident_memory_bytes", _G, (), "Resident memory size in bytes."),
    Family("process_virtual_memory_bytes", _G, (), "Virtual memory size in bytes."),
    Family("process_start_time_seconds", _G, (), "Start time of the process since unix epoch in seconds."),
    Family("process_open_fds", _G, (), "Number of open file descriptors."),
    Family("process_max_fds", _G, (), "Maximum number of open file descriptors."),
)

FAMILIES: dict[str, Family] = {family.name: family for family in _FAMILIES}
